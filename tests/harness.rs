//! What every test stands on: a world of its own with folders and addresses, daemons and commands in it, and
//! a bare SIMP peer. Nothing here sleeps: it waits for an event, with a deadline that only a failure reaches.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use simp_proto::control::{
    Answer, Event, Failure, FailureKind, Filter, From, Reply, Request, Status, VERSION, What,
};
use simp_proto::frame::{self, FrameBuffer};
use simp_proto::{Datagram, Operation, UserName, paths};
use tempfile::TempDir;

/// How long anything may take before the test has failed.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A temporary folder, and a network 127.70.N.0/24 that no other test has at the same time.
pub struct World {
    folder: TempDir,
    network: u8,
    _lock: Flock<File>,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("simp-").tempdir().unwrap();
        std::fs::create_dir(folder.path().join("run")).unwrap();
        // A daemon that a killed test left behind would be in the way.
        let bound = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
        for network in (0..=255).filter(|network| !bound.contains(&format!("{network:02X}467F:"))) {
            let path = std::env::temp_dir().join(format!("simp-test-network-{network}"));
            // Where another user has run tests here the file is theirs, and may be read and locked all the same.
            let file =
                File::open(&path).or_else(|_| File::options().create(true).append(true).open(&path)).unwrap();
            if let Ok(lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                return Self { folder, network, _lock: lock };
            }
        }
        panic!("no free network for the test");
    }

    /// Address number `host` of this world.
    pub fn address(&self, host: u8) -> String {
        format!("127.70.{}.{host}", self.network)
    }

    /// Port number `n`, 0 to 15, of this world, on any address.
    pub fn port(&self, n: u16) -> u16 {
        10_000 + 16 * u16::from(self.network) + n
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn socket(&self, host: u8) -> PathBuf {
        self.path("run/simp").join(self.address(host) + ".sock")
    }

    /// A command with this world's environment and nothing of the caller's but the search path.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new(match program {
            "simpd" => env!("CARGO_BIN_EXE_simpd"),
            "simpctl" => env!("CARGO_BIN_EXE_simpctl"),
            other => other,
        });
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("XDG_RUNTIME_DIR", self.path("run"))
            .env("XDG_STATE_HOME", self.path("state"))
            .env("XDG_CONFIG_HOME", self.path("config"))
            .env("TZ", "UTC")
            .stdin(Stdio::null());
        command
    }

    /// Runs simpd where it is expected to end by itself.
    pub fn simpd(&self, args: &[&str]) -> Outcome {
        let mut command = self.command("simpd");
        command.args(args);
        run(command, "")
    }

    /// Starts simpd on address number `host` and waits until it is ready.
    pub fn start(&self, host: u8, args: &[&str]) -> Daemon {
        let mut command = self.command("simpd");
        command.arg(self.address(host)).args(args);
        Daemon::start(command, self.socket(host))
    }

    /// Starts simpd on any address, and waits until it is ready.
    pub fn start_on(&self, address: &str, args: &[&str]) -> Daemon {
        let mut command = self.command("simpd");
        command.arg(address).args(args);
        let socket = paths::socket_path(&self.path("run/simp"), paths::parse_address(address).unwrap());
        Daemon::start(command, socket)
    }

    /// A bare peer on address number `host`, port 7777.
    pub fn peer(&self, host: u8, user: &str) -> Peer {
        Peer::new(&(self.address(host) + ":7777"), user)
    }

    /// Two daemons, alice on address 1 and bob on address 2.
    pub fn alice_and_bob(&self) -> (Daemon, Daemon) {
        (self.start(1, &["--user", "alice"]), self.start(2, &["--user", "bob", "--accept", "all"]))
    }

    /// Runs simpctl against the daemon on address number `host`.
    pub fn ctl(&self, host: u8, args: &[&str]) -> Outcome {
        self.ctl_with(host, args, "")
    }

    /// The same, with this on standard input.
    pub fn ctl_with(&self, host: u8, args: &[&str], input: &str) -> Outcome {
        let mut command = self.command("simpctl");
        command.arg("-d").arg(self.address(host)).args(args);
        run(command, input)
    }

    /// Starts simpctl and leaves it running.
    pub fn spawn_ctl(&self, host: u8, args: &[&str]) -> Running {
        let mut command = self.command("simpctl");
        command.arg("-d").arg(self.address(host)).args(args);
        Running::start(command)
    }
}

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
    pub fn try_start(mut command: Command, socket: PathBuf) -> Result<Self, Outcome> {
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
        Err(Outcome { status: daemon.wait(), stdout: line, stderr: daemon.log() })
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

    pub fn client(&self) -> Client {
        Client::connect(&self.socket)
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

/// What a command did.
#[derive(Debug)]
pub struct Outcome {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Outcome {
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

/// Runs a command to its end.
pub fn run(mut command: Command, input: &str) -> Outcome {
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

    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.as_ref().unwrap().id() as i32), signal).unwrap();
    }

    /// Waits until it has ended.
    pub fn wait(mut self) -> Outcome {
        let child = self.child.take().unwrap();
        let pid = Pid::from_raw(child.id() as i32);
        let (sender, receiver) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output()));
        let Ok(output) = receiver.recv_timeout(DEADLINE) else {
            let _ = kill(pid, Signal::SIGKILL);
            panic!("a command did not end within {DEADLINE:?}");
        };
        let output = output.unwrap();
        Outcome {
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

/// Reads a line and nothing behind it.
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

/// Whether this machine has IPv6; says on standard error that `test` is skipped where it does not.
pub fn has_ipv6(test: &str) -> bool {
    let has = UdpSocket::bind("[::1]:0").is_ok();
    if !has {
        eprintln!("SKIPPED {test}: this machine has no IPv6");
    }
    has
}

/// Whether root runs the tests; says on standard error that `test` is skipped where not.
pub fn is_root(test: &str) -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("SKIPPED {test}: only root can run it");
    }
    root
}

/// Memory of a process that is resident, in KiB.
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Random numbers from a seed (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// Another seed each time, or that of `SIMP_SEED`; printed, to be taken again.
pub fn seed() -> u64 {
    let seed =
        std::env::var("SIMP_SEED").map_or_else(|_| std::process::id().into(), |seed| seed.parse().unwrap());
    println!("SIMP_SEED={seed}");
    seed
}

/// Repeats a call that a signal cut short: one with a time limit is not taken up again by the system.
fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Runs this and fails the test where it does not end.
pub fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(DEADLINE).expect("nothing happened within the deadline")
}

/// A client of the control API.
pub struct Client {
    pub stream: UnixStream,
    input: FrameBuffer,
}

impl Client {
    /// Connects, and says nothing yet.
    pub fn silent(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream.set_write_timeout(Some(DEADLINE)).unwrap();
        Self { stream, input: FrameBuffer::default() }
    }

    /// Connects and says hello.
    pub fn connect(socket: &Path) -> Self {
        let mut client = Self::silent(socket);
        assert!(matches!(
            client.ask(&Request::Hello { version: VERSION }),
            Answer::Reply(Reply::Hello { .. })
        ));
        client
    }

    pub fn write(&mut self, request: &Request) {
        let mut bytes = Vec::new();
        frame::encode(request, &mut bytes).unwrap();
        self.stream.write_all(&bytes).unwrap();
    }

    /// The next answer; `None` where the daemon has hung up.
    pub fn read(&mut self) -> Option<Answer> {
        loop {
            if let Some(answer) = self.input.take().unwrap() {
                return Some(answer);
            }
            let mut buffer = [0; 4096];
            match uninterrupted(|| self.stream.read(&mut buffer)) {
                Ok(0) => return None,
                Ok(count) => self.input.push(&buffer[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing came from the daemon: {error}"),
            }
        }
    }

    pub fn ask(&mut self, request: &Request) -> Answer {
        self.write(request);
        self.read().expect("the daemon hung up")
    }

    /// The reply to a request that is carried out.
    #[track_caller]
    pub fn reply(&mut self, request: &Request) -> Reply {
        match self.ask(request) {
            Answer::Reply(reply) => reply,
            other => panic!("{request:?} was answered with {other:?}"),
        }
    }

    /// This request is refused, with this kind and this line.
    #[track_caller]
    pub fn fails(&mut self, request: &Request, kind: FailureKind, line: &str) {
        assert_eq!(self.ask(request), Answer::Failure(Failure::new(kind, line)));
    }

    pub fn status(&mut self) -> Status {
        match self.reply(&Request::Status) {
            Reply::Status(status) => *status,
            other => panic!("{other:?}"),
        }
    }

    /// The status, asked for again and again until it is so.
    #[track_caller]
    pub fn status_when(&mut self, mut so: impl FnMut(&Status) -> bool) -> Status {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let status = self.status();
            if so(&status) {
                return status;
            }
            assert!(Instant::now() < deadline, "it did not come to be: {status:?}");
        }
    }

    /// The status once the daemon has taken in so many datagrams since its start, and has answered them.
    #[track_caller]
    pub fn status_after(&mut self, datagrams: u64) -> Status {
        self.status_when(|status| status.counters.datagrams_in >= datagrams)
    }

    /// Follows the log, all of it that comes behind `from`.
    pub fn follow(&mut self, from: From) -> u64 {
        match self.reply(&Request::Follow { from, filter: Filter::default() }) {
            Reply::Following { after } => after,
            other => panic!("{other:?}"),
        }
    }

    /// The next entry of the log.
    #[track_caller]
    pub fn event(&mut self) -> Event {
        match self.read() {
            Some(Answer::Event(event)) => event,
            other => panic!("not an event: {other:?}"),
        }
    }

    /// The next entry of the log says this.
    #[track_caller]
    pub fn expect(&mut self, what: What) -> Event {
        let event = self.event();
        assert_eq!(event.what, what);
        event
    }

    /// Sends a text in the only chat and returns the message's id.
    #[track_caller]
    pub fn send(&mut self, text: &str) -> u64 {
        match self.reply(&send(None, text)) {
            Reply::Queued { message, .. } => message,
            other => panic!("{other:?}"),
        }
    }

    /// The whole log, oldest first.
    pub fn log(&mut self) -> Vec<Event> {
        let mut all = Vec::new();
        let mut before = None;
        loop {
            let Reply::History { events, older } =
                self.reply(&Request::History { before, limit: u32::MAX, filter: Filter::default() })
            else {
                panic!("not a history");
            };
            all.extend(events);
            before = older;
            if before.is_none() {
                all.reverse();
                return all;
            }
        }
    }
}

/// A request to connect to this address, for as long as the daemon's setting says.
pub fn connect(address: &str) -> Request {
    Request::Connect { address: address.to_owned(), timeout_ms: None }
}

/// A request to send a text in a chat.
pub fn send(who: Option<&str>, text: &str) -> Request {
    Request::Send {
        who: who.map(str::to_owned),
        text: text.to_owned(),
        queue: false,
        expire_ms: None,
        token: None,
        again_after: None,
    }
}

/// What an entry with a message of the peer says.
pub fn message(text: &str) -> What {
    What::Message { text: text.to_owned() }
}

/// What an entry with a message of ours says.
pub fn queued(text: &str) -> What {
    What::Queued { text: text.to_owned(), again: None }
}

/// A SIMP peer that does exactly what the test says.
pub struct Peer {
    socket: UdpSocket,
    user: UserName,
}

impl Peer {
    pub fn new(address: &str, user: &str) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, user: UserName::new(user).unwrap() }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub fn send(&self, to: &str, operation: Operation, seq: u8, payload: &[u8]) {
        let mut bytes = Vec::new();
        Datagram::new(operation, seq, self.user, payload.to_vec()).encode(&mut bytes);
        self.send_raw(to, &bytes);
    }

    pub fn send_raw(&self, to: &str, bytes: &[u8]) {
        self.send_to((to.parse::<IpAddr>().unwrap(), paths::PORT).into(), bytes);
    }

    pub fn send_to(&self, to: SocketAddr, bytes: &[u8]) {
        self.socket.send_to(bytes, to).unwrap();
    }

    /// The bytes of the next datagram.
    pub fn receive_raw(&self) -> Vec<u8> {
        let mut buffer = [0; 65_536];
        let length = uninterrupted(|| self.socket.recv(&mut buffer)).expect("no datagram came");
        buffer[..length].to_vec()
    }

    /// All that has arrived. What the daemon answered is there once a client has its status.
    pub fn arrived(&self) -> Vec<Datagram> {
        let mut arrived = Vec::new();
        let mut buffer = [0; 65_536];
        self.socket.set_nonblocking(true).unwrap();
        while let Ok(length) = self.socket.recv(&mut buffer) {
            arrived.push(Datagram::decode(&buffer[..length]).unwrap());
        }
        self.socket.set_nonblocking(false).unwrap();
        arrived
    }

    /// The next datagram and where it came from.
    pub fn receive_from(&self) -> (Datagram, SocketAddr) {
        let mut buffer = [0; 65_536];
        let (length, from) = uninterrupted(|| self.socket.recv_from(&mut buffer)).expect("no datagram came");
        (Datagram::decode(&buffer[..length]).unwrap(), from)
    }

    pub fn receive(&self) -> Datagram {
        self.receive_from().0
    }

    /// The next datagram is this one.
    #[track_caller]
    pub fn expect(&self, operation: Operation, seq: u8, payload: &[u8]) {
        let datagram = self.receive();
        assert_eq!(
            (datagram.operation, datagram.seq, datagram.payload.as_slice()),
            (operation, seq, payload)
        );
    }

    /// Invites, and completes the opening with a host that accepts.
    pub fn open(&self, to: &str) {
        self.send(to, Operation::Syn, 0, b"");
        self.expect(Operation::SynAck, 0, b"");
        self.send(to, Operation::Ack, 0, b"");
    }
}
