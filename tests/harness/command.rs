//! Any command: run to its end, or left running while the test talks to it. A simpd that runs is in `daemon`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{DEADLINE, World, within};

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Status 0 and nothing on standard error; returns standard output.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!((self.status, self.stderr.as_str()), (Some(0), ""), "stdout: {}", self.stdout);
        self.stdout
    }

    /// This status, this one line on standard error, and nothing on standard output.
    #[track_caller]
    pub fn fails(&self, status: i32, line: &str) {
        assert_eq!((self.status, self.stderr.as_str()), (Some(status), format!("{line}\n").as_str()));
        assert_eq!(self.stdout, "");
    }
}

/// It is said that there is a secure chat with this peer now, whose key is a new one or is known.
#[track_caller]
pub fn is_connected_to(peer: &str, said: &str) {
    let how =
        said.strip_prefix(&format!("connected to {peer} (secure")).and_then(|it| it.strip_suffix(")\n"));
    let key = how.map(|how| how.strip_prefix(", new key SHA256:").unwrap_or(how));
    assert!(key.is_some_and(|key| key.is_empty() || key.len() == 43), "{said}");
}

/// Runs a command to its end.
pub fn run(mut command: Command, input: &str) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that does not read its input may have ended already.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Running::of(child).wait()
}

/// Compiles a library for LD_PRELOAD and returns where it is.
pub fn compile(world: &World, name: &str, source: &str) -> PathBuf {
    let library = world.path(name).with_extension("so");
    let compiler =
        ["cc", "gcc"].into_iter().find(|name| Command::new(name).arg("--version").output().is_ok());
    let mut command =
        world.command(compiler.expect("this test needs a C compiler: neither cc nor gcc is there"));
    command.args(["-std=gnu11", "-shared", "-fPIC", "-O1", "-o"]);
    command.arg(&library).args([source, "-ldl"]);
    run(command, "").ok();
    library
}

/// A command that runs; killed when the test ends.
pub struct Running {
    child: Option<Child>,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self::of(command.spawn().unwrap())
    }

    fn of(child: Child) -> Self {
        Self { child: Some(child) }
    }

    /// Writes a line to its standard input.
    pub fn write_line(&mut self, line: &str) {
        let stdin = self.child.as_mut().unwrap().stdin.as_mut().unwrap();
        stdin.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    /// Nobody reads its standard output any more.
    pub fn close_stdout(&mut self) {
        self.child.as_mut().unwrap().stdout = None;
    }

    /// Reads a line of its standard output.
    pub fn read_line(&mut self) -> String {
        let (line, stdout) = read_line(self.child.as_mut().unwrap().stdout.take().unwrap());
        self.child.as_mut().unwrap().stdout = Some(stdout);
        line
    }

    /// Reads a line of its standard error.
    pub fn read_error_line(&mut self) -> String {
        let (line, stderr) = read_line(self.child.as_mut().unwrap().stderr.take().unwrap());
        self.child.as_mut().unwrap().stderr = Some(stderr);
        line
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id() as i32), signal).unwrap();
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> Ran {
        let child = self.child.take().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(DEADLINE) else {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("a command did not end within {DEADLINE:?}");
        };
        let output = output.unwrap();
        Ran {
            status: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Reads a line and nothing after it.
fn read_line<R: io::Read + Send + 'static>(mut from: R) -> (String, R) {
    within(move || {
        let mut line = Vec::new();
        let mut byte = [0];
        while from.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            line.push(byte[0]);
        }
        (String::from_utf8(line).unwrap(), from)
    })
}
