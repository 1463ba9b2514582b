//! What the system knows of hosts, users and groups, from wherever nsswitch.conf(5) says.
//!
//! A program that is linked statically must not ask for that by itself: its glibc would load libraries that belong to the
//! glibc of the system, and crash. With the feature `getent`, the program of this name asks in its place.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::unistd::{Gid, Group, Uid, User};

use crate::address::Host;

/// Whether getent(1) asks.
const BY_GETENT: bool = cfg!(feature = "getent");

/// The addresses of the host with this name, in the order of preference; empty if nobody knows it.
pub(crate) fn hosts(name: &str) -> Vec<Host> {
    if !BY_GETENT {
        return (name, 0).to_socket_addrs().map(|found| found.map(Host::of).collect()).unwrap_or_default();
    }
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
