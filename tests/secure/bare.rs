//! A bare peer with a key of its own: the channels of a simpd without its chats. It says what the test says, in good frames
//! and over good links, and answers nothing by itself.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use simp_proto::secure::{ChannelId, ChatId, Frame, Hello, PROTOCOL, Stands};
use simp_secure::{ChannelEvent, Endpoint, Identity, Settings};

use super::relay::SECURE;
use crate::harness::{DEADLINE, World};

/// As long as nothing comes the socket is asked again after so long, for what is due.
const TICK: Duration = Duration::from_millis(10);

pub struct Bare {
    pub endpoint: Endpoint,
    socket: UdpSocket,
    opened: u64,
    /// What has come and was not looked at.
    events: Vec<ChannelEvent>,
}

impl Bare {
    /// On address number `host` of the world, at the port of secure channels.
    pub fn new(world: &World, host: u8) -> Self {
        let identity = Identity::load(&world.path(&format!("bare-{host}"))).unwrap();
        let settings = Settings { segments_max: 1, ..Settings::default() };
        let socket = UdpSocket::bind((world.address(host).as_str(), SECURE)).unwrap();
        socket.set_read_timeout(Some(TICK)).unwrap();
        Self { endpoint: Endpoint::new(&identity, settings).unwrap(), socket, opened: 0, events: Vec::new() }
    }

    /// A new channel to a daemon, which may not be there yet.
    pub fn call(&mut self, to: &str) -> ChannelId {
        self.opened += 1;
        let channel = ChannelId(2 * self.opened);
        let to = SocketAddr::new(to.parse().unwrap(), SECURE);
        self.endpoint.open(Instant::now(), channel, to, None);
        channel
    }

    /// A new channel to a daemon, on a link that is made. A busy machine may take more than one attempt.
    pub fn open(&mut self, to: &str) -> ChannelId {
        loop {
            let called = self.call(to);
            let is_open = self.until("a link", |event| match event {
                ChannelEvent::Opened { channel, .. } if *channel == called => Some(true),
                ChannelEvent::Broken { channel, .. } if *channel == called => Some(false),
                _ => None,
            });
            if is_open {
                return called;
            }
        }
    }

    /// A new channel, and this hello on it.
    pub fn greet(&mut self, to: &str, hello: Hello) -> ChannelId {
        let channel = self.open(to);
        self.write(channel, Frame::Hello(hello));
        channel
    }

    pub fn write(&mut self, channel: ChannelId, frame: Frame) {
        self.endpoint.write(channel, &frame);
    }

    /// What is to leave leaves, and one datagram is waited for at most.
    pub fn turn(&mut self) {
        let now = Instant::now();
        if self.endpoint.poll_timeout().is_some_and(|at| at <= now) {
            self.endpoint.handle_timeout(now);
        }
        self.flush();
        let mut buffer = [0; 65_536];
        match self.socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                let bytes = buffer[..length].into();
                self.endpoint.handle_datagram(Instant::now(), from, None, None, bytes);
            }
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::WouldBlock
                        | ErrorKind::TimedOut
                        | ErrorKind::Interrupted
                        | ErrorKind::ConnectionRefused
                ),
                "{error}"
            ),
        }
        while let Some(event) = self.endpoint.poll_event() {
            self.events.push(event);
        }
        self.flush();
    }

    fn flush(&mut self) {
        let mut buffer = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit(Instant::now(), &mut buffer) {
            // What the socket does not take is as lost.
            let _ = self.socket.send_to(&buffer, transmit.destination);
        }
    }

    /// The next event that is one of these; all before it are passed over.
    #[track_caller]
    pub fn until<T>(&mut self, what: &str, mut is_it: impl FnMut(&ChannelEvent) -> Option<T>) -> T {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let found = self.events.iter().enumerate().find_map(|(n, event)| Some((n, is_it(event)?)));
            if let Some((n, found)) = found {
                self.events.drain(..=n);
                return found;
            }
            assert!(Instant::now() < deadline, "{what} did not come: {:?}", self.events);
            self.turn();
        }
    }

    /// The next frame on this channel.
    #[track_caller]
    pub fn frame(&mut self, on: ChannelId) -> Frame {
        self.until("a frame", |event| match event {
            ChannelEvent::Frame { channel, frame } if *channel == on => Some(frame.clone()),
            ChannelEvent::Broken { channel, why } if *channel == on => panic!("it broke: {why}"),
            _ => None,
        })
    }

    /// The daemon ends this channel.
    #[track_caller]
    pub fn is_ended(&mut self, on: ChannelId) {
        self.until("the end", |event| match event {
            ChannelEvent::Broken { channel, .. } if *channel == on => Some(()),
            _ => None,
        });
    }

    /// A chat with a daemon that accepts everybody.
    #[track_caller]
    pub fn chat_with(&mut self, to: &str, chat: u64) -> ChannelId {
        let channel = self.greet(to, hello(chat, Stands::Inviting));
        assert!(matches!(self.frame(channel), Frame::Hello(_)));
        assert_eq!(self.frame(channel), Frame::Accept);
        self.write(channel, Frame::Ack { upto: 0 });
        channel
    }
}

/// A hello for this chat.
pub fn hello(chat: u64, stands: Stands) -> Hello {
    Hello {
        version: PROTOCOL,
        features: Vec::new(),
        user: "mallory".to_owned(),
        chat: ChatId(chat),
        stands,
        received: 0,
        text_max: 256 << 10,
        log: "a log".to_owned(),
    }
}

pub fn text(number: u64, text: &str) -> Frame {
    Frame::Text { number, text: text.to_owned(), kept: false, answers: None }
}
