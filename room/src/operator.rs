//! The operator's commands for a room that runs.

use std::path::PathBuf;

use serde::Serialize;
use simp_control::FailureKind;
use simp_control::clock::{local, rfc3339};
use simp_control::error::{Outcome, fail};
use simp_control::escape;

use crate::control;
use crate::files::{runtime, socket};
use crate::output::print;
use crate::room::{MemberInfo, Order, OrderResult, RoomStatus};

/// Has a room carry this out, and prints what it answers.
///
/// # Errors
/// If no such room runs, or it does not do it.
pub fn order(name: Option<String>, json: bool, order: Order) -> Outcome {
    let name = name.map_or_else(only_one, Ok)?;
    match control::ask(&socket(&name), &name, order)? {
        OrderResult::Done(line) => print(&escape::shown(&line)),
        OrderResult::Who(here) => here.iter().try_for_each(|seen| print(&seen_line(seen, json))),
        OrderResult::Bans(bans) => bans.iter().try_for_each(|(who, why)| {
            print(&match json {
                true => object(&serde_json::json!({ "who": who, "why": why })),
                false => format!("{:32} {}", escape::shown(who), escape::shown(why)),
            })
        }),
        OrderResult::Status(status) if json => print(&object(&status)),
        OrderResult::Status(status) => status_lines(&status),
        OrderResult::NoSuch(line) => Err(fail(FailureKind::NoSuch, line)),
        OrderResult::Failed(line) => Err(fail(FailureKind::Failed, line)),
        OrderResult::Usage(line) => Err(fail(FailureKind::Usage, line)),
    }
}

/// A JSON object on one line.
fn object(value: &impl Serialize) -> String {
    escape::json(&serde_json::to_string(value).unwrap_or_default()).into_owned()
}

fn seen_line(seen: &MemberInfo, json: bool) -> String {
    let MemberInfo { name, address, state, since_ms } = seen;
    match json {
        true => object(&serde_json::json!({
            "name": name, "address": address, "state": state, "since": rfc3339(*since_ms)
        })),
        false => format!("{:32} {address:21} {state:11} since {}", escape::name(name), local(*since_ms)),
    }
}

fn status_lines(status: &RoomStatus) -> Outcome {
    let figures = [
        ("room", status.room.clone()),
        ("simpd", status.simpd.clone()),
        ("inside", status.inside.to_string()),
        ("at the door", status.at_the_door.to_string()),
        ("at most", status.max_members.to_string()),
        ("passwords", if status.open { "no" } else { "yes" }.to_owned()),
        ("accounts", status.accounts.to_string()),
        ("bans", status.bans.to_string()),
        ("topic", status.topic.clone()),
        ("lines sent", status.lines.to_string()),
        ("up for", format!("{} s", status.uptime_ms / 1_000)),
    ];
    figures
        .iter()
        .try_for_each(|(name, value)| print(format!("{name:12} {}", escape::shown(value)).trim_end()))
}

/// The name of the only room that runs.
fn only_one() -> Outcome<String> {
    let entries = runtime().read_dir().into_iter().flatten().flatten();
    let sockets = entries.map(|entry| entry.path()).filter(is_room);
    let mut names: Vec<String> =
        sockets.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
    // The folder has them in no order, and the line should be the same each time.
    names.sort();
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (None, _) => Err(fail(FailureKind::NoDaemon, "no room runs (start one with: simp-room run)")),
        // Guessing would stop or kick in the wrong one.
        (Some(name), false) => {
            let line = format!("several rooms run: {}, {name} (choose one with --name)", names.join(", "));
            Err(fail(FailureKind::NoDaemon, line))
        }
    }
}

/// Whether somebody listens there: a room that was killed leaves its socket.
fn is_room(path: &PathBuf) -> bool {
    path.extension().is_some_and(|extension| extension == "sock")
        && std::os::unix::net::UnixStream::connect(path).is_ok()
}
