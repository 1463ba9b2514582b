//! The operator's commands for a room that runs.

use serde::Serialize;
use simp_control::FailureKind;
use simp_control::clock::{age, local, rfc3339};
use simp_control::error::{Outcome, fail};
use simp_control::escape;

use crate::control;
use crate::output::print;
use crate::room::{MemberInfo, Order, OrderResult, RoomStatus};
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
        ("up for", age(status.uptime_ms / 1_000)),
    ];
    let trouble = status.trouble.iter().map(|trouble| ("trouble", trouble.clone()));
    figures
        .into_iter()
        .chain(trouble)
        .try_for_each(|(name, value)| print(format!("{name:12} {}", escape::shown(&value)).trim_end()))
}
