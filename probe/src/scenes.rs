//! The scenes, each in a few steps: what the probe does, what it waits for, and which clauses that shows. They are
//! ordered so that what a peer may not survive comes last.
//!
//! - here: which are played; without a chat, its user invites us, its user declines.
//! - `ours`: the chat that we open. `theirs`: what its user does in it. `odd`: what makes no sense.

mod odd;
mod ours;
mod theirs;

use crate::clauses::{Clause, Scene};
use crate::console::{Favour, needs_chat, needs_invitation};
use crate::findings::Evidence;
use crate::peer_form::AckNumber;
use crate::sockets::Side;
use crate::stage::{ANSWER_WITHIN, AT_ONCE, ChatSoFar, Stage};
use crate::wire::Op;
use std::time::Instant;

use simp_control::error::Outcome;

impl Stage {
    /// Plays all scenes that are needed.
    pub(crate) fn play(&mut self) -> Outcome {
        let is_any_enough = self.wanted.rows().all(|row| row.scene == Scene::Any);
        // Section 1 is judged by whatever comes, so something must be made to come.
        if self.wanted.needs(Scene::Outside) || is_any_enough {
            self.outside()?;
        }
        if needs_chat(&self.wanted) {
            self.chat()?;
        }
        if needs_invitation(&self.wanted) {
            self.invite()?;
        }
        if self.wanted.needs(Scene::Decline) {
            self.decline()?;
        }
        if self.wanted.needs(Scene::Odd) {
            self.odd()?;
        }
        Ok(())
    }

    /// FIN and a message without any chat.
    fn outside(&mut self) -> Outcome {
        self.console.progress("FIN outside any chat");
        let fin = self.send(Op::Fin, 0, b"")?;
        match self.expect(Op::Ack, ANSWER_WITHIN)? {
            Some(ack) => self.findings.pass(Clause::AcksStrayFin, &[&fin, &ack]),
            None => self.findings.fail(Clause::AcksStrayFin, "no ACK within 5 s", &[&fin]),
        }
        self.console.progress("a message outside any chat");
        let chat = self.send(Op::Chat, 0, b"Is anybody there?")?;
        let refusal = self.refusal(Side::Ours)?;
        self.judge_refusal(Clause::RefusesStrayChat, &chat, &refusal, "");
        self.settle()
    }

    /// Its user invites us, we accept, and leave.
    fn invite(&mut self) -> Outcome {
        let Some(syn) = self.ask(Favour::Invite, |seen| seen.is(Op::Syn))? else {
            let why = self.why_nothing("nobody there invited us");
            // No fault of the peer: nobody did what only a person can do.
            self.miss_all(&[Scene::Invite, Scene::Leave], &why);
            return Ok(());
        };
        let why = format!("it has {}", syn.seq());
        self.findings.judge(Clause::Invites, syn.seq() == 0, why, &[&syn]);
        // The same SYN+ACK twice: the second shows whether a repeated one is acknowledged too.
        for clause in [Clause::AcksSynAck, Clause::AcksSynAckAgain] {
            self.console.progress("SYN+ACK");
            let syn_ack = self.send(Op::SynAck, 0, b"")?;
            self.chat =
                ChatSoFar { is_open: true, seq: self.form.first_of_accepting(), ..ChatSoFar::default() };
            let Some(ack) = self.expect(Op::Ack, ANSWER_WITHIN)? else {
                self.findings.fail(clause, "no ACK within 5 s", &[&syn_ack]);
                continue;
            };
            self.acks = AckNumber::of(self.form, 0, ack.seq());
            // The sequence is 2.7's matter; 2.8 asks only for an answer.
            let is_right = clause == Clause::AcksSynAckAgain || ack.seq() == 0;
            self.findings.judge(clause, is_right, format!("it has {}", ack.seq()), &[&syn_ack, &ack]);
        }
        self.leave()
    }

    /// We invite, and its user declines.
    fn decline(&mut self) -> Outcome {
        let syn = self.send(Op::Syn, 0, b"")?;
        self.console.progress("SYN");
        let is_answer =
            |seen: &Evidence| [Op::SynAck, Op::Fin, Op::Err].iter().any(|operation| seen.is(*operation));
        // A peer that declines by itself has done so by then, and nobody is asked in vain.
        let answer = match self.wait(Instant::now() + AT_ONCE, is_answer)? {
            None => self.ask(Favour::Decline, is_answer)?,
            answer => answer,
        };
        match answer {
            None => {
                let why = self.why_nothing("nobody there declined");
                self.findings.miss(Clause::Declines, why);
                self.leave()
            }
            // A chat all the same, which must be ended properly or the peer stays in it.
            Some(syn_ack) if syn_ack.is(Op::SynAck) => {
                self.findings.miss(Clause::Declines, "the invitation was accepted");
                self.ack(&syn_ack)?;
                self.chat.is_open = true;
                self.leave()
            }
            Some(fin) if fin.is(Op::Fin) => {
                self.findings.pass(Clause::Declines, &[&syn, &fin]);
                self.ack(&fin).map(|_| ())
            }
            Some(err) => {
                let fin = self.refusal(Side::Ours)?.fin;
                let both: Vec<&Evidence> = [&syn, &err].into_iter().chain(&fin).collect();
                self.findings.judge(Clause::Declines, fin.is_some(), "an ERR, and no FIN", &both);
                Ok(())
            }
        }
    }
}
