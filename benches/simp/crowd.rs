//! Many peers behind one socket on all addresses: each is a source address of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use simp_daemon::udp::{More, Udp};
use simp_proto::{Datagram, Operation, UserName};

use crate::Attempt;

/// Invitations that wait for their answers at the same time.
const AT_ONCE: u32 = 50;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// It is quiet when nothing has come for so long: longer than a chat holds its first message back.
const QUIET: Duration = Duration::from_millis(1_500);

/// One of many.
struct Member {
    user: UserName,
    /// The number of the last message that came.
    last: Option<u8>,
    /// The number of its next message.
    next: u8,
    /// Its message is acknowledged.
    is_acked: bool,
}

/// Many peers, each of which acknowledges what it hears.
pub struct Crowd {
    udp: Udp,
    poll: Poll,
    events: Events,
    simpd: SocketAddr,
    members: Vec<Member>,
    accepted: u32,
    /// New messages that came.
    heard: u64,
}

impl Crowd {
    /// So many.
    pub fn new(simpd: SocketAddr, size: u32) -> Attempt<Self> {
        let mut udp = Udp::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))?;
        let poll = Poll::new()?;
        poll.registry().register(&mut udp, Token(0), Interest::READABLE)?;
        let member = |number| {
            let user = UserName::new(&format!("m{number}"))?;
            Ok(Member { user, last: None, next: 0, is_acked: true })
        };
        let members = (0..size).map(member).collect::<Attempt<_>>()?;
        Ok(Self { udp, poll, events: Events::with_capacity(16), simpd, members, accepted: 0, heard: 0 })
    }

    /// Invites simpd, from each of them.
    pub fn join(&mut self) -> Attempt<()> {
        let size = self.members.len() as u32;
        for first in (0..size).step_by(AT_ONCE as usize) {
            let end = size.min(first + AT_ONCE);
            for number in first..end {
                self.queue(number, Operation::Syn, 0, "");
            }
            let deadline = Instant::now() + PATIENCE;
            while self.accepted < end {
                if !self.serve(PATIENCE)? || Instant::now() > deadline {
                    return Err("simpd does not answer".into());
                }
            }
        }
        self.udp.flush(Instant::now(), |_| {});
        Ok(())
    }

    /// Acknowledges what comes until nothing comes any more.
    pub fn calm(&mut self) -> Attempt<()> {
        while self.serve(QUIET)? {}
        Ok(())
    }

    /// One of them says something. It must have been acknowledged before.
    pub fn say(&mut self, number: u32, text: &str) -> Attempt<()> {
        let deadline = Instant::now() + PATIENCE;
        let Some(member) = self.members.get_mut(number as usize) else { return Err("no such member".into()) };
        let seq = member.next;
        (member.next, member.is_acked) = (seq ^ 1, false);
        self.queue(number, Operation::Chat, seq, text);
        while !self.members.get(number as usize).is_some_and(|member| member.is_acked) {
            if !self.serve(PATIENCE)? || Instant::now() > deadline {
                return Err("no acknowledgement".into());
            }
        }
        Ok(())
    }

    /// Acknowledges until so many new messages have come since the last call.
    pub fn hear(&mut self, count: u64) -> Attempt<()> {
        while self.heard < count {
            if !self.serve(PATIENCE)? {
                return Err(format!("only {} of {count} messages came", self.heard).into());
            }
        }
        self.heard -= count;
        Ok(())
    }

    /// Forgets what was heard.
    pub fn forget(&mut self) {
        self.heard = 0;
    }

    /// Answers what is there. False if nothing comes in this time.
    fn serve(&mut self, patience: Duration) -> Attempt<bool> {
        self.udp.flush(Instant::now(), |_| {});
        self.poll.poll(&mut self.events, Some(patience))?;
        if self.events.is_empty() {
            return Ok(false);
        }
        let mut come = Vec::new();
        let mut drained = More::Perhaps;
        while drained == More::Perhaps {
            drained = self.udp.receive(|received| {
                let datagram = Datagram::decode(received.bytes).ok();
                come.extend(received.local.zip(datagram.map(|it| (it.operation, it.seq))));
            })?;
        }
        for (at, (operation, seq)) in come {
            let number = number_of(at);
            let Some(member) = self.members.get_mut(number as usize) else { continue };
            match operation {
                Operation::SynAck => self.accepted += 1,
                Operation::Chat => {
                    self.heard += u64::from(member.last != Some(seq));
                    member.last = Some(seq);
                }
                Operation::Ack => {
                    member.is_acked |= seq != member.next;
                    continue;
                }
                _ => {}
            }
            self.queue(number, Operation::Ack, seq, "");
        }
        Ok(true)
    }

    fn queue(&mut self, number: u32, operation: Operation, seq: u8, text: &str) {
        let Some(member) = self.members.get(number as usize) else { return };
        let mut bytes = Vec::new();
        Datagram::new(operation, seq, member.user, text.into()).encode(&mut bytes);
        self.udp.queue(self.simpd, Some(source(number)), &bytes, None);
    }

    /// The address of one of them.
    pub fn address(&self, number: u32) -> Attempt<SocketAddr> {
        Ok(SocketAddr::new(source(number), self.udp.local_addr().port()))
    }
}

fn source(number: u32) -> IpAddr {
    let [_, _, high, low] = number.to_be_bytes();
    Ipv4Addr::new(127, 62, high, low).into()
}

fn number_of(at: IpAddr) -> u32 {
    match at {
        IpAddr::V4(at) => u32::from(at) & 0xffff,
        IpAddr::V6(_) => u32::MAX,
    }
}
