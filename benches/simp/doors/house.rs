//! A room, with one door or several, each with a simpd and folders of its own; and all who are inside.

use std::time::Duration;

use super::servers::Servers;
use crate::Attempt;
use crate::builds::Build;
use crate::crowd::Crowd;
use crate::machine::{Core, cpu_time};
use crate::world::{PLAIN, Process, Simpd, World};

/// A room with its members.
pub struct House {
    /// Its doors; the only one, if it is without NATS.
    pub doors: Vec<Door>,
    /// Its members, so many at each door.
    pub crowd: Crowd,
    each: u32,
}

/// A simp-room and its simpd.
pub struct Door {
    /// The simp-room.
    pub room: Process,
    simpd: Simpd,
    _world: World,
}

/// CPU time of a door since it began.
#[derive(Clone, Copy)]
pub struct Spent {
    /// Of its simp-room.
    pub room: Duration,
    /// Of its simpd.
    pub simpd: Duration,
}

impl Door {
    /// That of a room without NATS, or one of several of the room with this name.
    pub fn open(name: &str, number: usize, servers: Option<&Servers>) -> Attempt<Self> {
        let world = World::new(&Build::now(), "disk", PLAIN)?;
        let simpd = world.simpd(Core::Shared, &["--max-chats", "2000"])?;
        let mut command = world.command(world.build.room());
        let flags = ["run", "--open", "--history", "0", "--rate", "100000", "--max-members", "2000"];
        command.args(flags).args(["--name", name, "-d", &simpd.address.to_string()]);
        if let Some(servers) = servers {
            let (door, replicas) = (format!("d{number}"), servers.count().to_string());
            command.args(["--nats", &servers.urls(), "--replicas", &replicas, "--door", &door]);
        }
        Ok(Self { room: Process::start(&mut command)?, simpd, _world: world })
    }

    /// What it has spent.
    pub fn spent(&self) -> Attempt<Spent> {
        Ok(Spent { room: cpu_time(self.room.id())?, simpd: cpu_time(self.simpd.process.id())? })
    }
}

impl House {
    /// One with so many doors, and so many members at each, all inside.
    pub fn open(name: &str, doors: usize, each: u32, servers: Option<&Servers>) -> Attempt<Self> {
        let doors: Vec<Door> =
            (0..doors).map(|number| Door::open(name, number, servers)).collect::<Attempt<_>>()?;
        let simpds: Vec<_> = doors.iter().map(|door| door.simpd.address).collect();
        let mut house = Self { crowd: Crowd::new(&simpds, each)?, doors, each };
        house.crowd.join()?;
        house.crowd.calm()?;
        house.crowd.record();
        house.crowd.say(0, "is everybody here?")?;
        house.crowd.calm()?;
        let told = house.crowd.record();
        let wanted = format!("sent to {}", house.size() - 1);
        match told.iter().any(|heard| heard.number == 0 && heard.text == wanted) {
            true => Ok(house),
            false => Err("not everybody came in".into()),
        }
    }

    /// How many are inside at each door.
    pub fn each(&self) -> u32 {
        self.each
    }

    /// How many are inside.
    pub fn size(&self) -> u32 {
        self.each * self.doors.len() as u32
    }

    /// So many lines from members at the first door to all others, by one or ten at a time, each with its confirmation.
    pub fn talk(&mut self, lines: u32, text: &str, at_once: u32) -> Attempt<()> {
        self.crowd.forget();
        for _ in 0..lines / at_once {
            for speaker in 0..at_once {
                self.crowd.say(speaker, text)?;
            }
            self.crowd.hear(u64::from(at_once * self.size()))?;
        }
        Ok(())
    }

    /// What each door has spent.
    pub fn spent(&self) -> Attempt<Vec<Spent>> {
        self.doors.iter().map(Door::spent).collect()
    }
}
