//! What a process occupies, and how often it works.

use std::fs;
use std::time::Duration;

use crate::Attempt;
use crate::machine::cpu_time;

/// In KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// All of it.
    pub rss: u64,
    /// What is of no file.
    pub anon: u64,
}

impl Memory {
    /// That of this process.
    pub fn of(id: u32) -> Attempt<Self> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        Ok(Self { rss: field(&status, "VmRSS:")?, anon: field(&status, "RssAnon:")? })
    }
}

/// Since the process began.
#[derive(Debug, Clone, Copy)]
pub struct Work {
    /// Of all its threads.
    pub cpu: Duration,
    /// Each time one of its threads is woken, it falls asleep again: voluntary context switches.
    pub wakes: u64,
}

impl Work {
    /// That of this process.
    pub fn of(id: u32) -> Attempt<Self> {
        let mut wakes = 0;
        for thread in fs::read_dir(format!("/proc/{id}/task"))? {
            let status = fs::read_to_string(thread?.path().join("status"))?;
            wakes += field(&status, "voluntary_ctxt_switches:")?;
        }
        Ok(Self { cpu: cpu_time(id)?, wakes })
    }
}

fn field(status: &str, name: &str) -> Attempt<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    Ok(value.ok_or_else(|| format!("/proc: no {name}"))?.parse()?)
}
