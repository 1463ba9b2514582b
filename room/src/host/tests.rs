//! A room with random members on a simpd that is modelled, killed at any place and started again: whatever was
//! confirmed reached everybody once, and nobody was told anything twice.
//!
//! `SIMP_SEED=n` runs one seed, `SIMP_SEEDS=n` so many.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};

use simp_control::error::{Error, Outcome, fail};
use simp_control::{
    ChatInfo, Event, Failure, FailureKind, LogId, Peer, Position, Reason, Reply, Request, State as ChatState,
    What,
};
use simp_seeds::{Random, Replay, replaying, seeds};

use super::{Host, Input};
use crate::hashing::{Job, WantedChats, Work};
use crate::leftover::QueuedLine;
use crate::member::Rate;
use crate::now::Now;
use crate::room::{Computed, Order, RoomSettings};
use crate::simpd::{Errand, Simpd};
use crate::store::RoomStore;

mod door;
mod doors;
mod sources;

const NAMES: [&str; 6] = ["ann", "bob", "carol", "dave", "eve", "fred"];

/// What a simpd knows.
#[derive(Default)]
struct Model {
    events: Vec<Event>,
    open: BTreeMap<u64, Peer>,
    /// By chat, what was queued in it: the number of its entry, the token, the text.
    queued: BTreeMap<u64, Vec<(u64, u64, String)>>,
    /// Chats whose peers acknowledge nothing.
    deaf: HashSet<u64>,
    /// What else was asked until the room is killed, if it is.
    left: Option<u64>,
}

impl Model {
    fn append(&mut self, chat: u64, peer: Peer, what: What) -> u64 {
        let id = self.events.len() as u64 + 1;
        let chat = if chat == 0 { id } else { chat };
        self.events.push(Event { id, at_ms: id * 400, chat, peer, secure: None, answers: None, what });
        id
    }

    fn answer(&mut self, request: &Request) -> Result<Reply, Failure> {
        match request {
            Request::Send { chat: Some(chat), text, token: Some(token), again_after, .. } => {
                let queue = self.queued.entry(*chat).or_default();
                if let Some(after) = again_after
                    && let Some((message, ..)) =
                        queue.iter().find(|(id, known, _)| id > after && known == token)
                {
                    return Ok(Reply::Queued { message: *message, chat: *chat });
                }
                let Some(peer) = self.open.get(chat).cloned() else {
                    return Err(Failure::new(FailureKind::NoSuch, "that chat is over"));
                };
                let id =
                    self.append(*chat, peer, What::Queued { text: text.clone(), again: None, size: None });
                self.queued.entry(*chat).or_default().push((id, *token, text.clone()));
                Ok(Reply::Queued { message: id, chat: *chat })
            }
            Request::Quit { chat: Some(chat), .. } => {
                self.close(*chat);
                Ok(Reply::Done)
            }
            _ => Ok(Reply::Done),
        }
    }

    fn close(&mut self, chat: u64) {
        if let Some(peer) = self.open.remove(&chat) {
            self.append(chat, peer, What::Closed { reason: Reason::PeerQuit, text: None });
        }
    }
}

#[derive(Clone, Default)]
struct Modelled(Rc<RefCell<Model>>);

impl Simpd for Modelled {
    fn name(&self) -> String {
        "127.0.0.1:7777".to_owned()
    }

    fn log(&self) -> Option<&LogId> {
        None
    }

    fn position_of(&self, entry: u64) -> Position {
        Position { id: entry, epoch: None }
    }

    fn has(&self, _: Position) -> bool {
        true
    }

    fn rely_on(&mut self, _: Position) {}

    fn wait_for_store(&mut self, _: &str) -> Outcome {
        Err(killed())
    }

    fn store_works(&mut self) {}

    fn last_id(&mut self) -> Outcome<u64> {
        Ok(self.0.borrow().events.len() as u64)
    }

    fn queued_after(&mut self, after: u64) -> Outcome<Vec<QueuedLine>> {
        let model = self.0.borrow();
        let newer = model.events.iter().rev().take_while(|event| event.id > after);
        let queued = newer.filter_map(|event| match &event.what {
            What::Queued { text, .. } => {
                Some(QueuedLine { id: event.id, chat: event.chat, text: text.clone() })
            }
            _ => None,
        });
        Ok(queued.collect())
    }

    fn is_closed_after(&mut self, chat: u64, after: u64) -> Outcome<bool> {
        let model = self.0.borrow();
        let is_end = |event: &&Event| event.chat == chat && matches!(event.what, What::Closed { .. });
        Ok(model.events.iter().filter(is_end).any(|event| event.id > after))
    }

    fn has_delivered(&mut self, chat: u64) -> Outcome<bool> {
        Ok(!self.0.borrow().deaf.contains(&chat))
    }

    fn has_taken(&mut self, chat: u64, _: u64, _: u64) -> Outcome<bool> {
        self.has_delivered(chat)
    }

    fn chats(&mut self) -> Outcome<Vec<ChatInfo>> {
        let model = self.0.borrow();
        let chats = model.open.iter().map(|(chat, peer)| ChatInfo {
            chat: *chat,
            peer: peer.clone(),
            state: ChatState::Open,
            queued: 0,
            since_ms: 0,
            note: None,
            ends_ms: None,
            secure: None,
        });
        Ok(chats.collect())
    }

    fn text(&mut self, event: u64) -> Outcome<Option<String>> {
        let model = self.0.borrow();
        let found = model.events.iter().find(|found| found.id == event);
        Ok(found.and_then(|found| found.what.text().map(str::to_owned)))
    }

    fn ask_all(&mut self, asks: Vec<Errand>) -> Outcome<Vec<Result<Reply, Failure>>> {
        let mut model = self.0.borrow_mut();
        let mut answers = Vec::new();
        for ask in asks {
            match &mut model.left {
                Some(0) => return Err(killed()),
                Some(left) => *left -= 1,
                None => {}
            }
            answers.push(model.answer(&ask.request));
        }
        // It is killed after the last request too, when all is done and nothing of it is stored.
        if model.left == Some(0) { Err(killed()) } else { Ok(answers) }
    }
}

fn killed() -> Error {
    fail(FailureKind::Failed, "killed")
}

fn settings() -> RoomSettings {
    RoomSettings {
        name: "lobby".to_owned(),
        is_open: false,
        history: 3,
        motd: vec!["welcome".to_owned()],
        max_members: 10,
        max_accounts: 10,
        rate: Rate { messages: 1_000 },
        door: None,
    }
}

/// The room, the people, and what they have said.
struct World {
    random: Random,
    folder: tempfile::TempDir,
    simpd: Modelled,
    host: Option<Host<Modelled>>,
    jobs: Receiver<Job>,
    /// What the room has been told of.
    fed: u64,
    now_ms: u64,
    said: u64,
    kills: u64,
    /// Nobody's chat breaks off.
    is_calm: bool,
}

impl World {
    fn new(seed: u64) -> Self {
        let (_, jobs) = mpsc::channel();
        let random = Random(seed);
        let folder = tempfile::tempdir().unwrap();
        let simpd = Modelled::default();
        let mut world = Self {
            random,
            folder,
            simpd,
            host: None,
            jobs,
            fed: 0,
            now_ms: 1_000,
            said: 0,
            kills: 0,
            is_calm: seed.is_multiple_of(2),
        };
        world.start();
        world
    }

    fn start(&mut self) {
        let settings = settings();
        while self.host.is_none() {
            self.simpd.0.borrow_mut().left = self.kill_after();
            let (jobs, taken) = mpsc::channel();
            let store = RoomStore::open(&self.folder.path().join("room.db")).unwrap();
            if let Ok(host) = started(
                Now::at(self.now_ms),
                settings.clone(),
                store,
                self.simpd.clone(),
                (jobs, WantedChats::default()),
            ) {
                self.fed = host.done().id;
                self.host = Some(host);
                self.jobs = taken;
            }
        }
    }

    /// Some of the time, the room is killed after so many further requests.
    fn kill_after(&mut self) -> Option<u64> {
        (self.random.below(8) == 0).then(|| self.random.below(12))
    }

    /// A turn of the room: what has happened since the last, or a part of it.
    fn turn(&mut self) {
        self.now_ms += self.random.below(700);
        self.simpd.0.borrow_mut().left = self.kill_after();
        let most = 1 + self.random.below(6);
        let Some(host) = &mut self.host else { return };
        let mut turn = host.turn();
        let mut outcome = Ok(None);
        for _ in 0..most {
            let input = match self.random.below(4) {
                0 => self.jobs.try_recv().ok().map(|(chat, event, password, work)| {
                    let computed = match work {
                        Work::Hash => Computed::Hash(format!("#{password}")),
                        Work::Match(hash) => Computed::Matches(hash == Some(format!("#{password}"))),
                    };
                    Input::Computed(chat, event, password, computed)
                }),
                1 if self.random.below(40) == 0 => {
                    let (answer, _) = mpsc::channel();
                    Some(Input::Order(Order::Say { text: format!("news at {}", self.now_ms) }, answer))
                }
                _ => {
                    let model = self.simpd.0.borrow();
                    let next = model.events.iter().find(|event| {
                        event.id > self.fed
                            && matches!(
                                event.what,
                                What::Opened { .. } | What::Closed { .. } | What::Message { .. }
                            )
                    });
                    next.cloned().map(at_no_epoch)
                }
            };
            let Some(input) = input else { continue };
            if let Input::Event(event, _) = &input {
                self.fed = event.id;
            }
            outcome = outcome.and_then(|_| host.handle(Now::at(self.now_ms), &mut turn, input));
        }
        if outcome.and_then(|_| host.end(Now::at(self.now_ms), turn)).is_err() {
            self.kills += 1;
            self.host = None;
            self.start();
        }
    }

    /// Somebody does something.
    fn act(&mut self) {
        let which = self.random.index(NAMES.len());
        let name = NAMES[which];
        let mut model = self.simpd.0.borrow_mut();
        let chat = model.open.iter().find(|(_, peer)| peer.user == name).map(|(chat, _)| *chat);
        let Some(chat) = chat else {
            let peer = Peer { user: name.to_owned(), address: format!("10.0.0.{which}:7777") };
            let id = model.append(0, peer.clone(), What::Opened { note: None });
            model.open.insert(id, peer);
            return;
        };
        if !self.is_calm && self.random.below(30) == 0 {
            return model.close(chat);
        }
        self.said += 1;
        let other = self.random.pick(&NAMES);
        let text = match self.random.below(12) {
            0 => "EX".to_owned(),
            1 => "WHO".to_owned(),
            2 => format!("DM {other}"),
            3..6 => format!("DM {other} d{}", self.said),
            // A password, and for those who are in a line that all may say.
            6 | 7 => "secret".to_owned(),
            8 => "guess".to_owned(),
            _ => format!("PM p{}", self.said),
        };
        let Some(peer) = model.open.get(&chat).cloned() else { return };
        model.append(chat, peer, What::Message { text });
    }

    fn is_at_rest(&self) -> bool {
        let model = self.simpd.0.borrow();
        let waits = |event: &Event| {
            event.id > self.fed
                && matches!(event.what, What::Opened { .. } | What::Closed { .. } | What::Message { .. })
        };
        !model.events.iter().any(waits)
    }

    fn run(&mut self) {
        for _ in 0..150 {
            self.act();
            if self.random.below(2) == 0 {
                self.turn();
            }
        }
        for _ in 0..3_000 {
            self.turn();
            if self.is_at_rest() && self.random.below(40) == 0 {
                break;
            }
        }
        assert!(self.is_at_rest(), "the room has done all of it");
    }

    /// Checks what was queued for whom. Gives how many lines were confirmed.
    fn check(&self) -> u64 {
        let model = self.simpd.0.borrow();
        for (chat, queue) in &model.queued {
            let mut seen = HashSet::new();
            for (_, _, text) in
                queue.iter().filter(|(_, _, text)| text.contains("] p") || text.contains("] d"))
            {
                assert!(seen.insert(text), "{chat} was told twice: {text}");
            }
        }
        if !self.is_calm {
            return 0;
        }
        NAMES.iter().map(|name| self.check_confirmed(&model, name)).sum()
    }

    /// If nobody's chat breaks off, each public line has its confirmation, in order, and was queued before that for as
    /// many as it says.
    fn check_confirmed(&self, model: &Model, name: &str) -> u64 {
        let db = rusqlite::Connection::open(self.folder.path().join("room.db")).unwrap();
        let mut lines = db.prepare("SELECT text FROM lines WHERE text LIKE ?1 ORDER BY id").unwrap();
        let lines: Vec<String> =
            lines.query_map([format!("[{name}]%")], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let chats = model
            .events
            .iter()
            .filter(|event| event.peer.user == name && matches!(event.what, What::Opened { .. }));
        let told = chats.flat_map(|event| model.queued.get(&event.chat)).flatten();
        let confirms: Vec<(u64, usize)> = told
            .filter_map(|(id, _, text)| Some((*id, text.strip_prefix("sent to ")?.parse().ok()?)))
            .collect();
        assert_eq!(lines.len(), confirms.len(), "{name}: {lines:?} {confirms:?}");
        for (line, (id, count)) in lines.iter().zip(&confirms).filter(|(line, _)| line.contains("] p")) {
            let queued =
                model.queued.values().flatten().filter(|(at, _, text)| text == line && at < id).count();
            assert!(queued >= *count, "{line}: sent to {count}, queued for {queued}");
        }
        lines.len() as u64
    }
}

#[test]
fn a_room_that_is_killed_at_any_place_says_everything_once() {
    let (mut kills, mut confirmed) = (0, 0);
    for seed in seeds(60) {
        let _replay = Replay { package: "simp-room", test: "killed", seed };
        let mut world = World::new(seed);
        world.run();
        confirmed += world.check();
        kills += world.kills;
    }
    println!("{kills} kills, {confirmed} lines confirmed");
    // In a single one there may be none.
    assert!(replaying() || (kills > 0 && confirmed > 0), "nothing was tried");
}

/// A room with one door that has begun.
fn started(
    now: Now,
    settings: RoomSettings,
    store: RoomStore,
    simpd: Modelled,
    jobs: (Sender<Job>, WantedChats),
) -> Outcome<Host<Modelled>> {
    let mut host = Host::start(now, settings, store, simpd, jobs, None)?;
    host.begin(now)?;
    Ok(host)
}

/// What an older simpd tells.
fn at(id: u64) -> Position {
    Position { id, epoch: None }
}

fn at_no_epoch(event: Event) -> Input {
    let position = at(event.id);
    Input::Event(event, position)
}

#[test]
fn in_an_open_room_whoever_has_taken_no_line_keeps_neither_a_name_nor_a_place() {
    let folder = tempfile::tempdir().unwrap();
    let store = RoomStore::open(&folder.path().join("room.db")).unwrap();
    let settings = RoomSettings { is_open: true, max_members: 2, ..settings() };
    let simpd = Modelled::default();
    let jobs = || (mpsc::channel().0, WantedChats::default());
    let mut host = started(Now::at(1_000), settings, store, simpd.clone(), jobs()).unwrap();
    let mut opens = |user: &str, is_deaf: bool, at_ms| {
        let address = format!("10.0.0.{}:7777", at_ms / 1_000);
        let peer = Peer { user: user.to_owned(), address };
        let id = simpd.0.borrow_mut().append(0, peer.clone(), What::Opened { note: None });
        simpd.0.borrow_mut().open.insert(id, peer.clone());
        simpd.0.borrow_mut().deaf.extend(Some(id).filter(|_| is_deaf));
        let mut turn = host.turn();
        let event = Event {
            id,
            at_ms,
            chat: id,
            peer,
            secure: None,
            answers: None,
            what: What::Opened { note: None },
        };
        host.handle(Now::at(at_ms), &mut turn, at_no_epoch(event)).unwrap();
        host.end(Now::at(at_ms), turn).unwrap();
        (id, host.room.inside(user) == Some(id))
    };
    let last = |chat| simpd.0.borrow().queued[&chat].last().unwrap().2.clone();
    let (forged, _) = opens("ann", true, 1_000);
    let (ann, is_inside) = opens("ann", false, 2_000);
    assert!(is_inside);
    assert_eq!(last(forged), "somebody else came in with your name: goodbye");
    let (_, is_inside) = opens("ann", false, 3_000);
    assert!(!is_inside, "somebody is there, and need not say anything");
    assert_eq!(last(ann), "* somebody else wants to come in with your name");

    let (forged, _) = opens("eve", true, 4_000);
    let (refused, is_inside) = opens("bob", false, 5_999);
    assert!(!is_inside, "the first line to the last who came may be on its way");
    assert_eq!(last(refused), "lobby is full (2 are here): come again later");
    let (_, is_inside) = opens("bob", false, 6_000);
    assert!(is_inside);
    assert_eq!(last(forged), "the room is full: come again later");
    assert!(!opens("carol", false, 9_000).1, "all that are here are there");
}

#[test]
fn who_has_the_number_of_a_members_chat_and_not_its_name_and_address_is_not_that_member() {
    let folder = tempfile::tempdir().unwrap();
    let store = RoomStore::open(&folder.path().join("room.db")).unwrap();
    let settings = RoomSettings { is_open: true, ..settings() };
    let jobs = || (mpsc::channel().0, WantedChats::default());
    let mut host = started(Now::at(1_000), settings, store, Modelled::default(), jobs()).unwrap();
    let peer = |user: &str, address: &str| Peer { user: user.to_owned(), address: address.to_owned() };
    let mut tell = |id, peer, what| {
        let mut turn = host.turn();
        let event = Event { id, at_ms: 1_000, chat: 1, peer, secure: None, answers: None, what };
        host.handle(Now::at(1_000), &mut turn, at_no_epoch(event)).unwrap();
        host.end(Now::at(1_000), turn).unwrap();
        host.room.member(1).map(|member| member.name.clone())
    };
    let ann = || peer("ann", "127.0.0.2:7777");
    let says = || What::Message { text: "it is me".to_owned() };
    for other in [peer("ann", "127.0.0.3:7777"), peer("mallory", "127.0.0.2:7777")] {
        assert_eq!(tell(1, ann(), What::Opened { note: None }).as_deref(), Some("ann"));
        assert_eq!(tell(2, ann(), says()).as_deref(), Some("ann"));
        assert_eq!(tell(3, other, says()), None);
    }
}
