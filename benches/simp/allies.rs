//! Many simpds that have a secure chat with one, as far as that one can tell: each has a key and an address of its own.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use simp_proto::secure::{ChannelId, ChatId, Frame, Hello, PROTOCOL, Stands};
use simp_secure::{ChannelEvent, Endpoint, Identity, Settings};

use crate::Attempt;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest datagram that comes.
const DATAGRAM: usize = 2_048;

/// The only channel of each.
const CHANNEL: ChannelId = ChannelId(2);

/// Each of so many opens a chat with the simpd at this address and then has nothing to say: its link is closed.
pub fn open_chats(simpd: SocketAddr, count: u32, folder: &Path) -> Attempt<()> {
    let to = SocketAddr::new(simpd.ip(), simpd.port() - 1);
    for number in 0..count {
        let [_, _, high, low] = number.to_be_bytes();
        let ip = Ipv4Addr::new(127, 62, high, low);
        let socket = UdpSocket::bind((ip, to.port()))?;
        socket.set_read_timeout(Some(Duration::from_millis(5)))?;
        let key = folder.join("key-of-an-ally");
        let identity = Identity::load(&key)?;
        std::fs::remove_file(&key)?;
        let endpoint = Endpoint::new(&identity, Settings { segments_max: 1, ..Settings::default() })?;
        Ally { endpoint, socket, number }.opens_chat(to)?;
    }
    Ok(())
}

fn is_accepted(frame: &Frame) -> bool {
    matches!(frame, Frame::Accept | Frame::Hello(Hello { stands: Stands::Open, .. }))
}

struct Ally {
    endpoint: Endpoint,
    socket: UdpSocket,
    number: u32,
}

impl Ally {
    fn opens_chat(&mut self, to: SocketAddr) -> Attempt<()> {
        let begin = Instant::now();
        self.endpoint.open(begin, CHANNEL, to, None);
        loop {
            self.turn()?;
            while let Some(event) = self.endpoint.poll_event() {
                match event {
                    ChannelEvent::Opened { .. } => self.endpoint.write(CHANNEL, &self.hello()),
                    ChannelEvent::Frame { frame, .. } if is_accepted(&frame) => return self.falls_silent(),
                    ChannelEvent::Broken { why, .. } => return Err(format!("a channel broke: {why}").into()),
                    _ => {}
                }
            }
            if begin.elapsed() > PATIENCE {
                return Err("simpd does not answer".into());
            }
        }
    }

    /// The chat is open for both.
    fn falls_silent(&mut self) -> Attempt<()> {
        self.endpoint.write(CHANNEL, &Frame::Ack { upto: 0 });
        self.turn()?;
        self.endpoint.shut(Instant::now());
        self.turn()
    }

    fn hello(&self) -> Frame {
        Frame::Hello(Hello {
            version: PROTOCOL,
            features: Vec::new(),
            user: format!("m{}", self.number),
            chat: ChatId(1 + u64::from(self.number)),
            stands: Stands::Inviting,
            received: 0,
            text_max: 1 << 18,
            log: format!("{:032x}", self.number),
        })
    }

    /// Transmits what is to be transmitted, and takes in what comes.
    fn turn(&mut self) -> Attempt<()> {
        let mut bytes = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit(Instant::now(), &mut bytes) {
            self.socket.send_to(&bytes, transmit.destination)?;
        }
        let mut bytes = [0; DATAGRAM];
        if let Ok((length, from)) = self.socket.recv_from(&mut bytes) {
            let come = bytes.get(..length).unwrap_or_default().into();
            self.endpoint.handle_datagram(Instant::now(), from, None, None, come);
        }
        self.endpoint.handle_timeout(Instant::now());
        let mut bytes = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit(Instant::now(), &mut bytes) {
            self.socket.send_to(&bytes, transmit.destination)?;
        }
        Ok(())
    }
}
