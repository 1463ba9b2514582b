//! Datagrams of every kind, two thousand of each, from two hundred ports: they cost a bounded number of answers and
//! of bytes, little memory, and nothing when they are over.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::Ann;
use crate::datagrams::{ACK, CHAT, ERR, FIN, SYN, SYN_ACK, wire};
use crate::harness::resident_kib;

const PORTS: u64 = 200;
const OF_EACH: u64 = 2_000;

/// Answers to strangers per second, and at most at once (SIMP 5).
const ANSWERS: u64 = 1_000;

/// The same of "No chat with you", which is ERR and FIN.
const NOTICES: u64 = 2 * ANSWERS;

/// Requests of one network at a time, and how many give way to others at once, and per second.
const REQUESTS_PER_NETWORK: usize = 16;
const GIVE_WAY_AT_ONCE: usize = 48;
const GIVE_WAY_PER_SECOND: usize = 2;

/// Bytes of the longest answer: ERR "User already in another chat".
const ANSWER_MAX: u64 = 39 + 28;

/// How long a daemon is watched that has nothing to do.
const WATCHED_FOR: Duration = Duration::from_millis(1_500);

fn sockets(ann: &Ann) -> Vec<UdpSocket> {
    let sockets = (0..PORTS).map(|n| UdpSocket::bind((ann.world.address(10 + (n % 4) as u8), 0)).unwrap());
    sockets.inspect(|socket| socket.set_nonblocking(true).unwrap()).collect()
}

/// How many answers have come, and how many bytes of them.
fn answers(sockets: &[UdpSocket]) -> (u64, u64) {
    let mut buffer = [0; 65_536];
    let mut sum = (0, 0);
    for socket in sockets {
        while let Ok(length) = socket.recv(&mut buffer) {
            sum = (sum.0 + 1, sum.1 + length as u64);
        }
    }
    sum
}

/// How often a process has waited, and for how many hundredths of a second it has run.
fn waits_and_runs(pid: u32) -> (u64, u64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let waits = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:")).unwrap();
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let runs = after_name.split_whitespace().skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap());
    (waits.trim().parse().unwrap(), runs.sum())
}

/// Sends a flood. Asserts that no more than so many datagrams answer it at once, and no more per second.
fn flood(ann: &Ann, sockets: &[UdpSocket], (name, bytes, at_most): (&str, &[u8], u64)) {
    let mut client = ann.client();
    let before = client.status().counters.datagrams_in;
    let began = Instant::now();
    let (mut count, mut size) = (0, 0);
    let at_once = if bytes.len() > 1_000 { 2 } else { 50 };
    for n in 0..OF_EACH {
        sockets[(n % PORTS) as usize].send_to(bytes, (ann.to.as_str(), 7777)).unwrap();
        // No socket may lose any on the way.
        if n % at_once == at_once - 1 {
            client.status_after(before + n + 1);
            let (more, bytes) = answers(sockets);
            (count, size) = (count + more, size + bytes);
        }
    }
    let allowed = at_most as f64 * (1.0 + began.elapsed().as_secs_f64());
    assert!(count as f64 <= allowed, "{name}: {count} answers instead of {allowed}");
    assert!(size <= count * ANSWER_MAX, "{name}: {size} bytes in {count} answers");
}

#[test]
fn floods_of_every_kind_cost_little_and_leave_nothing() {
    let ann = Ann::start(&["--accept", "bob,zoe", "--max-chats", "3"]);
    let bob = ann.chats_with(2, "bob");
    let sockets = sockets(&ann);
    let (before, began) = (resident_kib(ann.pid()), Instant::now());
    let mut seq = 0;
    for (name, bytes, at_most) in [
        // A request is not answered before ann answers it.
        ("SYN", wire(SYN, 0, "mallory", b""), 0),
        ("SYN with a text", wire(SYN, 0, "mallory", &[b'x'; 900]), 0),
        ("SYN+ACK", wire(SYN_ACK, 0, "mallory", b""), NOTICES),
        ("ACK", wire(ACK, 7, "mallory", b""), 0),
        ("ERR", wire(ERR, 0, "mallory", b"why?"), 0),
        ("FIN|ACK", wire([1, 0x0c], 0, "mallory", b""), 0),
        ("chat", wire(CHAT, 0, "mallory", b"hi"), NOTICES),
        ("chat of another's name", wire(CHAT, 0, "bob", b"hi"), NOTICES),
        ("large chat", wire(CHAT, 0, "mallory", &[b'x'; 60_000]), NOTICES),
        ("ERR|FIN", wire([1, 0x09], 0, "mallory", b"gone"), ANSWERS),
        ("FIN", wire(FIN, 0, "mallory", b""), ANSWERS),
        ("nonsense", vec![0x55; 300], 0),
        ("nothing", vec![], 0),
    ] {
        flood(&ann, &sockets, (name, &bytes, at_most));
        // Bob notices nothing of it.
        bob.say(&ann.to, seq, name);
        seq = 1 - seq;
    }
    let grown = resident_kib(ann.pid()).saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB more");
    assert_eq!((ann.heard(2).len(), bob.arrived()), (13, vec![]));
    let told: usize = (10..14).map(|host| ann.told(host).len()).sum();
    let given_way = GIVE_WAY_AT_ONCE + GIVE_WAY_PER_SECOND * (1 + began.elapsed().as_secs() as usize);
    let most = 2 * (REQUESTS_PER_NETWORK + given_way);
    assert!(told <= most, "{told} entries of the log, at most {most}: requests, and what became of them");
    ann.serves(250);

    // What is under way has its end, and then there is silence.
    ann.ctl(&["quit", "zoe", "--now", "--timeout", "0.1"]);
    let quiet = UdpSocket::bind((ann.world.address(9), 0)).unwrap();
    quiet.set_read_timeout(Some(WATCHED_FOR)).unwrap();
    let mut status = ann.client();
    status.status_when(|status| status.clients == 1);
    let out = status.status().counters.datagrams_out;
    let before = waits_and_runs(ann.pid());
    assert!(quiet.recv(&mut [0]).is_err(), "nobody knows of this socket");
    let after = waits_and_runs(ann.pid());
    let (woken, ran) = (after.0 - before.0, after.1 - before.1);
    assert!(
        woken <= 3 && ran <= 10,
        "woken {woken} times by nothing, and ran for {ran} hundredths of a second"
    );
    assert_eq!(status.status().counters.datagrams_out, out);
    assert_eq!(answers(&sockets).0, 0);
}
