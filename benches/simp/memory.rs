//! What simpd occupies with no chat and with many, and what it does while none of them says anything.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::Duration;

use mio::{Events, Interest, Poll, Token};
use simp_daemon::udp::{Drained, Udp};
use simp_proto::{Datagram, Operation, UserName};

use crate::world::World;
use crate::{Effort, Result};

const CHATS: u32 = 10_000;

/// Invitations that wait for their answers at the same time.
const AT_ONCE: usize = 50;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Prints both.
pub fn measure(effort: Effort) -> Result<()> {
    // The log only has to be filled.
    let world = World::new("process")?;
    let simpd = world.simpd(&["--max-chats", "20000"])?;
    let id = simpd.process.id();
    let empty = Memory::of(id)?;
    println!(
        "  {:<44} {:>8} KiB, {} KiB of it anonymous  goal <= 8192 KiB",
        "RSS without chats", empty.rss, empty.anon
    );

    Peers::new(simpd.address)?.open_chats()?;
    let open = simpd.client()?.open_chats()?;
    if open != u64::from(CHATS) {
        return Err(format!("{open} chats are open, not {CHATS}").into());
    }
    let full = Memory::of(id)?;
    println!("  {:<44} {:>8} KiB, {} KiB of it anonymous", "RSS with 10,000 open chats", full.rss, full.anon);
    let each = full.rss.saturating_sub(empty.rss) * 1024 / u64::from(CHATS);
    println!("  {:<44} {each:>8} bytes  goal <= 512", "for each chat, SQLite's cache included");
    println!(
        "  {:<44} {:>8}  goal: none for a chat",
        "descriptors",
        fs::read_dir(format!("/proc/{id}/fd"))?.count()
    );

    let idle = Duration::from_secs(effort.of(20, 5));
    // The last client's end is still work.
    thread::sleep(Duration::from_secs(1));
    let before = Work::of(id)?;
    thread::sleep(idle);
    let after = Work::of(id)?;
    println!(
        "  idle for {} s with all of them open: {} ticks of CPU, {} wake-ups  goal: 0 and 0",
        idle.as_secs(),
        after.ticks - before.ticks,
        after.wakes - before.wakes
    );
    Ok(())
}

/// In KiB.
struct Memory {
    rss: u64,
    anon: u64,
}

impl Memory {
    fn of(id: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        Ok(Self { rss: field(&status, "VmRSS:")?, anon: field(&status, "RssAnon:")? })
    }
}

/// Since the process began.
struct Work {
    /// utime and stime, of 10 ms each.
    ticks: u64,
    /// Each time it is woken, it falls asleep again: voluntary context switches.
    wakes: u64,
}

impl Work {
    fn of(id: u32) -> Result<Self> {
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // Behind the name, which may contain anything, utime and stime are the 12th and 13th word.
        let (_, words) = stat.rsplit_once(')').ok_or("/proc: no name")?;
        let ticks =
            words.split_whitespace().skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
        let status = fs::read_to_string(format!("/proc/{id}/status"))?;
        Ok(Self { ticks, wakes: field(&status, "voluntary_ctxt_switches:")? })
    }
}

fn field(status: &str, name: &str) -> Result<u64> {
    let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next());
    Ok(value.ok_or_else(|| format!("/proc: no {name}"))?.parse()?)
}

/// Many peers behind one socket on all addresses: each is a source address of its own.
struct Peers {
    udp: Udp,
    poll: Poll,
    events: Events,
    simpd: SocketAddr,
    user: UserName,
}

impl Peers {
    fn new(simpd: SocketAddr) -> Result<Self> {
        let mut udp = Udp::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))?;
        let poll = Poll::new()?;
        poll.registry().register(&mut udp, Token(0), Interest::READABLE)?;
        Ok(Self { udp, poll, events: Events::with_capacity(16), simpd, user: UserName::new("peer")? })
    }

    /// A SYN from each, and an ACK to each SYN+ACK.
    fn open_chats(&mut self) -> Result<()> {
        for first in (0..CHATS).step_by(AT_ONCE) {
            for number in first..first + AT_ONCE as u32 {
                self.queue(Operation::Syn, source(number));
            }
            let mut accepted = 0;
            while accepted < AT_ONCE {
                self.udp.flush(|_| {});
                self.poll.poll(&mut self.events, Some(PATIENCE))?;
                if self.events.is_empty() {
                    return Err("simpd does not answer".into());
                }
                accepted += self.confirm()?;
            }
        }
        self.udp.flush(|_| {});
        Ok(())
    }

    /// Queues an ACK for each SYN+ACK that is there.
    fn confirm(&mut self) -> Result<usize> {
        let mut accepted = Vec::new();
        let mut drained = Drained::No;
        while drained == Drained::No {
            drained = self.udp.receive(|received| {
                let operation = Datagram::decode(received.bytes).map(|datagram| datagram.operation);
                if operation == Ok(Operation::SynAck) {
                    accepted.extend(received.local);
                }
            })?;
        }
        for peer in &accepted {
            self.queue(Operation::Ack, *peer);
        }
        Ok(accepted.len())
    }

    fn queue(&mut self, operation: Operation, from: IpAddr) {
        let mut bytes = Vec::new();
        Datagram::new(operation, 0, self.user, Vec::new()).encode(&mut bytes);
        self.udp.queue(self.simpd, Some(from), &bytes);
    }
}

fn source(number: u32) -> IpAddr {
    let [_, _, high, low] = number.to_be_bytes();
    Ipv4Addr::new(127, 62, high, low).into()
}
