//! What one of several doors does in a turn.

use std::sync::mpsc;

use simp_control::{Peer, What};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Modelled, at_no_epoch, settings};
use crate::cluster::{Ask, BanRecord, Key, Look, Told};
use crate::doors::Doors;
use crate::hashing::WantedChats;
use crate::host::{Host, Input};
use crate::now::Now;
use crate::room::{Order, OrderResult, RoomSettings};
use crate::store::RoomStore;

/// A door whose server is there.
struct Door {
    simpd: Modelled,
    host: Host<Modelled>,
    _asks: UnboundedReceiver<Ask>,
    _folder: tempfile::TempDir,
}

impl Door {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = RoomStore::open(&folder.path().join("room.db")).unwrap();
        let (simpd, (asks, asked)) = (Modelled::default(), unbounded_channel());
        let stored = store.link().unwrap();
        let doors = Doors::new("north".to_owned(), "id".to_owned(), "run".to_owned(), stored, asks);
        let settings = RoomSettings { door: Some("north".to_owned()), ..settings() };
        let jobs = (mpsc::channel().0, WantedChats::default());
        let host = Host::start(Now::at(0), settings, store, simpd.clone(), jobs, Some(doors)).unwrap();
        let mut door = Self { simpd, host, _asks: asked, _folder: folder };
        door.turn([
            Input::Told(Told::Began(1, Look { first: 1, ..Look::default() })),
            Input::Told(Told::Synced),
        ]);
        door.host.begin(Now::at(0)).unwrap();
        door
    }

    /// All of this in one turn.
    fn turn(&mut self, inputs: impl IntoIterator<Item = Input>) {
        let mut turn = self.host.turn();
        for input in inputs {
            assert!(self.host.handle(Now::at(0), &mut turn, input).unwrap().is_none());
        }
        self.host.end(Now::at(0), turn).unwrap();
    }

    /// Somebody comes.
    fn comes(&self, name: &str) -> (u64, Input) {
        let peer = Peer { user: name.to_owned(), address: "10.0.0.1:7777".to_owned() };
        let mut model = self.simpd.0.borrow_mut();
        let chat = model.append(0, peer.clone(), What::Opened { note: None });
        model.open.insert(chat, peer);
        (chat, at_no_epoch(model.events[chat as usize - 1].clone()))
    }

    fn told(&self, chat: u64) -> Vec<String> {
        let model = self.simpd.0.borrow();
        model.queued.get(&chat).into_iter().flatten().map(|(_, _, text)| text.clone()).collect()
    }
}

#[test]
fn whoever_is_banned_at_another_door_does_not_come_in_in_the_same_turn() {
    let mut door = Door::new();
    let record = serde_json::to_vec(&BanRecord { who: "bob".to_owned(), why: "spam".to_owned() }).unwrap();
    let ban = |value| Input::Told(Told::Record(1, Key::ban("bob"), value));
    let (chat, comes) = door.comes("bob");
    door.turn([ban(Some(record)), comes]);
    assert_eq!(door.told(chat), ["you are banned from lobby: spam"]);
    let (chat, comes) = door.comes("bob");
    door.turn([ban(None), comes]);
    assert_eq!(door.told(chat), ["Welcome to lobby, bob. You are new here: choose a password."]);
}

#[test]
fn an_operator_that_waits_is_told_when_the_server_goes_away() {
    let mut door = Door::new();
    let (answer, answered) = mpsc::channel();
    door.turn([Input::Order(Order::Say { text: "hi".to_owned() }, answer)]);
    assert!(answered.try_recv().is_err(), "it waits until all doors have it");
    door.turn([Input::Told(Told::Away("nats-server at a:1 went away".to_owned()))]);
    let line = "nats-server at a:1 went away; it is done once the other doors can be reached";
    assert_eq!(answered.try_recv(), Ok(OrderResult::Failed(line.to_owned())));
}
