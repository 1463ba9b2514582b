//! What all scenes stand on: they transmit, wait for what they want, and meanwhile whatever else comes is answered
//! as SIMP has it, so that a peer is not kept waiting by a scene that looks for something else.

use std::time::{Duration, Instant};

use simp_control::error::Outcome;

use crate::clauses::{Clause, Scene, Selection};
use crate::console::{Console, Favour};
use crate::findings::{Evidence, Findings};
use crate::peer_form::{AckNumber, PeerForm};
use crate::sockets::{Side, Sockets};
use crate::wire::{self, Op};

/// Who we say that we are.
pub(crate) const USER: &str = "simpctl-probe";

/// Who the third party says that it is.
pub(crate) const THIRD_USER: &str = "simpctl-third";

/// An answer that is missing after this long brings a repetition, so it should have come (SIMP 4).
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A repetition is due 5 s after the first. We may have taken the first in late, and the peer may look only now and
/// then whether one is due.
pub(crate) const REPEAT_FROM: Duration = Duration::from_secs(4);
pub(crate) const REPEAT_WITHIN: Duration = Duration::from_secs(10);

/// What is not repeated after this long is repeated no more.
pub(crate) const QUIET: Duration = Duration::from_millis(6_500);

/// Who accepts or declines without a person has answered by then.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(500);

/// After the first part of a refusal, the second follows within this.
const SECOND_WITHIN: Duration = Duration::from_secs(2);

/// The chat with the peer, if there is one.
#[derive(Debug, Default)]
pub(crate) struct ChatSoFar {
    pub(crate) is_open: bool,
    /// The sequence of our next message.
    pub(crate) seq: u8,
    /// The SYN+ACK that we have acknowledged.
    pub(crate) syn_ack: Option<Evidence>,
    /// Its last message that we have acknowledged.
    pub(crate) line: Option<Evidence>,
    /// Its FIN, if it has left.
    pub(crate) left: Option<Evidence>,
}

/// ERR and FIN.
#[derive(Debug, Default)]
pub(crate) struct Refusal {
    pub(crate) err: Option<Evidence>,
    pub(crate) fin: Option<Evidence>,
    /// SYN+ACK, which is the contrary.
    pub(crate) syn_ack: Option<Evidence>,
}

/// What the scenes share.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) sockets: Sockets,
    pub(crate) findings: Findings,
    pub(crate) console: Console,
    pub(crate) wanted: Selection,
    /// How long the person has for each thing.
    pub(crate) timeout: Duration,
    pub(crate) chat: ChatSoFar,
    /// How the last datagram of the peer was written: so are ours.
    pub(crate) form: PeerForm,
    /// Which number its last ACK had: so have ours of its messages.
    pub(crate) acks: AckNumber,
    /// Whether what comes is judged by section 1: an answer to what makes no sense may be as odd.
    pub(crate) is_judging: bool,
}

impl Stage {
    /// Transmits a datagram of ours.
    pub(crate) fn send(&mut self, operation: Op, seq: u8, payload: &[u8]) -> Outcome<Evidence> {
        self.sockets.transmit(Side::Ours, wire::encode(self.form, operation, seq, USER, payload))
    }

    /// Transmits one of the third party.
    pub(crate) fn send_as_third(&mut self, operation: Op, seq: u8) -> Outcome<Evidence> {
        self.sockets.transmit(Side::Third, wire::encode(self.form, operation, seq, THIRD_USER, b""))
    }

    /// Acknowledges a datagram.
    pub(crate) fn ack(&mut self, seen: &Evidence) -> Outcome<Evidence> {
        let seq = match seen.is(Op::Chat) {
            true => self.acks.answer(self.form, seen.seq()),
            false => self.form.ack_of_control(seen.seq()),
        };
        self.send(Op::Ack, seq, b"")
    }

    /// The next datagram on either side, judged by section 1.
    pub(crate) fn receive(&mut self, side: Side, until: Instant) -> Outcome<Option<Evidence>> {
        // Here and nowhere else: whatever comes in any scene is judged once.
        let seen = self.sockets.receive(side, until)?;
        if let Some(seen) = seen.as_ref().filter(|_| self.is_judging) {
            self.form = PeerForm::of(&seen.bytes);
            self.findings.see(seen, self.sockets.peer(), &[USER, THIRD_USER]);
        }
        Ok(seen)
    }

    /// The first datagram that is `wanted`, which is left to the caller to answer; `None` if it does not come,
    /// or the peer leaves the chat before.
    pub(crate) fn wait(
        &mut self,
        until: Instant,
        wanted: impl Fn(&Evidence) -> bool,
    ) -> Outcome<Option<Evidence>> {
        while let Some(seen) = self.receive(Side::Ours, until)? {
            if wanted(&seen) {
                return Ok(Some(seen));
            }
            self.answer(&seen)?;
            // Of a chat that is over nothing more comes.
            if self.chat.left.is_some() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    /// What the person does, within its time; asked for only if it has not been done already.
    pub(crate) fn ask(
        &mut self,
        favour: Favour,
        wanted: impl Fn(&Evidence) -> bool,
    ) -> Outcome<Option<Evidence>> {
        self.console.ask(favour);
        let until = Instant::now() + self.timeout;
        self.console.progress("waiting for the person there");
        self.wait(until, wanted)
    }

    /// Why nothing came of what was asked.
    pub(crate) fn why_nothing(&self, what: &str) -> String {
        match &self.chat.left {
            Some(_) => "it left the chat too early".to_owned(),
            None => format!("{what} within {} s", self.timeout.as_secs_f64()),
        }
    }

    /// The first datagram with this operation, within a time; otherwise as [`Stage::wait`].
    pub(crate) fn expect(&mut self, operation: Op, within: Duration) -> Outcome<Option<Evidence>> {
        self.wait(Instant::now() + within, |seen| seen.is(operation))
    }

    /// Takes in what is there already, so that it does not pass for the answer to what is transmitted next.
    pub(crate) fn settle(&mut self) -> Outcome {
        self.wait(Instant::now(), |_| false).map(|_| ())
    }

    /// Answers what the scene did not wait for.
    fn answer(&mut self, seen: &Evidence) -> Outcome {
        if seen.is(Op::SynAck) {
            if let Some(first) = &self.chat.syn_ack {
                self.findings.fail(Clause::SynAckStops, "it came again after our ACK", &[first, seen]);
            }
            self.ack(seen)?;
        } else if seen.is(Op::Chat) && self.chat.is_open {
            self.take_line(seen)?;
        // In or outside a chat (SIMP 5): without its ACK it would come again, in the middle of another scene.
        } else if seen.is(Op::Fin) {
            self.ack(seen)?;
            if self.chat.is_open {
                self.chat.left = Some(seen.clone());
            }
        }
        Ok(())
    }

    /// Acknowledges a message and judges its sequence.
    pub(crate) fn take_line(&mut self, seen: &Evidence) -> Outcome {
        // Whatever its sequence: that is judged below, and without an ACK the peer would say no more.
        let ack = self.ack(seen)?;
        let findings = &mut self.findings;
        match &self.chat.line {
            Some(last) if last.bytes == seen.bytes => {
                findings.fail(Clause::MessageStops, "it came again after our ACK", &[last, seen]);
                return Ok(());
            }
            Some(last) => {
                let why = format!("both have {}", seen.seq());
                findings.judge(Clause::TurnsOver, last.seq() != seen.seq(), why, &[last, seen]);
            }
            None => {
                let why = format!("it has {}", seen.seq());
                findings.judge(Clause::BeginsWithZero, seen.seq() == 0, why, &[seen, &ack]);
            }
        }
        self.chat.line = Some(seen.clone());
        Ok(())
    }

    /// Waits for ERR and FIN in any order, and acknowledges the FIN. Stops early at a SYN+ACK.
    pub(crate) fn refusal(&mut self, side: Side) -> Outcome<Refusal> {
        let mut refusal = Refusal::default();
        let mut until = Instant::now() + ANSWER_WITHIN;
        while refusal.err.is_none() || refusal.fin.is_none() {
            let Some(seen) = self.receive(side, until)? else { break };
            let is_part = seen.is(Op::Err) || seen.is(Op::Fin);
            if seen.is(Op::Fin) {
                // At once, or it comes again while the next scene plays.
                match side {
                    Side::Ours => self.ack(&seen)?,
                    Side::Third => self.send_as_third(Op::Ack, self.form.ack_of_control(seen.seq()))?,
                };
            }
            if seen.is(Op::SynAck) {
                refusal.syn_ack = Some(seen);
                break;
            }
            if is_part {
                // The second comes soon after the first or never: a missing one must not cost 5 s.
                until = until.min(Instant::now() + SECOND_WITHIN);
                refusal.fin = refusal.fin.or_else(|| seen.is(Op::Fin).then(|| seen.clone()));
                refusal.err = refusal.err.or_else(|| seen.is(Op::Err).then_some(seen));
            }
        }
        Ok(refusal)
    }

    /// Judges a clause that wants ERR and FIN in answer to what was sent. `note` is added if it fails.
    pub(crate) fn judge_refusal(&mut self, clause: Clause, sent: &Evidence, refusal: &Refusal, note: &str) {
        match (&refusal.err, &refusal.fin) {
            // ERR and FIN in one datagram are shown once.
            (Some(err), Some(fin)) if err == fin => self.findings.pass(clause, &[sent, err]),
            (Some(err), Some(fin)) => self.findings.pass(clause, &[sent, err, fin]),
            (Some(err), None) => {
                self.findings.fail(clause, format!("an ERR, and no FIN{note}"), &[sent, err]);
            }
            (None, Some(fin)) => self.findings.fail(clause, format!("a FIN, and no ERR{note}"), &[sent, fin]),
            (None, None) => self.findings.fail(clause, format!("no answer within 5 s{note}"), &[sent]),
        }
    }

    /// Judges a datagram that came again without an answer of ours: when, and whether it is the same to the byte.
    pub(crate) fn judge_again(&mut self, clause: Clause, first: &Evidence, again: &Evidence) {
        let after = again.at.saturating_sub(first.at);
        // To the byte: a repetition is the same datagram (SIMP 4).
        let is_same = again.bytes == first.bytes;
        let why = match is_same {
            true => format!("it came again after {:.1} s", after.as_secs_f64()),
            false => "it came again with other bytes".to_owned(),
        };
        self.findings.judge(clause, is_same && after >= REPEAT_FROM, why, &[first, again]);
    }

    /// Leaves the chat, or takes an invitation back, and waits for the ACK.
    pub(crate) fn leave(&mut self) -> Outcome {
        self.console.progress("leaving");
        self.settle()?;
        let ChatSoFar { is_open, seq, .. } = self.chat;
        // A peer that has left by itself has our ACK already: a FIN of ours would be a stray one.
        if self.chat.left.is_none() {
            let fin = self.send(Op::Fin, seq, b"")?;
            let mut ack = self.expect(Op::Ack, ANSWER_WITHIN)?;
            if is_open && ack.is_none() && self.chat.left.is_none() && self.form != PeerForm::Of2021 {
                // Some insist on a sequence of their own in a FIN; whoever counts, on the next.
                self.send(Op::Fin, self.form.next(seq), b"")?;
                ack = self.expect(Op::Ack, ANSWER_WITHIN)?;
            }
            match &ack {
                Some(ack) if is_open => self.findings.pass(Clause::AcksFin, &[&fin, ack]),
                None if is_open && self.chat.left.is_none() => {
                    self.findings.fail(Clause::AcksFin, "no ACK within 5 s", &[&fin]);
                }
                _ => (),
            }
        }
        // Also without an ACK: the next scene begins anew, as the peer does once it gives up.
        self.chat = ChatSoFar::default();
        Ok(())
    }

    /// The scenes that cannot be played, and why.
    pub(crate) fn miss_all(&mut self, scenes: &[Scene], why: &str) {
        for scene in scenes {
            self.findings.miss_all(*scene, why);
        }
    }
}
