//! The threads that ask simpd: one for what the user wants done, in its order; one for what is only read. Each waits for a
//! simpd that is away, and nothing is lost or done twice by that.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread;
use std::time::Duration;

use simp_control::error::{Error, Outcome};
use simp_control::{
    Address, Client, Event, Failure, FailureKind, Filter, Kind, Piece, Reply, Request, What, names,
    save_folder, sleep, token,
};

use crate::model::job::{Answered, Asked, Job, PAGE, Way};
use crate::run::inputs::Input;
use crate::run::pages;

/// How long a simpd is waited for: longer than anybody leaves a screen open without it.
const PATIENCE: Duration = Duration::from_secs(30 * 86_400);

/// Asks simpd.
pub(crate) struct Asker {
    doing: Sender<(u64, Asked)>,
    reading: Sender<(u64, Asked)>,
}

impl Asker {
    /// Begins, with further connections to the same simpd.
    pub(crate) fn start(client: &Client, inputs: &SyncSender<Input>) -> Outcome<Self> {
        let start = || -> Outcome<_> {
            let (asks, jobs) = channel();
            let (client, inputs) = (client.another()?, inputs.clone());
            thread::spawn(move || work(client, &jobs, &inputs));
            Ok(asks)
        };
        Ok(Self { doing: start()?, reading: start()? })
    }

    /// Puts a job in line. The number of the log is for whoever takes the answer.
    pub(crate) fn ask(&self, log: u64, asked: Asked) {
        let line = if asked.job.is_reading() { &self.reading } else { &self.doing };
        // They end only with the program.
        let _ = line.send((log, asked));
    }
}

/// Asks one after the other.
fn work(mut client: Client, jobs: &Receiver<(u64, Asked)>, inputs: &SyncSender<Input>) {
    let mut known = 0;
    while let Ok((log, asked)) = jobs.recv() {
        // A host may be long in being found, and nothing else waits for that.
        let aside = if is_host(&asked.job) { client.another().ok() } else { None };
        match aside {
            Some(mut client) => {
                let inputs = inputs.clone();
                let mut known = known;
                thread::spawn(move || answer(&mut client, &mut known, log, asked, &inputs));
            }
            None => answer(&mut client, &mut known, log, asked, inputs),
        }
    }
}

fn is_host(job: &Job) -> bool {
    matches!(job, Job::Connect { typed } if Address::parse(typed).is_err())
}

/// Carries out a job that is meant for this log, counted from the start; `known` is the one that the client is on.
fn answer(client: &mut Client, known: &mut u64, log: u64, asked: Asked, inputs: &SyncSender<Input>) {
    let input = loop {
        // Its ids mean something else in another log: nothing that was meant for the old one is done in the new one.
        let is_too_late = log < *known;
        match if is_too_late { Ok(Err(other_log())) } else { carry_out(client, &asked) } {
            Ok(outcome) => break Input::Answer(log, Box::new(Answered { asked, outcome })),
            // That there is another one is found only now. Whoever asks may know it already.
            Err(Error::OtherLog(_)) => *known = log.max(*known + 1),
            Err(error) => break Input::Failed(error),
        }
    };
    // Whoever does not take it any more has left.
    let _ = inputs.send(input);
}

fn other_log() -> Failure {
    Failure::new(FailureKind::Failed, "simpd has another log now")
}

/// Carries out a job: what simpd replies, or why it refuses.
///
/// # Errors
/// There is no simpd any more that can be talked to, or it has another log.
pub(crate) fn carry_out(client: &mut Client, asked: &Asked) -> Outcome<Result<Reply, Failure>> {
    let (deadline, token) = (sleep::now() + PATIENCE, token());
    let outcome = client.insist(Some(deadline), |client, again| match once(client, asked, token, again) {
        // It was done before simpd could say so. What became of it comes as an entry.
        Err(error) if again && error.is(FailureKind::NoSuch) && is_over_once_done(&asked.job) => {
            Ok(Reply::Done)
        }
        outcome => outcome,
    });
    match outcome {
        Ok(reply) => Ok(Ok(reply)),
        Err(Error::Failure(failure)) if failure.kind != FailureKind::NoDaemon => Ok(Err(failure)),
        Err(error) => Err(error),
    }
}

/// Whether there is nothing left to do it with once it is done.
fn is_over_once_done(job: &Job) -> bool {
    matches!(job, Job::Accept { .. } | Job::Decline { .. } | Job::Quit { .. } | Job::Cancel { .. })
}

/// Asks; `again` if simpd may have done it already. The token is that of a text.
fn once(client: &mut Client, asked: &Asked, token: u64, again: bool) -> Outcome<Reply> {
    let who = |address: &str| Some(address.to_owned());
    let request = match &asked.job {
        Job::Connect { typed } => {
            let address = names::address(client, typed)?;
            Request::Connect { address, timeout_ms: None, secure: None }
        }
        Job::Accept { address } => Request::Accept { who: who(address) },
        Job::Decline { address } => Request::Decline { who: who(address) },
        Job::Quit { address, chat } => Request::Quit { who: who(address), chat: Some(*chat), now: false },
        Job::Send { address, way, text } => send(address, *way, text, token, again.then_some(asked.after)),
        Job::Resend { message } => match again {
            true => return resend_again(client, *message, asked.after),
            false => Request::Resend { message: *message, expire_ms: None },
        },
        Job::Cancel { message } => Request::Cancel { message: *message },
        Job::Take { message, folder } => {
            // With a folder that is none, the offer would be gone.
            Request::TakeFile { message: *message, folder: save_folder::check(folder)? }
        }
        Job::Read { address, id } => Request::Read { address: address.clone(), id: *id },
        Job::MoreChats { after } => Request::Chats { after: *after },
        Job::Note { chat } => Request::Chats { after: chat.saturating_sub(1) },
        Job::MoreOutbox { after } => Request::Outbox { after: *after },
        Job::MorePeers { after } => Request::Peers { after: after.clone() },
        Job::Unread { before } => {
            let filter = only(client, &[Kind::Message, Kind::File])?;
            Request::History { before: Some(*before), limit: 1_000, filter }
        }
        Job::Older { address, before } => {
            Request::History { before: *before, limit: PAGE, filter: with(client, address)? }
        }
        Job::Newer { address, above, last } => {
            let filter = with(client, address)?;
            let (events, until) = pages::newer(*above, *last, |piece| client.history(piece, &filter))?;
            return history((events, Some(until)));
        }
        Job::Members { chat, .. } => {
            let filter = Filter { chat: Some(*chat), ..only(client, &[Kind::Message])? };
            return history((pages::of_room(client, &filter)?, None));
        }
        Job::Search { text, address, before } => {
            let filter = only(client, &[Kind::Message, Kind::Queued, Kind::File])?;
            let filter = Filter { who: address.clone(), text: Some(text.clone()), ..filter };
            Request::History { before: *before, limit: PAGE, filter }
        }
    };
    client.ask(&request)
}

fn send(address: &str, way: Way, text: &str, token: u64, again_after: Option<u64>) -> Request {
    let chat = match way {
        Way::Chat(chat) => Some(chat),
        Way::Outbox => None,
    };
    Request::Send {
        who: Some(address.to_owned()),
        chat,
        text: text.to_owned(),
        queue: chat.is_none(),
        expire_ms: None,
        token: Some(token),
        again_after,
        once: None,
        host: None,
        answers: None,
    }
}

fn history((events, older): (Vec<Event>, Option<u64>)) -> Outcome<Reply> {
    Ok(Reply::History { events, older })
}

/// All entries of the conversation with the peer at this address.
fn with(client: &mut Client, address: &str) -> Outcome<Filter> {
    Ok(Filter { kinds: client.kinds()?, who: Some(address.to_owned()), ..Filter::default() })
}

/// Entries of these kinds, as far as simpd knows them.
fn only(client: &mut Client, wanted: &[Kind]) -> Outcome<Filter> {
    let mut kinds = client.kinds()?;
    kinds.retain(|kind| wanted.contains(kind));
    Ok(Filter { kinds, ..Filter::default() })
}

/// A message that is sent again has no token: whether that was done, the log says.
fn resend_again(client: &mut Client, message: u64, after: u64) -> Outcome<Reply> {
    let filter = only(client, &[Kind::Queued])?;
    let queued = client.history(Piece { above: after, ..Piece::ALL }, &filter)?;
    let is_it = |event: &&Event| matches!(event.what, What::Queued { again: Some(of), .. } if of == message);
    match queued.iter().find(is_it) {
        Some(event) => Ok(Reply::Queued { message: event.id, chat: event.chat }),
        None => client.ask(&Request::Resend { message, expire_ms: None }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use simp_control::{Answer, Epochs, FrameStream, Peer, VERSION};

    use super::*;

    fn hello() -> Answer {
        let (program, address, user) = ("0".to_owned(), "127.0.0.1:7777".to_owned(), "alice".to_owned());
        let (log, epochs, key) = (None, Epochs::default(), None);
        Answer::Reply(Reply::Hello {
            version: VERSION,
            minor: 0,
            program,
            address,
            user,
            log,
            epochs,
            key,
            features: Vec::new(),
        })
    }

    /// Carries out a job with a simpd that goes away when it is asked, comes back, and then gives these answers. What it
    /// came to, and what simpd was asked before and after.
    fn with_a_break(job: Job, answers: Vec<Answer>) -> (Result<Reply, Failure>, Request, Vec<Request>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let simpd = thread::spawn(move || {
            let accept = || {
                let mut client = FrameStream::new(listener.accept().unwrap().0);
                assert!(matches!(client.receive().unwrap(), Some(Request::Hello { .. })));
                client.write(&hello()).unwrap();
                client
            };
            let first = accept().receive().unwrap().unwrap();
            let mut client = accept();
            let serve = |answer| {
                let request = client.receive().unwrap().unwrap();
                client.write(&answer).unwrap();
                request
            };
            (first, answers.into_iter().map(serve).collect())
        });
        let asked = Asked { number: 1, after: 40, job };
        let outcome = carry_out(&mut Client::at(&path).unwrap(), &asked).unwrap();
        let (first, again) = simpd.join().unwrap();
        (outcome, first, again)
    }

    #[test]
    fn a_text_that_simpd_may_have_is_not_sent_twice() {
        let queued = Reply::Queued { message: 41, chat: 7 };
        let job =
            Job::Send { address: "127.0.0.2:7777".to_owned(), way: Way::Chat(7), text: "hi".to_owned() };
        let (outcome, first, again) = with_a_break(job, vec![Answer::Reply(queued.clone())]);
        assert_eq!(outcome, Ok(queued));
        let Request::Send { token, again_after: None, .. } = first else { panic!("{first:?}") };
        assert!(token.is_some());
        // The same in all but that it may be there, among the entries after the last that was known.
        let Request::Send { again_after, .. } = &again[0] else { panic!("{again:?}") };
        assert_eq!(*again_after, Some(40));
        let Request::Send { token: same, .. } = again[0] else { panic!("{again:?}") };
        assert_eq!(same, token);
    }

    #[test]
    fn a_message_is_sent_again_once() {
        let peer = Peer { user: String::new(), address: String::new() };
        let what = What::Queued { text: "hi".to_owned(), again: Some(5), size: None };
        let event = Event { id: 41, at_ms: 0, chat: 0, peer, secure: None, answers: None, what };
        let found = Answer::Reply(Reply::History { events: vec![event], older: None });
        let (outcome, _, again) = with_a_break(Job::Resend { message: 5 }, vec![found]);
        assert_eq!(outcome, Ok(Reply::Queued { message: 41, chat: 0 }));
        assert!(matches!(again[..], [Request::History { .. }]), "{again:?}");
    }

    #[test]
    fn what_was_meant_for_another_log_is_not_done() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sock");
        let listener = UnixListener::bind(&path).unwrap();
        let mut client = Client::at(&path).unwrap();
        let (sender, inputs) = std::sync::mpsc::sync_channel(1);
        let asked = Asked { number: 1, after: 40, job: Job::Cancel { message: 3 } };
        answer(&mut client, &mut 1, 0, asked, &sender);
        let Ok(Input::Answer(0, answered)) = inputs.recv() else { panic!("no answer") };
        assert_eq!(answered.outcome, Err(other_log()));
        drop(listener);
    }

    #[test]
    fn what_was_done_before_simpd_could_say_so_is_done() {
        let refused = || Failure::new(FailureKind::NoSuch, "no such request");
        let (address, none) = ("127.0.0.2:7777".to_owned(), Answer::Failure(refused()));
        let (outcome, ..) = with_a_break(Job::Accept { address }, vec![none.clone()]);
        assert_eq!(outcome, Ok(Reply::Done));
        let (outcome, ..) = with_a_break(Job::Take { message: 3, folder: std::env::temp_dir() }, vec![none]);
        assert_eq!(outcome, Err(refused()));
    }
}
