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

/// A message that one of them has heard.
pub struct Heard {
    /// Which one.
    pub number: u32,
    /// When.
    pub at: Instant,
    /// What.
    pub text: String,
}

/// One of many.
struct Member {
    /// The simpd that it has a chat with.
    simpd: SocketAddr,
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
    members: Vec<Member>,
    accepted: u32,
    /// New messages that came.
    heard: u64,
    /// The same, from the first call of [`Crowd::record`] on.
    record: Option<Vec<Heard>>,
}

impl Crowd {
    /// So many for each of these simpds, with numbers one after another: first those of the first.
    pub fn new(simpds: &[SocketAddr], each: u32) -> Attempt<Self> {
        let mut udp = Udp::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))?;
        let poll = Poll::new()?;
        poll.registry().register(&mut udp, Token(0), Interest::READABLE)?;
        let all = simpds.iter().flat_map(|simpd| (0..each).map(move |_| *simpd));
        let member = |(number, simpd)| {
            let user = UserName::new(&format!("m{number}"))?;
            Ok(Member { simpd, user, last: None, next: 0, is_acked: true })
        };
        let members = all.enumerate().map(member).collect::<Attempt<_>>()?;
        let events = Events::with_capacity(16);
        Ok(Self { udp, poll, events, members, accepted: 0, heard: 0, record: None })
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
        self.calm_for(QUIET)
    }

    /// The same, until nothing has come for so long.
    pub fn calm_for(&mut self, quiet: Duration) -> Attempt<()> {
        while self.serve(quiet)? {}
        Ok(())
    }

    /// Acknowledges what comes until then.
    pub fn serve_until(&mut self, then: Instant) -> Attempt<()> {
        loop {
            let left = then.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.serve(left)?;
        }
    }

    /// What was heard since this was asked last. The first time nothing: from then on it is kept.
    pub fn record(&mut self) -> Vec<Heard> {
        self.record.replace(Vec::new()).unwrap_or_default()
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
                come.extend(received.local.zip(Datagram::decode(received.bytes).ok()));
            })?;
        }
        let now = Instant::now();
        for (at, Datagram { operation, seq, payload, .. }) in come {
            let number = number_of(at);
            let Some(member) = self.members.get_mut(number as usize) else { continue };
            match operation {
                Operation::SynAck => self.accepted += 1,
                Operation::Chat => {
                    let is_new = member.last.replace(seq) != Some(seq);
                    self.heard += u64::from(is_new);
                    if let Some(record) = self.record.as_mut().filter(|_| is_new) {
                        record.push(Heard { number, at: now, text: text_of(&payload) });
                    }
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
        self.udp.queue(member.simpd, Some(source(number)), &bytes, None);
    }

    /// The address of one of them.
    pub fn address(&self, number: u32) -> Attempt<SocketAddr> {
        Ok(SocketAddr::new(source(number), self.udp.local_addr().port()))
    }
}

fn text_of(payload: &[u8]) -> String {
    String::from_utf8_lossy(payload).into_owned()
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
