//! What it costs. In no way a test: `cargo test --release -p simp-secure -- --ignored --nocapture figures`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures, and says what")]

use std::time::{Duration, Instant};

use simp_secure::Settings;

use crate::net::{ALICE, BOB, CAROL, Net, Weather};

/// Bytes of this process that are in memory.
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4_096
}

#[test]
#[ignore = "it measures"]
fn handshakes_texts_and_memory() {
    const LINKS: u32 = 2_000;
    let idle_after = Duration::from_secs(600);
    let mut net = Net::with(1, Weather::default(), Settings { idle_after, ..Settings::default() });
    net.channel();
    net.transmitted.clear();
    let before = resident();
    let begin = Instant::now();
    for n in 0..LINKS {
        // Many addresses of Bob: as many links.
        let alias = std::net::SocketAddr::from(([10, 88, (n >> 8) as u8, n as u8], 7776));
        let (now, bob) = (net.now, net.hosts[BOB].address);
        net.alias = Some((alias, bob));
        let channel = net.hosts[CAROL].open(now, alias, None);
        net.hosts[CAROL].write(channel, 1, "hello");
        net.run(Duration::from_millis(20));
        assert!(net.hosts[CAROL].opened(channel).is_some());
        net.transmitted.clear();
    }
    let took = begin.elapsed() / LINKS;
    println!("handshake with the first text: {took:?} for both sides together");
    println!("memory: {} bytes for each end of an idle link", (resident() - before) / 2 / LINKS as usize);

    for (length, count) in [(64, 200_000_u64), (256, 200_000), (1_024, 100_000), (256 << 10, 1_000)] {
        let mut net = Net::new(1, Weather::default());
        net.is_kept = false;
        let (alice, bob) = net.channel();
        net.hosts[BOB].events.clear();
        let text = "x".repeat(length);
        let begin = Instant::now();
        let (mut number, mut seen) = (0, 0);
        while seen < count {
            while number < count && number - seen < 512.min((1 << 20) / length as u64) {
                number += 1;
                net.hosts[ALICE].write(alice, number, &text);
            }
            net.step(net.now + Duration::from_secs(1));
            seen += net.hosts[BOB].events.drain(..).count() as u64;
        }
        assert!(net.hosts[BOB].broken(bob).is_none());
        let each = begin.elapsed().as_secs_f64();
        println!(
            "{length} bytes: {:.0} texts/s, {:.1} MB/s",
            count as f64 / each,
            count as f64 * length as f64 / each / 1e6
        );
    }
}
