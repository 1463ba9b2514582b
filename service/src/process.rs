//! What a process asks of the kernel for itself.

use std::os::fd::RawFd;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
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
