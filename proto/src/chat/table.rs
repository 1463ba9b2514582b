//! The table of SIMP: what a chat in each state makes of each datagram, and of the passing of time.

use std::time::Instant;

use super::{
    COPY_LIVES_FOR, Chat, ChatEvent, HANDSHAKE_ACK_COPIES_WITHIN, Handled, Phase, SYN_AGAIN_AFTER,
    SYN_COPIES_WITHIN,
};
use crate::control::Reason;
use crate::datagram::{Datagram, Operation};
use crate::delivery::{RETRANSMIT_AFTER, Repeat};
use crate::text::{Seq, read_payload};

/// Input: what happened. It cannot fail; what makes no sense is ignored.
impl Chat {
    /// The peer sent a datagram. The table of SIMP: what each state makes of each operation.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &Datagram) -> Handled {
        use Operation as Op;
        let seq = datagram.seq;
        match (self.phase, datagram.operation) {
            // Our invitation is answered.
            (Phase::Inviting { .. }, Op::SynAck) => {
                self.user = datagram.user;
                self.transmit(Op::Ack, seq);
                self.open(now, Op::Ack);
            }
            // Both invited each other: each invitation accepts the other.
            (Phase::Inviting { .. }, Op::Syn) => {
                self.user = datagram.user;
                self.send_syn_ack(now);
            }
            (Phase::Inviting { .. }, Op::Fin) => {
                self.transmit(Op::Ack, seq);
                self.end(Reason::PeerDeclined, words(datagram));
            }
            (Phase::Inviting { .. }, Op::Err) => {
                let text = words(datagram);
                self.end(
                    if says_busy(text.as_deref()) { Reason::PeerBusy } else { Reason::PeerDeclined },
                    text,
                );
            }

            // The peer's invitation waits for our user, and its copies change nothing.
            (Phase::Invited { .. }, Op::Fin) => {
                self.transmit(Op::Ack, seq);
                self.end(Reason::Withdrawn, None);
            }
            (Phase::Invited { .. } | Phase::Accepting { .. }, Op::Err) => {
                self.give_up(Reason::Withdrawn);
                self.end(Reason::Withdrawn, words(datagram));
            }

            // We accepted. The ACK may be lost, then a chat stands for it.
            (Phase::Accepting { syn_ack }, Op::Ack) => {
                self.open(now, Op::SynAck);
                let copies = now + HANDSHAKE_ACK_COPIES_WITHIN;
                // It may be of something sent before this chat: then that of the SYN+ACK is still to come.
                let is_sure = syn_ack.sent == 1 && !self.delivery.is_held(now);
                self.delivery.hold(if is_sure { copies } else { copies.max(syn_ack.due) }, false);
            }
            (Phase::Accepting { syn_ack }, Op::SynAck) => {
                self.transmit(Op::Ack, seq);
                self.open(now, Op::SynAck);
                self.delivery.hold(syn_ack.due, syn_ack.sent == 1);
            }
            (Phase::Accepting { syn_ack }, Op::Chat) => {
                self.open(now, Op::SynAck);
                let one = syn_ack.sent == 1;
                let until = if one { syn_ack.due.min(now + COPY_LIVES_FOR) } else { syn_ack.due };
                self.delivery.hold(until, one);
                return self.handle_chat(datagram);
            }
            (Phase::Accepting { syn_ack }, Op::Syn) => {
                if syn_ack.sent == 0 || syn_ack.due > now + (RETRANSMIT_AFTER - SYN_COPIES_WITHIN) {
                    return Handled::Ignored;
                }
                let syn_ack = Repeat { sent: syn_ack.sent + 1, due: now + RETRANSMIT_AFTER };
                self.phase = Phase::Accepting { syn_ack };
                self.transmit(Op::SynAck, Seq::Zero.field());
            }
            (Phase::Accepting { .. }, Op::Fin) => {
                self.transmit(Op::Ack, seq);
                self.give_up(Reason::Withdrawn);
                self.end(Reason::Withdrawn, None);
            }

            // Messages both ways. While we leave, the peer's still count: it knows nothing of that yet.
            (
                Phase::Open { .. } | Phase::Draining { .. } | Phase::Leaving { untold: Some(_), .. },
                Op::Chat,
            ) => {
                return self.handle_chat(datagram);
            }
            (Phase::Open { .. } | Phase::Draining { .. }, Op::Ack) => return self.handle_ack(now, seq),
            (Phase::Open { .. } | Phase::Draining { .. }, Op::SynAck) => self.transmit(Op::Ack, seq),
            (Phase::Open { since, answer } | Phase::Draining { since, answer }, Op::Syn) => {
                return self.handle_late_syn(now, since, answer);
            }
            (Phase::Open { .. } | Phase::Draining { .. }, Op::Fin) => {
                self.transmit(Op::Ack, seq);
                self.give_up(Reason::PeerQuit);
                self.end(Reason::PeerQuit, None);
            }
            (Phase::Open { .. } | Phase::Draining { .. }, Op::Err) => {
                self.events.push_back(ChatEvent::Error { text: read_payload(&datagram.payload) });
            }

            // We are leaving. A late ACK of our last message must not pass for that of the FIN; some peers
            // put no number in their ACKs, so after a repeat any will do.
            (Phase::Leaving { fin, untold }, Op::Ack) => {
                if seq != self.delivery.seq().field() && fin.sent < 2 {
                    return Handled::Ignored;
                }
                // It may be of something sent before: then that of the FIN is still to come.
                let is_sure = fin.sent == 1 && !self.delivery.is_held(now);
                if is_sure { self.end_left(untold) } else { self.end_leaving(fin, untold) }
            }
            (Phase::Leaving { fin, untold }, Op::Fin) => {
                self.transmit(Op::Ack, seq);
                self.end_leaving(fin, untold);
            }
            (Phase::Leaving { fin, untold }, Op::Syn) => {
                self.end_leaving(fin, untold);
                return Handled::InvitesAnew;
            }
            (Phase::Leaving { fin, untold: None }, Op::SynAck) => {
                // Our invitation was taken back while its acceptance was under way: the FIN says it again.
                let Some(fin) = fin.again(now, self.settings.attempts) else { return Handled::Ignored };
                self.phase = Phase::Leaving { fin, untold: None };
                self.transmit(Op::Fin, self.delivery.seq().field());
            }

            (Phase::Inviting { .. }, Op::Ack | Op::Chat)
            | (Phase::Invited { .. }, Op::Syn | Op::SynAck | Op::Ack | Op::Chat)
            | (Phase::Leaving { .. }, Op::SynAck | Op::Err | Op::Chat)
            | (Phase::Closed, _) => return Handled::Ignored,
        }
        Handled::Accepted
    }

    /// Nothing listens at the peer's address. That ends an opening at once (SIMP 4), and a leaving; an open
    /// chat goes on trying, for its peer may be starting again.
    pub fn handle_unreachable(&mut self) {
        match self.phase {
            Phase::Inviting { .. } | Phase::Accepting { .. } => {
                self.give_up(Reason::NobodyThere);
                self.end(Reason::NobodyThere, None);
            }
            Phase::Leaving { fin, untold } => self.end_leaving(fin, untold),
            Phase::Invited { .. } | Phase::Open { .. } | Phase::Draining { .. } | Phase::Closed => {}
        }
    }

    /// Time has passed. A call that is early or without need does nothing. Returns whether a datagram is
    /// transmitted once more.
    pub fn handle_timeout(&mut self, now: Instant) -> bool {
        match self.phase {
            Phase::Inviting { expires, .. } if expires <= now => self.end_opening(now, Reason::NoAnswer),
            Phase::Inviting { syn, expires } if syn.due <= now => {
                let pause = SYN_AGAIN_AFTER.get(syn.sent as usize).unwrap_or(&SYN_AGAIN_AFTER[2]);
                let syn = Repeat { sent: syn.sent + 1, due: now + *pause };
                self.phase = Phase::Inviting { syn, expires };
                self.transmit(Operation::Syn, Seq::Zero.field());
                return true;
            }
            Phase::Invited { expires, .. } if expires <= now => self.end_opening(now, Reason::RequestExpired),
            Phase::Accepting { syn_ack } if syn_ack.due <= now => {
                match syn_ack.again(now, self.settings.attempts) {
                    Some(syn_ack) => {
                        self.phase = Phase::Accepting { syn_ack };
                        self.transmit(Operation::SynAck, Seq::Zero.field());
                        return true;
                    }
                    None => self.end_with_peer_gone(now),
                }
            }
            Phase::Open { .. } | Phase::Draining { .. } => return self.deliver(now),
            Phase::Leaving { fin, untold } if fin.due <= now => {
                match fin.again(now, self.settings.attempts) {
                    Some(fin) => {
                        self.phase = Phase::Leaving { fin, untold };
                        self.transmit(Operation::Fin, self.delivery.seq().field());
                        return true;
                    }
                    None => self.end_leaving(fin, untold),
                }
            }
            Phase::Inviting { .. }
            | Phase::Invited { .. }
            | Phase::Accepting { .. }
            | Phase::Leaving { .. }
            | Phase::Closed => {}
        }
        false
    }
}

/// What the peer said in the payload of a datagram that ends an opening.
fn words(datagram: &Datagram) -> Option<String> {
    (!datagram.payload.is_empty()).then(|| read_payload(&datagram.payload))
}

/// Whether an ERR means "in another chat". Implementations word it differently, all with one of these.
fn says_busy(text: Option<&str>) -> bool {
    let text = text.unwrap_or_default().to_ascii_lowercase();
    ["busy", "another chat", "already in"].iter().any(|words| text.contains(words))
}
