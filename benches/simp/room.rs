//! A room: what a line to everybody costs, for few members and for many.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use simp_control::Request;

use crate::builds::Build;
use crate::client::BenchClient;
use crate::crowd::Crowd;
use crate::machine::{Core, cpu_time};
use crate::occupied::Memory;
use crate::rounds::{Column, Contender, compare};
use crate::world::{PLAIN, Process, Simpd, World};
use crate::{Attempt, Bench, TEXT};

/// All that follows from what was said is done if nothing has come for so long.
const QUIET: Duration = Duration::from_millis(100);

/// How many members there are, and what is wanted of a room if there is one of before.
const SIZES: [(u32, &str); 3] = [(10, ""), (100, ""), (1_000, "goal >= 1.5x of before")];

/// How its lines are said.
const WAYS: [(&str, u32); 2] =
    [("the room, a line of one member at a time", 1), ("the room, lines of ten at a time", 10)];

/// Prints deliveries per second for rooms of three sizes, and what a member occupies.
pub fn measure(bench: &mut Bench) -> Attempt<()> {
    SIZES.iter().try_for_each(|(size, goal)| measure_size(bench, *size, goal))
}

fn measure_size(bench: &Bench, size: u32, goal: &str) -> Attempt<()> {
    let lines = (bench.effort.of(20_000, 5_000) / u64::from(size)).max(2);
    println!("  {size} members");
    let houses: Vec<House> =
        Build::all().iter().map(|build| House::open(build, size)).collect::<Attempt<_>>()?;
    let mut contenders = Vec::new();
    for house in &houses {
        let name = house.world.build.called("simpd, asked by one client for all of them");
        contenders.push(Contender::new(name, || house.costs(|house| house.direct(lines))));
    }
    for (way, speakers) in WAYS {
        for (at, house) in houses.iter().enumerate() {
            let contender = Contender::new(house.world.build.called(way), move || {
                house.costs(|house| house.public(speakers, lines))
            });
            contenders.push(contender.against(at).goal(goal));
        }
    }
    compare([Column::RATE, Column::CPU], bench.effort.of(7, 3), contenders)?;
    Ok(())
}

/// A room, its simpd, and its members.
struct House {
    crowd: RefCell<Crowd>,
    client: RefCell<BenchClient>,
    to: Vec<String>,
    // They end in this order.
    room: Process,
    simpd: Simpd,
    world: World,
}

impl House {
    /// With so many members, all inside.
    fn open(build: &Build, size: u32) -> Attempt<Self> {
        let world = World::new(build, "disk", PLAIN)?;
        let simpd = world.simpd(Core::Shared, &["--max-chats", "2000"])?;
        let mut command = world.command(build.room());
        let flags =
            ["--name", "bench", "--open", "--history", "0", "--rate", "100000", "--max-members", "2000"];
        let room = Process::start(command.arg("run").args(flags).args(["-d", &simpd.address.to_string()]))?;
        let empty = Memory::of(room.id())?;
        let mut crowd = Crowd::new(&[simpd.address], size)?;
        crowd.join()?;
        crowd.calm()?;
        let each = Memory::of(room.id())?.rss.saturating_sub(empty.rss) * 1_024 / u64::from(size);
        println!("  {:<40}  {each:>9} bytes", build.called("for each member, in simp-room"));
        let to = (0..size).map(|number| Ok(crowd.address(number)?.to_string())).collect::<Attempt<_>>()?;
        let client = RefCell::new(simpd.client()?);
        Ok(Self { crowd: RefCell::new(crowd), client, to, room, simpd, world })
    }

    /// Deliveries per second, and what each costs simpd and the room together.
    fn costs(&self, talk: impl Fn(&Self) -> Attempt<(u64, Duration)>) -> Attempt<[f64; 2]> {
        let spent = || Attempt::Ok(cpu_time(self.room.id())?.as_secs_f64() * 1e6 + self.simpd.cpu()?);
        self.crowd.borrow_mut().calm_for(QUIET)?;
        self.crowd.borrow_mut().forget();
        let before = spent()?;
        let (deliveries, elapsed) = talk(self)?;
        let cpu = spent()? - before;
        Ok([deliveries as f64 / elapsed.as_secs_f64(), cpu / deliveries as f64])
    }

    /// So many lines to each, without the room.
    fn direct(&self, lines: u64) -> Attempt<(u64, Duration)> {
        let (mut crowd, mut client) = (self.crowd.borrow_mut(), self.client.borrow_mut());
        let began = Instant::now();
        for _ in 0..lines {
            let requests: Vec<Request> =
                self.to.iter().map(|to| Request::send(Some(to.clone()), TEXT)).collect();
            client.ask_all(&requests)?;
            crowd.hear(self.to.len() as u64)?;
        }
        Ok((lines * self.to.len() as u64, began.elapsed()))
    }

    /// So many lines of members to all others, each with its confirmation, so many at a time.
    fn public(&self, speakers: u32, lines: u64) -> Attempt<(u64, Duration)> {
        let mut crowd = self.crowd.borrow_mut();
        let (size, speakers) = (self.to.len() as u64, speakers.min(self.to.len() as u32));
        let rounds = (lines / u64::from(speakers)).max(1);
        let began = Instant::now();
        for _ in 0..rounds {
            for speaker in 0..speakers {
                crowd.say(speaker, TEXT)?;
            }
            crowd.hear(u64::from(speakers) * size)?;
        }
        Ok((rounds * u64::from(speakers) * (size - 1), began.elapsed()))
    }
}
