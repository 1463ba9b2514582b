//! What passes between peers and chats: an arrival goes to its chat, or to nobody's, and what the chat then
//! says is appended to the log, armed, and queued to be transmitted after the commit.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use simp_proto::control::{Peer, Reason, State, What};
use simp_proto::{
    Chat, ChatEvent, Datagram, DecodeError, Handled, MessageId, Operation, Outgoing, Text, UserName,
};

use crate::chats::Entry;
use crate::server::{Fatal, Now, Server, Timer};
use crate::store::{Store, StoreError};
use crate::udp::Udp;

/// Requests that wait at the same time, at most: anybody can make them.
const REQUESTS_MAX: usize = 64;

/// Of those, requests of one host.
const REQUESTS_PER_HOST_MAX: usize = 8;

/// Messages that a chat's machine holds at most; those behind them wait in the log.
const LOADED_MAX: usize = 64;

/// With so many or fewer left, the machine is given more.
const LOADED_LOW: usize = 16;

/// The longest that an invitation lasts: a day. A clock that jumped back makes none longer.
pub const INVITATION_MAX: Duration = Duration::from_secs(86_400);

/// The text that a stranger's chat datagram is answered with (SIMP 5).
const NO_CHAT: &str = "No chat with you";

/// The text that an invitation is answered with while there are as many chats as allowed (SIMP 5).
const BUSY: &str = "User already in another chat";

/// Input from the network.
impl Server {
    /// A datagram came.
    pub fn handle_arrival(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        datagram: Result<Datagram, DecodeError>,
    ) -> Result<(), Fatal> {
        self.counters.datagrams_in += 1;
        let refused = &mut self.counters.refused;
        let datagram = match datagram {
            _ if from.port() == 0 => {
                refused.port += 1;
                return Ok(());
            }
            Ok(datagram) => datagram,
            Err(error) => {
                *match error {
                    DecodeError::Short => &mut refused.short,
                    DecodeError::Type => &mut refused.r#type,
                    DecodeError::Operation => &mut refused.operation,
                    DecodeError::User => &mut refused.user,
                } += 1;
                tracing::debug!("datagram refused from={from} reason={error}");
                return Ok(());
            }
        };
        tracing::debug!("datagram from={from} operation={:?} seq={}", datagram.operation, datagram.seq);
        let Some(key) = self.chats.at(from) else {
            return self.handle_stranger(now, from, local, &datagram);
        };
        let Some(entry) = self.chats.get_mut(key) else { return Ok(()) };
        entry.local = local;
        let handled = entry.chat.handle_datagram(now.instant, &datagram);
        self.drain(now, key)?;
        match handled {
            Handled::Accepted => {}
            Handled::Duplicate => self.counters.duplicates += 1,
            Handled::Ignored => self.counters.ignored += 1,
            Handled::InvitesAnew => return self.handle_stranger(now, from, local, &datagram),
        }
        Ok(())
    }

    /// Nothing listens at this address, or no way leads there.
    pub fn handle_unreachable(&mut self, now: Now, address: SocketAddr) -> Result<(), Fatal> {
        let Some(key) = self.chats.at(address) else { return Ok(()) };
        if let Some(entry) = self.chats.get_mut(key) {
            entry.chat.handle_unreachable();
        }
        self.drain(now, key)
    }

    /// A chat's deadline has come.
    pub fn handle_timeout(&mut self, now: Now, key: usize) -> Result<(), Fatal> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(()) };
        entry.timer = None;
        if entry.chat.handle_timeout(now.instant) {
            self.counters.retransmitted += 1;
        }
        self.drain(now, key)
    }

    /// A datagram from an address that we have no chat with (SIMP 2, 5).
    fn handle_stranger(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        datagram: &Datagram,
    ) -> Result<(), Fatal> {
        match datagram.operation {
            Operation::Syn => return self.handle_invitation(now, from, local, datagram),
            // A SYN+ACK to an invitation that we gave up: its sender is told the same way.
            Operation::Chat | Operation::SynAck if self.limits.allow_notice(now.instant, from) => {
                self.refuse(from, local, NO_CHAT);
            }
            Operation::Fin if self.limits.allow_answer(now.instant) => {
                self.answer(from, local, Operation::Ack, datagram.seq, "");
            }
            Operation::Ack | Operation::Err => self.counters.ignored += 1,
            Operation::Chat | Operation::SynAck | Operation::Fin => self.counters.refused.rate += 1,
        }
        Ok(())
    }

    fn handle_invitation(
        &mut self,
        now: Now,
        from: SocketAddr,
        local: Option<IpAddr>,
        syn: &Datagram,
    ) -> Result<(), Fatal> {
        let full = self.chats.count() >= self.config.max_chats;
        let peer = Peer { user: syn.user.as_str().to_owned(), address: from.to_string() };
        let accept = !full && self.config.accept.allows(&peer);
        if full {
            if self.limits.allow_answer(now.instant) {
                self.refuse(from, local, BUSY);
            } else {
                self.counters.refused.rate += 1;
            }
            return Ok(());
        }
        // One that finds no room is not busy: it gets no answer, and its SYN comes again.
        let room = accept
            || (self.chats.requests() < REQUESTS_MAX
                && self.chats.requests_of(from.ip()) < REQUESTS_PER_HOST_MAX);
        if !room || !self.limits.allow_request(now.instant) {
            self.counters.refused.rate += 1;
            return Ok(());
        }
        let chat = Chat::invited(now.instant, self.config.user, self.config.chat, syn);
        let key = self.insert_chat(now, from, local, chat, self.config.chat.request_expiry);
        if accept {
            // The machine has just been made: it is invited.
            let _ = self.chats.get_mut(key).map(|entry| entry.chat.accept(now.instant));
        }
        self.drain(now, key)
    }

    /// ERR with this text, and FIN.
    fn refuse(&mut self, to: SocketAddr, local: Option<IpAddr>, text: &str) {
        self.answer(to, local, Operation::Err, 0, text);
        self.answer(to, local, Operation::Fin, 0, "");
    }

    fn answer(&mut self, to: SocketAddr, local: Option<IpAddr>, operation: Operation, seq: u8, text: &str) {
        let payload = text.as_bytes().to_vec();
        let datagram = Datagram { operation, seq, user: self.config.user, payload };
        transmit(&mut self.udp, &mut self.scratch, to, local, &datagram);
    }
}

/// Queues a datagram; it leaves after the commit.
fn transmit(
    udp: &mut Udp,
    scratch: &mut Vec<u8>,
    to: SocketAddr,
    local: Option<IpAddr>,
    datagram: &Datagram,
) {
    scratch.clear();
    datagram.encode(scratch);
    udp.queue(to, local, scratch);
}

/// Output of the chats.
impl Server {
    /// Adds a chat that has just begun and ends if it is not answered. Its id comes with the entry that it
    /// begins with.
    pub fn insert_chat(
        &mut self,
        now: Now,
        address: SocketAddr,
        local: Option<IpAddr>,
        chat: Chat,
        expires_after: Duration,
    ) -> usize {
        let entry = Entry {
            id: 0,
            address,
            local,
            since_ms: now.ms,
            chat,
            timer: None,
            backlog: 0,
            loaded: 0,
            settled: 0,
            progressed: false,
            expires_ms: Some(now.ms + expires_after.as_millis() as u64),
        };
        self.chats.insert(entry)
    }

    /// Takes what a chat says, after anything that may have changed it.
    pub fn drain(&mut self, now: Now, key: usize) -> Result<(), Fatal> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(()) };
        while let Some(event) = entry.chat.poll_event() {
            if event == ChatEvent::Opened {
                self.limits.refund_request();
            }
            record(&mut self.store, now, entry, event)?;
        }
        if entry.chat.is_leaving() {
            give_up_backlog(&mut self.store, now, entry, Reason::Quit)?;
        } else {
            load_backlog(&mut self.store, entry, LOADED_LOW)?;
        }
        if entry.chat.poll_snapshot().is_some()
            && let Some(kept) = entry.kept()
        {
            self.store.keep_chat(&kept)?;
            entry.progressed = false;
        }
        while let Some(datagram) = entry.chat.poll_transmit() {
            transmit(&mut self.udp, &mut self.scratch, entry.address, entry.local, &datagram);
        }
        let deadline = entry.chat.poll_timeout();
        if entry.timer.map(|(set_for, _)| set_for) != deadline {
            if let Some((_, timer)) = entry.timer.take() {
                self.wheel.cancel(timer);
            }
            entry.timer = deadline.map(|deadline| (deadline, self.wheel.set(deadline, Timer::Chat(key))));
        }
        if entry.chat.state() == State::Closed {
            self.chats.remove(key);
        } else {
            self.chats.recount(key);
        }
        Ok(())
    }

    /// Queues a message of ours, durably with this turn's commit, and returns its id.
    pub fn queue_message(&mut self, now: Now, key: usize, text: Text) -> Result<Option<u64>, Fatal> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(None) };
        let what = What::Queued { text: text.as_str().to_owned() };
        let id = self.store.append(now.ms, Some(entry.id), entry.peer(), what, None)?;
        if entry.backlog > 0 || entry.chat.unacknowledged() >= LOADED_MAX {
            entry.backlog += 1;
        } else if entry.chat.send(now.instant, Outgoing { id: MessageId(id), text }).is_ok() {
            entry.loaded = id;
        }
        self.drain(now, key)?;
        Ok(Some(id))
    }

    /// Takes up the chats of the last run where it left them.
    pub fn resume_chats(&mut self, now: Now) -> Result<(), Fatal> {
        for kept in self.store.kept_chats()? {
            let address = kept.address;
            let backlog = self.store.queued(kept.chat, kept.settled)?;
            let (me, settings) = (self.config.user, self.config.chat);
            let left = Duration::from_millis(kept.expires_ms.unwrap_or_default().saturating_sub(now.ms));
            let expires_after = left.min(INVITATION_MAX);
            let resumed = Chat::resume(now.instant, me, settings, kept.snapshot, backlog > 0, expires_after);
            let Some(chat) = resumed else {
                continue;
            };
            let mut entry = Entry {
                id: kept.chat,
                address,
                local: None,
                since_ms: kept.since_ms,
                chat,
                timer: None,
                backlog,
                loaded: kept.settled,
                settled: kept.settled,
                progressed: true,
                expires_ms: kept.expires_ms,
            };
            load_backlog(&mut self.store, &mut entry, LOADED_LOW)?;
            tracing::info!("chat {address} resumed {} queued={backlog}", entry.chat.state());
            let key = self.chats.insert(entry);
            self.drain(now, key)?;
        }
        Ok(())
    }
}

/// Keeps all chats that had messages, so that a start has little to read.
impl Server {
    /// Writes down where they stand.
    pub fn keep_chats(&mut self) -> Result<(), Fatal> {
        for entry in self.chats.iter_mut().filter(|entry| entry.progressed) {
            if let Some(kept) = entry.kept() {
                self.store.keep_chat(&kept)?;
            }
            entry.progressed = false;
        }
        Ok(self.store.set_kept()?)
    }
}

/// Appends what happened in a chat.
fn record(store: &mut Store, now: Now, entry: &mut Entry, event: ChatEvent) -> Result<(), StoreError> {
    let id = (entry.id != 0).then_some(entry.id);
    let mut sequence = None;
    let what = match event {
        ChatEvent::Request => What::Request,
        ChatEvent::Opened => What::Opened,
        ChatEvent::Message { seq, text } => {
            sequence = Some(seq);
            entry.progressed = true;
            What::Message { text }
        }
        ChatEvent::Error { text } => What::Error { text },
        ChatEvent::Delivered(MessageId(message)) => {
            entry.settled = message;
            entry.progressed = true;
            What::Delivered { message }
        }
        ChatEvent::Undelivered(MessageId(message), reason) => {
            entry.settled = message;
            entry.progressed = true;
            What::Undelivered { message, reason }
        }
        ChatEvent::Closed { reason, text } => {
            give_up_backlog(store, now, entry, reason)?;
            store.drop_chat(entry.id)?;
            What::Closed { reason, text }
        }
    };
    match &what {
        What::Request | What::Opened => {
            tracing::info!("chat {} {} user={}", entry.address, what.kind(), Shown(entry.chat.user()));
        }
        What::Closed { reason, .. } => tracing::info!("chat {} closed reason={reason}", entry.address),
        What::Undelivered { message, reason } => {
            tracing::info!("chat {} undelivered message={message} reason={reason}", entry.address);
        }
        _ => tracing::debug!("chat {} {}", entry.address, what.kind()),
    }
    let id = store.append(now.ms, id, entry.peer(), what, sequence)?;
    if entry.id == 0 {
        entry.id = id;
    }
    Ok(())
}

/// Gives up the waiting messages that the machine never saw, behind those that it has given up itself.
fn give_up_backlog(store: &mut Store, now: Now, entry: &mut Entry, reason: Reason) -> Result<(), StoreError> {
    if entry.backlog == 0 {
        return Ok(());
    }
    for (message, _) in store.waiting(entry.id, entry.loaded, entry.backlog)? {
        store.append(now.ms, Some(entry.id), entry.peer(), What::Undelivered { message, reason }, None)?;
        (entry.loaded, entry.settled) = (message, message);
    }
    entry.backlog = 0;
    Ok(())
}

/// Gives the machine waiting messages from the log where it has `low` or fewer left.
fn load_backlog(store: &mut Store, entry: &mut Entry, low: usize) -> Result<(), StoreError> {
    let held = entry.chat.unacknowledged();
    if entry.backlog == 0 || held > low {
        return Ok(());
    }
    for (id, text) in store.waiting(entry.id, entry.loaded, (LOADED_MAX - held) as u64)? {
        entry.loaded = id;
        entry.backlog -= 1;
        // Only texts that passed this check were ever queued.
        if let Ok(text) = Text::new(&text) {
            entry.chat.requeue(Outgoing { id: MessageId(id), text });
        }
    }
    Ok(())
}

/// A user name in the log; a peer that has told none is a dash.
struct Shown(UserName);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_blank() { f.write_str("-") } else { self.0.fmt(f) }
    }
}
