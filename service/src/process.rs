//! What a process asks of the kernel for itself.

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::stat::{Mode, umask};

/// As many descriptors as a program of ours can use: each of a daemon's clients is one.
const DESCRIPTORS_MAX: u64 = 4_096;

/// From now on every file, folder and socket that this process makes is its user's alone.
pub fn keep_private() {
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// Raises our limit of descriptors, as far as the system allows.
pub fn raise_descriptor_limit() {
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // If the kernel refuses it, fewer clients are served.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, soft.max(hard.min(DESCRIPTORS_MAX)), hard);
    }
}
