//! `simpctl send < FILE`: each line is a message.

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

use simp_proto::HEADER_LEN;

use super::{Pair, micros};
use crate::bare::{Answers, Keeps, RelayProcess, Server, message_to};
use crate::builds::Build;
use crate::machine::Core;
use crate::rounds::{Column, Contender, compare};
use crate::world::{PLAIN, World};
use crate::{Attempt, Bench, TEXT};

/// Prints a table of lines per second. The least that does this is a client that asks a relay for all of them at once.
pub fn measure(bench: &Bench, durability: &str, fast: Option<&Path>) -> Attempt<()> {
    let lines =
        if durability == "disk" { bench.effort.of(1_000, 200) } else { bench.effort.of(10_000, 2_000) };
    let world = World::new(&Build::now(), durability, PLAIN)?;
    let file = world.state.join("lines");
    fs::write(&file, format!("{TEXT}\n").repeat(lines))?;
    let server = Server::start(&world, Core::Shared, Keeps::of(durability))?;
    let peers = (server.address, 1);
    let relay = RelayProcess::start(&world, Core::Shared, Keeps::of(durability), Answers::Delivered, peers)?;
    let mut client = UnixStream::connect(&relay.socket)?;
    let messages = message_to(0, TEXT).repeat(lines);
    let mut contenders = vec![Contender::new("bare relay and server, a row at each", move || {
        let begin = Instant::now();
        client.write_all(&messages)?;
        client.read_exact(&mut vec![0; lines * HEADER_LEN])?;
        Ok([lines as f64 / begin.elapsed().as_secs_f64()])
    })];
    let pairs: Vec<Pair> =
        Build::all().iter().map(|build| Pair::open(build, durability)).collect::<Attempt<_>>()?;
    for pair in &pairs {
        for (simpctl, program) in pair.simpctls(fast)? {
            let name = pair.world.build.called(&format!("{simpctl} send < file, lines"));
            let (mut command, file) = (pair.command(&program, &[]), &file);
            contenders.push(Contender::new(name, move || {
                Ok([lines as f64 * 1e6 / micros(command.stdin(File::open(file)?))?])
            }));
        }
    }
    compare([Column::RATE], bench.effort.of(7, 3), contenders)?;
    Ok(())
}
