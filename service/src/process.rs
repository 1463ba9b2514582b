//! What a process asks of the kernel, for itself and of another one.

use std::fs;
use std::os::fd::RawFd;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;
use nix::sys::stat::{Mode, umask};
use nix::unistd::close;

/// As many descriptors as a program of ours can use: each of a daemon's clients is one.
const DESCRIPTORS_MAX: u64 = 4_096;

/// From now on every file, folder and socket that this process makes is its user's alone.
pub fn keep_private() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// Closes all descriptors from 3 on. Only before anything of ours is open.
pub fn close_inherited() {
    let open = std::fs::read_dir("/proc/self/fd").map(|open| {
        let numbers = open.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.collect::<Vec<RawFd>>()
    });
    // Without /proc, those that a shell can name.
    let open = open.unwrap_or_else(|_| (0..DESCRIPTORS_MAX as RawFd).collect());
    for number in open.into_iter().filter(|number| *number > 2) {
        // That of the list itself is closed already.
        let _ = close(number);
    }
}

/// Raises our limit of descriptors, as far as the system allows.
pub fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If the kernel refuses it, fewer clients are served.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.max(hard.min(DESCRIPTORS_MAX)), hard);
    }
}

/// Whether this process was killed, or ends by itself, and is not gone yet. `false` if there is none.
pub fn is_dying(pid: u32) -> bool {
    /// `PF_EXITING` of the kernel.
    const EXITING: u64 = 0x4;
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
    // proc(5): the name, which may be anything, is in parentheses; the state comes after it, as field 3.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let number =
        |field: usize| fields.get(field - 3).and_then(|field| field.parse::<u64>().ok()).unwrap_or(0);
    let killed = 1 << (Signal::SIGKILL as u32 - 1);
    matches!(fields.first(), Some(&("Z" | "X"))) || number(9) & EXITING != 0 || number(31) & killed != 0
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_process_that_was_killed_is_dying_until_it_is_gone() {
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        assert!(!is_dying(child.id()));
        assert!(!is_dying(std::process::id()));
        child.kill().unwrap();
        // Nobody has asked how it ended.
        assert!(is_dying(child.id()));
        child.wait().unwrap();
        assert!(!is_dying(child.id()));
    }
}
