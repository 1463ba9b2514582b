//! `start`: starts simpd in the background, unless it runs already, as it was started before. What the daemon says is passed
//! on.

mod remembered;

use std::io::{self, ErrorKind, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;
use std::process::{Command, Output as Ended, Stdio};

use simp_control::error::{Error, Outcome, fail, system};
use simp_control::{Address, Client, FailureKind, find, places, running};

use crate::args::StartArgs;
use crate::show::{Output, View, complain};

use remembered::{Memory, Options};

/// The name of the daemon's program.
const PROGRAM: &str = "simpd";

/// The status with which simpd says that what it was given makes no sense.
const USAGE: i32 = 2;

/// Addresses that no machine has (RFC 5737 and RFC 3849): a route to the outside leads to them as to any other.
const OUTSIDE: [(IpAddr, IpAddr); 2] = [
    (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1))),
    (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))),
];

/// Starts it where ADDR says, or `-d`, or `$SIMP_DAEMON`; else where simpd.toml says, or where the only log is; and if there
/// is no log, on this machine's own address.
pub(super) fn run(output: &mut Output, named: Option<String>, args: &StartArgs) -> Outcome {
    let named = address(named, args)?;
    if let Some(running) = running(named.as_deref())? {
        return output.show(&View::Started { said: None, daemon: &running });
    }
    let known = match named {
        Some(address) => Some(address),
        None => match configured()? {
            Ok(configured) => configured.map_or_else(only_log, |address| Ok(Some(address)))?,
            Err(ended) => return failed(output, &ended, None),
        },
    };
    let own = known.is_none().then(own_address).flatten();
    let address = known.clone().unwrap_or_else(|| own.unwrap_or(Ipv4Addr::LOCALHOST.into()).to_string());
    let ended = start(&address, &given(args))?;
    let said = String::from_utf8_lossy(&ended.stdout);
    let Some(daemon) = ready_on(&said) else { return failed(output, &ended, known.as_deref()) };
    pass_on(&ended.stderr);
    output.show(&View::Started { said: Some(&said), daemon: &daemon })?;
    if known.is_none() && own.is_none() {
        complain(
            "no route leads to other hosts, so only this one reaches it (another address: simpctl start ADDR)",
        );
    }
    Ok(())
}

fn given(args: &StartArgs) -> Options {
    Options { user: args.user.clone(), accept: args.accept.clone(), max_chats: args.max_chats.clone() }
}

/// Starts it with these options, and those of its last start that are not given anew. Once it is ready, they are remembered.
fn start(address: &str, given: &Options) -> Outcome<Ended> {
    let Some(memory) = Memory::of(address) else { return simpd(address, given) };
    let (earlier, mut trouble) = match memory.recall() {
        Ok(earlier) => (earlier, None),
        Err(trouble) => (None, Some(trouble)),
    };
    let mut options = given.or(earlier.as_ref().unwrap_or(&Options::default()));
    let mut ended = simpd(address, &options)?;
    // What simpd does not take may be what the file says, and then it starts without.
    if ended.status.code() == Some(USAGE) && options != *given {
        ended = simpd(address, given)?;
        options = given.clone();
        trouble = Some(memory.ignored("simpd does not take what it says")).filter(|_| ended.status.success());
    }
    trouble.iter().for_each(|trouble| complain(trouble));
    if ended.status.success()
        && (trouble.is_some() || options != earlier.unwrap_or_default())
        && let Err(line) = memory.keep(&options)
    {
        complain(&line);
    }
    Ok(ended)
}

fn simpd(address: &str, options: &Options) -> Outcome<Ended> {
    ended(Command::new(program()).arg("--background").args(options.arguments()).args(["--", address]))
}

fn ended(simpd: &mut Command) -> Outcome<Ended> {
    simpd.stdin(Stdio::null()).output().map_err(|error| unstartable(&error))
}

/// The address that simpd.toml has, if it has one; how simpd ended, if it finds something wrong there.
fn configured() -> Outcome<Result<Option<String>, Ended>> {
    let ended = ended(Command::new(program()).arg("--show-address"))?;
    if !ended.status.success() {
        return Ok(Err(ended));
    }
    let address = String::from_utf8_lossy(&ended.stdout).trim_end().to_owned();
    Ok(Ok(Some(address).filter(|address| !address.is_empty())))
}

/// Where it was started before, if that was anywhere.
///
/// # Errors
/// `usage`, if it was in several places.
fn only_log() -> Outcome<Option<String>> {
    let mut logs = remembered::logs();
    if logs.len() > 1 {
        let line = format!("several simpd have a log: {} (name one: simpctl start ADDR)", logs.join(", "));
        return Err(fail(FailureKind::Usage, line));
    }
    Ok(logs.pop())
}

/// Where it is to be started, if somebody says so.
///
/// # Errors
/// `usage`, if that is the path of a socket, or two addresses.
fn address(named: Option<String>, args: &StartArgs) -> Outcome<Option<String>> {
    let usage = |line: String| Err(fail(FailureKind::Usage, line));
    let (address, other) = match (&args.address, named) {
        (Some(address), Some(other)) if *address != other => {
            return usage(format!("two addresses: {address} and {other} (give one)"));
        }
        (Some(address), _) => (Some(address.clone()), None),
        (None, named) => (named, find::variable()?),
    };
    match address.or(other) {
        Some(path) if path.contains('/') => usage(format!(
            "{path}: a socket, which simpd makes by itself (give the address: simpctl start ADDR)"
        )),
        address => Ok(address),
    }
}

/// The daemons that are what is asked for already, by their names.
fn running(address: Option<&str>) -> Outcome<Option<String>> {
    let Some(address) = address else {
        let all = running::all()?;
        let names: Vec<&str> = all.iter().map(|simpd| simpd.socket().name.as_str()).collect();
        return Ok(Some(names.join(", ")).filter(|names| !names.is_empty()));
    };
    // Only its answer shows that it runs: the socket of one that was killed is there until the system has put it away.
    let answered = Client::find(Some(address.to_owned())).and_then(|mut simpd| {
        simpd.address()?;
        Ok(simpd.socket().name.clone())
    });
    // If it does not, simpd says what is wrong with it.
    Ok(answered.ok())
}

/// Why simpd has not started: what it said last, with its own status. It may be that somebody else has just started one.
fn failed(output: &mut Output, ended: &Ended, address: Option<&str>) -> Outcome {
    if let Some(daemon) = address.and_then(|address| running(Some(address)).ok()?) {
        return output.show(&View::Started { said: None, daemon: &daemon });
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let said = said.trim_end();
    let (before, last) = said.rsplit_once('\n').unwrap_or(("", said));
    if !before.is_empty() {
        pass_on(format!("{before}\n").as_bytes());
    }
    let kind = if ended.status.code() == Some(USAGE) { FailureKind::Usage } else { FailureKind::Failed };
    let line = if last.is_empty() {
        format!("{PROGRAM}: ended without a word ({})", ended.status)
    } else {
        last.to_owned()
    };
    Err(fail(kind, line))
}

/// What simpd writes on standard error is fit for a terminal.
fn pass_on(said: &[u8]) {
    let _ = io::stderr().lock().write_all(said);
}

/// The name of the daemon whose line says that it is ready.
fn ready_on(said: &str) -> Option<String> {
    let address = said.strip_prefix("simpd: ready on ")?.split(' ').next()?;
    Some(places::daemon_name(Address::parse_complete(address).ok()?))
}

/// simpd beside this program, or else that in PATH.
fn program() -> PathBuf {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    beside.filter(|beside| beside.is_file()).unwrap_or_else(|| PROGRAM.into())
}

fn unstartable(error: &io::Error) -> Error {
    let why = match error.kind() {
        ErrorKind::NotFound => {
            "neither beside simpctl nor in PATH (install it, or add its folder to PATH)".to_owned()
        }
        _ => system(error),
    };
    fail(FailureKind::NoDaemon, format!("{PROGRAM}: {why}"))
}

/// The address of this machine from which it would reach others; `None` if no route leads to them. Nothing is sent.
fn own_address() -> Option<IpAddr> {
    OUTSIDE.iter().find_map(|&(any, outside)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((outside, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip()).filter(|own| !own.is_loopback() && !own.is_unspecified())
    })
}
