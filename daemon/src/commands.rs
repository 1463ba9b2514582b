//! What clients want of chats and of the outbox: one short function each.
//!
//! - here: chats, and sending in them. `outbox`: messages that are kept until their peers have them.

mod outbox;

use std::net::SocketAddr;
use std::time::Duration;

use simp_control::places;
use simp_control::{Failure, FailureKind, Reply, State, What};
use simp_proto::{Chat, Dialect, StateError, Text};

use crate::exchange::{Exchange, INVITATION_MAX, Now};
use crate::store::StoreError;

/// Why a command is not carried out.
#[derive(Debug)]
pub enum Refused {
    /// The client hears of it.
    Failure(Failure),
    /// The log cannot be read or written.
    Store(StoreError),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<StateError> for Refused {
    fn from(error: StateError) -> Self {
        Self::Failure(Failure::new(FailureKind::Failed, error.to_string()))
    }
}

/// What a command comes to.
pub type Result<T = Reply> = std::result::Result<T, Refused>;

/// A failure of this kind with this line.
pub fn refused<T>(kind: FailureKind, line: impl Into<String>) -> Result<T> {
    Err(Failure::new(kind, line).into())
}

/// A text to be sent, and how.
#[derive(Debug, Clone, Default)]
pub struct Send {
    /// To whom; may be absent where there is one chat only.
    pub who: Option<String>,
    /// Only in the chat with this id.
    pub chat: Option<u64>,
    /// The text as the client has it.
    pub text: String,
    /// Keep it in the outbox until the peer has it.
    pub queue: bool,
    /// Give it up after this long in the outbox.
    pub expire_ms: Option<u64>,
    /// The client's own name for it.
    pub token: Option<u64>,
    /// It may have been queued already, behind this entry.
    pub again_after: Option<u64>,
}

impl Exchange {
    /// Invites a peer.
    pub fn connect(&mut self, now: Now, address: &str, timeout_ms: Option<u64>) -> Result {
        let address = self.peer_address(address)?;
        let expires_after = match timeout_ms {
            Some(ms) if ms == 0 || Duration::from_millis(ms) > INVITATION_MAX => {
                return refused(FailureKind::Usage, "the time limit must be from 0.001 to 86400 s");
            }
            Some(ms) => Duration::from_millis(ms),
            None => self.config.chat.request_expiry,
        };
        if let Some((key, entry)) =
            self.chats.known_at(address).and_then(|key| Some((key, self.chats.get_mut(key)?)))
        {
            match entry.chat.state() {
                // The peer waits for us already: that is what the user wants.
                State::Invited => return self.accept_chat(now, key),
                State::Closing => {
                    entry.chat.abandon();
                    self.drain(now, key)?;
                }
                _ if entry.is_unlogged() => {
                    self.room_for_one(now)?;
                    return self.adopt(now, key, expires_after);
                }
                _ => {
                    self.take_over(key)?;
                    let reply = self.chat_reply(key);
                    self.drain(now, key)?;
                    return reply;
                }
            }
        }
        self.room_for_one(now)?;
        let known = self.known_of(now, address)?;
        let chat = Chat::invite(now.instant, self.config.user, self.config.chat, known, expires_after);
        let key = self.insert_chat(now, address, None, chat, expires_after);
        self.adopt(now, key, expires_after)
    }

    /// Makes an invitation, which may have been one of the outbox, our user's own.
    fn adopt(&mut self, now: Now, key: usize, expires_after: Duration) -> Result {
        if let Some(entry) = self.chats.get_mut(key) {
            entry.chat.expire_at(now.instant + expires_after);
            entry.expires_ms = Some(now.ms + expires_after.as_millis() as u64);
            entry.since_ms = now.ms;
            entry.id = self.store.append(now.ms, None, entry.peer(), What::Inviting, None)?;
        }
        // One of the outbox was not kept when it was made.
        self.take_over(key)?;
        let reply = self.chat_reply(key);
        self.drain(now, key)?;
        reply
    }

    /// Makes a chat that was opened for the outbox our user's own, for the next run too.
    fn take_over(&mut self, key: usize) -> std::result::Result<(), StoreError> {
        let Some(entry) = self.chats.get_mut(key) else { return Ok(()) };
        if std::mem::take(&mut entry.for_outbox)
            && let Some(kept) = entry.kept()
        {
            self.store.keep_chat(&kept)?;
        }
        Ok(())
    }

    /// Accepts a request.
    pub fn accept(&mut self, now: Now, who: Option<&str>) -> Result {
        let key = self.find_request(who, "simpctl accept WHO")?;
        self.accept_chat(now, key)
    }

    fn accept_chat(&mut self, now: Now, key: usize) -> Result {
        self.room_for_one(now)?;
        if let Some(entry) = self.chats.get_mut(key) {
            entry.chat.accept(now.instant)?;
        }
        let reply = self.chat_reply(key);
        self.drain(now, key)?;
        reply
    }

    /// Declines a request.
    pub fn decline(&mut self, now: Now, who: Option<&str>) -> Result {
        let key = self.find_request(who, "simpctl decline WHO")?;
        let reply = self.chat_reply(key);
        if let Some(entry) = self.chats.get_mut(key) {
            entry.chat.decline(now.instant)?;
        }
        self.drain(now, key)?;
        reply
    }

    /// Sends a text in a chat, or keeps it in the outbox.
    pub fn send(&mut self, now: Now, send: &Send) -> Result {
        let text =
            Text::new(&send.text).map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?;
        if let (Some(token), Some(after)) = (send.token, send.again_after)
            && let Some((message, chat)) = self.store.with_token(token, after)?
        {
            return Ok(Reply::Queued { message, chat });
        }
        if send.queue && send.chat.is_some() {
            return refused(
                FailureKind::Usage,
                "a message of the outbox outlives chats: it has none (send it without)",
            );
        }
        if send.queue {
            return self.send_to_outbox(now, send, text);
        }
        if send.expire_ms.is_some() {
            return refused(FailureKind::Usage, "only a message of the outbox can expire (use --queue too)");
        }
        let key = self.find_open(send.who.as_deref())?;
        self.is_still(key, send.chat)?;
        if let Some(entry) = self.chats.get_mut(key) {
            fits(&text, entry.chat.dialect(), &entry.peer().to_string())?;
        }
        self.take_over(key)?;
        let chat = self.chats.get_mut(key).map_or(0, |entry| entry.id);
        match self.queue_message(now, key, text, send.token)? {
            Some(message) => Ok(Reply::Queued { message, chat }),
            None => refused(FailureKind::NoSuch, "the chat has just ended"),
        }
    }

    /// The open chat that is meant; where there is none, the failure says what would keep the message.
    fn find_open(&self, who: Option<&str>) -> std::result::Result<usize, Failure> {
        let can_send = |state| matches!(state, State::Accepting | State::Open);
        let found = self.chats.find(who, can_send, "there is no open chat", "-t WHO");
        found.map_err(|mut failure| {
            if !self.chats.is_any(who, can_send) {
                failure.line +=
                    " (open one: simpctl connect ADDR, or keep the message until there is one: send --queue -t ADDR)";
            }
            failure
        })
    }

    /// Whether this is the chat that was meant: its peer's address may be somebody else's by now.
    fn is_still(&mut self, key: usize, chat: Option<u64>) -> Result<()> {
        match (chat, self.chats.get_mut(key)) {
            (Some(id), Some(entry)) if entry.id != id => {
                refused(FailureKind::NoSuch, format!("chat {id} is over ({} is in another)", entry.peer()))
            }
            _ => Ok(()),
        }
    }

    /// Ends a chat, or takes an invitation back.
    pub fn quit(&mut self, now: Now, who: Option<&str>, chat: Option<u64>, at_once: bool) -> Result {
        let can_quit = |state| !matches!(state, State::Invited | State::Closed);
        let key = self.chats.find(who, can_quit, "there is no chat to quit", "simpctl quit WHO")?;
        self.is_still(key, chat)?;
        let reply = self.chat_reply(key);
        if let Some(entry) = self.chats.get_mut(key) {
            match entry.chat.close(now.instant, at_once) {
                // Leaving already: the client follows its end all the same.
                Ok(()) | Err(StateError(State::Closing)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.drain(now, key)?;
        reply
    }

    /// The address of a peer that we can invite.
    fn peer_address(&self, text: &str) -> Result<SocketAddr> {
        let Some(address) = places::parse_address(text) else {
            return refused(FailureKind::Usage, format!("{text}: not an address (ADDR or ADDR:PORT)"));
        };
        // An IPv4 address in IPv6 form is the same peer: its answers come from the IPv4 address.
        let address = match address.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => (ip, address.port()).into(),
            std::net::IpAddr::V6(_) => address,
        };
        let is_broadcast = address.ip() == std::net::Ipv4Addr::BROADCAST;
        if address.ip().is_unspecified() || address.ip().is_multicast() || is_broadcast || address.port() == 0
        {
            return refused(FailureKind::Usage, format!("{address}: not the address of one host"));
        }
        // Bound to all addresses, we are on each: of which ones these are, at least the loopback is known.
        let on_all = self.address.ip().is_unspecified() && address.ip().is_loopback();
        if address == self.address || (on_all && address.port() == self.address.port()) {
            return refused(FailureKind::Failed, format!("{address}: that is this simpd itself"));
        }
        if address.is_ipv6() && self.address.is_ipv4() {
            let line = format!("{address}: this simpd speaks IPv4 only (start one on an IPv6 address)");
            return refused(FailureKind::Failed, line);
        }
        if address.is_ipv4() && self.address.is_ipv6() && !self.address.ip().is_unspecified() {
            let line = format!("{address}: this simpd speaks IPv6 only (start one on an IPv4 address)");
            return refused(FailureKind::Failed, line);
        }
        Ok(address)
    }

    fn find_request(&self, who: Option<&str>, flag: &str) -> std::result::Result<usize, Failure> {
        self.chats.find(who, |state| state == State::Invited, "there is no request", flag)
    }

    fn room_for_one(&mut self, now: Now) -> Result<()> {
        if self.is_full() {
            self.leave_idle(now)?;
        }
        if !self.is_full() {
            return Ok(());
        }
        let taken = self.chats.list(0).into_iter().filter(|chat| chat.state != State::Invited);
        let line = match (self.config.max_chats, taken.map(|chat| chat.peer.to_string()).next()) {
            (1, Some(peer)) => format!(
                "there is a chat with {peer} already (end it: simpctl quit, or start simpd with --max-chats 2)"
            ),
            (most, _) => {
                format!("there are {most} chats already (end one, or start simpd with a higher --max-chats)")
            }
        };
        refused(FailureKind::Failed, line)
    }

    /// The chat as it is, and after which entry to follow what becomes of it.
    fn chat_reply(&mut self, key: usize) -> Result {
        let after = self.store.last_id();
        match self.chats.get_mut(key) {
            Some(entry) => Ok(Reply::Chat { chat: entry.info(), after }),
            None => refused(FailureKind::NoSuch, "the chat has just ended"),
        }
    }
}

/// Whether a peer that speaks so receives all of a text.
fn fits(text: &Text, dialect: Dialect, peer: &str) -> Result<()> {
    let (most, length) = (dialect.text_max(), text.as_str().len());
    if length <= most {
        return Ok(());
    }
    let line = format!(
        "{peer} receives {most} bytes of a message at most, and this one has {length} (send it in parts)"
    );
    refused(FailureKind::Usage, line)
}
