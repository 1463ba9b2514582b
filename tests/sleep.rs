//! A machine that sleeps: its time counts, and what was due meanwhile happens when it wakes up. The clocks of a program
//! and its waking are those of `sleep/asleep.c`.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use nix::sys::stat::Mode;
use simp_control::{FollowFrom, Reason, What};
use simp_proto::Operation;

use crate::datagrams::{SYN_ACK, wire};
use crate::harness::{Daemon, Running, World, compile};

/// The machine of one program.
struct Machine {
    library: PathBuf,
    slept: PathBuf,
    wakes: PathBuf,
}

impl Machine {
    fn new(world: &World) -> Self {
        let library = compile(world, "asleep", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sleep/asleep.c"));
        let machine = Self { library, slept: world.path("slept"), wakes: world.path("wakes") };
        fs::write(&machine.slept, "0").unwrap();
        nix::unistd::mkfifo(&machine.wakes, Mode::S_IRWXU).unwrap();
        machine
    }

    fn attach(&self, command: &mut Command) {
        command
            .env("LD_PRELOAD", &self.library)
            .env("SIMP_SLEPT", &self.slept)
            .env("SIMP_WAKES", &self.wakes);
    }

    /// Sleeps for so many seconds, and wakes up.
    fn sleeps(&self, seconds: u32) {
        // Once it is there to notice that: a short wait is not.
        let mut wakes = File::options().write(true).open(&self.wakes).unwrap();
        // In one step: a clock that is read meanwhile must not find half of it.
        let new = self.slept.with_extension("new");
        fs::write(&new, seconds.to_string()).unwrap();
        fs::rename(new, &self.slept).unwrap();
        wakes.write_all(b"up").unwrap();
    }
}

#[test]
fn a_message_that_expired_while_the_machine_slept_is_given_up_when_it_wakes() {
    let world = World::new();
    let (machine, bob) = (Machine::new(&world), world.peer(2, "bob"));
    let mut command = world.command("simpd");
    command.arg(world.address(1));
    machine.attach(&mut command);
    let alice = Daemon::start(command, world.socket(1));
    world.ctl(1, &["send", "--queue", "--expire", "1h", "-t", &world.address(2), "lunch?"]).ok();
    let (syn, from) = bob.receive_from();
    assert_eq!(syn.operation, Operation::Syn);
    // His user is being asked: until she answers, nothing is due.
    bob.send_to(from, &wire(SYN_ACK, 0, "Daemon", b""));
    bob.expect(Operation::Ack, 0, b"");
    let mut client = alice.client();
    client.follow(FollowFrom::After(1));
    machine.sleeps(8 * 3_600);
    client.expect(What::Undelivered { message: 1, reason: Reason::Expired });
}

#[test]
fn a_time_limit_of_simpctl_counts_what_the_machine_slept() {
    let world = World::new();
    let (_alice, machine) = (world.start(1, &["--accept", "all"]), Machine::new(&world));
    let bob = world.peer(2, "bob");
    bob.open(&world.address(1));
    let mut command = world.command("simpctl");
    command.args(["-d", &world.address(1), "listen", "--text", "-n", "2", "--timeout", "3600"]);
    machine.attach(&mut command);
    let mut listening = Running::start(command);
    // Once it has shown something, it waits.
    bob.say(&world.address(1), 0, "hi");
    assert_eq!(listening.read_line(), "hi");
    machine.sleeps(8 * 3_600);
    assert_eq!(listening.wait().status, Some(6));
}
