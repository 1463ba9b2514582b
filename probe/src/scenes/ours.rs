//! The chat that we open: its user accepts, we send messages, and a third party calls meanwhile. What its user
//! does in it is in `theirs`.

use std::time::Instant;

use simp_control::error::Outcome;

use crate::clauses::{Clause, Scene};
use crate::console::Favour;
use crate::findings::Evidence;
use crate::peer_form::AckNumber;
use crate::sockets::Side;
use crate::stage::{ANSWER_WITHIN, AT_ONCE, QUIET, REPEAT_WITHIN, Stage};
use crate::wire::{self, Op};

/// The scenes that need this chat.
const IN_CHAT: [Scene; 5] = [Scene::Open, Scene::Ours, Scene::Theirs, Scene::Busy, Scene::Quit];

impl Stage {
    /// From our invitation until one of us has left.
    pub(super) fn chat(&mut self) -> Outcome {
        if !self.open()? {
            return Ok(());
        }
        if self.wanted.needs(Scene::Ours) {
            self.ours()?;
        }
        if self.wanted.needs(Scene::Theirs) && self.is_in_chat(Scene::Theirs) {
            self.theirs()?;
        }
        let busy = match self.wanted.needs(Scene::Busy) && self.is_in_chat(Scene::Busy) {
            true => self.busy()?,
            false => None,
        };
        // One wait shows for all of them that nothing is repeated: 6.5 s instead of three times that.
        self.quiet(busy.as_ref())?;
        if self.wanted.needs(Scene::Quit) {
            self.quit()?;
        }
        self.leave()
    }

    /// Whether the peer is still in the chat; the scene cannot be played if it is not.
    fn is_in_chat(&mut self, scene: Scene) -> bool {
        if self.chat.left.is_some() {
            self.miss_all(&[scene], "it left the chat too early");
        }
        self.chat.left.is_none()
    }

    /// Invites. False if no chat came of it.
    fn open(&mut self) -> Outcome<bool> {
        self.console.progress("SYN");
        let syn = self.send(Op::Syn, 0, b"")?;
        let is_answer = |seen: &Evidence| {
            let answers = [Op::SynAck, Op::Ack, Op::Fin, Op::Err];
            answers.iter().any(|operation| seen.is(*operation))
        };
        // A peer that accepts by itself has done so by then, and nobody is asked in vain.
        let answer = match self.wait(Instant::now() + AT_ONCE, is_answer)? {
            None => self.ask(Favour::Accept, is_answer)?,
            answer => answer,
        };
        let Some(answer) = answer else {
            let why = self.why_nothing("nobody there accepted");
            self.miss_all(&IN_CHAT, &why);
            self.leave()?;
            return Ok(false);
        };
        if answer.is(Op::Fin) || answer.is(Op::Err) {
            self.miss_all(&IN_CHAT, "the invitation was refused");
            self.ack_fin(&answer)?;
            return Ok(false);
        }
        self.chat.is_open = true;
        if answer.is(Op::Ack) {
            // Some open the chat so. What they do in it can be seen all the same.
            self.findings.fail(Clause::Accepts, "an ACK instead", &[&syn, &answer]);
            return Ok(true);
        }
        self.findings.pass(Clause::Accepts, &[&syn, &answer]);
        self.repeated_syn_ack(&answer)?;
        Ok(true)
    }

    fn ack_fin(&mut self, answer: &Evidence) -> Outcome {
        match answer.is(Op::Fin) {
            true => self.ack(answer).map(|_| ()),
            // It may follow, and is answered like any other.
            false => self.refusal(Side::Ours).map(|_| ()),
        }
    }

    /// Withholds the ACK until the SYN+ACK has come again.
    fn repeated_syn_ack(&mut self, first: &Evidence) -> Outcome {
        if self.wanted.has(Clause::SynAckRepeats) {
            self.console.progress("waiting for SYN+ACK again");
            let until = self.sockets.moment(first) + REPEAT_WITHIN;
            match self.wait(until, |seen| seen.is(Op::SynAck))? {
                Some(again) => self.judge_again(Clause::SynAckRepeats, first, &again),
                None if self.chat.left.is_some() => return Ok(()),
                None => {
                    let why = "it did not come again within 10 s";
                    self.findings.fail(Clause::SynAckRepeats, why, &[first]);
                }
            }
        }
        let ack = self.ack(first)?;
        // From now on the same SYN+ACK is one too many, whenever it comes.
        self.chat.syn_ack = Some(ack);
        Ok(())
    }

    /// Three messages of ours, so that a counter for both directions would give its first one another sequence
    /// than 0; the first two come twice.
    fn ours(&mut self) -> Outcome {
        for (text, is_twice) in [("probe: one", true), ("probe: two", true), ("probe: three", false)] {
            self.console.progress("a message of ours");
            self.settle()?;
            let seq = self.chat.seq;
            let chat = self.send(Op::Chat, seq, text.as_bytes())?;
            let Some(ack) = self.expect(Op::Ack, ANSWER_WITHIN)? else {
                if self.chat.left.is_some() {
                    self.miss_all(&[Scene::Ours], "it left the chat too early");
                } else {
                    self.findings.fail(Clause::AcksMessages, "no ACK within 5 s", &[&chat]);
                    self.miss_all(&[Scene::Ours], "it did not acknowledge the first of them");
                }
                return Ok(());
            };
            self.acks = AckNumber::of(self.form, seq, ack.seq());
            let why = format!("the message has {seq}, the ACK {}", ack.seq());
            self.findings.judge(Clause::AcksMessages, ack.seq() == seq, why, &[&chat, &ack]);
            self.chat.seq = self.form.next(seq);
            if is_twice && self.wanted.has(Clause::AcksDuplicates) && !self.duplicate(&chat)? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// A message again that it has acknowledged. False if that was not acknowledged again.
    fn duplicate(&mut self, chat: &Evidence) -> Outcome<bool> {
        self.settle()?;
        let text = wire::payload(&chat.bytes).to_vec();
        let again = self.send(Op::Chat, chat.seq(), &text)?;
        let until = Instant::now() + ANSWER_WITHIN;
        // Some send back what they read, and no ACK.
        match self.wait(until, |seen| seen.is(Op::Ack) || wire::payload(&seen.bytes) == text)? {
            Some(ack) if ack.is(Op::Ack) => {
                self.findings.pass(Clause::AcksDuplicates, &[chat, &again, &ack]);
                return Ok(true);
            }
            Some(other) => {
                self.findings.fail(Clause::AcksDuplicates, "the text came back", &[chat, &again, &other]);
            }
            None if self.chat.left.is_some() => (),
            None => self.findings.fail(Clause::AcksDuplicates, "no ACK within 5 s", &[chat, &again]),
        }
        Ok(false)
    }

    /// A third party invites it. Returns what it was told, if it was told so.
    fn busy(&mut self) -> Outcome<Option<Evidence>> {
        self.console.progress("a third party calls");
        let syn = self.send_as_third(Op::Syn, 0)?;
        let refusal = self.refusal(Side::Third)?;
        if let Some(syn_ack) = &refusal.syn_ack {
            let why = "it accepted the third party: it allows several chats (allow one)";
            // Not a failure: a peer may hold several chats, and then nobody is a third party.
            self.findings.miss(Clause::Busy, why);
            self.miss_all(&[Scene::Busy], why);
            self.send_as_third(Op::Ack, self.form.ack_of_control(syn_ack.seq()))?;
            self.send_as_third(Op::Fin, 0)?;
            return Ok(None);
        }
        let answer = refusal.fin.clone().or_else(|| refusal.err.clone());
        if answer.is_none() {
            let to_us = self.wait(Instant::now(), |seen| seen.is(Op::Err))?;
            if let Some(err) = to_us {
                self.findings.fail(Clause::Address, "the answer went to another address", &[&syn, &err]);
                self.findings.miss(Clause::Busy, "the answer went to another address");
                return Ok(None);
            }
            // If it asks its user instead, it need not any more.
            self.send_as_third(Op::Fin, 0)?;
        }
        let note = match self.sockets.is_third_elsewhere() {
            true => "",
            false => "; the third party has our IP, and another port",
        };
        self.judge_refusal(Clause::Busy, &syn, &refusal, note);
        Ok(answer)
    }

    /// Waits until what has been acknowledged would have been repeated, and judges that it was not.
    fn quiet(&mut self, busy: Option<&Evidence>) -> Outcome {
        let watched = [
            (Clause::SynAckStops, self.chat.syn_ack.clone()),
            (Clause::MessageStops, self.chat.line.clone()),
            (Clause::BusyOnce, busy.cloned()),
        ];
        let watched = watched.map(|(clause, since)| (clause, since.filter(|_| self.wanted.has(clause))));
        let Some(last) = watched.iter().filter_map(|(_, since)| since.as_ref()).map(|seen| seen.at).max()
        else {
            return Ok(());
        };
        self.console.progress("checking that nothing acknowledged is repeated");
        let quiet = self.sockets.began() + last + QUIET;
        self.wait(quiet, |_| false)?;
        if let Some(first) = busy {
            while let Some(again) = self.receive(Side::Third, Instant::now())? {
                let is_part = again.is(Op::Err) || again.is(Op::Fin);
                if is_part {
                    self.findings.fail(Clause::BusyOnce, "it came again", &[first, &again]);
                }
            }
        }
        for (clause, since) in watched {
            if let Some(since) = since {
                self.findings.pass(clause, &[&since]);
            }
        }
        Ok(())
    }
}
