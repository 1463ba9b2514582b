//! What a peer does that no daemon of ours would do, and what a fault of the library costs.
#![allow(clippy::disallowed_methods, reason = "only the origin of a time that is thought of")]

use std::time::Duration;

use quinn_proto::Connection;
use simp_control::frame::{self, FRAME_MAX};

use super::*;

const FROM: &str = "10.0.0.1:7776";
const TO: &str = "10.0.0.2:7776";
const CHANNEL: ChannelId = ChannelId(2);

/// Two endpoints with nothing between them, and a channel from one to the other.
struct Pair {
    now: Instant,
    ends: [(SocketAddr, Endpoint); 2],
    /// What the second has said of it.
    events: Vec<ChannelEvent>,
}

impl Pair {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let end = |name: &str| {
            let identity = Identity::load(&folder.path().join(name)).unwrap();
            (name.parse().unwrap(), Endpoint::new(&identity, Settings::default()).unwrap())
        };
        let mut pair = Self { now: Instant::now(), ends: [end(FROM), end(TO)], events: Vec::new() };
        pair.ends[0].1.open(pair.now, CHANNEL, TO.parse().unwrap(), None);
        pair.ends[0].1.write(CHANNEL, &Frame::Accept);
        pair.run(Duration::from_millis(100));
        assert!(matches!(pair.events[..], [ChannelEvent::Incoming { .. }, ChannelEvent::Frame { .. }]));
        pair.events.clear();
        pair
    }

    /// Until nothing is said any more, then for a while.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.say();
            self.events.extend(std::iter::from_fn(|| self.ends[1].1.poll_event()));
            if self.say() {
                continue;
            }
            let Some(next) = self.ends.iter().filter_map(|end| end.1.poll_timeout()).min() else { break };
            if next > end {
                break;
            }
            self.now = self.now.max(next);
            self.ends.iter_mut().for_each(|end| end.1.handle_timeout(self.now));
        }
        self.now = end;
    }

    fn say(&mut self) -> bool {
        let mut buf = Vec::new();
        let mut has_said = false;
        for from in 0..2 {
            while let Some(transmit) = self.ends[from].1.poll_transmit(self.now, &mut buf) {
                has_said = true;
                let address = self.ends[from].0;
                for bytes in buf.chunks(transmit.segment_size.unwrap_or(buf.len())) {
                    self.ends[1 - from].1.handle_datagram(self.now, address, None, None, bytes.into());
                }
            }
        }
        has_said
    }

    /// The link of one of them.
    fn link(&mut self, end: usize) -> &mut Link {
        self.ends[end].1.links.values_mut().next().unwrap()
    }

    /// Bytes into the channel that are no frames.
    fn write(&mut self, bytes: &[u8]) {
        let link = self.link(0);
        let stream = link.stream_of(CHANNEL).unwrap();
        let mut written = 0;
        while written < bytes.len() {
            let more = |connection: &mut Connection| connection.send_stream(stream).write(&bytes[written..]);
            written += self.link(0).connection().call(more).unwrap().unwrap_or_default();
            let id = self.ends[0].1.channels[&CHANNEL];
            self.ends[0].1.touch(id);
            self.run(Duration::from_millis(1));
            if !self.events.is_empty() {
                break;
            }
        }
    }

    fn broken(&self) -> Option<Broken> {
        match self.events.last() {
            Some(ChannelEvent::Broken { why, .. }) => Some(*why),
            _ => None,
        }
    }
}

#[test]
fn what_is_no_frame_breaks_the_channel_and_nothing_else() {
    let too_long = (FRAME_MAX as u32 + 1).to_be_bytes();
    let mut other = Vec::new();
    frame::encode(&"a text that is no frame", &mut other).unwrap();
    for bytes in [&b"\0\0\0\x01\xff"[..], &b"GET / HTTP/1.1\r\n\r\n"[..], &too_long[..], &other[..]] {
        let mut pair = Pair::new();
        pair.write(bytes);
        assert_eq!((pair.events.len(), pair.broken()), (1, Some(Broken::Misused)), "{bytes:?}");
        // Whoever did it is told that the channel has ended; the link serves others.
        pair.run(Duration::from_millis(100));
        assert!(matches!(pair.ends[0].1.poll_event(), Some(ChannelEvent::Opened { .. })));
        let ended = ChannelEvent::Broken { channel: CHANNEL, why: Broken::Ended };
        assert_eq!(pair.ends[0].1.poll_event(), Some(ended));
        let now = pair.now;
        pair.ends[0].1.open(now, ChannelId(4), TO.parse().unwrap(), None);
        pair.ends[0].1.write(ChannelId(4), &Frame::Accept);
        pair.run(Duration::from_millis(100));
        assert!(matches!(pair.events.last(), Some(ChannelEvent::Frame { frame: Frame::Accept, .. })));
        assert_eq!(pair.ends[0].1.links.len(), 1);
    }
}

#[test]
fn frames_that_never_end_are_held_only_up_to_a_bound() {
    let mut pair = Pair::new();
    // On each channel most of a frame.
    let most = [&(FRAME_MAX as u32).to_be_bytes()[..], &vec![b'x'; FRAME_MAX - 1]].concat();
    let now = pair.now;
    for n in 0..8 {
        pair.ends[0].1.open(now, ChannelId(4 + 2 * n), TO.parse().unwrap(), None);
        pair.ends[0].1.write(ChannelId(4 + 2 * n), &Frame::Accept);
    }
    pair.run(Duration::from_millis(100));
    let mut most_held = 0;
    for n in 0..8 {
        let stream = pair.link(0).stream_of(ChannelId(4 + 2 * n)).unwrap();
        let mut written = 0;
        for _ in 0..1_000 {
            let more = |connection: &mut Connection| connection.send_stream(stream).write(&most[written..]);
            written += pair.link(0).connection().call(more).unwrap().unwrap_or_default();
            let id = pair.ends[0].1.channels[&CHANNEL];
            pair.ends[0].1.touch(id);
            pair.run(Duration::from_millis(1));
            most_held = most_held.max(pair.ends[1].1.outlet.held);
            if written == most.len() {
                break;
            }
        }
    }
    assert!(most_held > 4 << 20 && most_held <= 5 << 20, "{most_held}");
    let misused = |event: &&ChannelEvent| matches!(event, ChannelEvent::Broken { why: Broken::Misused, .. });
    assert_eq!(pair.events.iter().filter(misused).count(), 4);
    // What is held is what the channels hold that are left, and nothing once they are gone.
    pair.run(Duration::from_secs(60));
    assert_eq!((pair.ends[1].1.outlet.held, pair.ends[1].1.links.len()), (0, 0));
}

#[test]
fn a_fault_of_the_library_costs_the_link_and_nothing_else() {
    let mut pair = Pair::new();
    assert_eq!(pair.link(1).connection().call(|_| panic!("on purpose")), None::<()>);
    let id = *pair.ends[1].1.links.keys().next().unwrap();
    let now = pair.now;
    pair.ends[1].1.settle(now, id);
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.broken(), Some(Broken::Lost));
    assert_eq!((pair.ends[1].1.links.len(), pair.ends[1].1.library.count()), (0, 0));
    assert_eq!(pair.ends[1].1.poll_timeout(), None);
    // The peer finds out with the next word, and there is another link.
    pair.ends[0].1.write(CHANNEL, &Frame::Accept);
    pair.run(Duration::from_millis(100));
    pair.ends[0].1.open(now, ChannelId(4), TO.parse().unwrap(), None);
    pair.ends[0].1.write(ChannelId(4), &Frame::Accept);
    pair.run(Duration::from_secs(1));
    assert!(matches!(pair.events.last(), Some(ChannelEvent::Frame { frame: Frame::Accept, .. })));
}
