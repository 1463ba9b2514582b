//! `ask`: a text in a chat, and the peer's answer to it.

use std::io;
use std::time::{Duration, Instant};

use simp_control::error::{Error, Outcome, fail, unexpected};
use simp_control::{
    ChatInfo, Client, Event, FailureKind, Filter, FollowFrom, Kind, Reason, Reply, Request, State, What,
    names, token, typed,
};
use simp_service::words::STDIN;

use super::queueing::not_known;
use crate::args::AskArgs;
use crate::show::{Output, View};
use crate::stdin::whole;
use crate::turns::Turn;
use crate::when::deadline;

/// How long an answer is waited for if nobody says.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// How long past the time limit a text may still be taken back.
const TAKEN_BACK_WITHIN: Duration = Duration::from_secs(2);

/// What is asked.
pub(super) enum Question {
    /// This text.
    Text(String),
    /// All of standard input.
    Whole,
}

/// Refuses what cannot be asked, and says what is.
pub(super) fn check(args: &AskArgs) -> Outcome<Question> {
    let usage = |line: &str| fail(FailureKind::Usage, line);
    match args.text.as_slice() {
        [] => Err(usage("<text> is missing (see simpctl ask --help)")),
        [dash] if dash == STDIN => Ok(Question::Whole),
        [dash, ..] if dash == STDIN => Err(usage(
            "- is all of standard input: give it or a text, not both (a text that begins with it: ask -- -)",
        )),
        words => {
            let text = words.join(" ");
            typed::for_simpd(&text).map_err(|why| usage(&why))?;
            Ok(Question::Text(text))
        }
    }
}

/// Asks, and prints the answer.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &AskArgs, question: Question) -> Outcome {
    let text = match question {
        Question::Text(text) => text,
        Question::Whole => {
            // The daemon waits for our hello, but what is to be asked may be long in coming.
            client.write()?;
            whole(io::stdin().lock())?
        }
    };
    let limit = args.timeout.unwrap_or(ANSWER_WITHIN);
    let deadline = deadline(Some(limit));
    let limit = limit.as_secs_f64();
    let meant = client.insist(deadline, |client, _| meant(client, args.to.as_deref()))?;
    let chat = meant.as_ref().map(|chat| chat.chat);
    let Some(_turn) = Turn::take(client, chat, deadline)? else {
        let line = format!("no answer within {limit} s: nothing was asked, for others who ask came first");
        return Err(fail(FailureKind::NoAnswer, line));
    };
    // An address names one chat. If it is not clear which is meant, simpd says so.
    let who = meant.map(|chat| chat.peer.address).or_else(|| args.to.clone());
    let mut asking = Asking { client, deadline, filter: filter(chat) };
    let (message, chat) = asking.send(who, chat, &text)?;
    let answer = asking.answer(message, chat, limit);
    // A script must not take it for unsent.
    let answer = answer.map_err(|error| error.goes_on(&format!("message {message} is queued")))?;
    output.show(&View::Answer(&answer))
}

/// The chat that is meant, if only one can be.
fn meant(client: &mut Client, who: Option<&str>) -> Outcome<Option<ChatInfo>> {
    let can_send = |chat: &ChatInfo| matches!(chat.state, State::Accepting | State::Open);
    let mut chats = client.chats()?;
    chats.retain(|chat| can_send(chat) && names::means(who, &chat.peer));
    Ok(chats.pop().filter(|_| chats.is_empty()))
}

/// What is to be known of a chat, or of all of them.
fn filter(chat: Option<u64>) -> Filter {
    let kinds = vec![Kind::Message, Kind::Delivered, Kind::Unconfirmed, Kind::Undelivered, Kind::Closed];
    Filter { kinds, chat, ..Filter::default() }
}

struct Asking<'a> {
    client: &'a mut Client,
    deadline: Option<Instant>,
    filter: Filter,
}

impl Asking<'_> {
    /// Has simpd take the text on, once, however often it goes away meanwhile.
    fn send(&mut self, mut who: Option<String>, chat: Option<u64>, text: &str) -> Outcome<(u64, u64)> {
        // Before anything is sent, so that nothing can be missed.
        self.client.follow(FollowFrom::End, self.filter.clone())?;
        let (token, known) = (token(), self.client.position());
        let mut asked_again = false;
        let reply = self.client.insist(self.deadline, |client, again| {
            asked_again = again;
            let request = |who| Request::Send {
                who,
                chat,
                text: text.to_owned(),
                queue: false,
                expire_ms: None,
                token: Some(token),
                again_after: again.then_some(known),
                once: None,
                host: None,
                answers: None,
            };
            names::ask(client, &mut who, request)
        });
        let Reply::Queued { message, chat } = reply.map_err(not_known)? else {
            return Err(unexpected());
        };
        if asked_again {
            // What we follow may begin after the answer.
            self.client.follow(FollowFrom::After(message), self.filter.clone())?;
            self.client.write()?;
        }
        Ok((message, chat))
    }

    /// What the peer says next, once it has the message.
    fn answer(&mut self, id: u64, chat: u64, limit: f64) -> Outcome<Event> {
        // If only the acknowledgement was lost, the answer came before it: nobody can know until nothing else comes.
        let (mut has_it, mut early) = (false, None);
        let no_answer = loop {
            let Some(event) = self.client.event(self.deadline)? else {
                if !has_it && self.is_taken_back(id)? {
                    let line =
                        format!("no answer within {limit} s: the text had not left, and was taken back");
                    return Err(fail(FailureKind::NoAnswer, line));
                }
                break late(id, has_it, limit);
            };
            match &event.what {
                What::Delivered { message } if *message == id => has_it = true,
                // Of a peer that acknowledges nothing.
                What::Unconfirmed { message } if *message == id && early.is_some() => {
                    break late(id, true, limit);
                }
                What::Unconfirmed { message } if *message == id => has_it = true,
                What::Undelivered { message, reason } if *message == id => return Err(undelivered(*reason)),
                _ if event.chat != chat || event.id < id => (),
                What::Message { .. } if event.answers == Some(id) => return Ok(event),
                // It comes too late for somebody else.
                What::Message { .. } if event.answers.is_some() => (),
                What::Message { .. } if has_it => return Ok(event),
                What::Message { .. } if early.is_none() => early = Some(event),
                // What becomes of a message that the peer has not got is said too.
                What::Closed { reason, .. } if has_it => {
                    let line = format!("no answer: the chat with {} is over ({reason})", event.peer.shown());
                    break fail(FailureKind::NoAnswer, line);
                }
                _ => (),
            }
        };
        early.ok_or(no_answer)
    }

    /// Takes the text back, unless it has left: an answer to it would be taken for one to what is asked next.
    fn is_taken_back(&mut self, message: u64) -> Outcome<bool> {
        let within = deadline(Some(TAKEN_BACK_WITHIN));
        let cancel = |client: &mut Client, _| match client.can("take_back")? {
            true => client.ask(&Request::Cancel { message }).map(|_| true),
            false => Ok(false),
        };
        match self.client.insist(within, cancel) {
            Err(left) if left.is(FailureKind::Failed) => Ok(false),
            taken => taken,
        }
    }
}

fn undelivered(reason: Reason) -> Error {
    let remedy = match reason {
        Reason::TooLong => "its peer accepts only shorter messages",
        Reason::OtherKey => "whoever is there now has another key; list them: simpctl keys",
        _ => "ask again",
    };
    fail(FailureKind::Undelivered, format!("not delivered: {reason} ({remedy})"))
}

/// There was no answer in time, to a message that the peer has or has not got.
fn late(id: u64, has_it: bool, limit: f64) -> Error {
    let line = match has_it {
        true => format!("no answer within {limit} s"),
        false => {
            format!("no answer within {limit} s: message {id} is not acknowledged yet (simpd keeps trying)")
        }
    };
    fail(FailureKind::NoAnswer, line)
}
