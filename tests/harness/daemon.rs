//! A simpd that a test runs: its log, its end, and clients of it. What clients say is in `asking`.

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{DEADLINE, Ran, TestClient, within};

/// A simpd that runs; killed when the test ends, however it ends.
pub struct Daemon {
    child: RefCell<Child>,
    pub socket: PathBuf,
    log: File,
}

impl Daemon {
    pub fn start(command: Command, socket: PathBuf) -> Self {
        Self::try_start(command, socket)
            .unwrap_or_else(|ended| panic!("simpd did not get ready: {:?} {}", ended.status, ended.stderr))
    }

    /// Waits until it is ready, or has ended.
    pub fn try_start(mut command: Command, socket: PathBuf) -> Result<Self, Ran> {
        let log = tempfile::tempfile().unwrap();
        let mut child = command.stdout(Stdio::piped()).stderr(log.try_clone().unwrap()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let line = within(move || {
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).unwrap();
            line
        });
        let daemon = Self { child: child.into(), socket, log };
        if line.starts_with("simpd: ready on ") {
            return Ok(daemon);
        }
        Err(Ran { status: daemon.wait(), stdout: line, stderr: daemon.log() })
    }

    /// What it has written on standard error so far.
    pub fn log(&self) -> String {
        let mut log = vec![0; self.log.metadata().unwrap().len() as usize];
        self.log.read_exact_at(&mut log, 0).unwrap();
        String::from_utf8(log).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.borrow().id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid() as i32), signal).unwrap();
    }

    /// Waits until it has ended and returns its exit status.
    pub fn wait(&self) -> Option<i32> {
        let mut child = self.child.replace(Command::new("true").spawn().unwrap());
        let pid = Pid::from_raw(child.id() as i32);
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait()));
        let Ok(status) = receiver.recv_timeout(DEADLINE) else {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("simpd did not end within {DEADLINE:?}");
        };
        status.unwrap().code()
    }

    pub fn client(&self) -> TestClient {
        TestClient::connect(&self.socket)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}: {}", self.socket.display(), self.log());
        }
        let child = self.child.get_mut();
        let _ = child.kill();
        let _ = child.wait();
    }
}
