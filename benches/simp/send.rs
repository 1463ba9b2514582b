//! `simpctl send` as a whole process, against the least process that tells a daemon something; and with many lines.

mod lines;
mod mosquitto;

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::builds::Build;
use crate::machine::Core;
use crate::rounds::{Column, Contender, compare, median};
use crate::world::{PLAIN, Process, Simpd, World};
use crate::{Attempt, Bench, machine};

use mosquitto::Broker;

/// The bare process. It is compiled here, and not a mode of this program, whose start-up is larger than its own.
const BARE_SEND: &str = include_str!("send/bare.rs");

/// How it is linked, and the flags for that.
const BARE: [(&str, &[&str]); 2] =
    [("bare process, static", &["-C", "target-feature=+crt-static"]), ("bare process, dynamic", &[])];

/// What that of mosquitto is called.
const MOSQUITTO: &str = "mosquitto_pub -q 1, keeps nothing";

/// Prints tables without and with waiting for the disk.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    let fast = build_static()?;
    if fast.is_none() {
        println!("  the static simpctl is skipped: sh contrib/static/build.sh does not build it here");
    }
    let fast = fast.as_deref();
    for (durability, goal) in [("process", "goal <= 0.95x static"), ("disk", "goal <= 1.75x static")] {
        println!("  durability = {durability:?}");
        measure_processes(bench, durability, fast, goal)?;
        lines::measure(bench, durability, fast)?;
    }
    Ok(())
}

fn measure_processes(bench: &Bench, durability: &str, fast: Option<&Path>, goal: &str) -> Attempt<()> {
    let each = bench.effort.of(60, 15);
    let world = World::new(&Build::now(), durability, PLAIN)?;
    let socket = world.runtime.join("echo.sock");
    let _echo = Process::bare(&["bare-echo", &socket.to_string_lossy()])?;
    let mut contenders = Vec::new();
    for (name, flags) in BARE {
        let mut command = Command::new(installed(&world, name, &compile(&world, name, flags)?)?);
        command.arg(&socket);
        contenders.push(Contender::new(name, move || time(&mut command, each)));
    }
    match Broker::start(&world)? {
        Some(broker) => contenders.push(Contender::new(MOSQUITTO, move || time(&mut broker.publish(), each))),
        None => println!("  mosquitto_pub is skipped: there is no mosquitto"),
    }
    let pairs: Vec<Pair> =
        Build::all().iter().map(|build| Pair::open(build, durability)).collect::<Attempt<_>>()?;
    for (way, words) in [("send --no-wait", &["--no-wait", "hi"][..]), ("send, acknowledged", &["hi"])] {
        for pair in &pairs {
            for (simpctl, program) in pair.simpctls(fast)? {
                let mut command = pair.command(&program, words);
                let name = pair.world.build.called(&format!("{simpctl} {way}"));
                let goal = if words.len() == 1 && simpctl != SIMPCTL { goal } else { "" };
                let contender = Contender::new(name, move || time(&mut command, each)).goal(goal);
                contenders.push(match (words.len(), durability) {
                    (1, "disk") => contender.also(MOSQUITTO, "goal <= 0.50x"),
                    _ => contender,
                });
            }
        }
    }
    compare([Column::MICROS], bench.effort.of(7, 4), contenders)?;
    Ok(())
}

/// What the one that cargo has built is called.
const SIMPCTL: &str = "simpctl";

/// Builds the one of the package. `None` if that is not possible here.
fn build_static() -> Attempt<Option<PathBuf>> {
    let mut build = Command::new("sh");
    build.arg("contrib/static/build.sh").current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = build.stdin(Stdio::null()).output()?;
    let path = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    // It may be relative to the folder of the sources.
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    Ok(output.status.success().then_some(path))
}

/// Two simpds with a chat.
struct Pair {
    alice: Simpd,
    _bob: Simpd,
    world: World,
}

impl Pair {
    fn open(build: &Build, durability: &str) -> Attempt<Self> {
        let world = World::new(build, durability, PLAIN)?;
        let (alice, bob) = (world.simpd(Core::Shared, &[])?, world.simpd(Core::Shared, &[])?);
        alice.open_chat(&bob)?;
        let pair = Self { alice, _bob: bob, world };
        let before = pair.alice.client()?.newest()?;
        micros(&mut pair.command(&pair.world.build.simpctl(), &["--no-wait", "hi"]))?;
        match pair.alice.client()?.newest()? == before {
            true => Err("simpctl send did not queue anything".into()),
            false => Ok(pair),
        }
    }

    /// All that there are of this build, installed, and what they are called.
    fn simpctls(&self, fast: Option<&Path>) -> Attempt<Vec<(&'static str, PathBuf)>> {
        let build = &self.world.build;
        let fast = fast.filter(|_| build.is_now()).map(Path::to_owned).or_else(|| build.static_simpctl());
        let all = [(SIMPCTL, Some(build.simpctl())), ("static simpctl", fast)];
        let all = all.into_iter().filter_map(|(name, program)| Some((name, program?)));
        all.map(|(name, program)| Ok((name, installed(&self.world, name, &program)?))).collect()
    }

    /// One of them sends.
    fn command(&self, simpctl: &Path, words: &[&str]) -> Command {
        let mut command = self.world.command(simpctl);
        command.args(["-d", &self.alice.address.ip().to_string(), "send"]).args(words);
        command
    }
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

/// A copy of the program, as an installed one is. What a linker has written is in the page cache in small pieces, each of which is
/// mapped by itself, and takes up to a third longer to start.
fn installed(world: &World, name: &str, program: &Path) -> Attempt<PathBuf> {
    let folder = world.state.join("installed");
    fs::create_dir_all(&folder)?;
    let copy = folder.join(name);
    fs::copy(program, &copy)?;
    Ok(copy)
}

fn compile(world: &World, name: &str, flags: &[&str]) -> Attempt<PathBuf> {
    let (source, program) = (world.state.join("bare_send.rs"), world.state.join(name));
    fs::write(&source, BARE_SEND)?;
    let mut rustc = machine::rustc();
    rustc.args(["--edition", "2024", "-O", "-C", "strip=symbols"]).args(flags);
    let output = rustc.arg("-o").arg(&program).arg(&source).output()?;
    if !output.status.success() {
        return Err(format!("rustc: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(program)
}

/// Microseconds of the run in the middle.
fn time(command: &mut Command, runs: usize) -> Attempt<[f64; 1]> {
    command.stdin(Stdio::null());
    let figures: Vec<f64> = (0..runs).map(|_| micros(command)).collect::<Attempt<_>>()?;
    Ok([median(&figures)])
}

/// Microseconds from before the start until after the end.
pub fn micros(command: &mut Command) -> Attempt<f64> {
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let status = command.status()?;
    let elapsed = begin.elapsed();
    if !status.success() {
        return Err(format!("{}: {status}", command.get_program().display()).into());
    }
    Ok(elapsed.as_secs_f64() * 1e6)
}
