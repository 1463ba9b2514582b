//! The machine: what it is, for the head of the table, and one core of it for everything that is measured.

use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;

use crate::Attempt;

/// Prints date, system, processor and compiler: figures without them say nothing.
pub fn describe() {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    println!("date    {}", date());
    println!("kernel  Linux {}", kernel.trim());
    println!("cpu     {}, {cores} cores, one of them used", model.trim_start_matches(['\t', ':', ' ']));
    println!("rustc   {}", rustc_version().unwrap_or_else(|| "unknown".to_owned()));
}

/// Keeps this process, and all that it starts, on one core. Waking another core takes longer than what is
/// measured here, and on a virtual machine much longer.
pub fn pin() -> Attempt<()> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let last = (0..CpuSet::count()).rev().find(|cpu| allowed.is_set(*cpu).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(last.ok_or("no core is allowed")?)?;
    Ok(sched_setaffinity(this, &one)?)
}

/// The CPU time of a process since it began, user and system, of all its threads.
pub fn cpu_time(id: u32) -> Attempt<Duration> {
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
fn date() -> String {
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
