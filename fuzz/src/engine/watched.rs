//! A daemon, and what must be true of it after each turn, whatever that took in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::Instant;

use arbitrary::Unstructured;
use simp_control::{Event, Host, LookupError, Reply, Request, What, read_payload};
use simp_engine::{LookedUp, Now, Policy, may_wait};
use simp_proto::{Datagram, Operation};

use crate::asked;
use crate::channels::{self, Known};
use crate::driver::{self, BadDisk, Driver, Uplink};
use crate::engine::unheard::Unheard;
use crate::frame;
use crate::heard::{self, Heard};

/// Most requests that wait at a time.
const REQUESTS_MAX: u64 = 64;

/// No turn that takes so little transmits more.
const TRANSMITS_MAX: usize = 2_000;

/// A daemon, and what its log has said so far.
pub struct Watched {
    /// `None` only while it is started again.
    driver: Option<Driver>,
    disk: BadDisk,
    start: Instant,
    /// In milliseconds since then.
    now: u64,
    /// How far the wall clock is ahead.
    skew: i64,
    /// The most chats that there may be.
    max_chats: usize,
    asked: VecDeque<Request>,
    heard: Vec<(SocketAddr, Datagram)>,
    told: Told,
    unheard: Unheard,
    channels: Known,
    /// The network did not take all: what leaves may be an answer to something earlier.
    was_busy: bool,
    /// The number of its last datagram.
    pub last_number: u8,
}

/// What the log has said.
#[derive(Default)]
struct Told {
    last_id: u64,
    /// Messages of ours, and whether they have ended.
    ours: BTreeMap<u64, bool>,
    /// Chats, and the last that is known of each.
    chats: BTreeMap<u64, ChatTold>,
    /// Texts that can be told from each other, and who sent them.
    texts: BTreeSet<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
enum ChatTold {
    Begun,
    Opened,
    Closed,
}

/// What happens to it.
impl Watched {
    /// A daemon that has just started, with an empty log.
    pub fn start(policy: Policy) -> Self {
        crate::trace(&("starts", &policy));
        let (start, disk) = (Instant::now(), BadDisk::default());
        let (max_chats, mut unheard) = (policy.max_chats, Unheard::default());
        unheard.is_taken_up(1);
        let driver = Driver::start(driver::moment(start, 0, 0), policy, ours(), disk.open(), 7);
        Self {
            driver: Some(driver),
            disk,
            start,
            now: 0,
            skew: 0,
            max_chats,
            asked: VecDeque::new(),
            heard: Vec::new(),
            told: Told::default(),
            unheard,
            channels: Known::default(),
            was_busy: false,
            last_number: 0,
        }
    }

    /// The newest entry of its log.
    pub fn last_id(&self) -> u64 {
        self.told.last_id
    }

    /// The next turn takes this datagram.
    pub fn hears(&mut self, from: SocketAddr, (length, datagram): Heard) {
        crate::trace(&("hears", from, length, &datagram));
        self.unheard.hears(self.now, from, length, datagram.as_ref().ok());
        if let Ok(datagram) = &datagram {
            self.heard.push((from, datagram.clone()));
        }
        self.driver().arrives_as(from, length, datagram);
    }

    /// The next turn hears this of channels.
    pub fn hears_of_channels(
        &mut self,
        input: &mut Unstructured<'_>,
        from: SocketAddr,
    ) -> arbitrary::Result<()> {
        let last_id = self.last_id();
        let events = channels::events(input, &mut self.channels, (from, last_id))?;
        crate::trace(&events);
        self.driver().inputs.channels.extend(events);
        Ok(())
    }

    /// The next turn takes this request.
    pub fn is_asked(&mut self, request: Request) {
        crate::trace(&("is asked", &request));
        self.unheard.is_asked(&request);
        self.asked.push_back(request);
    }

    /// The next turn knows that nothing listens there.
    pub fn cannot_reach(&mut self, address: SocketAddr) {
        crate::trace(&("cannot reach", address));
        self.driver().inputs.unreachable.push(address);
    }

    /// The next turn knows that the host that is asked for is there, or that nobody knows it.
    pub fn finds(&mut self, address: SocketAddr, is_found: bool) {
        let found = if is_found { Ok(vec![Host::of(address)]) } else { Err(LookupError::Unknown) };
        let looked_up = LookedUp { name: asked::HOST.to_owned(), found };
        crate::trace(&looked_up);
        self.driver().inputs.lookups.push(looked_up);
    }

    /// The next turn has these settings.
    pub fn has_settings(&mut self, policy: Policy) {
        crate::trace(&("has settings", &policy));
        self.max_chats = self.max_chats.max(policy.max_chats);
        self.driver().inputs.policy = Some(policy);
    }

    /// From now on the wall clock shows something else: so many milliseconds since 1970.
    pub fn has_a_clock_that_jumps(&mut self, to: u64) {
        crate::trace(&("has a clock that jumps to", to));
        self.skew = to as i64 - driver::moment(self.start, self.now, 0).ms as i64;
    }

    /// Some commits will be good, then so many refused.
    pub fn has_a_disk_that_refuses(&mut self, good: u32, commits: u32) {
        crate::trace(&("has a disk that refuses", good, commits));
        // When it fails, and when it works again.
        self.unheard.is_taken_up(2 * commits as usize);
        self.disk.refuse_after(good, commits);
    }

    /// From now on the network takes all, so much or nothing.
    pub fn has_an_uplink(&mut self, uplink: Uplink) {
        crate::trace(&("has an uplink", &uplink));
        self.driver().uplink = uplink;
        self.was_busy |= uplink != Uplink::Free;
    }

    /// Between two turns. What it had not taken in is lost.
    pub fn is_killed_and_started(&mut self, policy: Policy) {
        crate::trace(&("is killed and starts again", &policy));
        self.max_chats = self.max_chats.max(policy.max_chats);
        (self.asked, self.heard) = (VecDeque::new(), Vec::new());
        self.unheard.is_taken_up(1);
        let Some(driver) = self.driver.take() else { return };
        self.driver = Some(Driver::start(self.moment(), policy, ours(), driver.killed(), 8));
        self.check_turn();
        self.check_due();
    }

    /// A turn after so many milliseconds, whatever was due before.
    pub fn takes_a_turn(&mut self, after: u64) {
        crate::trace(&("takes a turn after", after));
        self.now += after;
        let now = self.moment();
        self.gives_up_first(now);
        let mut requests = self.handed_in();
        let answers = self.driver().ask_all(now, requests.clone());
        if let Some(request) = self.driver().not_yet() {
            assert_eq!(requests.pop().as_ref(), Some(&request), "one that may not wait waits");
            self.asked.push_front(request);
        }
        assert_eq!(answers.len(), requests.len(), "one answer for each request");
        for (request, answer) in requests.iter().zip(&answers) {
            crate::trace(answer);
            self.check_answer(request, answer);
        }
        for command in self.driver().commanded() {
            crate::trace(&command);
            self.channels.note(&command);
        }
        self.check_turn();
        self.check_due();
    }

    /// What the next turn answers. After one that may wait, the others of its client do too.
    fn handed_in(&mut self) -> Vec<Request> {
        let last = self.asked.iter().position(may_wait).map_or(self.asked.len(), |at| at + 1);
        self.asked.drain(..last).collect()
    }

    /// A turn when it is due.
    pub fn takes_a_turn_when_due(&mut self) {
        let Some(due) = self.due() else { return };
        self.takes_a_turn(due.saturating_sub(self.now));
    }

    /// Nothing comes any more: it may not be busy with nothing.
    pub fn comes_to_rest(&mut self) {
        crate::trace(&"comes to rest");
        self.disk.refuse(0);
        self.has_an_uplink(Uplink::Free);
        self.is_asked(Request::Status);
        self.takes_a_turn(0);
        let begin = self.now;
        let mut turns = 0;
        while turns < 64 && self.due().is_some() {
            self.takes_a_turn_when_due();
            turns += 1;
        }
        assert!(turns < 64 || self.now > begin + 5_000, "64 turns within {} ms", self.now - begin);
    }
}

/// Where it receives.
fn ours() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 7777))
}

/// What must be true of it.
impl Watched {
    fn driver(&mut self) -> &mut Driver {
        self.driver.as_mut().unwrap()
    }

    fn due(&mut self) -> Option<u64> {
        let start = self.start;
        self.driver().due(start)
    }

    fn moment(&self) -> Now {
        driver::moment(self.start, self.now, self.skew)
    }

    fn check_answer(&mut self, request: &Request, answer: &Result<Reply, simp_control::Failure>) {
        let reply = match answer {
            Ok(reply) => reply,
            Err(failure) => return frame::check(failure),
        };
        frame::check(reply);
        match reply {
            Reply::Queued { message, .. } => {
                let is_kept = self.driver().store().message(*message).unwrap().is_some();
                assert!(is_kept, "{request:?} was acknowledged, and is not in the log");
            }
            Reply::Status(status) => {
                assert!(
                    status.requests <= REQUESTS_MAX && status.chats <= self.max_chats as u64,
                    "{status:?}"
                );
            }
            _ => {}
        }
    }

    /// The log is read after each turn by itself: what one has appended, the next may remove.
    fn gives_up_first(&mut self, now: Now) {
        while self.driver().gives_up_first(now) {
            self.read_log();
        }
    }

    fn read_log(&mut self) {
        let last_id = self.told.last_id;
        for event in self.driver().log_after(last_id) {
            crate::trace(&event);
            self.told.takes(&event);
            if event.what == What::Request {
                self.unheard.is_invited(event.peer.address.parse().unwrap());
            }
        }
    }

    fn check_turn(&mut self) {
        self.read_log();
        let heard = std::mem::take(&mut self.heard);
        let said = self.driver().said();
        assert!(said.len() <= TRANSMITS_MAX, "{} at once", said.len());
        for (to, datagram) in &said {
            crate::trace(&("says", to, datagram.operation, datagram.seq));
            self.last_number = datagram.seq;
            self.unheard.says(self.now, *to, datagram);
            if datagram.operation == Operation::Ack && !self.was_busy {
                self.told.check_ack(*to, &heard);
            }
        }
        self.was_busy &= self.driver().uplink != Uplink::Free;
        self.driver().check();
    }

    /// What is due is done in one turn, or in a few if the disk fails or old entries go.
    fn check_due(&mut self) {
        let now = self.moment();
        for _ in 0..64 {
            if self.due().is_none_or(|due| due > self.now) {
                return;
            }
            self.gives_up_first(now);
            self.driver().turn(now);
            self.check_turn();
        }
        panic!("what is due stays due");
    }
}

impl Told {
    fn takes(&mut self, event: &Event) {
        assert_eq!(event.id, self.last_id + 1, "ids grow by one");
        self.last_id = event.id;
        match &event.what {
            What::Queued { .. } => _ = self.ours.insert(event.id, false),
            What::Delivered { message }
            | What::Unconfirmed { message }
            | What::Undelivered { message, .. } => {
                assert_eq!(
                    self.ours.insert(*message, true),
                    Some(false),
                    "{message} ends twice, or never was"
                );
            }
            What::Message { text } => _ = self.texts.insert((event.peer.address.clone(), marked(text))),
            _ => {}
        }
        let now = match event.what {
            What::Request | What::Inviting => ChatTold::Begun,
            What::Opened { .. } => ChatTold::Opened,
            What::Closed { .. } => ChatTold::Closed,
            What::Message { .. } | What::Error { .. } => {
                // It may come while we leave what has not opened, even be the first entry of what only the outbox wanted.
                if event.chat == event.id {
                    self.chats.insert(event.chat, ChatTold::Begun);
                }
                let is_there = self.chats.get(&event.chat).is_some_and(|chat| *chat < ChatTold::Closed);
                assert!(is_there, "{event:?}");
                return;
            }
            _ => return,
        };
        let before = self.chats.insert(event.chat, now);
        assert!(before.is_none_or(|before| before < now), "{event:?} after {before:?}");
    }

    /// An ACK of a message says that it is in the log.
    fn check_ack(&self, to: SocketAddr, heard: &[(SocketAddr, Datagram)]) {
        let mut from = heard.iter().filter(|(from, _)| *from == to);
        // Of several datagrams it is not clear which it acknowledges.
        let (Some((_, datagram)), None) = (from.next(), from.next()) else { return };
        let text = marked(&read_payload(&datagram.payload));
        if datagram.operation == Operation::Chat && !text.is_empty() {
            let is_kept = self.texts.contains(&(to.to_string(), text));
            assert!(is_kept, "{to} is told that we have {datagram:?}, which is not in the log");
        }
    }
}

/// The part of a text by which it can be told from all others.
fn marked(text: &str) -> String {
    text.split_once(heard::MARK)
        .and_then(|(_, rest)| rest.split_once('.'))
        .map(|(number, _)| number.to_owned())
        .unwrap_or_default()
}
