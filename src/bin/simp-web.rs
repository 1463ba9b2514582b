//! simp-web, the program.

fn main() -> std::process::ExitCode {
    simp_web::main()
}
