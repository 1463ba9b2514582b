//! How its datagrams leave.

use std::net::SocketAddr;

use super::{Double, DoubleState, DoubleTransmit, Pending, Port};
use crate::traits::{Named, Number};
use crate::wire::{self, Fields, operation};

/// How long FIN and SYN+ACK wait for their answer.
const AGAIN_AFTER: u64 = 5_000;

/// How often they are repeated.
const TIMES: u32 = 5;

impl Double {
    /// The next datagram to transmit.
    pub fn poll_transmit(&mut self) -> Option<DoubleTransmit> {
        self.outgoing.pop_front()
    }

    /// Random numbers from the seed (splitmix64).
    fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.random;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn transmit_bytes(&mut self, to: SocketAddr, from: Port, bytes: Vec<u8>) {
        if self.random() % 100 < self.traits.drops {
            return;
        }
        let to = if self.traits.answers_to_7777 { SocketAddr::new(to.ip(), 7777) } else { to };
        self.outgoing.push_back(DoubleTransmit { from, to, bytes });
    }

    pub(super) fn transmit(&mut self, fields: &Fields) {
        let Some(to) = self.partner.as_ref().map(|partner| partner.address) else { return };
        self.transmit_bytes(to, self.port, wire::write(&self.traits, fields));
    }

    /// A control datagram to the partner.
    pub(super) fn control(&mut self, operation: u8, seq: u8, payload: &[u8]) {
        self.transmit(&self.fields(wire::CONTROL, operation, seq, payload));
    }

    /// A control datagram that is repeated until it is answered.
    pub(super) fn control_until_answered(&mut self, now: u64, operation: u8, seq: u8, payload: &[u8]) {
        let fields = self.fields(wire::CONTROL, operation, seq, payload);
        self.transmit(&fields);
        self.pending = Some(Pending { fields, due: now + AGAIN_AFTER, left: TIMES });
    }

    /// The ACK of anything that is no chat.
    pub(super) fn acknowledge(&mut self, seq: u8) {
        let seq = self.number(self.traits.other_acks, seq);
        self.control(operation::ACK, seq, self.traits.ack_payload);
    }

    pub(super) fn fields(&self, kind: u8, operation: u8, seq: u8, payload: &[u8]) -> Fields {
        let user = match (self.traits.named, &self.partner) {
            _ if operation == operation::SYN_ACK && self.traits.syn_ack_name.is_some() => {
                self.traits.syn_ack_name.unwrap_or_default()
            }
            _ if operation == operation::SYN && self.traits.syn_name.is_some() => {
                self.traits.syn_name.unwrap_or_default()
            }
            (Named::Receiver, Some(partner)) => &partner.user,
            (Named::Nobody, _) => "",
            _ => &self.name,
        };
        Fields { kind, operation, seq, user: user.to_owned(), payload: payload.to_vec() }
    }

    /// The number of an answer to a datagram with this number.
    pub(super) fn number(&self, number: Number, seq: u8) -> u8 {
        match number {
            Number::Echo => seq,
            Number::Always(seq) => seq,
            Number::Next => seq ^ 1,
            Number::Successor => seq.wrapping_add(1),
            Number::Count => self.talk.accepted as u8,
        }
    }

    pub(super) fn repeat_pending(&mut self, now: u64) {
        let Some(mut pending) = self.pending.take_if(|pending| pending.due <= now) else { return };
        if pending.left == 0 {
            if self.state == DoubleState::Ending {
                self.leave("nobody answers");
            }
            return;
        }
        self.transmit(&pending.fields);
        pending.left -= 1;
        let is_syn = pending.fields.operation == operation::SYN;
        pending.due = now + self.traits.repeats_syn.filter(|_| is_syn).unwrap_or(AGAIN_AFTER);
        self.pending = Some(pending);
    }
}
