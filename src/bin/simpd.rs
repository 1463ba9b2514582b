//! simpd, the program.

fn main() -> std::process::ExitCode {
    simp_daemon::main()
}
