//! The thread that follows the log. It waits for a simpd that goes away for as long as the screen is there.

use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::Duration;

use simp_control::error::{Error, Outcome};
use simp_control::{Client, Filter, FollowFrom, Incoming, sleep};

use crate::run::first::snapshot;
use crate::run::inputs::Input;

/// So many entries are brought at a time at most.
const AT_A_TIME: usize = 500;

/// How long a simpd is waited for in one go.
const A_LONG_TIME: Duration = Duration::from_secs(86_400);

/// What is to be done next.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// To follow the log after this entry.
    Begin(u64),
    /// To bring what is appended.
    Bring,
    /// To forget the old log: there is another one.
    Anew,
}

/// Brings what is appended to the log after this entry.
pub(crate) fn follow(mut client: Client, after: u64, inputs: SyncSender<Input>) {
    thread::spawn(move || {
        // Whoever does not take it any more has left.
        let give = |input| inputs.send(input).map_err(|_| Error::Abandoned);
        let mut step = Step::Begin(after);
        loop {
            let outcome = match step {
                Step::Begin(after) => begin(&mut client, after),
                Step::Bring => bring(&mut client, &give),
                Step::Anew => begin_anew(&mut client, &give),
            };
            // If it goes away, what was to be done is done on the next connection.
            let outcome = match outcome {
                Err(Error::Lost(_)) => {
                    give(Input::Away).and_then(|()| wait(&mut client, &give)).map(|()| step)
                }
                outcome => outcome.map(|()| Step::Bring),
            };
            step = match outcome {
                Ok(step) => step,
                Err(Error::OtherLog(_)) => Step::Anew,
                Err(error) => return drop(give(Input::Failed(error))),
            };
        }
    });
}

fn begin(client: &mut Client, after: u64) -> Outcome {
    let filter = Filter { kinds: client.kinds()?, ..Filter::default() };
    client.follow(FollowFrom::After(after), filter)?;
    client.write()
}

/// Brings entries until simpd goes away.
fn bring(client: &mut Client, give: &impl Fn(Input) -> Outcome) -> Outcome {
    loop {
        let mut events = Vec::new();
        let mut next = client.next_here(None)?;
        while let Some(incoming) = next {
            match incoming {
                Incoming::Event(event) => events.push(event),
                Incoming::Refused(failure) => return Err(failure.into()),
                Incoming::Reply(_) | Incoming::Reconnected => (),
            }
            next = if events.len() < AT_A_TIME { client.buffered()? } else { None };
        }
        give(Input::Events(events))?;
    }
}

/// Waits for a simpd that went away.
fn wait(client: &mut Client, give: &impl Fn(Input) -> Outcome) -> Outcome {
    while let Err(error) = client.reconnect(Some(sleep::now() + A_LONG_TIME)) {
        if !matches!(error, Error::Lost(_)) {
            return Err(error);
        }
    }
    give(Input::Back)
}

/// It has another log: all that is known of the old one is forgotten.
fn begin_anew(client: &mut Client, give: &impl Fn(Input) -> Outcome) -> Outcome {
    client.reconnect(Some(sleep::now() + A_LONG_TIME))?;
    let snapshot = snapshot(client)?;
    let after = snapshot.page.first().map_or(snapshot.status.last_id, |event| event.id);
    begin(client, after)?;
    give(Input::Anew(Box::new(snapshot)))
}
