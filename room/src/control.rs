//! How a room's operator talks to it: the framing and the manners of simpd's control API, on a socket of its own.
//!
//! 1. The client sends [`Spoken::Hello`] with [`VERSION`], and the room answers with [`Tell::Hello`].
//! 2. Each [`Spoken::Order`] is answered with one [`Tell::Answer`].
//! 3. A client that breaks the framing, or speaks another version, is told so with [`Tell::Refused`], and dropped.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use simp_control::error::{Outcome, fail, system};
use simp_control::{FailureKind, FrameStream};
use simp_service::callers;

use crate::reception::Reception;
use crate::room::{Order, OrderResult};

/// The version of what is said here.
const VERSION: u32 = 2;

/// So many operators at a time.
const CLIENTS_MAX: usize = 16;

/// How long a client may take to complete a request, or to read an answer.
const CLIENT_OWES_FOR: Duration = Duration::from_secs(10);

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What an operator says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Spoken {
    /// First of all.
    Hello {
        /// [`VERSION`].
        version: u32,
    },
    /// What it wants.
    Order(Order),
}

/// What it is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Tell {
    /// To its hello.
    Hello {
        /// [`VERSION`] of the room.
        version: u32,
    },
    /// To an order.
    Answer(OrderResult),
    /// It makes no sense; the connection ends.
    Refused(String),
}

/// Listens for operators, each of whom is served by a thread of its own, as long as the room `is_open`. `carry_out` gives
/// the answer to an order; `None` if the room is being stopped.
///
/// # Errors
/// If the socket cannot be made.
pub fn serve(
    path: &Path,
    is_open: impl Fn() -> bool + Send + 'static,
    carry_out: impl Fn(Order) -> Option<OrderResult> + Send + Clone + 'static,
) -> Outcome {
    let mut reception = Reception::open(path)?;
    let clients = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        loop {
            let stream = reception.next(&is_open);
            // Counted here and not by the thread, or all of a crowd would pass before the first one counts.
            if clients.fetch_add(1, Ordering::Relaxed) >= CLIENTS_MAX {
                clients.fetch_sub(1, Ordering::Relaxed);
                let refused = Tell::Refused(format!("{CLIENTS_MAX} operators are connected already"));
                let _ = FrameStream::new(stream).write_within(&refused, CLIENT_OWES_FOR);
                continue;
            }
            let (carry_out, served) = (carry_out.clone(), Arc::clone(&clients));
            let thread = thread::Builder::new().spawn(move || {
                serve_one(stream, carry_out);
                served.fetch_sub(1, Ordering::Relaxed);
            });
            if thread.is_err() {
                // The system has no more of them: this operator hears the end of the connection.
                clients.fetch_sub(1, Ordering::Relaxed);
            }
        }
    });
    Ok(())
}

fn serve_one(stream: UnixStream, carry_out: impl Fn(Order) -> Option<OrderResult>) {
    let is_ours = callers::is_ours(&stream);
    let mut client = FrameStream::new(stream);
    let mut greeted = false;
    loop {
        let told = match client.receive_within::<Spoken>(CLIENT_OWES_FOR) {
            Ok(None) => return,
            // Only when it asks: then the refusal is read as the answer that it waits for.
            _ if !is_ours => {
                Tell::Refused("permission denied (only the room's own user and root may)".to_owned())
            }
            Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                Tell::Refused(format!("no complete request came within {} s", CLIENT_OWES_FOR.as_secs()))
            }
            Err(error) => Tell::Refused(system(&error)),
            Ok(Some(Spoken::Hello { version: VERSION })) => {
                greeted = true;
                Tell::Hello { version: VERSION }
            }
            Ok(Some(Spoken::Hello { version })) => Tell::Refused(format!(
                "the room speaks version {VERSION}, this simp-room {version} (restart the room)"
            )),
            Ok(Some(Spoken::Order(_))) if !greeted => {
                Tell::Refused("the first request must be hello".to_owned())
            }
            Ok(Some(Spoken::Order(order))) => match carry_out(order) {
                Some(answer) => Tell::Answer(answer),
                None => return,
            },
        };
        let ends = matches!(told, Tell::Refused(_));
        if client.write_within(&told, CLIENT_OWES_FOR).is_err() || ends {
            return;
        }
    }
}

/// Asks the room with this name, which runs at the other end.
///
/// # Errors
/// If it does not answer, or does not do it.
pub fn ask(stream: UnixStream, name: &str, order: Order) -> Outcome<OrderResult> {
    let mut room = framed(stream, ANSWER_WITHIN);
    let broken = |why: String| fail(FailureKind::NoDaemon, format!("the room {name}: {why}"));
    // If it is refused already, reading brings why.
    let _ = room.write(&Spoken::Hello { version: VERSION });
    // Hello and order go out together: one round instead of two.
    let is_stopped = order == Order::Stop;
    let _ = room.write(&Spoken::Order(order));
    loop {
        // A room whose simpd is away waits for it.
        let silent = |_| {
            broken(
                "does not answer (is its simpd away, or a disk full?); the command may still take effect"
                    .to_owned(),
            )
        };
        match room.receive::<Tell>().map_err(silent)? {
            Some(Tell::Hello { .. }) => {}
            Some(Tell::Answer(answer)) => return Ok(answer),
            Some(Tell::Refused(why)) => return Err(broken(why)),
            // It is stopped when it is gone.
            None if is_stopped => return Ok(OrderResult::Done(format!("the room {name} is stopped"))),
            None => return Err(broken("went away".to_owned())),
        }
    }
}

/// A connection that is given up once the other is silent, or reads nothing, for this long.
fn framed(stream: UnixStream, patience: Duration) -> FrameStream {
    // They fail for a time of zero only.
    let _ = stream.set_read_timeout(Some(patience));
    let _ = stream.set_write_timeout(Some(patience));
    FrameStream::new(stream)
}
