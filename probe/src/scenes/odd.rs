//! What makes no sense, from the harmless to the worse, without a chat and without the person: after each kind,
//! whether the peer still answers what it answered before.

use std::time::{Duration, Instant};

use simp_control::error::Outcome;

use crate::clauses::{Clause, Scene};
use crate::findings::Evidence;
use crate::peer_form::PeerForm;
use crate::sockets::Side;
use crate::stage::{ANSWER_WITHIN, Stage, USER};
use crate::wire::{self, Op, raw};

/// The answers to what makes no sense have come by then, and do not pass for a sign of life.
const SETTLED_AFTER: Duration = Duration::from_millis(300);

/// What a peer that lives answers without its user.
#[derive(Debug, Clone, Copy)]
enum Sign {
    /// FIN, with ACK.
    Fin,
    /// A message outside any chat, with anything.
    Chat,
}

impl Stage {
    /// All kinds; those after one that the peer does not survive cannot be tried.
    pub(super) fn odd(&mut self) -> Outcome {
        self.console.progress("checking that it answers");
        self.pause()?;
        let Some(sign) = self.find_sign()? else {
            self.miss_all(&[Scene::Odd], "no answer shows whether it is alive");
            return Ok(());
        };
        // An answer to nonsense may be nonsense, and breaks no clause of section 1.
        self.is_judging = false;
        let kinds: Vec<_> = self.wanted.rows().filter(|row| row.scene == Scene::Odd).collect();
        for row in kinds {
            self.console.progress(row.what);
            // All of a kind and then one question: whichever of them kills the peer, the clause fails.
            let mut sent = Vec::new();
            for bytes in datagrams(row.clause) {
                sent.push(self.sockets.transmit(Side::Ours, bytes)?);
            }
            self.pause()?;
            let answer = self.sign(sign)?;
            let evidence: Vec<&Evidence> = sent.iter().chain(&answer).collect();
            self.findings.judge(row.clause, answer.is_some(), "it no longer answers", &evidence);
            if answer.is_none() {
                self.miss_all(&[Scene::Odd], "it did not survive the previous datagrams");
                return Ok(());
            }
        }
        Ok(())
    }

    fn pause(&mut self) -> Outcome {
        self.wait(Instant::now() + SETTLED_AFTER, |_| false).map(|_| ())
    }

    fn find_sign(&mut self) -> Outcome<Option<Sign>> {
        // A peer that leaves a stray FIN without an ACK may still answer a stray message, if only with an ERR.
        for sign in [Sign::Fin, Sign::Chat] {
            if self.sign(sign)?.is_some() {
                return Ok(Some(sign));
            }
        }
        Ok(None)
    }

    /// The answer of a peer that lives. It is asked twice: a datagram may be lost.
    fn sign(&mut self, sign: Sign) -> Outcome<Option<Evidence>> {
        for _ in 0..2 {
            let answer = match sign {
                Sign::Fin => {
                    self.send(Op::Fin, 0, b"")?;
                    self.expect(Op::Ack, ANSWER_WITHIN / 2)?
                }
                Sign::Chat => {
                    self.send(Op::Chat, 0, b"Is anybody there?")?;
                    let until = Instant::now() + ANSWER_WITHIN / 2;
                    self.wait(until, |_| true)?
                }
            };
            if answer.is_some() {
                return Ok(answer);
            }
        }
        Ok(None)
    }
}

/// What is sent for a clause.
fn datagrams(clause: Clause) -> Vec<Vec<u8>> {
    let user = USER.as_bytes();
    let control = |code, seq| raw([0x01, code], seq, user, 0, b"");
    let chat = |seq, length, text: &[u8]| raw([0x02, 0x01], seq, user, length, text);
    let cut = |length: usize| {
        let whole = wire::encode(PeerForm::Specified, Op::Chat, 0, USER, b"");
        whole.into_iter().take(length).collect::<Vec<u8>>()
    };
    match clause {
        Clause::Short => vec![cut(0), cut(1), cut(2), cut(3), cut(20), cut(38)],
        Clause::UnknownType => [0x00, 0x03, 0xff].map(|kind| raw([kind, 0x01], 0, user, 0, b"")).into(),
        Clause::UnknownOperation => {
            vec![control(0x00, 0), control(0x40, 0), control(0x80, 0), raw([0x02, 0x7f], 0, user, 2, b"hi")]
        }
        Clause::OddSequence => vec![control(0x04, 0xff), chat(0xff, 2, b"hi"), control(0x08, 2)],
        Clause::OddLength => vec![chat(0, u32::MAX, b"hi"), chat(0, 0, b"hi"), chat(0, 1, b"hi")],
        Clause::Oversized => vec![chat(0, 2_000, &[b'x'; 2_000])],
        Clause::NotAscii => vec![
            raw([0x01, 0x08], 0, b"J\xf6rg\xff\x1b[2J", 0, b""),
            chat(0, 5, "gr\u{fc}n".as_bytes()),
            chat(0, 3, b"\xff\xfe\x80"),
        ],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clauses::TABLE;

    #[test]
    fn each_clause_about_what_makes_no_sense_has_something_to_send() {
        for row in TABLE {
            assert_eq!(row.scene == Scene::Odd, !datagrams(row.clause).is_empty(), "{}", row.id);
        }
    }

    #[test]
    fn nothing_that_makes_no_sense_can_pass_for_an_invitation() {
        for row in TABLE {
            assert!(datagrams(row.clause).iter().all(|bytes| !wire::is(bytes, Op::Syn)));
        }
    }
}
