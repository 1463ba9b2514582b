//! `listen --reply`: what a command has printed goes back to the peer, in the chat of the message, once.

use std::time::Instant;

use simp_control::error::{Error, Outcome, unexpected};
use simp_control::frame::LONGEST_TEXT;
use simp_control::{Client, Event, Failure, FailureKind, Reply, Request, Takes, token, typed};

use super::aside::Aside;
use crate::fit::fit;

/// What nobody takes: it is refused with what its peer takes.
const TAKEN_BY_NONE: &str = "\0";

/// Sends answers.
pub(super) struct Answers {
    /// What the names of answers begin with, by which simpd knows those that it has already.
    name: String,
}

impl Answers {
    /// Those of this consumer, or else of this run alone.
    pub(super) fn of(consumer: Option<&str>) -> Self {
        let whose = consumer.map_or_else(|| token().to_string(), str::to_owned);
        // No token of a user begins so.
        Self { name: format!("\nanswer\n{whose}") }
    }

    /// Sends what was printed for a message, as what its peer takes, in pieces if it is too long. What was sent before of an
    /// answer to this message is not sent again: whatever the command has printed then, the peer has that.
    ///
    /// # Errors
    /// `no_such` if the chat is over, `failed` if simpd cannot keep it.
    pub(super) fn send(
        &self,
        (client, aside, deadline): (&mut Client, &mut Aside, Option<Instant>),
        event: &Event,
        printed: &[u8],
    ) -> Outcome {
        let text = text(printed);
        if text.is_empty() {
            return Ok(());
        }
        let mut ask = |text: &str, piece: Option<usize>| {
            let request = self.request(event, text, piece);
            aside.ask(client, deadline, |aside| aside.ask(&request))
        };
        let takes = match ask(&text, Some(1)) {
            Err(Error::Failure(failure)) if failure.kind == FailureKind::Usage => failure.takes,
            sent => return sent.map(drop),
        };
        // Without it this is not the first answer, or so long that only its first piece has this name.
        let takes = takes.map_or_else(|| taken(ask(TAKEN_BY_NONE, None)), Ok)?;
        for (index, piece) in fit(&text, takes).iter().enumerate() {
            match ask(piece, Some(index + 1)) {
                // Something else was printed before, and is with the peer already.
                Err(Error::Failure(Failure { kind: FailureKind::Usage, takes: None, .. })) => break,
                sent => drop(sent?),
            }
        }
        Ok(())
    }

    fn request(&self, event: &Event, text: &str, piece: Option<usize>) -> Request {
        Request::Send {
            who: Some(event.peer.address.clone()),
            // Whoever comes to this address later is somebody else.
            chat: Some(event.chat),
            text: text.to_owned(),
            queue: false,
            expire_ms: None,
            token: None,
            again_after: None,
            once: piece.map(|piece| format!("{}\n{}\n{piece}", self.name, event.id)),
            host: None,
            answers: Some(event.id),
        }
    }
}

/// What a peer takes, as it is refused what it does not.
fn taken(refused: Outcome<Reply>) -> Outcome<Takes> {
    match refused {
        Err(Error::Failure(failure)) => failure.takes.ok_or_else(|| failure.into()),
        Err(error) => Err(error),
        Ok(_) => Err(unexpected()),
    }
}

/// What was printed, as text: without its last newline, and with what is not UTF-8 replaced.
fn text(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(typed::without_end(printed)).into_owned();
    // A replacement has three bytes, and may stand for one.
    if text.len() > LONGEST_TEXT { text.replace('\u{fffd}', "?") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_printed_is_text_that_can_be_sent() {
        for (printed, expected) in
            [(&b""[..], ""), (b"\n", ""), (b"one\ntwo\r\n", "one\ntwo"), (b"a\xffb\n\n", "a\u{fffd}b\n")]
        {
            assert_eq!(text(printed), expected);
        }
        assert_eq!(text(&[0xff; LONGEST_TEXT]), "?".repeat(LONGEST_TEXT));
    }
}
