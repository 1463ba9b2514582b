//! What the system knows of hosts, users and groups, from wherever nsswitch.conf(5) says.
//!
//! A program that is linked statically does not come by all of that itself. With glibc, it would load libraries that belong
//! to the glibc of the system, and crash: with the feature `getent`, the program of this name asks in its place. With musl, it
//! knows files and DNS, and getent(1) is asked for what is not there: multicast DNS, LDAP, machines of systemd and the like.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use dns_lookup::{AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use nix::unistd::{Gid, Group, Uid, User};

use crate::address::Host;

/// Who is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// Our own C library.
    Library,
    /// getent(1), by which nobody learns why nothing was found.
    Getent,
    /// The library, and getent(1) for what that does not know.
    Both,
}

const ASKED: Asked = match (cfg!(feature = "getent"), cfg!(target_env = "musl")) {
    (true, _) => Asked::Getent,
    (false, true) => Asked::Both,
    (false, false) => Asked::Library,
};

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
/// [`LookupError`]. By getent(1) alone, a host is unknown.
pub(crate) fn hosts(name: &str) -> Result<Vec<Host>, LookupError> {
    let by_getent = || Some(hosts_by_getent(name)).filter(|found| !found.is_empty());
    let found = match ASKED {
        Asked::Library => hosts_by_library(name)?,
        Asked::Getent => hosts_by_getent(name),
        // Where there is multicast DNS, there may be no other, and no answer of it is soon known.
        Asked::Both if is_of_multicast(name) => by_getent().map_or_else(|| hosts_by_library(name), Ok)?,
        Asked::Both => match hosts_by_library(name) {
            Err(LookupError::Unknown) => by_getent().ok_or(LookupError::Unknown)?,
            found => found?,
        },
    };
    if found.is_empty() { Err(LookupError::Unknown) } else { Ok(found) }
}

/// Whether the name is not DNS's (RFC 6762, 3).
fn is_of_multicast(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.rsplit_once('.').is_some_and(|(_, last)| last.eq_ignore_ascii_case("local"))
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
    known(|| User::from_uid(uid).ok().flatten().map(|user| user.name), || field(&passwd(uid)?, 0))
}

/// What a group is called; `None` if there is none with this id.
pub(crate) fn group_name(gid: Gid) -> Option<String> {
    let line = || getent("group", &gid.to_string());
    known(|| Group::from_gid(gid).ok().flatten().map(|group| group.name), || field(&line()?, 0))
}

/// The home of our own user.
pub(crate) fn home() -> Option<PathBuf> {
    let uid = Uid::effective();
    let by_getent = || field(&passwd(uid)?, 5).map(PathBuf::from);
    known(|| User::from_uid(uid).ok().flatten().map(|user| user.dir), by_getent)
}

/// What those know who are asked.
fn known<T>(by_library: impl Fn() -> Option<T>, by_getent: impl Fn() -> Option<T>) -> Option<T> {
    match ASKED {
        Asked::Library => by_library(),
        Asked::Getent => by_getent(),
        Asked::Both => by_library().or_else(by_getent),
    }
}

fn passwd(uid: Uid) -> Option<String> {
    getent("passwd", &uid.to_string())
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
