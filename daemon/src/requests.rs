//! What each request of a client does: one short function each.

use std::time::Duration;

use simp_proto::control::{
    Answer, Failure, FailureKind, Filter, From as FollowFrom, Reply, Request, State, Status, VERSION, What,
};
use simp_proto::frame::FRAME_MAX;
use simp_proto::{Chat, StateError, Text, paths};

use crate::clients::Follower;
use crate::exchange::INVITATION_MAX;
use crate::server::{Fatal, Now, Server};
use crate::store::{StoreError, Wanted};

/// Most entries in one answer to `history`.
const HISTORY_MAX: usize = 1_000;

/// Most chats in one answer to `chats`: with the longest names and addresses they fit a frame.
const CHATS_MAX: usize = 2_000;

/// Most bytes of texts in one answer to `history`: with all that is around them they fit a frame.
const HISTORY_BYTES: usize = FRAME_MAX / 4;

/// Longest name of a consumer, in bytes.
const CONSUMER_MAX: usize = 64;

/// Why a request is not carried out: the client hears of it, or the daemon cannot go on.
enum Refused {
    Failure(Failure),
    Fatal(Fatal),
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl From<Fatal> for Refused {
    fn from(fatal: Fatal) -> Self {
        Self::Fatal(fatal)
    }
}

impl From<StoreError> for Refused {
    fn from(error: StoreError) -> Self {
        Self::Fatal(error.into())
    }
}

impl From<StateError> for Refused {
    fn from(error: StateError) -> Self {
        Self::Failure(Failure::new(FailureKind::Failed, error.to_string()))
    }
}

type Result<T = Reply> = std::result::Result<T, Refused>;

fn refused<T>(kind: FailureKind, line: impl Into<String>) -> Result<T> {
    Err(Failure::new(kind, line).into())
}

impl Server {
    /// Carries out a request and queues its answer, which leaves after the commit.
    pub fn handle_request(
        &mut self,
        now: Now,
        client: usize,
        request: Request,
    ) -> std::result::Result<(), Fatal> {
        let greeted = self.clients.get_mut(client).is_some_and(|client| client.greeted);
        let result = match request {
            Request::Hello { version } => self.hello(client, version),
            _ if !greeted => refused(FailureKind::Usage, "the first request must be hello"),
            Request::Status => Ok(self.status(now)),
            Request::Connect { address, timeout_ms } => self.connect(now, &address, timeout_ms),
            Request::Accept { who } => self.accept(now, who.as_deref()),
            Request::Decline { who } => self.decline(now, who.as_deref()),
            Request::Send { who, text } => self.send(now, who.as_deref(), &text),
            Request::Quit { who, now: at_once } => self.quit(now, who.as_deref(), at_once),
            Request::Chats { after } => Ok(self.list_chats(after)),
            Request::History { before, limit, filter } => self.history(before, limit, &filter),
            Request::Follow { from, filter } => self.follow(client, from, &filter),
            Request::Seen { consumer, id } => self.seen(&consumer, id),
            Request::Stop => {
                self.stopping = true;
                Ok(Reply::Done)
            }
        };
        let answer = match result {
            Ok(reply) => Answer::Reply(reply),
            Err(Refused::Failure(failure)) => Answer::Failure(failure),
            Err(Refused::Fatal(fatal)) => return Err(fatal),
        };
        if let Some(client) = self.clients.get_mut(client) {
            match answer {
                Answer::Failure(failure) if !client.greeted => client.dismiss(failure),
                answer => client.answer(&answer),
            }
        }
        Ok(())
    }

    fn hello(&mut self, client: usize, version: u32) -> Result {
        let program = env!("CARGO_PKG_VERSION");
        if version != VERSION {
            let line = format!(
                "simpd {program} speaks version {VERSION} of the control API, this client {version} \
                 (install simpctl and simpd of the same release, and start simpd again)"
            );
            return refused(FailureKind::NoDaemon, line);
        }
        if let Some(client) = self.clients.get_mut(client) {
            client.greeted = true;
        }
        Ok(Reply::Hello {
            version: VERSION,
            program: program.to_owned(),
            address: self.address.to_string(),
            user: self.config.user.to_string(),
        })
    }

    fn status(&mut self, now: Now) -> Reply {
        let mut counters = self.counters.clone();
        counters.commits = self.store.commits();
        Reply::Status(Box::new(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            address: self.address.to_string(),
            user: self.config.user.to_string(),
            accept: self.config.accept.to_string(),
            uptime_ms: now.instant.saturating_duration_since(self.started).as_millis() as u64,
            chats: self.chats.count() as u64,
            max_chats: self.config.max_chats as u64,
            requests: self.chats.requests() as u64,
            clients: self.clients.len() as u64,
            counters,
            last_id: self.store.last_id(),
            log_bytes: self.store.bytes(),
        }))
    }

    fn list_chats(&self, after: u64) -> Reply {
        let mut chats = self.chats.list(after);
        let more = chats.len() > CHATS_MAX;
        chats.truncate(CHATS_MAX);
        Reply::Chats { chats, more }
    }

    fn connect(&mut self, now: Now, address: &str, timeout_ms: Option<u64>) -> Result {
        let Some(address) = paths::parse_address(address) else {
            return refused(FailureKind::Usage, format!("{address}: not an address (ADDR or ADDR:PORT)"));
        };
        // An IPv4 address in IPv6 form is the same peer: its answers come from the IPv4 address.
        let address = match address.ip().to_canonical() {
            std::net::IpAddr::V4(ip) => (ip, address.port()).into(),
            std::net::IpAddr::V6(_) => address,
        };
        if address.ip().is_unspecified() || address.ip().is_multicast() || address.port() == 0 {
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
        let expires_after = match timeout_ms {
            Some(ms) if ms == 0 || Duration::from_millis(ms) > INVITATION_MAX => {
                return refused(FailureKind::Usage, "the time limit must be from 0.001 to 86400 s");
            }
            Some(ms) => Duration::from_millis(ms),
            None => self.config.chat.request_expiry,
        };
        if let Some(key) = self.chats.at(address) {
            match self.chats.get_mut(key).map(|entry| (entry.chat.state(), entry.chat.is_over_for_us())) {
                // The peer waits for us already: that is what the user wants.
                Some((State::Invited, _)) => return self.accept_chat(now, key),
                Some((State::Closing, _)) => {
                    if let Some(entry) = self.chats.get_mut(key) {
                        entry.chat.abandon();
                    }
                    self.drain(now, key)?;
                }
                _ => return self.chat_reply(key),
            }
        }
        self.room_for_one()?;
        let chat = Chat::invite(now.instant, self.config.user, self.config.chat, expires_after);
        let key = self.insert_chat(now, address, None, chat, expires_after);
        if let Some(entry) = self.chats.get_mut(key) {
            entry.id = self.store.append(now.ms, None, entry.peer(), What::Inviting, None)?;
        }
        let reply = self.chat_reply(key);
        self.drain(now, key)?;
        reply
    }

    fn accept(&mut self, now: Now, who: Option<&str>) -> Result {
        let key = self.find_request(who, "simpctl accept WHO")?;
        self.accept_chat(now, key)
    }

    fn accept_chat(&mut self, now: Now, key: usize) -> Result {
        self.room_for_one()?;
        if let Some(entry) = self.chats.get_mut(key) {
            entry.chat.accept(now.instant)?;
        }
        let reply = self.chat_reply(key);
        self.drain(now, key)?;
        reply
    }

    fn decline(&mut self, now: Now, who: Option<&str>) -> Result {
        let key = self.find_request(who, "simpctl decline WHO")?;
        let reply = self.chat_reply(key);
        if let Some(entry) = self.chats.get_mut(key) {
            entry.chat.decline(now.instant)?;
        }
        self.drain(now, key)?;
        reply
    }

    fn send(&mut self, now: Now, who: Option<&str>, text: &str) -> Result {
        let text = Text::new(text).map_err(|error| Failure::new(FailureKind::Usage, error.to_string()))?;
        let can_send = |state| matches!(state, State::Accepting | State::Open);
        let none = "there is no open chat (open one first: simpctl connect ADDR)";
        let key = self.chats.find(who, can_send, none, "-t WHO")?;
        let chat = self.chats.get_mut(key).map_or(0, |entry| entry.id);
        match self.queue_message(now, key, text)? {
            Some(message) => Ok(Reply::Queued { message, chat }),
            None => refused(FailureKind::NoSuch, none),
        }
    }

    fn quit(&mut self, now: Now, who: Option<&str>, at_once: bool) -> Result {
        let can_quit = |state| !matches!(state, State::Invited | State::Closed);
        let key = self.chats.find(who, can_quit, "there is no chat to quit", "simpctl quit WHO")?;
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

    fn history(&mut self, before: Option<u64>, limit: u32, filter: &Filter) -> Result {
        let limit = (limit as usize).min(HISTORY_MAX);
        let before = before.unwrap_or(u64::MAX);
        let (mut events, mut older) = self.store.history(before, limit, &Wanted::new(filter))?;
        let mut bytes = 0;
        let fitting = events.iter().take_while(|event| {
            bytes += 256 + event.what.text().map_or(0, str::len);
            bytes <= HISTORY_BYTES
        });
        let fitting = fitting.count().max(1);
        if fitting < events.len() {
            events.truncate(fitting);
            older = events.last().map(|event| event.id);
        }
        Ok(Reply::History { events, older })
    }

    fn follow(&mut self, client: usize, from: FollowFrom, filter: &Filter) -> Result {
        let newest = self.store.last_id();
        let after = match from {
            FollowFrom::After(id) => id,
            FollowFrom::Consumer(name) => self.store.mark(consumer(&name)?)?.unwrap_or(0),
            FollowFrom::End => newest,
        }
        .min(newest);
        if let Some(client) = self.clients.get_mut(client) {
            client.follower = Some(Follower { cursor: after, wanted: Wanted::new(filter) });
        }
        Ok(Reply::Following { after })
    }

    fn seen(&mut self, name: &str, id: u64) -> Result {
        if id > self.store.last_id() {
            return refused(FailureKind::Usage, format!("there is no entry {id} yet"));
        }
        self.store.set_mark(consumer(name)?, id)?;
        Ok(Reply::Done)
    }

    fn find_request(&self, who: Option<&str>, flag: &str) -> std::result::Result<usize, Failure> {
        self.chats.find(who, |state| state == State::Invited, "there is no request", flag)
    }

    fn room_for_one(&self) -> Result<()> {
        if self.chats.count() < self.config.max_chats {
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

fn consumer(name: &str) -> std::result::Result<&str, Failure> {
    let fits = (1..=CONSUMER_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    fits.then_some(name).ok_or_else(|| {
        let line = format!("a consumer's name has 1 to {CONSUMER_MAX} bytes and no control characters");
        Failure::new(FailureKind::Usage, line)
    })
}
