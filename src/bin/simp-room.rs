//! simp-room, the program.

fn main() -> std::process::ExitCode {
    simp_room::main()
}
