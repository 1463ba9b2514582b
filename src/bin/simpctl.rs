//! simpctl, the program.

/// That of musl asks the system for memory for each size by itself, and gives it back, which is a tenth of what a short command
/// takes.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> std::process::ExitCode {
    simp_ctl::main()
}
