//! What the peer's user does in the chat that we opened: two messages, and the end.

use std::time::Instant;

use simp_control::error::Outcome;

use crate::clauses::{Clause, Scene};
use crate::console::Favour;
use crate::findings::Evidence;
use crate::sockets::Side;
use crate::stage::{QUIET, REPEAT_WITHIN, Stage};
use crate::wire::{self, Op};

impl Stage {
    /// Two messages. The first is acknowledged only when it has come again.
    pub(super) fn theirs(&mut self) -> Outcome {
        let last = self.chat.line.clone();
        let is_new =
            |seen: &Evidence| seen.is(Op::Chat) && last.as_ref().is_none_or(|last| last.bytes != seen.bytes);
        let Some(first) = self.ask(Favour::Lines, is_new)? else {
            let why = self.why_nothing("no message came");
            self.miss_all(&[Scene::Theirs], &why);
            return Ok(());
        };
        let early = self.repeated_message(&first)?;
        if self.chat.left.is_some() {
            self.miss_all(&[Scene::Theirs], "it left the chat too early");
            return Ok(());
        }
        self.take_line(&first)?;
        let second = match early {
            Some(second) => Some(second),
            None => self.second_message(&first)?,
        };
        let Some(second) = second else {
            let why = self.why_nothing("no second message came");
            self.miss_all(&[Scene::Theirs], &why);
            return Ok(());
        };
        self.take_line(&second)?;
        self.findings.pass(Clause::WaitsForAck, &[&first, &second]);
        Ok(())
    }

    /// Waits until the message comes again. Returns another that came before.
    fn repeated_message(&mut self, first: &Evidence) -> Outcome<Option<Evidence>> {
        if !self.wanted.has(Clause::MessageRepeats) && !self.wanted.has(Clause::WaitsForAck) {
            return Ok(None);
        }
        self.console.progress("waiting for the message again");
        let until = self.sockets.moment(first) + REPEAT_WITHIN;
        let mut early = None;
        while let Some(next) = self.wait(until, |seen| seen.is(Op::Chat))? {
            if wire::payload(&next.bytes) == wire::payload(&first.bytes) {
                self.judge_again(Clause::MessageRepeats, first, &next);
                return Ok(early);
            }
            self.findings.fail(Clause::WaitsForAck, "it came without the ACK", &[first, &next]);
            // It is taken as the second message: the person will not send another.
            early = early.or(Some(next));
        }
        if self.chat.left.is_none() {
            self.findings.fail(Clause::MessageRepeats, "it did not come again within 10 s", &[first]);
        }
        Ok(early)
    }

    fn second_message(&mut self, first: &Evidence) -> Outcome<Option<Evidence>> {
        self.console.progress("waiting for the second message");
        let until = Instant::now() + self.timeout;
        self.wait(until, |seen| seen.is(Op::Chat) && seen.bytes != first.bytes)
    }

    /// Its user leaves. The FIN is acknowledged only when it has come again.
    pub(super) fn quit(&mut self) -> Outcome {
        let first = match self.chat.left.clone() {
            Some(fin) => fin,
            None => match self.ask(Favour::Quit, |seen| seen.is(Op::Fin))? {
                Some(fin) => fin,
                None => {
                    let why = self.why_nothing("nobody there left");
                    self.miss_all(&[Scene::Quit], &why);
                    return Ok(());
                }
            },
        };
        self.findings.pass(Clause::Leaves, &[&first]);
        // It may have left before it was asked to, and its FIN be acknowledged.
        if self.chat.left.is_none() && self.wanted.has(Clause::FinRepeats) {
            self.repeated_fin(&first)?;
        }
        let ack = self.ack(&first)?;
        self.chat.left = Some(first);
        self.fin_stops(&ack)
    }

    /// Waits until the FIN comes again: soon enough, and with any sequence, for some try both.
    fn repeated_fin(&mut self, first: &Evidence) -> Outcome {
        self.console.progress("waiting for FIN again");
        let until = self.sockets.moment(first) + REPEAT_WITHIN;
        match self.wait(until, |seen| seen.is(Op::Fin))? {
            Some(again) => self.findings.pass(Clause::FinRepeats, &[first, &again]),
            None => {
                self.findings.fail(Clause::FinRepeats, "it did not come again within 10 s", &[first]);
            }
        }
        Ok(())
    }

    /// Waits until the FIN would have come again.
    fn fin_stops(&mut self, ack: &Evidence) -> Outcome {
        if !self.wanted.has(Clause::FinStops) {
            return Ok(());
        }
        self.console.progress("checking that the acknowledged FIN is not repeated");
        let until = self.sockets.moment(ack) + QUIET;
        match self.next(until, Op::Fin)? {
            Some(again) => {
                self.ack(&again)?;
                self.findings.fail(Clause::FinStops, "it came again after our ACK", &[ack, &again]);
            }
            None => self.findings.pass(Clause::FinStops, &[ack]),
        }
        Ok(())
    }

    /// The next datagram of this operation, all others left without an answer: the chat is over.
    fn next(&mut self, until: Instant, operation: Op) -> Outcome<Option<Evidence>> {
        while let Some(seen) = self.receive(Side::Ours, until)? {
            if seen.is(operation) {
                return Ok(Some(seen));
            }
        }
        Ok(None)
    }
}
