//! What each request of a client does: one short function each.

use simp_control::frame::FRAME_MAX;
use simp_control::{
    Answer, Failure, FailureKind, Filter, FollowFrom, OutboxMessage, Peer, Reply, Request, Status, VERSION,
};

use crate::clients::{Answered, Follower};
use crate::commands::{Refused, Result, Send, refused};
use crate::exchange::Now;
use crate::outbox::{Absent, Next};
use crate::server::Server;
use crate::store::{Kept, StoreError, Wanted};

/// Most entries in one answer to `history`.
const HISTORY_MAX: usize = 1_000;

/// Most chats in one answer to `chats`: with the longest names and addresses they fit a frame.
const CHATS_MAX: usize = 2_000;

/// Most bytes of texts in one answer to `history`: with all that is around them they fit a frame.
const HISTORY_BYTES: usize = FRAME_MAX / 4;

/// Most messages in one answer to `outbox`: with the longest texts they fit a frame.
const OUTBOX_MAX: usize = 500;

/// Most peers of whom `status` says what is special.
const NOTES_MAX: usize = 100;

/// Longest name of a consumer, in bytes.
const CONSUMER_MAX: usize = 64;

/// Most consumers: their list fits a frame, and each one keeps entries of the log from being removed.
const CONSUMERS_MAX: usize = 1_000;

impl Server {
    /// Carries out a request and queues its answer, which leaves after the commit.
    ///
    /// # Errors
    /// The log could not be used, and nothing of this turn may stay.
    pub fn handle_request(
        &mut self,
        now: Now,
        client: usize,
        request: Request,
    ) -> std::result::Result<(), StoreError> {
        let writes = writes(&request);
        let answered = if writes { Answered::Writing } else { Answered::Reading(request.clone()) };
        let result = match &self.trouble {
            Some(trouble) if writes => refused(FailureKind::Failed, trouble.line()),
            _ => self.carry_out(now, client, request),
        };
        let (answer, failed) = match result {
            Ok(reply) => (Answer::Reply(reply), Ok(())),
            Err(Refused::Failure(failure)) => (Answer::Failure(failure), Ok(())),
            Err(Refused::Store(error)) => {
                (Answer::Failure(Failure::new(FailureKind::Failed, error.to_string())), Err(error))
            }
        };
        if let Some(client) = self.clients.get_mut(client) {
            match answer {
                Answer::Failure(failure) if !client.greeted => client.dismiss(failure),
                answer => client.reply(&answer, answered),
            }
        }
        // Where there is trouble already, nothing was written that could be undone.
        if self.trouble.is_some() { Ok(()) } else { failed }
    }

    /// This turn has not happened: what was answered in it is answered again, as of the last commit. In place of
    /// an answer that told of something written comes this failure.
    pub fn answer_again(&mut self, now: Now, failure: &Failure) {
        let told: Vec<_> = self.clients.iter_mut().map(|(key, client)| (key, client.take_back())).collect();
        for (key, answered) in
            told.into_iter().flat_map(|(key, all)| all.into_iter().map(move |one| (key, one)))
        {
            match answered {
                // It has been answered, whatever came of it.
                Answered::Reading(request) => drop(self.handle_request(now, key, request)),
                Answered::Writing => {
                    if let Some(client) = self.clients.get_mut(key) {
                        client.answer(&Answer::Failure(failure.clone()));
                    }
                }
                Answered::Dismissed(failure) => {
                    if let Some(client) = self.clients.get_mut(key) {
                        client.dismiss(failure);
                    }
                }
            }
        }
    }

    fn carry_out(&mut self, now: Now, client: usize, request: Request) -> Result {
        let greeted = self.clients.get_mut(client).is_some_and(|client| client.greeted);
        match request {
            Request::Hello { version } => self.hello(client, version),
            _ if !greeted => refused(FailureKind::Usage, "the first request must be hello"),
            Request::Status => Ok(self.status(now)),
            Request::Connect { address, timeout_ms } => self.exchange.connect(now, &address, timeout_ms),
            Request::Accept { who } => self.exchange.accept(now, who.as_deref()),
            Request::Decline { who } => self.exchange.decline(now, who.as_deref()),
            Request::Send { who, chat, text, queue, expire_ms, token, again_after } => {
                self.exchange.send(now, &Send { who, chat, text, queue, expire_ms, token, again_after })
            }
            Request::Outbox { after } => self.list_outbox(after),
            Request::Cancel { message } => self.exchange.cancel(now, message),
            Request::Resend { message, expire_ms } => self.exchange.resend(now, message, expire_ms),
            Request::Quit { who, chat, now: at_once } => {
                self.exchange.quit(now, who.as_deref(), chat, at_once)
            }
            Request::Chats { after } => Ok(self.list_chats(after)),
            Request::History { before, limit, filter } => self.history(before, limit, &filter),
            Request::Follow { from, filter } => self.follow(client, from, &filter),
            Request::Seen { consumer, id } => self.seen(&consumer, id),
            Request::Consumers => Ok(Reply::Consumers { consumers: self.exchange.store.consumers()? }),
            Request::Forget { consumer } => self.forget(&consumer),
            Request::Peers { after } => self.exchange.list_peers(&after),
            Request::ForgetPeer(forgotten) => self.exchange.forget_peer(&forgotten),
            Request::Stop => {
                self.stopping = true;
                Ok(Reply::Done)
            }
        }
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
            address: self.exchange.address.to_string(),
            user: self.exchange.config.user.to_string(),
        })
    }

    fn status(&mut self, now: Now) -> Reply {
        let exchange = &self.exchange;
        let mut counters = exchange.counters.clone();
        counters.commits = exchange.store.commits();
        Reply::Status(Box::new(Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            address: exchange.address.to_string(),
            user: exchange.config.user.to_string(),
            accept: exchange.config.accept.to_string(),
            uptime_ms: now.instant.saturating_duration_since(self.started).as_millis() as u64,
            chats: exchange.chats.count() as u64,
            max_chats: exchange.config.max_chats as u64,
            requests: exchange.chats.requests() as u64,
            clients: self.clients.len() as u64,
            counters,
            last_id: exchange.store.last_id(),
            first_id: exchange.store.first_id(),
            log_bytes: exchange.store.bytes(),
            outbox: exchange.outbox.messages(),
            notes: exchange.chats.notes(NOTES_MAX),
            trouble: self.trouble.as_ref().map(|trouble| trouble.error.clone()),
        }))
    }

    fn list_chats(&self, after: u64) -> Reply {
        let mut chats = self.exchange.chats.list(after);
        let more = chats.len() > CHATS_MAX;
        chats.truncate(CHATS_MAX);
        Reply::Chats { chats, more }
    }

    fn history(&mut self, before: Option<u64>, limit: u32, filter: &Filter) -> Result {
        let limit = (limit as usize).min(HISTORY_MAX);
        let before = before.unwrap_or(u64::MAX);
        let (mut events, mut older) = self.exchange.store.history(before, limit, &Wanted::new(filter))?;
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
        let newest = self.exchange.store.last_id();
        let after = match from {
            FollowFrom::After(id) => id,
            FollowFrom::Consumer(name) => self.exchange.store.mark(consumer(&name)?)?.unwrap_or(0),
            FollowFrom::End => newest,
        }
        .min(newest);
        if let Some(client) = self.clients.get_mut(client) {
            client.follower = Some(Follower { cursor: after, wanted: Wanted::new(filter) });
        }
        Ok(Reply::Following { after })
    }

    fn list_outbox(&mut self, after: u64) -> Result {
        let mut messages = self.exchange.store.outbox(after, OUTBOX_MAX + 1)?;
        let more = messages.len() > OUTBOX_MAX;
        messages.truncate(OUTBOX_MAX);
        let outbox = &self.exchange.outbox;
        let told = |kept: Kept| {
            let absent = outbox.get(kept.address);
            outbox_message(kept, absent)
        };
        Ok(Reply::Outbox { messages: messages.into_iter().map(told).collect(), more })
    }

    fn forget(&mut self, name: &str) -> Result {
        if self.exchange.store.forget_consumer(name)? {
            return Ok(Reply::Done);
        }
        refused(FailureKind::NoSuch, format!("{name}: no such consumer (list them: simpctl consumers)"))
    }

    fn seen(&mut self, name: &str, id: u64) -> Result {
        if id > self.exchange.store.last_id() {
            return refused(FailureKind::Usage, format!("there is no entry {id} yet"));
        }
        let store = &mut self.exchange.store;
        if store.mark(consumer(name)?)?.is_none() && store.consumers()?.len() >= CONSUMERS_MAX {
            let line = format!("there are {CONSUMERS_MAX} consumers already (simpctl consumers remove NAME)");
            return refused(FailureKind::Usage, line);
        }
        store.set_mark(name, id)?;
        Ok(Reply::Done)
    }
}

/// Whether a request changes the log, so that it cannot be carried out while that cannot be written.
fn writes(request: &Request) -> bool {
    match request {
        Request::Connect { .. }
        | Request::Accept { .. }
        | Request::Decline { .. }
        | Request::Send { .. }
        | Request::Cancel { .. }
        | Request::Resend { .. }
        | Request::Quit { .. }
        | Request::Seen { .. }
        | Request::Forget { .. }
        | Request::ForgetPeer(_) => true,
        Request::Hello { .. }
        | Request::Status
        | Request::Outbox { .. }
        | Request::Chats { .. }
        | Request::History { .. }
        | Request::Follow { .. }
        | Request::Consumers
        | Request::Peers { .. }
        | Request::Stop => false,
    }
}

/// What a client is told of a message in the outbox.
fn outbox_message(kept: Kept, absent: Option<&Absent>) -> OutboxMessage {
    OutboxMessage {
        message: kept.message,
        peer: Peer { user: kept.user, address: kept.address.to_string() },
        text: kept.text,
        at_ms: kept.at_ms,
        expires_ms: kept.expires_after_ms.map(|after| kept.at_ms.saturating_add(after)),
        tries: absent.map_or(0, |absent| absent.tries.into()),
        reason: absent.and_then(|absent| absent.reason),
        next_ms: absent.and_then(|absent| match absent.next {
            Next::Due { ms, .. } => Some(ms),
            Next::Room | Next::Chat => None,
        }),
    }
}

fn consumer(name: &str) -> std::result::Result<&str, Failure> {
    let fits = (1..=CONSUMER_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    fits.then_some(name).ok_or_else(|| {
        let line = format!("a consumer's name has 1 to {CONSUMER_MAX} bytes and no control characters");
        Failure::new(FailureKind::Usage, line)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::frame;
    use simp_control::{ChatInfo, State};
    use simp_proto::{Dialect, Habit};

    #[test]
    fn the_longest_list_of_chats_fits_a_frame() {
        let peer = Peer { user: "x".repeat(32), address: "x".repeat(64) };
        let mut dialect: Dialect = "cuts-at=500".parse().unwrap();
        Habit::ALL.iter().for_each(|(habit, _)| dialect.set(*habit, true));
        let note = Some(dialect.notes().collect::<Vec<_>>().join("; "));
        let (state, queued, since_ms) = (State::Accepting, u64::MAX, u64::MAX);
        let chats = vec![ChatInfo { chat: u64::MAX, peer, state, queued, since_ms, note }; CHATS_MAX];
        frame::encode(&Reply::Chats { chats, more: true }, &mut Vec::new()).unwrap();
    }
}
