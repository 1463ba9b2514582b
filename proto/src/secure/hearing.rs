//! What comes to a secure chat: channels, frames, and the passing of time.

use std::time::Instant;

use simp_values::KeyId;
use simp_values::{Reason, State};

use super::chat::{SecureChat, Them};
use super::frame::{Broken, ChannelId, FILES, Frame, Hello, Stands};
use super::ours::Takes;
use super::phase::{Carries, Phase, Reach};
use super::way::{Spare, Way};
use crate::arq::MessageId;
use crate::chat::ChatEvent;
use crate::file::{Offer, clean_name};

/// What we keep of a peer's words on why it leaves, in bytes.
const WORDS_MAX: usize = 256;

/// What our user is told of an address at which nothing listens where secure chats would be.
const NOT_SECURE: &str =
    "nobody listens for secure chats there (is simpd running on that host, and not with secure = \"off\"?)";

/// A frame has no place where it came.
struct OutOfPlace;

impl SecureChat {
    /// The channel that was dialled is there, and whoever is at its other end has this key.
    pub fn handle_connected(&mut self, now: Instant, channel: ChannelId, key: KeyId) {
        if let Way::Dialling { channel: dialled, failures } = self.way
            && dialled == channel
        {
            self.way = Way::Greeting { channel, since: now, failures };
            self.out.due.hello = true;
            self.out.is_changed |= self.them.key != Some(key);
            self.them.key = Some(key);
            if let Phase::Inviting { reach: reach @ Reach::Nobody, .. } = &mut self.phase {
                *reach = Reach::Perhaps;
            }
        }
    }

    /// The peer has opened a channel for this chat, and begins with this. `already`: numbers of the peer's messages that
    /// came in an earlier chat and may come again, in order.
    pub fn handle_incoming(&mut self, now: Instant, channel: ChannelId, hello: Hello, already: Vec<u64>) {
        let wins = self.them.key.is_none_or(|key| self.me.key < key);
        match self.way {
            // Both dial: that of the smaller key stays.
            Way::Dialling { .. } | Way::Greeting { .. } if wins && self.phase != Phase::Closed => {
                let before = self.spare.replace(Box::new(Spare { channel, hello, already }));
                self.out.ends.extend(before.map(|before| before.channel));
                self.see_sign(now);
            }
            _ => {
                // One that was up before is no more for the peer, or it would not have opened another.
                self.out.ends.extend(self.way.channel());
                self.lose_way(now);
                self.take_way(now, channel, &hello, already);
            }
        }
    }

    fn take_way(&mut self, now: Instant, channel: ChannelId, hello: &Hello, already: Vec<u64>) {
        self.way = self.way.up(now, channel);
        self.out.due.hello = true;
        self.take_hello(now, hello, already);
    }

    /// What came over a channel of this chat; what came over an older one is ignored.
    pub fn handle_frame(
        &mut self,
        now: Instant,
        channel: ChannelId,
        frame: Frame,
        already: impl FnOnce(&Hello) -> Vec<u64>,
    ) {
        if self.way.channel() != Some(channel) {
            return;
        }
        let heard = match (&self.way, frame) {
            (Way::Greeting { .. }, Frame::Hello(hello)) if hello.chat == self.id => {
                let already = already(&hello);
                self.way = self.way.up(now, channel);
                self.drop_spare();
                self.take_hello(now, &hello, already);
                Ok(())
            }
            // Whoever has no such chat, or no room, need not say hello.
            (Way::Greeting { .. }, frame @ Frame::Bye { .. }) => {
                self.way = self.way.up(now, channel);
                self.hear(now, frame)
            }
            (Way::Greeting { .. }, Frame::Busy) if self.state() == State::Inviting => {
                self.hear(now, Frame::Busy)
            }
            (Way::Up { .. }, frame) => self.hear(now, frame),
            _ => Err(OutOfPlace),
        };
        if heard.is_err() {
            self.out.ends.push(channel);
            self.handle_broken(now, channel, Broken::Misused);
        }
    }

    /// What the peer says of itself, and where the chat stands for it.
    pub(super) fn take_hello(&mut self, now: Instant, hello: &Hello, already: Vec<u64>) {
        let key = self.them.key;
        let them = Them { key, user: hello.user.as_str().into(), log: hello.log.as_str().into() };
        self.out.is_changed |= self.them != them;
        self.them = them;
        let files = hello.features.iter().any(|feature| feature == FILES);
        self.theirs.takes = Some(Takes { text_max: hello.text_max, files });
        self.theirs.already = already.into_iter().filter(|number| *number > self.theirs.received).collect();
        self.tell_delivered(hello.received);
        self.see_sign(now);
        match (self.phase, hello.stands) {
            (Phase::Inviting { expires, .. }, Stands::Invited) => {
                self.phase = Phase::Inviting { expires, reach: Reach::Peer };
            }
            (Phase::Inviting { .. }, Stands::Open) => self.hear_acceptance(now),
            (Phase::Open { .. }, Stands::Open) => self.note_known(),
            // It has forgotten that it is open: an older log, perhaps.
            (Phase::Open { .. } | Phase::Draining(_), Stands::Invited) => {
                self.give_up(Reason::PeerRestarted);
                self.out.events.push_back(ChatEvent::Closed { reason: Reason::PeerRestarted, text: None });
                self.leave(now, None);
            }
            (Phase::Leaving { .. } | Phase::Closed, _) => self.out.due.bye = true,
            _ => {}
        }
        self.wait(now);
    }

    fn hear_acceptance(&mut self, now: Instant) {
        self.open(now, true);
        // It has to know that we know.
        self.out.due.ack = true;
    }

    fn hear(&mut self, now: Instant, frame: Frame) -> Result<(), OutOfPlace> {
        match (self.phase, frame) {
            (Phase::Inviting { .. }, Frame::Accept) => self.hear_acceptance(now),
            (Phase::Inviting { .. }, Frame::Busy) => self.end(Reason::PeerBusy, None),
            (
                Phase::Open { .. } | Phase::Draining(_) | Phase::Leaving { .. },
                Frame::Accept | Frame::Busy,
            ) => {}
            (Phase::Open { .. } | Phase::Draining(_), Frame::Text { number, text, kept, answers }) => {
                return self.hear_text(now, number, (text, kept), answers);
            }
            (Phase::Open { .. } | Phase::Draining(_), Frame::File { number, offer }) => {
                return self.hear_file(now, number, offer);
            }
            // Whoever has left is told nothing more.
            (Phase::Leaving { .. }, Frame::Text { .. } | Frame::File { .. } | Frame::Ack { .. }) => {}
            (Phase::Open { .. } | Phase::Draining(_), Frame::Ack { upto }) => self.hear_ack(now, upto),
            (_, Frame::Bye { reason }) => self.hear_bye(reason),
            _ => return Err(OutOfPlace),
        }
        Ok(())
    }

    fn hear_text(
        &mut self,
        now: Instant,
        number: u64,
        (text, is_kept): (String, bool),
        answers: Option<u64>,
    ) -> Result<(), OutOfPlace> {
        if text.len() as u64 > self.me.text_max {
            return Err(OutOfPlace);
        }
        // What is no number of ours answers nothing.
        let answers = answers.filter(|of| *of <= i64::MAX as u64).map(MessageId);
        self.hear_message(now, number, ChatEvent::Message { number, is_kept, text, answers })
    }

    fn hear_file(&mut self, now: Instant, number: u64, mut offer: Offer) -> Result<(), OutOfPlace> {
        if offer.size > i64::MAX as u64 {
            return Err(OutOfPlace);
        }
        offer.name = clean_name(&offer.name);
        self.hear_message(now, number, ChatEvent::File { number, offer })
    }

    fn hear_message(&mut self, now: Instant, number: u64, event: ChatEvent) -> Result<(), OutOfPlace> {
        if number == 0 || number > i64::MAX as u64 {
            return Err(OutOfPlace);
        }
        self.note_known();
        self.out.due.ack = true;
        self.see_sign(now);
        if number <= self.theirs.received {
            return Ok(());
        }
        self.theirs.received = number;
        if self.theirs.already.binary_search(&number).is_ok() {
            // No entry tells that it has come in this chat too.
            self.out.is_changed = true;
        } else {
            self.out.events.push_back(event);
        }
        if self.theirs.already.last().is_some_and(|last| *last <= number) {
            self.theirs.already = Vec::new();
        }
        Ok(())
    }

    fn hear_ack(&mut self, now: Instant, upto: u64) {
        self.note_known();
        if self.tell_delivered(upto) {
            self.silence.since = None;
        }
        self.wait(now);
    }

    fn note_known(&mut self) {
        if let Phase::Open { since, is_known: false } = self.phase {
            self.set_phase(Phase::Open { since, is_known: true });
        }
    }

    fn hear_bye(&mut self, reason: Option<String>) {
        let text = reason.map(|reason| simp_values::text::read_payload_up_to(reason.as_bytes(), WORDS_MAX));
        let reason = match self.phase {
            Phase::Inviting { .. } => Reason::PeerDeclined,
            Phase::Invited { .. } => Reason::Withdrawn,
            Phase::Open { .. } | Phase::Draining(_) => Reason::PeerQuit,
            Phase::Leaving { untold, .. } => return self.end_left(untold),
            Phase::Closed => return,
        };
        self.out.due.bye = true;
        self.give_up(reason);
        self.end(reason, text);
    }

    /// A channel of this chat is no more.
    pub fn handle_broken(&mut self, now: Instant, channel: ChannelId, why: Broken) {
        if self.spare.as_ref().is_some_and(|spare| spare.channel == channel) {
            self.spare = None;
        }
        if self.way.channel() != Some(channel) {
            return;
        }
        self.lose_way(now);
        if let Some(spare) = self.spare.take() {
            let Spare { channel, hello, already } = *spare;
            return self.take_way(now, channel, &hello, already);
        }
        match (self.phase, why) {
            (Phase::Inviting { reach: Reach::Nobody | Reach::Perhaps, .. }, Broken::Unreachable) => {
                self.end(Reason::NobodyThere, Some(NOT_SECURE.to_owned()));
            }
            // There is nobody who could know.
            (Phase::Leaving { untold, .. }, Broken::Unreachable) => self.end_left(untold),
            (Phase::Inviting { .. }, Broken::OtherKey(found)) => {
                self.end(Reason::OtherKey, Some(found.to_string()));
            }
            (_, Broken::OtherKey(found)) => self.silence.other = Some(Box::new(found)),
            _ => {}
        }
    }

    /// The peer gave a sign on a channel for files, which counts if nothing else is waited for.
    pub fn handle_sign_of_files(&mut self, now: Instant) {
        if self.phase == Phase::Draining(Carries::Files) && self.ours.len() == 0 {
            self.see_sign(now);
        }
    }

    /// Our own system does not transmit: the peer has heard nothing, and need give no sign.
    pub fn excuse(&mut self, now: Instant) {
        if self.silence.since.is_some() {
            self.silence.since = Some(now);
        }
    }

    /// Its deadline has come.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Inviting { expires, .. } if expires <= now => self.end_opening(now, Reason::NoAnswer),
            Phase::Invited { expires } if expires <= now => self.end_opening(now, Reason::RequestExpired),
            Phase::Leaving { dead_at, untold } if dead_at <= now => self.end_left(untold),
            Phase::Draining(Carries::Nothing) if self.ours.len() == 0 => self.leave(now, Some(Reason::Quit)),
            Phase::Open { .. } | Phase::Draining(_)
                if self.silence.since.is_some_and(|since| since + self.patience() <= now) =>
            {
                let other = self.silence.other.take();
                let reason = if other.is_some() { Reason::OtherKey } else { Reason::PeerGone };
                self.give_up(reason);
                // If only its acknowledgements are missing, it is to know.
                self.out.due.bye = true;
                self.end(reason, other.map(|found| found.to_string()));
            }
            _ if self.doubted_at().is_some_and(|at| at <= now) => {
                if let Some(channel) = self.way.channel() {
                    self.out.ends.push(channel);
                    self.handle_broken(now, channel, Broken::Lost);
                }
            }
            _ => {}
        }
    }
}
