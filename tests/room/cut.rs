//! Between the room and its simpd is a relay that swallows an answer now and then and hangs up: what was asked is done,
//! and the room does not know. Nothing is said twice for that, and nothing is left out.

use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use simp_control::{Answer, FrameStream, Reply};

use super::Lobby;
use super::guest::Guest;

/// One in so many messages that simpd takes is not answered.
const SWALLOWED: u64 = 10;

/// A relay before the room's simpd.
struct Relay {
    path: PathBuf,
    /// Answers to messages.
    queued: Arc<AtomicU64>,
}

impl Relay {
    fn start(lobby: &Lobby) -> Self {
        let (path, real) = (lobby.world.path("relay.sock"), lobby.world.socket(1));
        let listener = UnixListener::bind(&path).unwrap();
        let relay = Self { path, queued: Arc::default() };
        let queued = Arc::clone(&relay.queued);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (real, queued) = (real.clone(), Arc::clone(&queued));
                thread::spawn(move || serve(client, &real, &queued));
            }
        });
        relay
    }

    fn cuts(&self) -> u64 {
        self.queued.load(Ordering::SeqCst) / SWALLOWED
    }
}

/// Passes on what one client says and is told, up to the answer that is swallowed.
fn serve(client: UnixStream, real: &Path, queued: &AtomicU64) {
    let Ok(daemon) = UnixStream::connect(real) else { return };
    let (mut from, mut to) = (client.try_clone().unwrap(), daemon.try_clone().unwrap());
    thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut client, mut daemon) = (FrameStream::new(client), FrameStream::new(daemon));
    while let Ok(Some(answer)) = daemon.receive::<Answer>() {
        let is_queued = matches!(answer, Answer::Reply(Reply::Queued { .. }));
        let is_swallowed = is_queued && (queued.fetch_add(1, Ordering::SeqCst) + 1).is_multiple_of(SWALLOWED);
        if is_swallowed || client.write(&answer).is_err() {
            break;
        }
    }
    let _ = client.stream().shutdown(Shutdown::Both);
    let _ = daemon.stream().shutdown(Shutdown::Both);
}

#[test]
fn lines_are_said_once_although_simpd_does_not_always_answer() {
    let mut lobby = Lobby::closed("");
    let relay = Relay::start(&lobby);
    lobby.start_room_on(relay.path.to_str().unwrap(), &["--open", "--rate", "100000"]);
    let mut ann = Guest::enters(&lobby, 2, "ann");
    let mut bob = Guest::enters(&lobby, 3, "bob");
    for n in 0..100 {
        let text = format!("line {}", n / 3);
        ann.asks(&text, "sent to 1");
        bob.hears(&[&format!("[ann] {text}")]);
        ann.asks("DM bob psst", "sent to bob");
        bob.hears(&["[ann -> you] psst"]);
    }
    assert!(relay.cuts() >= 40, "{}", relay.cuts());
}
