//! `simpctl send` as a whole process, against the least process that tells a daemon something.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::rounds::{Contender, compare, median};
use crate::world::{PLAIN, Process, World};
use crate::{Attempt, Effort, machine};

/// The bare process. It is compiled here, and not a mode of this program, whose start-up is larger than its own.
const BARE_SEND: &str = include_str!("bare_send.rs");

/// Both daemons durable or not, two tables.
pub fn measure(effort: Effort) -> Attempt<()> {
    by_turns(effort, "process", ["goal <= 1.15x", "goal <= 1.30x"])?;
    by_turns(effort, "disk", ["", "goal <= 2.00x"])
}

fn by_turns(effort: Effort, durability: &str, goals: [&str; 2]) -> Attempt<()> {
    let world = World::new(durability, PLAIN)?;
    let (alice, bob) = (world.simpd(&[])?, world.simpd(&[])?);
    let socket = world.runtime.join("echo.sock");
    let _echo = Process::bare(&["bare-echo", &socket.to_string_lossy()])?;
    let bare_static = compile(&world, "static", &["-C", "target-feature=+crt-static"])?;
    let bare_dynamic = compile(&world, "dynamic", &[])?;
    alice.open_chat(&bob)?;

    let each = effort.of(60, 15);
    let bare = |program: &PathBuf| {
        let mut command = Command::new(program);
        command.arg(&socket);
        command
    };
    let simpctl = |words: &[&str]| {
        let mut command = world.command(env!("CARGO_BIN_EXE_simpctl"));
        command.args(["-d", &alice.address.ip().to_string(), "send"]).args(words).arg("hi");
        command
    };
    let mut no_wait = simpctl(&["--no-wait"]);
    let before = alice.client()?.newest()?;
    micros(&mut no_wait)?;
    if alice.client()?.newest()? == before {
        return Err("simpctl send did not queue anything".into());
    }
    println!("  durability = {durability:?}");
    let contenders = vec![
        Contender::new("bare process, static", || time(&mut bare(&bare_static), each)),
        Contender::new("bare process, dynamic", || time(&mut bare(&bare_dynamic), each)),
        Contender::new("simpctl send --no-wait", || time(&mut no_wait, each)).goal(goals[0]),
        Contender::new("simpctl send, acknowledged", || time(&mut simpctl(&[]), each)).goal(goals[1]),
    ];
    compare("us", effort.of(7, 5), contenders)
}

/// What the bare process talks to.
pub fn echo(socket: &str) -> Attempt<()> {
    let listener = UnixListener::bind(socket)?;
    println!("ready");
    loop {
        let (mut client, _) = listener.accept()?;
        let mut buffer = [0; 1024];
        let count = client.read(&mut buffer)?;
        // A client that is gone is not the echo's trouble.
        let _ = client.write_all(buffer.get(..count).unwrap_or_default());
    }
}

fn compile(world: &World, name: &str, flags: &[&str]) -> Attempt<PathBuf> {
    let (source, program) = (world.state.join("bare_send.rs"), world.state.join(name));
    std::fs::write(&source, BARE_SEND)?;
    let mut rustc = machine::rustc();
    rustc.args(["--edition", "2024", "-O", "-C", "strip=symbols"]).args(flags);
    let output = rustc.arg("-o").arg(&program).arg(&source).output()?;
    if !output.status.success() {
        return Err(format!("rustc: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(program)
}

/// Microseconds of the run in the middle.
fn time(command: &mut Command, runs: usize) -> Attempt<f64> {
    let figures: Vec<f64> = (0..runs).map(|_| micros(command)).collect::<Attempt<_>>()?;
    Ok(median(&figures))
}

/// Microseconds from before the start until after the end.
fn micros(command: &mut Command) -> Attempt<f64> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let status = command.status()?;
    let elapsed = begin.elapsed();
    if !status.success() {
        return Err(format!("{}: {status}", command.get_program().display()).into());
    }
    Ok(elapsed.as_secs_f64() * 1e6)
}
