//! Many peers behind one socket on all addresses: each is a source address of its own.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::event::Source;
use mio::{Events, Interest, Poll, Token};
use simp_daemon::udp::{More, Udp};
use simp_proto::{Datagram, HEADER_LEN, Operation, UserName};

use crate::Attempt;

/// Invitations that wait for their answers at the same time.
pub const IN_ONE_GO: u32 = 50;

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
    /// Whom it talks to.
    to: SocketAddr,
    /// What its datagrams begin with.
    header: [u8; HEADER_LEN],
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
    /// Whose messages were acknowledged.
    acked: Vec<u32>,
    /// New messages that came.
    heard: u64,
    /// The same, from the first call of [`Crowd::record`] on.
    record: Option<Vec<Heard>>,
    /// A datagram on its way out.
    bytes: Vec<u8>,
}

impl Crowd {
    /// So many for each of these, with numbers one after another: first those of the first.
    pub fn new(whom: &[SocketAddr], each: u32) -> Attempt<Self> {
        let mut udp = Udp::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0))?;
        let poll = Poll::new()?;
        poll.registry().register(&mut udp, Token(0), Interest::READABLE)?;
        let all = whom.iter().flat_map(|to| (0..each).map(move |_| *to));
        let member = |(number, to)| {
            let mut header = Vec::new();
            let user = UserName::new(&format!("m{number}"))?;
            Datagram::new(Operation::Ack, 0, user, Vec::new()).encode(&mut header);
            let header = header.as_slice().try_into()?;
            Ok(Member { to, header, last: None, next: 0, is_acked: true })
        };
        let members = all.enumerate().map(member).collect::<Attempt<_>>()?;
        Ok(Self {
            udp,
            poll,
            events: Events::with_capacity(16),
            members,
            accepted: 0,
            acked: Vec::new(),
            heard: 0,
            record: None,
            bytes: Vec::new(),
        })
    }

    /// From now on all of them talk to this one.
    pub fn turn_to(&mut self, to: SocketAddr) {
        self.members.iter_mut().for_each(|member| member.to = to);
    }

    /// How many they are.
    pub fn size(&self) -> u32 {
        self.members.len() as u32
    }

    /// Has this wait, too, whenever it waits for datagrams.
    pub fn watch(&self, source: &mut impl Source) -> Attempt<()> {
        Ok(self.poll.registry().register(source, Token(1), Interest::READABLE | Interest::WRITABLE)?)
    }

    /// Invites simpd, from each of them.
    pub fn join(&mut self) -> Attempt<()> {
        let size = self.members.len() as u32;
        for first in (0..size).step_by(IN_ONE_GO as usize) {
            let end = size.min(first + IN_ONE_GO);
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
        self.flush();
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

    /// One of them says something, and waits for the acknowledgement. The last one must have been acknowledged.
    pub fn say(&mut self, number: u32, text: &str) -> Attempt<()> {
        let deadline = Instant::now() + PATIENCE;
        self.begin(number, text);
        while !self.is_acked(number) {
            if !self.serve(PATIENCE)? || Instant::now() > deadline {
                return Err("no acknowledgement".into());
            }
        }
        Ok(())
    }

    /// One of them says something, with the next [`Crowd::flush`]. The last one must have been acknowledged.
    pub fn begin(&mut self, number: u32, text: &str) {
        let Some(member) = self.members.get_mut(number as usize) else { return };
        let seq = member.next;
        (member.next, member.is_acked) = (seq ^ 1, false);
        self.queue(number, Operation::Chat, seq, text);
    }

    /// What one of them said last is said again.
    pub fn repeat(&mut self, number: u32, text: &str) {
        if let Some(member) = self.members.get(number as usize) {
            self.queue(number, Operation::Chat, member.next ^ 1, text);
        }
    }

    /// Whether what one of them said last is acknowledged.
    pub fn is_acked(&self, number: u32) -> bool {
        self.members.get(number as usize).is_some_and(|member| member.is_acked)
    }

    /// Those whose messages were acknowledged since it was asked last.
    pub fn take_acked(&mut self, into: &mut Vec<u32>) {
        into.clear();
        into.append(&mut self.acked);
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

    /// New messages that came since the last call of [`Crowd::forget`].
    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Answers what is there. False if nothing comes in this time, neither here nor from what is watched.
    pub fn serve(&mut self, patience: Duration) -> Attempt<bool> {
        self.flush();
        let is_there = self.wait(patience)?;
        while is_there && self.receive()? == More::Perhaps {}
        self.acked.clear();
        Ok(is_there)
    }

    /// Takes nothing in. False if nothing comes in this time.
    pub fn wait(&mut self, patience: Duration) -> Attempt<bool> {
        self.poll.poll(&mut self.events, Some(patience))?;
        Ok(!self.events.is_empty())
    }

    /// Lets out what was begun, and the acknowledgements of what came.
    pub fn flush(&mut self) {
        self.udp.flush(Instant::now(), |_| {});
    }

    /// Takes in some of what is there, without waiting.
    pub fn receive(&mut self) -> Attempt<More> {
        let Self { udp, members, accepted, acked, heard, record, .. } = self;
        let mut answers = Vec::new();
        let now = Instant::now();
        let more = udp.receive(|received| {
            let Some(number) = received.local.map(number_of) else { return };
            let Some(member) = members.get_mut(number as usize) else { return };
            let Some((&[kind, operation, seq], _)) = received.bytes.split_first_chunk() else { return };
            let of_fields = Operation::ALL.iter().find(|(_, fields)| *fields == [kind, operation]);
            match of_fields.map(|(operation, _)| *operation) {
                Some(Operation::Ack) => {
                    if seq != member.next && !member.is_acked {
                        member.is_acked = true;
                        acked.push(number);
                    }
                    return;
                }
                Some(Operation::SynAck) => *accepted += 1,
                Some(Operation::Chat) if member.last.replace(seq) != Some(seq) => {
                    *heard += 1;
                    if let Some(record) = record {
                        let text = received.bytes.get(HEADER_LEN..).unwrap_or_default();
                        let text = String::from_utf8_lossy(text).into_owned();
                        record.push(Heard { number, at: now, text });
                    }
                }
                Some(_) => {}
                None => return,
            }
            answers.push((number, seq));
        })?;
        answers.into_iter().for_each(|(number, seq)| self.queue(number, Operation::Ack, seq, ""));
        Ok(more)
    }

    fn queue(&mut self, number: u32, operation: Operation, seq: u8, text: &str) {
        let Some(Member { to, header, .. }) = self.members.get(number as usize) else { return };
        let [kind, operation] = operation.fields();
        let name = header.get(3..HEADER_LEN - size_of::<u32>()).unwrap_or_default();
        self.bytes.clear();
        self.bytes.extend([kind, operation, seq]);
        self.bytes.extend(name);
        self.bytes.extend((text.len() as u32).to_be_bytes());
        self.bytes.extend(text.as_bytes());
        self.udp.queue(*to, Some(source(number)), &self.bytes, None);
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
