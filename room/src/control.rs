//! How a room's operator talks to it: the framing and the manners of simpd's control API, on a socket of its own.
//!
//! 1. The client sends [`Ask::Hello`] with [`VERSION`], and the room answers with [`Tell::Hello`].
//! 2. Each [`Ask::Order`] is answered with one [`Tell::Answer`].
//! 3. A client that breaks the framing, or speaks another version, is told so with [`Tell::Refused`], and dropped.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use simp_control::FailureKind;
use simp_control::frame::{self, FrameBuffer};
use simp_ctl::stop::{Outcome, fail};
use simp_service::callers;
use simp_service::folders::make_private;

use crate::files::{failed, refused};
use crate::room::{Answer, Order};

/// The version of what is said here.
pub const VERSION: u32 = 1;

/// So many operators at a time.
const CLIENTS_MAX: usize = 16;

/// How long a client may be silent, or leave what it is told unread.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// What an operator says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
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
pub enum Tell {
    /// To its hello.
    Hello {
        /// [`VERSION`] of the room.
        version: u32,
    },
    /// To an order.
    Answer(Answer),
    /// It makes no sense; the connection ends.
    Refused(String),
}

/// Listens for operators, each of whom is served by a thread of its own. `carry_out` gives the answer to an order;
/// `None` where the room is being stopped.
///
/// # Errors
/// Where the socket cannot be made.
pub fn serve(path: &Path, carry_out: impl Fn(Order) -> Option<Answer> + Send + Clone + 'static) -> Outcome {
    if let Some(folder) = path.parent() {
        make_private(folder, "XDG_RUNTIME_DIR").map_err(|error| refused(&error))?;
    }
    // Whoever holds the room's lock may replace what an earlier run has left.
    let _ = fs::remove_file(path);
    let listener = UnixListener::bind(path).map_err(|error| failed(path, &error))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(|error| failed(path, &error))?;
    let clients = Arc::new(AtomicUsize::new(0));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            if clients.fetch_add(1, Ordering::Relaxed) >= CLIENTS_MAX {
                clients.fetch_sub(1, Ordering::Relaxed);
                let _ = Line::new(stream)
                    .tell(&Tell::Refused(format!("{CLIENTS_MAX} operators are here already")));
                continue;
            }
            let (carry_out, clients) = (carry_out.clone(), Arc::clone(&clients));
            thread::spawn(move || {
                serve_one(stream, carry_out);
                clients.fetch_sub(1, Ordering::Relaxed);
            });
        }
    });
    Ok(())
}

fn serve_one(stream: UnixStream, carry_out: impl Fn(Order) -> Option<Answer>) {
    let is_ours = callers::is_ours(&stream);
    let mut line = Line::new(stream);
    let mut greeted = false;
    loop {
        let told = match line.hear::<Ask>() {
            Ok(None) => return,
            _ if !is_ours => {
                Tell::Refused("permission denied (only the room's own user and root may)".to_owned())
            }
            Err(error) => Tell::Refused(error),
            Ok(Some(Ask::Hello { version: VERSION })) => {
                greeted = true;
                Tell::Hello { version: VERSION }
            }
            Ok(Some(Ask::Hello { version })) => Tell::Refused(format!(
                "the room speaks version {VERSION}, this simp-room {version} (start the room again)"
            )),
            Ok(Some(Ask::Order(_))) if !greeted => {
                Tell::Refused("the first request must be hello".to_owned())
            }
            Ok(Some(Ask::Order(order))) => match carry_out(order) {
                Some(answer) => Tell::Answer(answer),
                None => return,
            },
        };
        let ends = matches!(told, Tell::Refused(_));
        if line.tell(&told).is_err() || ends {
            return;
        }
    }
}

/// Asks a room that runs.
///
/// # Errors
/// Where none runs, or it does not do it.
pub fn ask(path: &Path, name: &str, order: Order) -> Outcome<Answer> {
    let stream = UnixStream::connect(path).map_err(|_| {
        let line = format!(
            "{}: the room {name} does not run (start it: simp-room run --name {name})",
            path.display()
        );
        fail(FailureKind::NoDaemon, line)
    })?;
    let mut line = Line::new(stream);
    let broken = |why: String| fail(FailureKind::NoDaemon, format!("the room {name}: {why}"));
    // Where it is refused already, reading brings why.
    let _ = line.tell(&Ask::Hello { version: VERSION });
    let is_stopped = order == Order::Stop;
    let _ = line.tell(&Ask::Order(order));
    line.wait_for(ANSWER_WITHIN);
    loop {
        // A room whose simpd is away waits for it.
        let silent = |_| {
            broken(
                "does not answer (is its simpd away, or a disk full?); what was asked may be done later"
                    .to_owned(),
            )
        };
        match line.hear::<Tell>().map_err(silent)? {
            Some(Tell::Hello { .. }) => {}
            Some(Tell::Answer(answer)) => return Ok(answer),
            Some(Tell::Refused(why)) => return Err(broken(why)),
            // It is stopped when it is gone.
            None if is_stopped => return Ok(Answer::Done(format!("the room {name} is stopped"))),
            None => return Err(broken("went away".to_owned())),
        }
    }
}

/// One connection, blocking.
struct Line {
    stream: UnixStream,
    frames: FrameBuffer,
}

impl Line {
    fn new(stream: UnixStream) -> Self {
        let line = Self { stream, frames: FrameBuffer::default() };
        line.wait_for(SILENT_FOR);
        line
    }

    fn wait_for(&self, time: Duration) {
        // It fails for a time of zero only.
        let _ = self.stream.set_read_timeout(Some(time));
        let _ = self.stream.set_write_timeout(Some(time));
    }

    fn tell(&mut self, item: &impl Serialize) -> Result<(), String> {
        let mut bytes = Vec::new();
        frame::encode(item, &mut bytes).map_err(|error| error.to_string())?;
        self.stream.write_all(&bytes).map_err(|error| error.to_string())
    }

    /// What the other says next; `None` at the end.
    fn hear<T: DeserializeOwned>(&mut self) -> Result<Option<T>, String> {
        let mut chunk = [0; 16 * 1024];
        loop {
            if let Some(item) = self.frames.take().map_err(|error| error.to_string())? {
                return Ok(Some(item));
            }
            match self.stream.read(&mut chunk) {
                Ok(0) => return Ok(None),
                Ok(len) => self.frames.push(chunk.get(..len).unwrap_or_default()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}
