//! An /etc/hosts and DNS servers of a test's own, with the real resolver.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::{Daemon, Ran, World, has_program, is_root, run, skipped};

/// What puts a test's own files in the places of those of the system, and runs a program then.
const SCRIPT: &str = r#"
    for name in hosts resolv.conf nsswitch.conf; do mount --bind "$NAMES/$name" /etc/$name || exit 99; done
    exec "$0" "$@""#;

/// What the programs of a test know of hosts.
pub struct Names<'a> {
    /// In which the test is.
    pub world: &'a World,
    folder: PathBuf,
}

impl<'a> Names<'a> {
    /// Nothing but what is in /etc/hosts, or also what these DNS servers know. `None` if no such thing can be made here.
    pub fn new(test: &str, world: &'a World, servers: &[&str]) -> Option<Self> {
        if !is_root(test) || !has_program(test, "unshare") {
            return None;
        }
        let names = Self { world, folder: world.path("names") };
        fs::create_dir(&names.folder).unwrap();
        let files = if servers.is_empty() { "hosts: files\n" } else { "hosts: files dns\n" };
        names.write("nsswitch.conf", files);
        let servers: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
        // Longer than any test lasts: what waits for an answer waits.
        names.write("resolv.conf", &format!("{servers}options timeout:30 attempts:5\n"));
        names.write("hosts", "");
        let tried = run(names.inside("true"), "");
        if tried.status != Some(0) {
            skipped(test, tried.stderr.trim());
            return None;
        }
        Some(names)
    }

    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.join(name), text).unwrap();
    }

    /// From now on the host of this name is there, and no other is known.
    pub fn knows(&self, host: &str, at: &str) {
        self.write("hosts", &format!("{at} {host}\n"));
    }

    /// A program that knows these names.
    pub fn inside(&self, program: &str) -> Command {
        let outside = self.world.command(program);
        let mut command = self.world.command("unshare");
        command.env("NAMES", &self.folder).args(["-m", "sh", "-c", SCRIPT]).arg(outside.get_program());
        command
    }

    pub fn start(&self, host: u8, args: &[&str]) -> Daemon {
        let mut command = self.inside("simpd");
        command.arg(self.world.address(host)).args(args);
        Daemon::start(command, self.world.socket(host))
    }

    /// simpctl with the daemon on the first address.
    pub fn ctl(&self, args: &[&str]) -> Ran {
        let mut command = self.inside("simpctl");
        command.args(["-d", &self.world.address(1)]).args(args);
        run(command, "")
    }
}
