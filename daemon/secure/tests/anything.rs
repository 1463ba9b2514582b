//! Whatever three daemons do and the network does to them.

use std::collections::HashMap;
use std::time::Duration;

use simp_proto::secure::{ChannelId, Frame};
use simp_secure::ChannelEvent;
use simp_seeds::{Random, Replay, seeds};

use crate::net::{Net, Weather};

/// A channel's texts say where they are from: the host in the upper bits of their numbers, then the channel.
fn first_number(host: usize, channel: ChannelId) -> u64 {
    ((host as u64) << 60) | (channel.0 << 20)
}

#[test]
fn each_channel_has_what_was_said_over_one_from_its_beginning_and_in_the_end_nothing_is_left() {
    for seed in seeds(20) {
        let _replay = Replay { package: "simp-secure", test: "each_channel_has", seed };
        let mut random = Random(seed);
        let weather = Weather {
            lost: random.below(20),
            copied: random.below(10),
            late: random.below(30),
            damaged: random.below(3),
            delay: Duration::from_millis(random.below(60)),
        };
        let mut net = Net::new(seed, weather);
        let mut written: HashMap<(usize, ChannelId), u64> = HashMap::new();
        for _ in 0..200 {
            let host = random.index(3);
            let (now, to) = (net.now, net.hosts[random.index(3)].address);
            let known: Vec<_> =
                written.keys().filter(|(at, _)| *at == host).map(|(_, channel)| *channel).collect();
            let mut known: Vec<_> = known.into_iter().chain(net.hosts[host].incoming()).collect();
            known.sort_unstable();
            match (random.below(20), known.is_empty()) {
                (0..4, _) | (_, true) => {
                    let channel = net.hosts[host].open(now, to, None);
                    written.insert((host, channel), 0);
                }
                (4, _) => net.hosts[host].endpoint.close(random.pick(&known)),
                (5, _) => net.hosts[host].endpoint.pause(random.pick(&known), random.percent(50)),
                (6, _) if random.percent(20) => {
                    net.hosts[host].restart();
                    written.retain(|(at, _), _| *at != host);
                }
                (7, _) => net.hosts[host].endpoint.handle_unreachable(now, to),
                _ => {
                    let channel = random.pick(&known);
                    let count = written.entry((host, channel)).or_default();
                    for _ in 0..random.below(30) {
                        *count += 1;
                        let number = first_number(host, channel) + *count;
                        net.hosts[host].write(channel, number, &"x".repeat(random.below(600) as usize));
                    }
                }
            }
            net.run(Duration::from_millis(random.below(400)));
        }
        // Nobody says anything any more, and everybody listens.
        for host in 0..3 {
            let channels: Vec<_> = net.hosts[host].events.iter().map(ChannelEvent::channel).collect();
            channels.into_iter().for_each(|channel| net.hosts[host].endpoint.pause(channel, false));
        }
        net.run(Duration::from_secs(120));
        for host in &net.hosts {
            check(&host.events);
            assert_eq!(host.endpoint.poll_timeout(), None);
            assert!(!host.endpoint.has_more());
        }
    }
}

/// Of each channel the texts of one other, without a gap from the first, and nothing after its end.
fn check(events: &[ChannelEvent]) {
    let mut last: HashMap<ChannelId, u64> = HashMap::new();
    let mut ended = Vec::new();
    for event in events {
        let channel = event.channel();
        assert!(!ended.contains(&channel), "{event:?} after the end");
        match event {
            ChannelEvent::Frame { frame: Frame::Text { number, .. }, .. } => {
                let expected = last.get(&channel).map_or((*number >> 20 << 20) + 1, |last| last + 1);
                assert_eq!(*number, expected);
                last.insert(channel, *number);
            }
            ChannelEvent::Broken { .. } => ended.push(channel),
            _ => {}
        }
    }
}
