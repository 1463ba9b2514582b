//! A log that is forwarded.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;

use super::Machine;
use super::document::Recipe;
use super::machine::Service;
use crate::harness::World;

const FORWARDS: &str = "~/.config/systemd/user/forward-log.service";
const COLLECTS: &str = "~/.config/systemd/user/collect-log.service";

/// The log on one side, and what is shown of it on the other.
struct Log {
    path: PathBuf,
    written: u32,
    collected: Service,
    seen: u32,
}

impl Log {
    fn new(web1: &Machine<'_>, logs: &Machine<'_>) -> Self {
        let path = web1.home().join("access.log");
        Self { path, written: 0, collected: logs.background("tail -n +1 -F web1.log 2>/dev/null"), seen: 0 }
    }

    fn append_to(&mut self, path: &PathBuf) {
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        for _ in 0..20 {
            // Nothing but its end makes it a line.
            file.write_all(format!("{} GET /gr\u{fc}n", self.written).as_bytes()).unwrap();
            file.write_all(b"\n").unwrap();
            self.written += 1;
        }
    }

    fn append(&mut self) {
        self.append_to(&self.path.clone());
    }

    fn append_raw(&self, bytes: &[u8]) {
        File::options().append(true).open(&self.path).unwrap().write_all(bytes).unwrap();
    }

    /// As logrotate does it. Whoever writes to the log goes on with the old file for a while.
    fn rotate(&mut self) {
        let old = self.path.with_extension("log.1");
        fs::rename(&self.path, &old).unwrap();
        self.append_to(&old);
        self.append();
    }

    /// The next line that is collected, without what stands before it.
    fn next(&mut self) -> String {
        self.collected.read_line().splitn(3, '\t').nth(2).unwrap().to_owned()
    }

    /// All that was written is collected, and nothing else.
    fn is_collected(&mut self) {
        while self.seen < self.written {
            assert_eq!(self.next(), format!("{} GET /gr\u{fc}n", self.seen));
            self.seen += 1;
        }
    }
}

fn set_up(recipe: &Recipe, web1: &Machine<'_>, logs: &Machine<'_>) {
    web1.types("simpctl start 192.0.2.7 --user web1").ok();
    logs.types(recipe.typed("logs", "start")).ok();
    web1.types(recipe.typed("web1", "connect")).ok();
    web1.install(recipe);
    logs.install(recipe);
}

#[test]
fn each_line_of_a_log_comes_once_through_rotations_and_kills() {
    let (world, recipe) = (World::new(), Recipe::of("Forwarding a log"));
    let (web1, logs) = (Machine::new(&world, "web1"), Machine::new(&world, "logs"));
    set_up(&recipe, &web1, &logs);
    let mut log = Log::new(&web1, &logs);
    log.append();
    let (forwards, _collects) = (web1.service(FORWARDS), logs.service(COLLECTS));
    log.is_collected();

    // Killed in the middle of it, with a line that is not complete.
    log.append();
    log.append_raw(b"40 GET");
    forwards.kill();
    web1.kill();
    web1.types("simpctl start").ok();
    log.append_raw(b" /gr\xc3\xbcn\n");
    log.written += 1;
    let _forwards = web1.service(FORWARDS);
    log.is_collected();

    log.rotate();
    log.is_collected();
    // While nothing runs.
    _forwards.kill();
    _collects.kill();
    logs.kill();
    log.append();
    log.rotate();
    logs.types("simpctl start").ok();
    let (_forwards, _collects) = (web1.service(FORWARDS), logs.service(COLLECTS));
    log.is_collected();
}

#[test]
fn a_line_that_is_no_text_is_forwarded_as_what_can_be_read_of_it() {
    let (world, recipe) = (World::new(), Recipe::of("Forwarding a log"));
    let (web1, logs) = (Machine::new(&world, "web1"), Machine::new(&world, "logs"));
    set_up(&recipe, &web1, &logs);
    let mut log = Log::new(&web1, &logs);
    let long = "x".repeat(300_000);
    fs::write(&log.path, [b"a\r\n\n\xff\x1b[2J\n", long.as_bytes(), b"\nlast\n"].concat()).unwrap();
    let (_forwards, _collects) = (web1.service(FORWARDS), logs.service(COLLECTS));
    assert_eq!([log.next(), log.next()], ["a", "\u{fffd}\\x1b[2J"]);
    let parts = [log.next(), log.next()];
    assert!(parts.concat() == long);
    assert_eq!(log.next(), "last");
}
