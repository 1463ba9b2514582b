//! simpctl, the program.

fn main() -> std::process::ExitCode {
    simp_ctl::main()
}
