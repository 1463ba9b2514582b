//! `send`: one text, or each line of standard input, until the peer has it.

use std::io;
use std::time::Instant;

use simp_proto::Text;
use simp_proto::control::{FailureKind, Filter, From, Kind, Reply, Request, What};

use crate::args::Send;
use crate::client::Client;
use crate::lines::Lines;
use crate::names;
use crate::output::{Output, Shown};
use crate::stop::{Outcome, Stop, fail, unexpected};

/// Refuses a text that cannot be sent.
pub(crate) fn check(args: &Send) -> Outcome {
    given(args).map(drop)
}

/// Sends what the arguments say.
pub(crate) fn run(client: &mut Client, output: &mut Output, args: &Send) -> Outcome {
    if !args.no_wait {
        // Followed before anything is sent, so that no outcome can be missed.
        let filter = Filter { kinds: vec![Kind::Delivered, Kind::Undelivered], ..Filter::default() };
        client.submit_quietly(&Request::Follow { from: From::End, filter })?;
    }
    let mut who = args.to.clone();
    if let Some(text) = given(args)? {
        return send(client, output, args, &mut who, &text);
    }
    // The daemon waits for our hello, but the first line may be long in coming.
    client.write()?;
    let mut lines = Lines::new(io::stdin().lock());
    while let Some(text) = lines.next()? {
        send(client, output, args, &mut who, &text)?;
        even_unread(output.flush())?;
    }
    Ok(())
}

/// What is to be sent is sent, whether anybody reads of it or not.
fn even_unread(shown: Outcome) -> Outcome {
    match shown {
        Err(Stop::ReaderGone) => Ok(()),
        shown => shown,
    }
}

/// The text in the arguments, if there is one.
fn given(args: &Send) -> Outcome<Option<Text>> {
    if args.text.is_empty() {
        return Ok(None);
    }
    Text::new(&args.text.join(" ")).map(Some).map_err(|error| fail(FailureKind::Usage, error.to_string()))
}

/// Sends one text and, unless told otherwise, waits for what becomes of it.
fn send(
    client: &mut Client,
    output: &mut Output,
    args: &Send,
    who: &mut Option<String>,
    text: &Text,
) -> Outcome {
    let request = |who| Request::Send { who, text: text.as_str().to_owned() };
    let Reply::Queued { message, chat } = names::ask(client, who, request)? else {
        return Err(unexpected());
    };
    if args.no_wait {
        return even_unread(output.show(&Shown::Queued { message, chat, text: text.as_str() }));
    }
    let waited = wait(client, output, message, args.timeout.map(|timeout| Instant::now() + timeout));
    waited.map_err(|stop| match stop {
        // A script must not take it for unsent, and send it again.
        Stop::Failure(failure) if failure.kind == FailureKind::NoDaemon => {
            let line = format!(
                "message {message} is queued, but {} (it goes on when it is started again)",
                failure.line
            );
            fail(FailureKind::NoDaemon, line)
        }
        stop => stop,
    })
}

fn wait(client: &mut Client, output: &mut Output, id: u64, deadline: Option<Instant>) -> Outcome {
    while let Some(event) = client.event(deadline)? {
        match event.what {
            What::Delivered { message } if message == id => {
                return even_unread(output.show(&Shown::Delivered(&event)));
            }
            What::Undelivered { message, reason } if message == id => {
                let line = format!("not delivered: {reason} (message {id} is kept in the log)");
                return Err(fail(FailureKind::Undelivered, line));
            }
            _ => (),
        }
    }
    let line = format!("message {id} is not acknowledged yet (simpd goes on trying)");
    Err(fail(FailureKind::NoAnswer, line))
}
