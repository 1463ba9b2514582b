//! Invitations both ways, and refusals.

use std::net::SocketAddr;

use super::{Double, DoubleState, Partner, Pending, Port, Talk};
use crate::traits::{Acceptance, Answers, Busy, Decline, SecondSyn, Sends, SynInChat, Takes};
use crate::wire::{self, Fields, operation};

/// The text of a refusal.
const REJECTED: &[u8] = b"Connection rejected";

/// The text that somebody is told while this one is in another chat.
const BUSY: &[u8] = b"User is busy in another chat";

/// A SYN is a late copy for so long after the opening.
const SYN_IS_LATE_FOR: u64 = 10_000;

/// A SYN is repeated so often.
const SYN_TIMES: u32 = 20;

impl Double {
    /// Its user invites.
    pub fn invite(&mut self, now: u64, to: SocketAddr) {
        self.port = if self.traits.invites_from_other { Port::Other } else { Port::Main };
        self.partner = Some(Partner { address: to, user: "peer".to_owned() });
        self.is_inviter = true;
        self.state = DoubleState::Inviting;
        self.gives_up_at = self.traits.gives_up_after.map(|after| now + after);
        let syn = self.fields(wire::CONTROL, operation::SYN, 0, self.traits.syn_payload);
        self.transmit(&syn);
        let again = self.traits.repeats_syn;
        self.pending = again.map(|after| Pending { fields: syn, due: now + after, left: SYN_TIMES });
    }

    /// Its user accepts.
    pub fn accept(&mut self, now: u64) {
        if self.state != DoubleState::Asked {
            return;
        }
        let seq = self.number(self.traits.syn_ack_seq, self.syn_seq);
        self.open(now);
        match (self.traits.answers, self.traits.acceptance) {
            (Answers::Rings, _) => {
                let text = format!("{} accepted.", self.name);
                self.say_by_itself(now, text);
            }
            (_, Acceptance::Ack) => self.acknowledge(self.syn_seq),
            _ if self.traits.repeats_syn_ack => {
                self.control_until_answered(now, operation::SYN_ACK, seq, b"");
            }
            _ => self.control(operation::SYN_ACK, seq, b""),
        }
    }

    /// Its user declines.
    pub fn decline(&mut self, now: u64) {
        if self.state != DoubleState::Asked {
            return;
        }
        match self.traits.decline {
            Decline::Fin => self.control(operation::FIN, 0, b""),
            Decline::FinWithText => self.control(operation::FIN, 1, REJECTED),
            Decline::ErrFin => {
                self.state = DoubleState::Ending;
                return self.control_until_answered(now, operation::ERR_FIN, 0, REJECTED);
            }
            Decline::ErrSynAck => {
                self.control(operation::ERR, 0, REJECTED);
                self.control(operation::SYN_ACK, 0, b"");
            }
            Decline::AckWithText => self.control(operation::ACK, self.syn_seq, REJECTED),
        }
        self.leave("declined");
    }

    /// It is in a chat with somebody who says nothing.
    pub fn occupy(&mut self, now: u64, with: SocketAddr) {
        self.partner = Some(Partner { address: with, user: "somebody".to_owned() });
        self.open(now);
    }

    pub(super) fn hear_syn(&mut self, now: u64, syn: &Fields, from: SocketAddr, at: Port, is_partner: bool) {
        match self.state {
            DoubleState::Idle => self.hear_invitation(now, syn, from, at),
            DoubleState::Inviting | DoubleState::Ringing if is_partner => {
                // Both invite each other: each takes the other's for the acceptance.
                let seq = self.number(self.traits.syn_ack_seq, syn.seq);
                self.open(now);
                self.control(operation::SYN_ACK, seq, b"");
            }
            DoubleState::Asked if is_partner => match self.traits.second_syn {
                SecondSyn::Ignored => {}
                SecondSyn::AsksAgain => {
                    self.is_spoiled = true;
                    self.notices.push(format!("{} invites", syn.user));
                }
                SecondSyn::SynAck => self.ring(syn.seq),
            },
            DoubleState::Open if is_partner => self.hear_syn_in_chat(now, syn, from, at),
            _ => self.refuse(syn, from, at),
        }
    }

    fn hear_invitation(&mut self, now: u64, syn: &Fields, from: SocketAddr, at: Port) {
        self.port = if self.traits.answers_from_other { Port::Other } else { at };
        self.partner = Some(Partner { address: from, user: syn.user.clone() });
        self.is_inviter = false;
        self.syn_seq = syn.seq;
        self.state = DoubleState::Asked;
        self.notices.push(format!("{} invites", syn.user));
        match self.traits.answers {
            Answers::Asks => {}
            Answers::Rings => self.ring(syn.seq),
            Answers::Accepts => self.accept(now),
        }
    }

    fn ring(&mut self, seq: u8) {
        let seq = self.number(self.traits.syn_ack_seq, seq);
        self.control(operation::SYN_ACK, seq, b"");
    }

    fn hear_syn_in_chat(&mut self, now: u64, syn: &Fields, from: SocketAddr, at: Port) {
        let is_late = now < self.talk.opened_at + SYN_IS_LATE_FOR;
        match self.traits.syn_in_chat {
            SynInChat::Ignored => {}
            SynInChat::AsSpecified if !is_late => {
                self.leave("the peer has restarted");
                self.hear_invitation(now, syn, from, at);
            }
            SynInChat::SynAck | SynInChat::AsSpecified => self.ring(syn.seq),
            SynInChat::IsALine => {
                self.acknowledge(syn.seq);
                self.show(&syn.payload);
            }
        }
    }

    /// It is in another chat.
    fn refuse(&mut self, syn: &Fields, to: SocketAddr, from: Port) {
        let datagrams: &[(u8, &[u8])] = match self.traits.busy {
            Busy::ErrAndFin => &[(operation::ERR, BUSY), (operation::FIN, b"")],
            Busy::Err => &[(operation::ERR, BUSY)],
            Busy::Fin => &[(operation::FIN, b"")],
            Busy::ErrFin => &[(operation::ERR_FIN, BUSY)],
            Busy::AckWithText => &[(operation::ACK, REJECTED)],
            Busy::Undecodable => return self.transmit_bytes(to, from, vec![b'x'; 33]),
        };
        for (operation, payload) in datagrams.iter().copied() {
            let seq = if operation == operation::ACK { syn.seq } else { 0 };
            let (user, payload) = (self.name.clone(), payload.to_vec());
            let fields = Fields { kind: wire::CONTROL, operation, seq, user, payload };
            self.transmit_bytes(to, from, wire::write(&self.traits, &fields));
        }
    }

    pub(super) fn hear_syn_ack(&mut self, now: u64, syn_ack: &Fields) {
        match (self.state, self.traits.takes) {
            (DoubleState::Inviting, Takes::SynAck) => {
                self.open(now);
                self.note_user(syn_ack);
                self.acknowledge_syn_ack(syn_ack.seq);
            }
            (DoubleState::Inviting, Takes::FirstChat) => {
                self.state = DoubleState::Ringing;
                self.gives_up_at = None;
                self.pending = None;
                self.acknowledge_syn_ack(syn_ack.seq);
            }
            // The ACK was lost.
            (DoubleState::Open | DoubleState::Ringing, Takes::SynAck | Takes::FirstChat)
                if self.is_inviter =>
            {
                self.acknowledge_syn_ack(syn_ack.seq);
            }
            _ => {}
        }
    }

    fn acknowledge_syn_ack(&mut self, seq: u8) {
        if self.traits.acks_syn_ack {
            self.acknowledge(seq);
        }
    }

    pub(super) fn hear_ack_of_syn(&mut self, now: u64, ack: &Fields) {
        match self.traits.takes {
            Takes::Ack if ack.payload.is_empty() => {
                self.open(now);
                self.note_user(ack);
            }
            Takes::Ack => self.leave("declined"),
            Takes::SynAck | Takes::FirstChat => {}
        }
    }

    fn note_user(&mut self, fields: &Fields) {
        if let Some(partner) = &mut self.partner {
            partner.user.clone_from(&fields.user);
        }
    }

    pub(super) fn open(&mut self, now: u64) {
        let shared = match self.traits.sends {
            Sends::Shared(first) => first,
            _ => 0,
        };
        let Talk { sent, accepted, shared: last_shared, .. } = self.talk;
        let (sent, accepted, shared) = match self.traits.keeps_numbers && self.has_talked {
            true => (sent, accepted, last_shared),
            false => (0, 0, shared),
        };
        self.has_talked = true;
        let (is_my_turn, has_handshake_ack) = (self.is_inviter, self.is_inviter);
        self.talk =
            Talk { sent, accepted, shared, is_my_turn, has_handshake_ack, opened_at: now, ..Talk::default() };
        self.state = DoubleState::Open;
        self.pending = None;
        self.gives_up_at = None;
        self.notices.push("opened".to_owned());
    }

    /// An ACK in the chat was taken for that of the handshake.
    pub(super) fn open_again(&mut self) {
        self.talk.is_my_turn = self.is_inviter;
        self.notices.push("opened".to_owned());
    }
}
