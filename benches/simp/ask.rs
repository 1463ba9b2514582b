//! One request for each message, and the next one after it was delivered.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use simp_control::Request;
use simp_proto::HEADER_LEN;

use crate::bare::{Answers, Keeps, RelayProcess, Server, message_to};
use crate::builds::Build;
use crate::machine::{Core, cpu_time};
use crate::rounds::{Column, Contender, compare};
use crate::star::Star;
use crate::world::{PLAIN, SECURE, World};
use crate::{Attempt, Bench, TEXT};

/// Prints a table without and one with waiting for the disk.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    for durability in ["process", "disk"] {
        println!("  durability = {durability:?}");
        measure_with(bench, durability)?;
    }
    Ok(())
}

fn measure_with(bench: &Bench, durability: &str) -> Attempt<()> {
    let messages =
        if durability == "disk" { bench.effort.of(1_000, 300) } else { bench.effort.of(10_000, 2_000) };
    let world = World::new(&Build::now(), durability, PLAIN)?;
    let mut contenders = Vec::new();
    let bares = [
        ("bare relay, a row at each side", Keeps::of(durability)),
        ("bare relay that stores nothing", Keeps::Nothing),
    ];
    for named in bares {
        contenders.push(bare(&world, named, messages)?);
    }
    let builds = Build::all();
    for (name, secure, goal) in [("simpd", PLAIN, "goal >= 0.85x"), ("secure", SECURE, "")] {
        for build in &builds {
            let mut star = Star::open(World::new(build, durability, secure)?, 1)?;
            star.follow()?;
            let send = Request::send(None, TEXT);
            let round = move || {
                let before = star.cpu()?;
                let rate = rate(messages, || star.ask(&send))?;
                Ok([rate, (star.cpu()? - before) / messages as f64])
            };
            contenders.push(Contender::new(build.called(name), round).goal(goal));
        }
    }
    compare([Column::RATE, Column::CPU], bench.effort.of(7, 4), contenders)?;
    Ok(())
}

/// How often this is done in a second.
fn rate(times: usize, mut each: impl FnMut() -> Attempt<()>) -> Attempt<f64> {
    let begin = Instant::now();
    (0..times).try_for_each(|_| each())?;
    Ok(times as f64 / begin.elapsed().as_secs_f64())
}

/// A relay, and who acknowledges what it lets out.
fn bare(
    world: &World,
    (name, keeps): (&'static str, Keeps),
    messages: usize,
) -> Attempt<Contender<'static, 2>> {
    let server = Server::start(world, Core::Shared, keeps)?;
    let relay = RelayProcess::start(world, Core::Shared, keeps, Answers::Delivered, (server.address, 1))?;
    let mut client = UnixStream::connect(&relay.socket)?;
    let message = message_to(0, TEXT);
    Ok(Contender::new(name, move || {
        let _running = &server;
        let before = cpu_time(relay.process.id())?;
        let rate = rate(messages, || {
            client.write_all(&message)?;
            Ok(client.read_exact(&mut [0; HEADER_LEN])?)
        })?;
        let cpu = cpu_time(relay.process.id())? - before;
        Ok([rate, cpu.as_secs_f64() * 1e6 / messages as f64])
    }))
}
