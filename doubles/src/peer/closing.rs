//! The end of a chat.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::{Double, DoubleState, Fate, Port, Talk};
use crate::traits::{FinWaits, OnFin};
use crate::wire::{self, Fields, operation};

impl Double {
    /// Its user leaves, or takes the invitation back.
    pub fn quit(&mut self, now: u64) {
        if !matches!(self.state, DoubleState::Inviting | DoubleState::Ringing | DoubleState::Open) {
            return;
        }
        let seq = if self.traits.fin_has_seq { self.next_seq() } else { 0 };
        self.give_up_lines();
        self.gives_up_at = None;
        if self.traits.fin_waits == FinWaits::Nothing {
            self.control(operation::FIN, seq, b"");
            self.leave("left");
        } else {
            self.state = DoubleState::Ending;
            self.control_until_answered(now, operation::FIN, seq, b"");
        }
    }

    pub(super) fn hear_fin(&mut self, fin: &Fields) {
        let wrong = self.state == DoubleState::Open
            && self.traits.fin_wants_seq
            && self.expected_seq().is_some_and(|seq| seq != fin.seq);
        if wrong || self.traits.on_fin == OnFin::Ignored {
            return;
        }
        match self.traits.on_fin {
            OnFin::Ack => self.acknowledge(fin.seq),
            OnFin::FinAck => self.control(operation::FIN_ACK, fin.seq, b""),
            OnFin::Silent | OnFin::Ignored => {}
        }
        self.leave(match self.state {
            DoubleState::Inviting | DoubleState::Ringing => "refused",
            _ => "the peer left",
        });
    }

    /// One that belongs to no chat, or whose chat is over.
    pub(super) fn hear_stray_fin(&mut self, fin: &Fields, from: SocketAddr, at: Port) {
        if self.traits.acks_stray_fin {
            let seq = self.number(self.traits.other_acks, fin.seq);
            let ack = self.fields(wire::CONTROL, operation::ACK, seq, self.traits.ack_payload);
            let bytes = wire::write(&self.traits, &ack);
            self.transmit_bytes(from, at, bytes);
        }
    }

    pub(super) fn hear_ack_of_fin(&mut self) {
        let err_fin = |fields: &Fields| fields.operation == operation::ERR_FIN;
        let is_err_fin = self.pending.as_ref().is_some_and(|pending| err_fin(&pending.fields));
        if is_err_fin || self.traits.fin_waits == FinWaits::Ack {
            self.leave("left");
        }
    }

    pub(super) fn hear_fin_ack(&mut self) {
        if self.state == DoubleState::Ending {
            self.leave("left");
        }
    }

    /// It is in no chat any more.
    pub(super) fn leave(&mut self, notice: &str) {
        let was_open = matches!(self.state, DoubleState::Open | DoubleState::Ending);
        self.give_up_lines();
        self.state = DoubleState::Idle;
        self.partner = None;
        self.port = Port::Main;
        self.pending = None;
        self.gives_up_at = None;
        self.is_spoiled = false;
        self.is_gone = self.traits.ends_with_chat && was_open;
        self.notices.push(notice.to_owned());
    }

    fn give_up_lines(&mut self) {
        let talk = std::mem::take(&mut self.talk);
        // FIN may need the number.
        self.talk = Talk { in_flight: None, queue: VecDeque::new(), ..talk };
        for said in self.said.iter_mut().filter(|said| said.fate == Fate::Waits) {
            said.fate = Fate::GivenUp;
        }
    }
}
