//! `send`: one text, or the `lines` of standard input, or all of it, or a `file`, until the peer has it. Which texts a peer
//! takes is simpd's to say: it knows how the chat goes.

mod file;
mod lines;
mod sending;
mod window;

use std::io;

use simp_control::error::{Outcome, fail};
use simp_control::{Client, FailureKind, FollowFrom, typed};
use simp_service::words::STDIN;

use crate::args::{OnError, SendArgs};
use crate::reach;
use crate::show::Output;
use crate::stdin::whole;
use sending::Sending;

/// What is to be sent.
pub(super) enum Source<'a> {
    /// This text.
    Text(String),
    /// All of standard input.
    Whole,
    /// Each of its lines.
    Lines(OnError),
    /// This file.
    File(&'a str),
}

/// Refuses what cannot be sent, and says what is to be.
pub(super) fn check(args: &SendArgs) -> Outcome<Source<'_>> {
    // Before simpd is reached: a mistake in the arguments is told even if no simpd runs.
    if args.expire.is_some() && !args.queue {
        return wrong("--expire needs --queue: only messages in the outbox expire");
    }
    if args.or_cancel && args.timeout.is_none() {
        return wrong("--or-cancel needs --timeout: when the message is taken back");
    }
    if args.or_cancel && args.no_wait {
        return wrong(
            "--or-cancel waits until the time is over, which --no-wait does not: give one of the two",
        );
    }
    let source = source(args)?;
    if args.on_error.is_some() && !matches!(source, Source::Lines(_)) {
        return wrong("--on-error is for the lines of standard input: leave it out");
    }
    Ok(source)
}

fn source(args: &SendArgs) -> Outcome<Source<'_>> {
    let is_dash = args.text.first().is_some_and(|first| first == STDIN);
    match &args.file {
        Some(path) if path.is_empty() => wrong("--file: no file given"),
        Some(_) if args.queue => {
            wrong("--file needs an open chat, so that --queue means nothing (leave it out)")
        }
        Some(_) if args.or_cancel => wrong("--or-cancel is for texts, and --file has none (leave it out)"),
        Some(_) if args.token.is_some() => wrong("--token is for texts, and --file has none (leave it out)"),
        Some(_) if !args.text.is_empty() => {
            wrong("--file and a text are two messages (send them one after the other)")
        }
        Some(path) => Ok(Source::File(path)),
        None if is_dash && args.text.len() > 1 => wrong(
            "- is all of standard input: give it or a text, not both (a text that begins with it: send -- -)",
        ),
        None if is_dash => Ok(Source::Whole),
        None if args.text.is_empty() => Ok(Source::Lines(args.on_error.unwrap_or_default())),
        None => {
            let text = args.text.join(" ");
            typed::for_simpd(&text).map_err(|why| fail(FailureKind::Usage, why))?;
            Ok(Source::Text(text))
        }
    }
}

fn wrong<T>(line: &str) -> Outcome<T> {
    Err(fail(FailureKind::Usage, line))
}

/// Sends what the arguments say.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &SendArgs, source: Source<'_>) -> Outcome {
    if let Source::File(path) = source {
        return file::send(client, output, args, path);
    }
    if args.token.is_some() {
        reach::require(client, "once", "keeps no tokens")?;
    }
    if args.or_cancel {
        reach::require(client, "take_back", "takes no message back out of a chat")?;
    }
    if matches!(source, Source::Lines(OnError::Replace)) {
        reach::require(client, "takes", "does not say which texts a peer takes")?;
    }
    let mut sending = Sending::new(client, output, args);
    if sending.waits() {
        // Followed before anything is sent, so that no outcome can be missed.
        sending.follow(FollowFrom::End)?;
    }
    // The daemon waits for our hello, but what is to be sent may be long in coming.
    let text = match source {
        Source::Text(text) => text,
        Source::Whole => {
            sending.client.write()?;
            whole(io::stdin().lock())?
        }
        Source::Lines(on_error) => return lines::send(&mut sending, on_error, args.token.as_deref()),
        Source::File(_) => return Ok(()),
    };
    Ok(sending.send(&text, args.token.as_deref())?)
}
