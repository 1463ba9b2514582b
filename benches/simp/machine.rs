//! The machine: what it is, for the head of the table, and whose its cores are.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::Attempt;

/// Where a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Core {
    /// On that of the load: for those that wait for each other. Waking another core takes longer than what is measured
    /// then, and on a virtual machine much longer.
    Shared,
    /// On one of its own, if there are two.
    Own,
}

/// Numbers of cores.
#[derive(Debug, Clone, Copy)]
struct Cores {
    load: usize,
    own: usize,
}

static CORES: OnceLock<Cores> = OnceLock::new();

/// Prints date, system, processor and compiler: figures without them say nothing.
pub fn describe() {
    let cpus = read("/proc/cpuinfo");
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let used = if cores > 1 { "one for what is measured, one for the load" } else { "one for everything" };
    println!("date    {}", date());
    println!("kernel  Linux {}, net.core.rmem_max {}", read("/proc/sys/kernel/osrelease"), rmem_max());
    println!("cpu     {}, {cores} cores: {used}", model.trim_start_matches(['\t', ':', ' ']));
    println!("rustc   {}", rustc_version().unwrap_or_else(|| "unknown".to_owned()));
}

/// Most bytes that a socket may have waiting.
pub fn rmem_max() -> String {
    read("/proc/sys/net/core/rmem_max")
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// Keeps this process, and all that it starts, on one core, that of the load.
pub fn pin() -> Attempt<()> {
    let allowed = sched_getaffinity(Pid::from_raw(0))?;
    let mut allowed = (0..CpuSet::count()).filter(|core| allowed.is_set(*core).unwrap_or(false));
    let own = allowed.next().ok_or("no core is allowed")?;
    let cores = Cores { own, load: allowed.next_back().unwrap_or(own) };
    CORES.get_or_init(|| cores);
    stay_on(cores.load)
}

/// Does this, and whatever is started there stays there.
pub fn on<T>(core: Core, start: impl FnOnce() -> Attempt<T>) -> Attempt<T> {
    let cores = CORES.get().ok_or("not on a core yet")?;
    if core == Core::Own {
        stay_on(cores.own)?;
    }
    let started = start();
    stay_on(cores.load)?;
    started
}

fn stay_on(core: usize) -> Attempt<()> {
    let mut one = CpuSet::new();
    one.set(core)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &one)?)
}

/// Lets this process, and all that it starts, have thousands of connections.
pub fn allow_descriptors() -> Attempt<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    Ok(setrlimit(Resource::RLIMIT_NOFILE, most, most)?)
}

/// Long enough for a process to fall asleep that has nothing more to do.
const NAP: Duration = Duration::from_millis(2);

/// The CPU time of a process since it began, user and system, of all its threads. It must be about to have nothing to do: Linux
/// adds what it does once it sleeps, or some milliseconds later.
pub fn cpu_time(id: u32) -> Attempt<Duration> {
    thread::sleep(NAP);
    Ok(clock_getcpuclockid(Pid::from_raw(id as i32))?.now()?.into())
}

/// The compiler that cargo uses.
pub fn rustc() -> Command {
    Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
}

fn rustc_version() -> Option<String> {
    let output = rustc().arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Today in UTC, from the days since 1970 (the proleptic Gregorian calendar, with years that begin in March).
pub fn date() -> String {
    let since_1970: Duration = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let days = since_1970.as_secs() / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (year, month + 3) } else { (year + 1, month - 9) };
    format!("{}-{month:02}-{day:02}", era * 400 + year)
}
