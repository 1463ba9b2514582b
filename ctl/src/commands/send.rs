//! `send`: one text, or each line of standard input, or all of it, or a `file`, until the peer has it. Which texts a peer
//! takes is simpd's to say: it knows how the chat goes.

mod file;

use std::io;
use std::time::Instant;

use simp_control::error::{Outcome, fail, unexpected};
use simp_control::{
    Client, FailureKind, Filter, FollowFrom, Kind, Reason, Reply, Request, What, names, token, typed,
};

use super::queueing::{even_unread, not_known};
use crate::args::SendArgs;
use crate::recipient;
use crate::show::{Output, View};
use crate::stdin::{StdinTexts, whole};
use crate::when::deadline;

/// Refuses what cannot be sent.
pub(super) fn check(args: &SendArgs) -> Outcome {
    // Before simpd is reached: a mistake in the arguments is told even if no simpd runs.
    if args.expire.is_some() && !args.queue {
        return Err(fail(FailureKind::Usage, "--expire needs --queue: only messages in the outbox expire"));
    }
    if args.whole && !args.text.is_empty() {
        return Err(fail(FailureKind::Usage, "--whole sends standard input: give it or a text, not both"));
    }
    if args.file.as_deref() == Some("") {
        return Err(fail(FailureKind::Usage, "--file: no file given"));
    }
    if args.file.is_some() && (args.queue || args.whole || !args.text.is_empty()) {
        let wrong = match args.queue {
            true => "--file needs an open chat, so that --queue means nothing (leave it out)",
            false => "--file and a text are two messages (send them one after the other)",
        };
        return Err(fail(FailureKind::Usage, wrong));
    }
    given(args).map(drop)
}

/// Sends what the arguments say.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &SendArgs) -> Outcome {
    if let Some(path) = &args.file {
        return file::send(client, output, args, path);
    }
    let mut sending = Sending { client, output, args, who: args.to.clone(), newest: 0 };
    if sending.waits() {
        // Followed before anything is sent, so that no outcome can be missed.
        sending.follow(FollowFrom::End)?;
    }
    if let Some(text) = given(args)? {
        return sending.send(&text);
    }
    // The daemon waits for our hello, but the first line may be long in coming.
    sending.client.write()?;
    if args.whole {
        return sending.send(&whole(io::stdin().lock())?);
    }
    let mut lines = StdinTexts::new(io::stdin().lock());
    while let Some(text) = lines.next()? {
        sending.send(&text).map_err(|error| lines.name(error, &text))?;
        even_unread(sending.output.flush())?;
    }
    Ok(())
}

/// The text in the arguments, if there is one.
fn given(args: &SendArgs) -> Outcome<Option<String>> {
    if args.text.is_empty() {
        return Ok(None);
    }
    let text = args.text.join(" ");
    typed::for_simpd(&text).map_err(|why| fail(FailureKind::Usage, why))?;
    Ok(Some(text))
}

struct Sending<'a> {
    client: &'a mut Client,
    output: &'a mut Output,
    args: &'a SendArgs,
    who: Option<String>,
    /// Our last message.
    newest: u64,
}

impl Sending<'_> {
    /// Whether this run waits for the message's outcome.
    fn waits(&self) -> bool {
        !self.args.no_wait && (!self.args.queue || self.args.timeout.is_some())
    }

    /// Sends one text and, unless told otherwise, waits for what becomes of it.
    fn send(&mut self, text: &str) -> Outcome {
        let deadline = deadline(self.args.timeout);
        let (message, chat) = self.queue(text, deadline)?;
        self.newest = message;
        if !self.waits() {
            return even_unread(self.output.show(&View::Queued { message, chat, text, size: None }));
        }
        // A script must not take it for unsent, and send it again.
        self.wait(message, deadline).map_err(|error| error.goes_on(&format!("message {message} is queued")))
    }

    /// Has the daemon take a text on, once, however often it goes away meanwhile.
    fn queue(&mut self, text: &str, deadline: Option<Instant>) -> Outcome<(u64, u64)> {
        let (token, known, args, who) = (token(), self.known(), self.args, &mut self.who);
        let mut asked_again = false;
        let reply = self.client.insist(deadline, |client, again| {
            asked_again = again;
            let request = |who| Request::Send {
                who,
                chat: None,
                text: text.to_owned(),
                queue: args.queue,
                expire_ms: args.expire.map(|expire| expire.as_millis() as u64),
                token: Some(token),
                // simpd looks for the token only in entries after this one, so it need not read all of its log.
                again_after: again.then_some(known),
                once: None,
            };
            match args.queue {
                true => recipient::ask_or_resolve(client, who, request),
                false => names::ask(client, who, request),
            }
        });
        // Once the time is over nobody asks again, and whether it was taken stays open.
        let Reply::Queued { message, chat } = reply.map_err(not_known)? else {
            return Err(unexpected());
        };
        if asked_again && self.waits() {
            // What we follow may begin after its outcome.
            self.follow(FollowFrom::After(message))?;
            self.client.write()?;
        }
        Ok((message, chat))
    }

    /// An entry of the log that is older than the next message of ours.
    fn known(&self) -> u64 {
        self.client.position().max(self.newest)
    }

    fn follow(&mut self, from: FollowFrom) -> Outcome {
        let kinds = vec![Kind::Delivered, Kind::Unconfirmed, Kind::Undelivered];
        self.client.follow(from, Filter { kinds, ..Filter::default() })
    }

    fn wait(&mut self, id: u64, deadline: Option<Instant>) -> Outcome {
        while let Some(event) = self.client.event(deadline)? {
            match event.what {
                // What is followed are the outcomes of all messages, other programs' too.
                What::Delivered { message } | What::Unconfirmed { message } if message == id => {
                    return even_unread(self.output.show(&View::Delivered(&event)));
                }
                What::Undelivered { message, reason } if message == id => {
                    let remedy = match reason {
                        Reason::TooLong => {
                            "its peer accepts only shorter messages; send it in parts".to_owned()
                        }
                        Reason::OtherKey => {
                            format!(
                                "whoever is there now has another key; list them: simpctl keys; then: simpctl resend {id}"
                            )
                        }
                        _ => format!("send it again with: simpctl resend {id}"),
                    };
                    let line = format!("not delivered: {reason} ({remedy})");
                    return Err(fail(FailureKind::Undelivered, line));
                }
                _ => (),
            }
        }
        let line = match self.args.queue {
            true => format!("message {id} is queued and will be delivered when the peer is back"),
            false => format!("message {id} is not acknowledged yet (simpd keeps trying)"),
        };
        Err(fail(FailureKind::NoAnswer, line))
    }
}
