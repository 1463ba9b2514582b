//! A bad link between two daemons: a relay that loses and copies datagrams and keeps their order.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use simp_proto::{Datagram, Operation};

use crate::harness::Random;

/// Of a hundred datagrams, how many a bad link loses.
const LOST: u64 = 20;

/// Of a hundred datagrams, how many a bad link hands over twice, the copy right after the original.
const COPIED: u64 = 20;

/// What a relay did, all of it or one direction.
#[derive(Debug, Clone, Default)]
pub struct Counts {
    pub lost: u64,
    pub copied: u64,
    /// Chat datagrams that were handed over, copies included.
    pub chats: u64,
    /// Chat datagrams that came again from the daemon itself.
    pub retransmitted: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Self) {
        self.lost += other.lost;
        self.copied += other.copied;
        self.chats += other.chats;
        self.retransmitted += other.retransmitted;
    }
}

/// Stands between two daemons, each of which takes it for the other: what daemon 0 sends to door 0 leaves through
/// door 1 to daemon 1, and the other way round. A good link until it is made bad. It ends when it is dropped.
pub struct Relay {
    doors: Arc<[UdpSocket; 2]>,
    bad: Arc<AtomicBool>,
    counts: Arc<Mutex<[Counts; 2]>>,
    threads: Vec<JoinHandle<()>>,
}

impl Relay {
    /// `passed` is told of each datagram that was handed over: which daemon it came from, and its bytes.
    pub fn start(
        daemons: [SocketAddr; 2],
        doors: [SocketAddr; 2],
        seed: u64,
        passed: impl Fn(usize, &[u8]) + Clone + Send + 'static,
    ) -> Self {
        let mut relay = Self {
            doors: Arc::new(doors.map(|door| UdpSocket::bind(door).unwrap())),
            bad: Arc::default(),
            counts: Arc::default(),
            threads: Vec::new(),
        };
        for from in 0..2 {
            let way = Way {
                from,
                daemons,
                doors: relay.doors.clone(),
                bad: relay.bad.clone(),
                counts: relay.counts.clone(),
                random: Random(seed.wrapping_add(from as u64)),
            };
            let passed = passed.clone();
            relay.threads.push(std::thread::spawn(move || way.run(passed)));
        }
        relay
    }

    /// From here on it loses and copies, or no longer.
    pub fn make_bad(&self, bad: bool) {
        self.bad.store(bad, Ordering::SeqCst);
    }

    /// What it did, by the daemon that the datagrams came from.
    pub fn counts(&self) -> [Counts; 2] {
        self.counts.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for door in self.doors.iter() {
            // What comes from itself tells it to stop.
            let _ = door.send_to(b"", door.local_addr().unwrap());
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

/// One direction.
struct Way {
    from: usize,
    daemons: [SocketAddr; 2],
    doors: Arc<[UdpSocket; 2]>,
    bad: Arc<AtomicBool>,
    counts: Arc<Mutex<[Counts; 2]>>,
    random: Random,
}

impl Way {
    fn run(mut self, passed: impl Fn(usize, &[u8])) {
        let to = 1 - self.from;
        let (entry, exit) = (&self.doors[self.from], &self.doors[to]);
        let me = entry.local_addr().unwrap();
        let mut last_chat = Vec::new();
        let mut buffer = [0; 2_048];
        loop {
            let (length, from) = match entry.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => panic!("the relay cannot receive: {error}"),
            };
            let bytes = &buffer[..length];
            if from == me {
                return;
            }
            assert_eq!(from, self.daemons[self.from], "a datagram that is not the daemon's");
            let times = match self.random.below(100) {
                percent if !self.bad.load(Ordering::SeqCst) || percent >= LOST + COPIED => 1,
                percent if percent < LOST => 0,
                _ => 2,
            };
            // Held until all is told: what answers this datagram is told of after it.
            let mut counts = self.counts.lock().unwrap();
            let counts = &mut counts[self.from];
            counts.lost += u64::from(times == 0);
            counts.copied += u64::from(times == 2);
            if Datagram::decode(bytes).is_ok_and(|datagram| datagram.operation == Operation::Chat) {
                counts.chats += times;
                counts.retransmitted += u64::from(last_chat == bytes);
                last_chat = bytes.to_vec();
            }
            for _ in 0..times {
                exit.send_to(bytes, self.daemons[to]).unwrap();
                passed(self.from, bytes);
            }
        }
    }
}
