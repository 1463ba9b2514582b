//! How much memory an input may take. SQLite's is its own, and does not count.

use std::alloc::System;

use cap::Cap;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, usize::MAX);

/// Lifts the limit, also if what was limited panics.
struct Limit;

impl Drop for Limit {
    fn drop(&mut self) {
        // It is only refused below what is taken already.
        let _ = MEMORY.set_limit(usize::MAX);
    }
}

/// Does this. If it takes more than so many bytes at a time, the program ends: no input is worth as much.
pub fn within<T>(bytes: usize, what: impl FnOnce() -> T) -> T {
    let _limit = Limit;
    let _ = MEMORY.set_limit(MEMORY.allocated() + bytes);
    what()
}
