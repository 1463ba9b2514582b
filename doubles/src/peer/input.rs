//! How datagrams come: which of them it hears, and who in it answers.

use std::net::SocketAddr;

use super::{Double, DoubleState, Port};
use crate::wire::{self, Fields, operation};

impl Double {
    /// A datagram came, on this port.
    pub fn handle(&mut self, now: u64, bytes: &[u8], from: SocketAddr, at: Port) {
        if self.is_gone || self.is_deaf {
            return;
        }
        let in_menu =
            self.traits.waits_for.is_some() && self.state == DoubleState::Idle && now >= self.waits_until;
        if in_menu || self.traits.polls_every.is_some() {
            self.inbox.push((bytes.to_vec(), from, at));
            self.expect_tick(now);
            return;
        }
        self.hear(now, bytes, from, at);
    }

    pub(super) fn read_inbox(&mut self, now: u64) {
        for (bytes, from, at) in std::mem::take(&mut self.inbox) {
            self.hear(now, &bytes, from, at);
        }
    }

    /// One that polls looks at its next round.
    pub(super) fn expect_tick(&mut self, now: u64) {
        if let Some(every) = self.traits.polls_every {
            self.tick.get_or_insert((now / every + 1) * every);
        }
    }

    fn hear(&mut self, now: u64, bytes: &[u8], from: SocketAddr, at: Port) {
        if self.is_deaf {
            return;
        }
        let Some(fields) = wire::read(&self.traits, bytes) else { return };
        if self.is_fatal(bytes, &fields) {
            self.is_deaf = true;
            self.notices.push("the listener has crashed".to_owned());
            return;
        }
        let is_partner = self.partner.as_ref().is_some_and(|partner| partner.address == from);
        match (fields.kind, fields.operation) {
            (wire::CONTROL, operation::SYN) => self.hear_syn(now, &fields, from, at, is_partner),
            (wire::CONTROL, operation::FIN) if !is_partner => self.hear_stray_fin(&fields, from, at),
            _ if !is_partner => {}
            (wire::CONTROL, operation::SYN_ACK) => self.hear_syn_ack(now, &fields),
            (wire::CONTROL, operation::ACK) => self.hear_ack(now, &fields),
            (wire::CONTROL, operation::FIN | operation::ERR_FIN) => self.hear_fin(&fields),
            (wire::CONTROL, operation::FIN_ACK) => self.hear_fin_ack(),
            (wire::CONTROL, operation::ERR) => self.hear_err(&fields),
            (kind, operation::ACK) if kind == self.traits.chat_ack_type => self.hear_ack(now, &fields),
            (wire::CHAT, _) => self.hear_chat(now, &fields),
            _ => {}
        }
    }

    fn is_fatal(&self, bytes: &[u8], fields: &Fields) -> bool {
        let known = match fields.kind {
            wire::CONTROL => {
                let known =
                    [operation::ERR, operation::SYN, operation::ACK, operation::SYN_ACK, operation::FIN];
                known.contains(&fields.operation)
            }
            _ => fields.operation == 1,
        };
        let fatal = self.traits.fatal;
        (fatal.seq && fields.seq > 1)
            || (fatal.high_byte && !wire::is_ascii(bytes))
            || (fatal.operation && !known)
    }

    fn hear_ack(&mut self, now: u64, fields: &Fields) {
        if self.traits.errs_to_acks {
            self.control(operation::ERR, 0, b"Unexpected ACK");
        }
        if self.traits.acks_acks {
            self.control(operation::ACK, fields.seq, b"");
        }
        match self.state {
            DoubleState::Inviting => self.hear_ack_of_syn(now, fields),
            DoubleState::Open => {
                self.pending = None;
                if std::mem::replace(&mut self.talk.has_handshake_ack, true) && self.traits.chats_answer_chats
                {
                    self.open_again();
                }
                self.confirm(now, fields.seq);
            }
            DoubleState::Ending => self.hear_ack_of_fin(),
            DoubleState::Idle | DoubleState::Ringing | DoubleState::Asked => {}
        }
    }

    fn hear_err(&mut self, fields: &Fields) {
        let text = String::from_utf8_lossy(&fields.payload).into_owned();
        match self.state {
            DoubleState::Inviting | DoubleState::Ringing => self.leave(&format!("refused: {text}")),
            _ => self.notices.push(format!("error: {text}")),
        }
    }
}
