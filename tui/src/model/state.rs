//! All that the screen shows, and what entries of the log and answers of simpd change of it.

use simp_control::clock::now_ms;
use simp_control::{ChatInfo, Event, Failure, OutboxMessage, PeerInfo, Reply, What};

use crate::model::held::Held;
use crate::model::job::{Answered, Asked, Job, Jobs};
use crate::model::line::{Line, Said};
use crate::model::list::List;
use crate::model::members::{Room, is_of_a_room};
use crate::model::remedy::on_screen;
use crate::model::snapshot::{Can, Snapshot};

/// Unread messages are counted so many entries back.
const UNREAD_MAX: u64 = 20_000;

/// A search goes on by itself until it has found so much.
const HITS_MIN: usize = 30;

/// What the user looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// No conversation: what there is, and what to do.
    Home,
    /// The conversation with the peer at this address; what was new when the user came to it begins after this entry.
    Talk { address: String, seen: Option<u64> },
}

/// Whether simpd is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contact {
    Here,
    Away,
}

/// Whether the user looks at the terminal, as far as that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gaze {
    Unknown,
    Here,
    Elsewhere,
}

/// Our own side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ours {
    pub(crate) user: String,
    /// `ADDR:PORT`.
    pub(crate) address: String,
    pub(crate) can: Can,
    /// The newest entry of the log.
    pub(crate) last_id: u64,
    /// The newest entry that there was at the start. Those after it count as they come.
    pub(crate) started_at: u64,
    /// Unread messages are counted above this entry; 0 if there are none below.
    pub(crate) counted_from: u64,
}

/// What was found in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) text: String,
    /// Where it was looked for; `None`: in the whole log.
    pub(crate) address: Option<String>,
    /// Newest first.
    pub(crate) hits: Vec<Event>,
    pub(crate) chosen: usize,
    pub(crate) search: Search,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Search {
    Asked,
    /// There may be more before this entry.
    Before(u64),
    Over,
}

/// All that the screen shows.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) ours: Ours,
    pub(crate) list: List,
    pub(crate) held: Held,
    pub(crate) place: Place,
    pub(crate) contact: Contact,
    pub(crate) gaze: Gaze,
    /// One line for the user, until the next key.
    pub(crate) notice: Option<String>,
    pub(crate) found: Option<Found>,
    pub(crate) jobs: Jobs,
    /// Something has come that the user is to be called for.
    alerts: usize,
}

/// The chat in which the peer has spoken last, if it speaks like a room there. The newest entry comes first.
fn room_chat(events: &[Event]) -> Option<u64> {
    let said = |event: &Event| matches!(event.what, What::Message { .. });
    let chat = events.iter().find(|event| said(event))?.chat;
    let is_room =
        |event: &Event| event.chat == chat && said(event) && event.what.text().is_some_and(is_of_a_room);
    events.iter().any(is_room).then_some(chat)
}

impl Model {
    /// As simpd says that everything is.
    pub(crate) fn new(snapshot: Snapshot) -> Self {
        let Snapshot { status, can, page, chats, outbox, peers } = snapshot;
        let floor = status.last_id.saturating_sub(UNREAD_MAX);
        let counted_from = if floor <= status.first_id { 0 } else { floor };
        let last_id = page.first().map_or(status.last_id, |event| event.id);
        let (user, address, started_at) = (status.user, status.address, last_id);
        let ours = Ours { user, address, can, last_id, started_at, counted_from };
        let mut model = Self {
            ours,
            list: List::default(),
            held: Held::default(),
            place: Place::Home,
            contact: Contact::Here,
            gaze: Gaze::Unknown,
            notice: None,
            found: None,
            jobs: Jobs::after(last_id),
            alerts: 0,
        };
        model.take_chats(chats);
        model.take_outbox(outbox);
        model.date(&page);
        model.take_peers(peers);
        model
    }

    /// Takes in an entry that was just appended to the log.
    pub(crate) fn hear(&mut self, event: Event) {
        (self.ours.last_id, self.jobs.newest) = (event.id, event.id);
        let row = self.list.row(&event.peer);
        row.hear(&event);
        match &event.what {
            What::Queued { .. } if event.chat == 0 => drop(row.waiting.insert(event.id)),
            What::Delivered { message }
            | What::Unconfirmed { message }
            | What::Undelivered { message, .. } => drop(row.waiting.remove(message)),
            _ => (),
        }
        if event.what == What::Request {
            // No entry says it, for it may change.
            self.jobs.ask(Job::Note { chat: event.chat });
        }
        let address = event.peer.address.clone();
        self.list.raise(&address);
        if matches!(event.what, What::Message { .. } | What::File { .. } | What::Request) {
            let is_seen = self.gaze == Gaze::Here && self.looks_at(&address);
            self.alerts += usize::from(!is_seen);
        }
        if let Some(window) = self.held.get_mut(&address) {
            window.push(event);
        }
    }

    /// Takes in what simpd says to a job.
    pub(crate) fn answer(&mut self, answered: Answered) {
        let Answered { asked: Asked { number, job, .. }, outcome } = answered;
        let outcome = outcome.map_err(|failure| Failure { line: on_screen(failure.line), ..failure });
        let told = self.jobs.is_answered(number).unwrap_or_default();
        match (job, outcome) {
            (Job::Send { address, .. }, outcome) => self.sent(number, &address, &told, outcome),
            (Job::Connect { .. }, Ok(Reply::Chat { chat, .. })) => self.connecting(&chat),
            (Job::Older { address, before }, outcome) => self.older(&address, before, outcome),
            (Job::Newer { address, .. }, Ok(Reply::History { events, older: Some(until) })) => {
                let is_all = until >= self.ours.last_id;
                if let Some(window) = self.held.get_mut(&address) {
                    window.append(events, until, is_all);
                }
            }
            (Job::Members { address, chat }, Ok(Reply::History { events, .. })) => {
                self.members(&address, chat, &events);
            }
            (Job::Search { .. }, outcome) => self.hits(outcome),
            (Job::Unread { .. }, Ok(Reply::History { events, older })) => {
                self.count(&events);
                if let Some(before) = older.filter(|older| *older > self.ours.counted_from) {
                    self.jobs.ask(Job::Unread { before });
                }
            }
            (Job::Note { chat }, Ok(Reply::Chats { chats, .. })) => {
                if let Some(info) = chats.into_iter().find(|info| info.chat == chat) {
                    self.list.row(&info.peer).take_note(info);
                }
            }
            (_, Ok(Reply::Chats { chats, more })) => self.take_chats((chats, more)),
            (_, Ok(Reply::Outbox { messages, more })) => self.take_outbox((messages, more)),
            (_, Ok(Reply::Peers { peers, more })) => self.take_peers((peers, more)),
            // The peer may be gone from the list: then nobody asks what was read of it. What becomes of a chat comes as an
            // entry, which may be here before the answer.
            (Job::Read { .. }, _) | (_, Ok(_)) => (),
            (_, Err(failure)) => self.refuse(failure.line),
        }
    }

    /// Takes in what simpd says to a job that was meant for the log that it had before: only what was to be sent matters still.
    pub(crate) fn answer_of_old_log(&mut self, answered: Answered) {
        let Answered { asked: Asked { number, job, .. }, outcome } = answered;
        let told = self.jobs.is_answered(number).unwrap_or_default();
        if let (Job::Send { .. }, Err(failure)) = (job, outcome) {
            self.notice = Some(format!("not sent: {told} ({})", failure.line));
        }
    }

    /// Says why something was not done: at the bottom of the screen, and in the conversation.
    pub(crate) fn refuse(&mut self, line: String) {
        if let Place::Talk { address, .. } = &self.place
            && let Some(window) = self.held.get_mut(address)
        {
            window.add(Line { id: None, at_ms: now_ms(), said: Said::Notice(line.clone()) });
        }
        self.notice = Some(line);
    }

    fn sent(&mut self, number: u64, address: &str, told: &str, outcome: Result<Reply, Failure>) {
        let answer = match outcome {
            Ok(Reply::Queued { message, .. }) => Ok(message),
            Ok(_) => return,
            Err(failure) => Err(failure.line),
        };
        match (self.held.get_mut(address), answer) {
            (Some(window), answer) => window.answered(number, answer),
            (None, Err(line)) => self.notice = Some(format!("not sent: {told} ({line})")),
            (None, Ok(_)) => (),
        }
    }

    fn connecting(&mut self, chat: &ChatInfo) {
        self.notice = None;
        self.list.row(&chat.peer).take_chat(chat);
        self.list.raise(&chat.peer.address);
        self.go_to(&chat.peer.address);
    }

    fn older(&mut self, address: &str, before: Option<u64>, outcome: Result<Reply, Failure>) {
        let Some(window) = self.held.get_mut(address) else { return };
        let is_first = window.ends().is_none();
        match outcome {
            Ok(Reply::History { events, older }) => {
                let in_room = room_chat(&events).filter(|_| is_first);
                window.prepend(events, older);
                let row = self.list.get(address).filter(|row| row.room.is_none());
                let (Some(row), Some(in_room)) = (row, in_room) else { return };
                // Without a chat the last one tells what the peer is.
                let chat = row.open().or(Some(in_room).filter(|_| before.is_none()));
                if let Some(chat) = chat {
                    self.jobs.ask(Job::Members { address: address.to_owned(), chat });
                }
            }
            Ok(_) => (),
            Err(failure) => self.notice = Some(failure.line),
        }
    }

    /// What a room has said in this chat, newest first.
    fn members(&mut self, address: &str, chat: u64, events: &[Event]) {
        let Some(row) = self.list.get_mut(address) else { return };
        if row.room.is_some() || row.open().is_some_and(|open| open != chat) {
            return;
        }
        for text in events.iter().rev().filter_map(|event| event.what.text()) {
            match (&mut row.room, Room::entered(text)) {
                (room, Some(entered)) => *room = Some(entered),
                (Some(room), None) => room.hear(text),
                (None, None) => (),
            }
        }
    }

    fn hits(&mut self, outcome: Result<Reply, Failure>) {
        match (&mut self.found, outcome) {
            (Some(found), Ok(Reply::History { events, older })) => {
                found.hits.extend(events);
                found.search = older.map_or(Search::Over, Search::Before);
                // An answer is of a piece of the log, which may have none.
                if found.hits.len() < HITS_MIN {
                    self.search_on();
                }
            }
            (_, Err(failure)) => {
                self.found = None;
                self.notice = Some(failure.line);
            }
            _ => (),
        }
    }

    /// When something happened last.
    fn date(&mut self, events: &[Event]) {
        for event in events {
            let row = self.list.row(&event.peer);
            row.at_ms = row.at_ms.max(event.at_ms);
        }
    }

    /// Looks further back for what is searched for.
    pub(crate) fn search_on(&mut self) {
        let Some(found) = &mut self.found else { return };
        if let Search::Before(before) = found.search {
            found.search = Search::Asked;
            let (text, address) = (found.text.clone(), found.address.clone());
            self.jobs.ask(Job::Search { text, address, before: Some(before) });
        }
    }

    /// Counts what nobody has read, among entries that were there at the start.
    fn count(&mut self, events: &[Event]) {
        let from = self.ours.counted_from;
        events
            .iter()
            .filter(|event| event.id > from)
            .for_each(|event| self.list.row(&event.peer).count(event));
    }

    fn take_chats(&mut self, (chats, more): (Vec<ChatInfo>, bool)) {
        chats.iter().for_each(|chat| self.list.row(&chat.peer).take_chat(chat));
        if let Some(last) = chats.last().filter(|_| more) {
            self.jobs.ask(Job::MoreChats { after: last.chat });
        }
        self.list.sort();
    }

    fn take_outbox(&mut self, (messages, more): (Vec<OutboxMessage>, bool)) {
        for message in &messages {
            let row = self.list.row(&message.peer);
            row.waiting.insert(message.message);
            row.at_ms = row.at_ms.max(message.at_ms);
        }
        if let Some(last) = messages.last().filter(|_| more) {
            self.jobs.ask(Job::MoreOutbox { after: last.message });
        }
        self.list.sort();
    }

    fn take_peers(&mut self, (peers, more): (Vec<PeerInfo>, bool)) {
        // What simpd.toml says of a whole host is of no conversation.
        let is_one = |info: &&PeerInfo| info.peer.address.parse::<std::net::SocketAddr>().is_ok();
        for info in peers.iter().filter(is_one) {
            self.list.row(&info.peer).take_peer(info);
        }
        match peers.last().filter(|_| more) {
            Some(last) => self.jobs.ask(Job::MorePeers { after: last.peer.address.clone() }),
            // Now all marks are known, and what is above them counts.
            None => self.jobs.ask(Job::Unread { before: self.ours.started_at.saturating_add(1) }),
        };
        self.list.sort();
    }

    /// The address of the conversation that the user looks at.
    pub(crate) fn talk(&self) -> Option<&str> {
        match &self.place {
            Place::Talk { address, .. } => Some(address),
            Place::Home => None,
        }
    }

    fn looks_at(&self, address: &str) -> bool {
        self.talk() == Some(address)
    }

    /// Shows the conversation with the peer at this address.
    pub(crate) fn go_to(&mut self, address: &str) {
        if self.looks_at(address) {
            return;
        }
        let seen = self.list.get(address).filter(|row| row.unread > 0).map(|row| row.read);
        self.held.open(address);
        self.place = Place::Talk { address: address.to_owned(), seen };
    }

    /// What has come since the last time that the user is to be called for.
    pub(crate) fn take_alerts(&mut self) -> usize {
        std::mem::take(&mut self.alerts)
    }

    /// Messages that nobody has read, of all conversations, and requests.
    pub(crate) fn unread(&self) -> usize {
        self.list.newest_first().map(|row| row.unread + usize::from(row.is_request())).sum()
    }
}
