//! A terminal, and a program in it: keys go in, and the screen is read as a person reads it. A terminal emulator makes the
//! screen of what the program writes.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::num::NonZero;
use std::os::fd::OwnedFd;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use nix::pty::{Winsize, openpty};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, ttyname};

use super::{DEADLINE, within};

/// A program in a terminal of its own; killed when the test ends, however it ends.
pub struct Terminal {
    child: Child,
    keys: File,
    /// The program's side, which stays open so that its state can be seen when the program has ended.
    line: OwnedFd,
    seen: Arc<Seen>,
}

struct Seen {
    parser: Mutex<vt100::Parser<Calls>>,
    changed: Condvar,
}

/// What the program tells the terminal besides what is on the screen.
#[derive(Default)]
pub struct Calls {
    pub title: String,
    pub bells: usize,
}

impl vt100::Callbacks for Calls {
    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.title = String::from_utf8(title.to_vec()).unwrap();
    }

    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }
}

impl Terminal {
    /// Starts a program in a terminal with so many rows and columns, as the leader of its session.
    pub fn start(command: &Command, rows: u16, columns: u16) -> Self {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        // It makes the terminal that of the program, and then is the program.
        let mut leader = Command::new("setsid");
        leader.arg("--ctty").arg(command.get_program()).args(command.get_args()).env_clear();
        leader.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        leader.env("TERM", "xterm-256color");
        let line = || pty.slave.try_clone().unwrap();
        let child = leader.stdin(line()).stdout(line()).stderr(line()).spawn().unwrap();
        let [high, wide] = sizes(rows, columns);
        let parser = Mutex::new(vt100::Parser::new_with_callbacks(high, wide, 0, Calls::default()));
        let seen = Arc::new(Seen { parser, changed: Condvar::new() });
        let (reads, mut written) = (Arc::clone(&seen), File::from(pty.master.try_clone().unwrap()));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = written.read(&mut bytes) {
                reads.parser.lock().unwrap().process(&bytes[..length]);
                reads.changed.notify_all();
            }
        });
        Self { child, keys: pty.master.into(), line: pty.slave, seen }
    }

    /// Types this. `\r` is Enter, `\x1b` before a character is Alt.
    pub fn keys(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Pastes this, as terminals do that say so.
    pub fn paste(&mut self, text: &str) {
        self.keys(&format!("\x1b[200~{text}\x1b[201~"));
    }

    /// The screen as text, once it is so.
    #[track_caller]
    pub fn when(&self, what: &str, mut so: impl FnMut(&vt100::Screen, &Calls) -> bool) -> String {
        let parser = self.seen.parser.lock().unwrap();
        let waits = |parser: &mut vt100::Parser<Calls>| !so(parser.screen(), parser.callbacks());
        let (parser, result) = self.seen.changed.wait_timeout_while(parser, DEADLINE, waits).unwrap();
        let screen = parser.screen().contents();
        let timed_out = result.timed_out();
        drop(parser);
        assert!(!timed_out, "{what} does not come to be:\n{screen}");
        screen
    }

    /// The screen, once this stands on it.
    #[track_caller]
    pub fn shows(&self, text: &str) -> String {
        self.when(text, |screen, _| screen.contents().contains(text))
    }

    /// The screen, once this does not stand on it any more.
    #[track_caller]
    pub fn no_longer_shows(&self, text: &str) -> String {
        self.when(&format!("the end of {text}"), |screen, _| !screen.contents().contains(text))
    }

    /// Another size.
    pub fn resize(&self, rows: u16, columns: u16) {
        let [high, wide] = sizes(rows, columns);
        self.seen.parser.lock().unwrap().screen_mut().set_size(high, wide);
        let line = ttyname(&self.line).unwrap();
        let mut stty = Command::new("stty");
        stty.arg("-F").arg(line).args(["rows", &rows.to_string(), "cols", &columns.to_string()]);
        assert!(stty.status().unwrap().success());
    }

    /// Whether the terminal is as a shell has it: it echoes, and reads lines.
    pub fn is_as_before(&self) -> bool {
        use nix::sys::termios::{LocalFlags, tcgetattr};
        let flags = tcgetattr(&self.line).unwrap().local_flags;
        flags.contains(LocalFlags::ECHO | LocalFlags::ICANON | LocalFlags::ISIG)
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id() as i32), signal).unwrap();
    }

    /// Waits until it has been stopped.
    #[track_caller]
    pub fn is_stopped(&self) {
        let start = Instant::now();
        let stat = format!("/proc/{}/stat", self.id());
        while !std::fs::read_to_string(&stat).unwrap().contains(") T ") {
            assert!(start.elapsed() < DEADLINE, "it is not stopped");
            std::thread::yield_now();
        }
    }

    /// Waits until it has ended: how, and what is on the screen then.
    #[track_caller]
    pub fn ends(mut self) -> (std::process::ExitStatus, String) {
        let mut child = std::mem::replace(&mut self.child, Command::new("true").spawn().unwrap());
        let status = within(move || child.wait().unwrap());
        assert!(self.is_as_before(), "the terminal is not as it was");
        // This comes after all that it has written.
        File::from(self.line.try_clone().unwrap()).write_all(b"\x1b]2;that was all\x07").unwrap();
        let screen = self.when("the end", |_, calls| calls.title == "that was all");
        self.when("the screen of before", |screen, _| !screen.alternate_screen() && !screen.hide_cursor());
        (status, screen)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn sizes(rows: u16, columns: u16) -> [NonZero<u16>; 2] {
    [rows, columns].map(|size| NonZero::new(size).unwrap())
}
