//! A room that has had one door becomes one of several: what only its store had goes to the server of the doors, once.

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};

use crate::cluster::Key;
use crate::files::{RoomFiles, name_option};
use crate::link;
use crate::nats::{NatsOptions, Visit};
use crate::output::{counted, print};
use crate::random::random;
use crate::store::RoomStore;
use crate::users::no_room;

/// So many public lines go along: more than anybody new is shown.
const LINES_MAX: u32 = 1_000;

/// Moves the accounts, bans, topic and last lines of a room to the server. What is there already stays as it is.
///
/// # Errors
/// If it runs, was moved before, or the server cannot be reached. It can be done again then.
pub fn run(room: &str, options: &NatsOptions) -> Outcome {
    let files = RoomFiles::of(room)?;
    if !files.store.exists() {
        return Err(no_room(room));
    }
    files.make_folder()?.keep();
    let _lock = files.take_lock()?;
    let mut store = RoomStore::open(&files.store)?;
    if store.server()?.is_some() {
        let option = name_option(room);
        let line = format!("the room {room} was moved already (start it: simp-room run{option} --nats URL)");
        return Err(fail(FailureKind::Failed, line));
    }
    // Kept at once, so that lines that have gone are known if this is done again.
    let id = store.door_id(random)?;
    let mut server = Visit::connect(room, options)?;
    let records = store.records()?;
    let lines = store.lines(LINES_MAX)?;
    let (mut accounts, mut bans, mut there) = (0, 0, Vec::new());
    for (key, value) in records {
        match (server.create(&key, &value)?, key) {
            (true, Key::Account(_)) => accounts += 1,
            (true, Key::Ban(_)) => bans += 1,
            (false, Key::Account(name)) => there.push(name),
            _ => {}
        }
    }
    for post in link::past(&options.door, &id, &lines) {
        server.publish(post)?;
    }
    // This door has its own past already.
    store.hear(&link::past_of(&id), lines.len() as u64)?;
    store.be_door(&serde_json::to_string(options).unwrap_or_default())?;
    let there =
        if there.is_empty() { String::new() } else { format!("; already there: {}", there.join(", ")) };
    let (accounts, bans) = (counted(accounts, "account"), counted(bans, "ban"));
    let lines = counted(lines.len() as u64, "line");
    print(&format!("{room} moved: {accounts}, {bans}, {lines}{there}"))
}
