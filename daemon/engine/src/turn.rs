//! One round of the daemon, and the order of things in it, once: give up what has expired, take in, settle, answer, do
//! what is due, commit, let out.

use simp_store::StoreError;

use crate::commands;
use crate::engine::Engine;
use crate::inputs::Inputs;
use crate::now::Now;
use crate::outputs::Outputs;
use crate::secrecy::introduction;
use crate::timer::Timer;

/// Most timers that one turn handles: very many may be due at once, as after the machine has slept. The next turn is due at
/// once then.
const TIMERS_PER_TURN: usize = 256;

impl Engine {
    /// One turn: takes `inputs`, does what is due, makes it durable, and only then puts into `outputs` what is to
    /// leave. If it cannot be made durable, nothing of it has happened, and each request is answered so.
    ///
    /// # Errors
    /// [`StoreError`] if the log can never be used again. Any other trouble with it passes, or is waited for.
    pub fn turn(&mut self, now: Now, inputs: &mut Inputs, outputs: &mut Outputs) -> Result<(), StoreError> {
        outputs.clear();
        self.store.begin_turn();
        match self.take_turn(now, inputs, outputs) {
            Err(error) if error.may_pass() => self.undo(now, error, inputs, outputs),
            done => done?,
        }
        // Only here datagrams get out: an undone turn has left none.
        std::mem::swap(&mut outputs.transmits, &mut self.transmits);
        self.unsent.note_tried(outputs.transmits.iter().map(|transmit| transmit.to));
        self.channels.take_commands(&mut outputs.channels);
        self.files.take_commands(&mut outputs.files);
        self.hosts.take_asked(&mut outputs.lookups);
        inputs.clear();
        Ok(())
    }

    /// The order of things.
    fn take_turn(&mut self, now: Now, inputs: &mut Inputs, outputs: &mut Outputs) -> Result<(), StoreError> {
        self.note_what_is_so(now, inputs)?;
        self.hold.end_in_time(now.instant, &inputs.gone);
        // Before all else: what comes must not find a message that is to be delivered no more.
        self.give_up_expired(now)?;
        // Network first: an ACK that has just come stops its retransmission, and a client sees what came with it.
        self.take_in(now, inputs)?;
        // Before any request: it finds the log as the datagrams have left it.
        self.settle_touched(now)?;
        self.answer(now, inputs, outputs)?;
        if !self.hold.is_on() {
            // Only after the requests: whoever held it may have come again.
            self.store.end_hold();
        }
        self.do_what_is_due(now)?;
        // Room last: it may have come and gone within the turn.
        if self.disk.works() {
            self.use_room(now)?;
            self.settle_touched(now)?;
            self.pass_by(&inputs.readers)?;
            self.retention.tend(&self.policy.retain, &mut self.chats, &mut self.store, now)?;
            // All that this turn has received, queued and answered becomes durable here, with one commit.
            self.store.commit()?;
        }
        Ok(())
    }

    fn note_what_is_so(&mut self, now: Now, inputs: &mut Inputs) -> Result<(), StoreError> {
        self.counters.datagrams_out += inputs.transmitted;
        self.counters.not_transmitted += inputs.not_transmitted;
        if let Some(policy) = inputs.policy.take() {
            // Chats that are there keep what they began with; requests and new chats go by this.
            self.secrecy.introduce(introduction(self.secrecy.me().key, &policy, &self.store));
            self.policy = policy;
            self.retention.restart(&mut self.wheel, now, &self.policy.retain);
        }
        let was_without = !self.outlet.has_address();
        self.outlet.begin_turn(inputs.link);
        self.unsent.begin_turn(now, inputs);
        if was_without && self.outlet.has_address() && self.disk.works() {
            self.invite_all_soon(now)?;
            self.hosts.ask_all_unknown();
        }
        Ok(())
    }

    fn take_in(&mut self, now: Now, inputs: &mut Inputs) -> Result<(), StoreError> {
        self.note_departures(now, inputs)?;
        if !self.disk.works() {
            // As if lost on the way: what cannot be kept is not acknowledged, and comes again.
            self.counters.datagrams_in += inputs.datagrams.len() as u64;
            self.counters.ignored += inputs.datagrams.len() as u64;
            return Ok(());
        }
        // These are of what we sent before; whoever has sent something since is there after all.
        for address in &inputs.unreachable {
            self.handle_unreachable(now, *address)?;
        }
        for arrival in &inputs.datagrams {
            self.handle_arrival(now, arrival)?;
        }
        for event in inputs.channels.drain(..) {
            self.handle_channel(now, event)?;
        }
        for event in inputs.files.drain(..) {
            self.handle_file(now, event)?;
        }
        for looked_up in &inputs.lookups {
            self.handle_lookup(now, looked_up)?;
        }
        Ok(())
    }

    fn answer(&mut self, now: Now, inputs: &Inputs, outputs: &mut Outputs) -> Result<(), StoreError> {
        if !inputs.requests.is_empty() {
            self.end_expired_requests(now)?;
        }
        for (client, request) in &inputs.requests {
            let _span = tracing::debug_span!("request", client, request = %commands::name(request)).entered();
            let (answer, used) = commands::carry_out(self, now, inputs, *client, request, outputs);
            outputs.answers.extend(answer.map(|answer| (*client, answer)));
            // While there is trouble nothing is written, so there is nothing to undo.
            if self.disk.works() {
                used?;
            }
            self.settle_touched(now)?;
        }
        Ok(())
    }

    /// Ends the requests whose time is over: no client is to find them, whatever else this turn has to do first.
    fn end_expired_requests(&mut self, now: Now) -> Result<(), StoreError> {
        // Each has a timer, so mostly there is no need to look.
        let is_any_due = self.wheel.next().is_some_and(|next| next <= now.instant);
        if !is_any_due || self.chats.requests() == 0 || !self.disk.works() {
            return Ok(());
        }
        let expired = self.chats.all_requests().filter(|(_, request)| request.chat.is_expired(now.instant));
        for key in expired.map(|(key, _)| key).collect::<Vec<_>>() {
            // Not that of the timer, which is still set.
            self.chats.change(key, |ongoing| ongoing.chat.handle_timeout(now.instant));
        }
        self.settle_touched(now)
    }

    fn do_what_is_due(&mut self, now: Now) -> Result<(), StoreError> {
        // What is to be given up first must not leave.
        if self.is_giving_up(now.instant) {
            return Ok(());
        }
        self.hosts.ask_due(now.instant, self.disk.works());
        for _ in 0..TIMERS_PER_TURN {
            let Some(timer) = self.wheel.pop_expired(now.instant) else { break };
            match timer {
                Timer::Disk => self.try_disk(now)?,
                Timer::Retention => self.retention.restart(&mut self.wheel, now, &self.policy.retain),
                // Chats are paused; they are resumed once the log can be written.
                Timer::Chat(_) | Timer::Invite(_) | Timer::Files(_) if !self.disk.works() => {}
                Timer::Files(chat) => self.remind_of_files(now, chat)?,
                Timer::Held => self.go_on_with_held(now)?,
                Timer::Chat(key) => {
                    let is_again = self.chats.change(key, |ongoing| ongoing.handle_timeout(now.instant));
                    self.counters.retransmitted += u64::from(is_again == Some(true));
                }
                Timer::Invite(address) => self.invite_absentee(now, address)?,
            }
            self.settle_touched(now)?;
        }
        Ok(())
    }
}
