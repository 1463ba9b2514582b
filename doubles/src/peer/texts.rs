//! Chats both ways, and their acknowledgement.

use super::{Double, DoubleState, Fate, Said, Unanswered};
use crate::traits::{Expects, Repeats, Sends, Then, Unexpected};
use crate::wire::{self, Fields, operation};

impl Double {
    /// Its user writes a line; `false` if the program does not let it.
    pub fn say(&mut self, now: u64, text: &str) -> bool {
        if !self.may_say() {
            return false;
        }
        if std::mem::take(&mut self.is_spoiled) {
            self.said.push(Said { text: text.to_owned(), fate: Fate::Swallowed, by_user: true });
            return true;
        }
        self.enqueue(text.to_owned(), true);
        if self.traits.polls_every.is_some() {
            self.expect_tick(now);
        } else {
            self.pump(now);
        }
        true
    }

    /// The program writes a line.
    pub(super) fn say_by_itself(&mut self, now: u64, text: String) {
        self.enqueue(text, false);
        self.pump(now);
    }

    fn enqueue(&mut self, text: String, by_user: bool) {
        self.talk.is_my_turn = false;
        self.talk.queue.push_back(self.said.len());
        self.said.push(Said { text, fate: Fate::Waits, by_user });
    }

    /// Transmits what may leave.
    pub(super) fn pump(&mut self, now: u64) {
        while self.state == DoubleState::Open
            && self.talk.in_flight.is_none()
            && let Some(said) = self.talk.queue.pop_front()
        {
            let seq = self.next_seq();
            self.transmit_chat(said, seq);
            self.talk.sent += 1;
            self.talk.shared ^= 1;
            self.set_fate(said, Fate::Sent);
            self.talk.in_flight = self.traits.repeats.map(|Repeats { every, .. }| Unanswered {
                said,
                seq,
                sent_at: now,
                due: now + every,
                repeated: 0,
            });
        }
    }

    /// The number of its next chat.
    pub(super) fn next_seq(&self) -> u8 {
        match self.traits.sends {
            Sends::Alternating(first) => first ^ (self.talk.sent & 1) as u8,
            Sends::Always(seq) => seq,
            Sends::Shared(_) => self.talk.shared,
            Sends::Counting(first) => first.wrapping_add(self.talk.sent as u8),
            Sends::CountingBySide => first_of(self.is_inviter).wrapping_add(self.talk.sent as u8),
            Sends::Marked { first, .. } => first,
        }
    }

    fn transmit_chat(&mut self, said: usize, seq: u8) {
        let Some(text) = self.said.get(said).map(|said| said.text.clone()) else { return };
        if self.traits.syn_per_line {
            self.control(operation::SYN, seq, text.as_bytes());
        }
        let payload = wire::payload(self.traits.form, &self.name, &text);
        self.transmit(&self.fields(wire::CHAT, self.traits.chat_operation, seq, &payload));
    }

    fn set_fate(&mut self, said: usize, fate: Fate) {
        if let Some(said) = self.said.get_mut(said) {
            said.fate = fate;
        }
    }

    pub(super) fn repeat_chat(&mut self, now: u64) {
        let Some(repeats) = self.traits.repeats else { return };
        let Some(mut chat) = self.talk.in_flight.take_if(|chat| chat.due <= now) else { return };
        if repeats.times.is_none_or(|times| chat.repeated < times) {
            let seq = match self.traits.sends {
                Sends::Marked { repeat, .. } => repeat,
                _ => chat.seq,
            };
            self.transmit_chat(chat.said, seq);
            (chat.due, chat.sent_at, chat.seq) = (now + repeats.every, now, seq);
            chat.repeated += 1;
            self.talk.in_flight = Some(chat);
            return;
        }
        self.set_fate(chat.said, Fate::GivenUp);
        match repeats.then {
            Then::Next => self.pump(now),
            Then::Leaves => self.leave("nobody answers"),
            Then::EndsIt => {
                let seq = self.next_seq();
                self.state = DoubleState::Ending;
                self.control_until_answered(now, operation::ERR_FIN, seq, b"Timeout");
            }
        }
    }

    /// An ACK with this number came.
    pub(super) fn confirm(&mut self, now: u64, seq: u8) {
        let Some(repeats) = self.traits.repeats.filter(|_| !self.traits.chats_answer_chats) else { return };
        let missed = self.traits.misses_acks_within;
        let is_wanted = |own| repeats.wants.is_none_or(|number| self.number(number, own) == seq);
        let is_answered = |chat: &Unanswered| {
            is_wanted(chat.seq) && missed.is_none_or(|within| now > chat.sent_at + within)
        };
        let is_answered = self.talk.in_flight.as_ref().is_some_and(is_answered);
        if let Some(chat) = self.talk.in_flight.take_if(|_| is_answered) {
            self.set_fate(chat.said, Fate::Acknowledged);
            self.pump(now);
        }
    }

    pub(super) fn hear_chat(&mut self, now: u64, chat: &Fields) {
        match self.state {
            // The first chat is the acceptance.
            DoubleState::Ringing => self.open(now),
            DoubleState::Open => {}
            DoubleState::Idle | DoubleState::Inviting | DoubleState::Asked | DoubleState::Ending => return,
        }
        // It stands for the ACK of the handshake.
        self.pending = None;
        if !self.is_expected(chat) {
            return self.handle_unexpected(chat);
        }
        self.talk.accepted += 1;
        self.talk.shared ^= 1;
        self.talk.last_seq = Some(chat.seq);
        self.talk.last_text = wire::text(self.traits.form, &chat.payload);
        self.talk.is_my_turn = true;
        self.show(&chat.payload);
        if self.traits.chats_answer_chats
            && let Some(answered) = self.talk.in_flight.take()
        {
            self.set_fate(answered.said, Fate::Acknowledged);
        }
        self.acknowledge_chat(chat.seq);
        if self.traits.echoes {
            let text = self.talk.last_text.clone();
            self.say_by_itself(now, text);
        }
    }

    fn is_expected(&self, chat: &Fields) -> bool {
        match self.traits.expects {
            Expects::Anything => true,
            Expects::NotTheLast => self.talk.last_seq != Some(chat.seq),
            Expects::NotARepeat(repeat) => {
                chat.seq != repeat || self.talk.last_text != wire::text(self.traits.form, &chat.payload)
            }
            Expects::Alternating(_) | Expects::Shared | Expects::Counting(_) | Expects::CountingBySide => {
                self.expected_seq() == Some(chat.seq)
            }
        }
    }

    /// The only number that the next chat may have, if there is only one.
    pub(super) fn expected_seq(&self) -> Option<u8> {
        match self.traits.expects {
            Expects::Anything | Expects::NotTheLast | Expects::NotARepeat(_) => None,
            Expects::Alternating(first) => Some(first ^ (self.talk.accepted & 1) as u8),
            Expects::Shared => Some(self.talk.shared),
            Expects::Counting(first) => Some(first.wrapping_add(self.talk.accepted as u8)),
            Expects::CountingBySide => {
                Some(first_of(!self.is_inviter).wrapping_add(self.talk.accepted as u8))
            }
        }
    }

    fn handle_unexpected(&mut self, chat: &Fields) {
        match self.traits.unexpected {
            Unexpected::Ignored => {}
            Unexpected::Acknowledged => self.acknowledge_chat(chat.seq),
            Unexpected::Error => self.control(operation::ERR, chat.seq, b"Unexpected sequence"),
        }
    }

    fn acknowledge_chat(&mut self, seq: u8) {
        if let Some(number) = self.traits.chat_acks {
            let seq = self.number(number, seq);
            let kind = self.traits.chat_ack_type;
            self.transmit(&self.fields(kind, operation::ACK, seq, self.traits.ack_payload));
        }
    }

    pub(super) fn show(&mut self, payload: &[u8]) {
        if !self.traits.is_mute {
            self.shown.push(wire::text(self.traits.form, payload));
        }
    }
}

/// The first number of a side that counts by side.
fn first_of(is_inviter: bool) -> u8 {
    if is_inviter { 0 } else { 100 }
}
