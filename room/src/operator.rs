//! The operator's commands for a room that runs.

use serde::Serialize;
use simp_control::FailureKind;
use simp_control::clock::{age, local, rfc3339};
use simp_control::error::{Outcome, fail};
use simp_control::escape;

use crate::control;
use crate::output::{counted, print};
use crate::room::{DoorInfo, DoorsStatus, MemberInfo, Order, OrderResult, RoomStatus};
use crate::running_room;

/// Has a room carry this out, and prints what it answers.
///
/// # Errors
/// If no such room runs, or it does not do it.
pub fn order(name: Option<String>, json: bool, order: Order) -> Outcome {
    let (name, stream) = running_room::connect(name)?;
    match control::ask(stream, &name, order)? {
        OrderResult::Done(line) => print(&escape::shown(&line)),
        OrderResult::Who(here) => here.iter().try_for_each(|seen| print(&seen_line(seen, json))),
        OrderResult::Bans(bans) => bans.iter().try_for_each(|(who, why)| {
            print(&match json {
                true => object(&serde_json::json!({ "who": who, "why": why })),
                false => format!("{:32} {}", escape::shown(who), escape::shown(why)).trim_end().to_owned(),
            })
        }),
        OrderResult::Doors(known) if json => known.doors.iter().try_for_each(|door| print(&object(door))),
        OrderResult::Doors(known) => known.doors.iter().try_for_each(|door| print(&door_line(door))),
        OrderResult::Status(status) if json => print(&object(&*status)),
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
    let MemberInfo { name, address, state, since_ms, door } = seen;
    if json {
        let since = rfc3339(*since_ms);
        let mut seen =
            serde_json::json!({ "name": name, "address": address, "state": state, "since": since });
        if let Some(door) = door {
            seen["door"] = door.as_str().into();
        }
        return object(&seen);
    }
    let door = door.as_ref().map(|door| format!("  at {}", escape::name(door))).unwrap_or_default();
    let (name, address) = (escape::name(name), escape::shown(address));
    format!("{name:32} {address:21} {state:11} since {}{door}", local(*since_ms))
}

fn door_line(door: &DoorInfo) -> String {
    let DoorInfo { door, simpd, inside, lag, state } = door;
    let (door, simpd) = (escape::name(door), escape::shown(simpd));
    format!("{door:32} {simpd:21} {state:8} inside {inside} lag {lag}")
}

fn status_lines(status: &RoomStatus) -> Outcome {
    let door = status.door.iter().map(|door| ("door", door.clone()));
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
        ("up for", age(status.uptime_ms / 1_000)),
    ];
    let trouble = status.trouble.iter().map(|trouble| ("trouble", trouble.clone()));
    let doors = status.all.iter().flat_map(doors_figures);
    figures
        .into_iter()
        .chain(door)
        .chain(trouble)
        .chain(doors)
        .try_for_each(|(name, value)| print(format!("{name:12} {}", escape::shown(&value)).trim_end()))
}

fn doors_figures(known: &DoorsStatus) -> Vec<(&'static str, String)> {
    let mebibytes = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
    let stream = format!(
        "{}, {} of {} MiB",
        counted(known.posts, "post"),
        mebibytes(known.bytes),
        mebibytes(known.max_bytes)
    );
    let waiting =
        (known.waiting > 0).then(|| ("waiting", format!("{} of posts", counted(known.waiting, "byte"))));
    let strange = (known.strange > 0)
        .then(|| ("not ours", format!("{} in the stream", counted(known.strange, "post"))));
    let doors = known.doors.iter().map(|door| ("door", door_line(door)));
    [("stream", stream)].into_iter().chain(waiting).chain(strange).chain(doors).collect()
}
