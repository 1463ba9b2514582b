//! What the system knows of hosts, users and groups, from wherever nsswitch.conf(5) says.
//!
//! A program that is linked statically must not ask for that by itself: its glibc would load libraries that belong to the
//! glibc of the system, and crash. With the feature `getent`, the program of this name asks in its place.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use nix::unistd::{Gid, Group, Uid, User};

use crate::address::Host;

/// Whether getent(1) asks.
const BY_GETENT: bool = cfg!(feature = "getent");

/// Why no address of a host is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// Nobody knows a host of this name.
    #[error("unknown host")]
    Unknown,
    /// Whoever might know did not answer.
    #[error("its name cannot be looked up now (does DNS work here?)")]
    NoAnswer,
}

/// The addresses of the host with this name, in the order of preference: one at least. It may take as long as
/// resolv.conf(5) says.
///
/// # Errors
/// [`LookupError`]. By getent(1), which does not tell the two apart, a host is unknown.
pub(crate) fn hosts(name: &str) -> Result<Vec<Host>, LookupError> {
    let found = if BY_GETENT { hosts_by_getent(name) } else { hosts_by_library(name)? };
    if found.is_empty() { Err(LookupError::Unknown) } else { Ok(found) }
}

fn hosts_by_library(name: &str) -> Result<Vec<Host>, LookupError> {
    // Otherwise each address would come once for each kind of socket.
    let hints = AddrInfoHints { socktype: SockType::Stream.into(), ..AddrInfoHints::default() };
    match getaddrinfo(Some(name), None, Some(hints)) {
        Ok(found) => Ok(found.flatten().map(|found| Host::of(found.sockaddr)).collect()),
        Err(error) => Err(match error.kind() {
            // What the standard library says does not tell why.
            LookupErrorKind::NoName | LookupErrorKind::NoData | LookupErrorKind::IO => LookupError::Unknown,
            _ => LookupError::NoAnswer,
        }),
    }
}

fn hosts_by_getent(name: &str) -> Vec<Host> {
    // A line for each kind of socket: ADDR STREAM NAME.
    let said = getent("ahosts", name).unwrap_or_default();
    let addresses = said.lines().filter_map(|line| line.split_whitespace().next()?.parse::<IpAddr>().ok());
    let mut hosts: Vec<Host> = addresses.map(|ip| Host::of(SocketAddr::new(ip, 0))).collect();
    hosts.dedup();
    hosts
}

/// What a user is called; `None` if there is none with this id.
pub(crate) fn user_name(uid: Uid) -> Option<String> {
    if !BY_GETENT {
        return Some(User::from_uid(uid).ok()??.name);
    }
    field(&getent("passwd", &uid.to_string())?, 0)
}

/// What a group is called; `None` if there is none with this id.
pub(crate) fn group_name(gid: Gid) -> Option<String> {
    if !BY_GETENT {
        return Some(Group::from_gid(gid).ok()??.name);
    }
    field(&getent("group", &gid.to_string())?, 0)
}

/// The home of our own user.
pub(crate) fn home() -> Option<PathBuf> {
    let uid = Uid::effective();
    if !BY_GETENT {
        return Some(User::from_uid(uid).ok()??.dir);
    }
    field(&getent("passwd", &uid.to_string())?, 5).map(PathBuf::from)
}

/// A field of a line of passwd(5).
fn field(line: &str, number: usize) -> Option<String> {
    line.trim_end().split(':').nth(number).map(str::to_owned)
}

/// What getent(1) has found of this key.
fn getent(database: &str, key: &str) -> Option<String> {
    let found = Command::new("getent").args([database, "--", key]).stdin(Stdio::null()).output().ok()?;
    String::from_utf8(found.stdout).ok().filter(|_| found.status.success())
}
