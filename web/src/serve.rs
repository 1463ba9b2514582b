//! The program: where it listens, whom it serves at a time, and how it ends.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use simp_control::error::{Error, Outcome, fail, with_remedy};
use simp_control::{FailureKind, places};
use simp_service::ending::Ending;
use simp_service::{process, supervisor};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::sleep;

use crate::args::Place;
use crate::bridge::Bridge;
use crate::door::Door;
use crate::files::Running;
use crate::output::print;
use crate::site::site;

/// Most connections at a time: a browser has six, and anybody on this machine can make some.
const CONNECTIONS_MAX: usize = 256;

/// Most requests that simpd is asked at a time; others wait.
const ASKING_MAX: usize = 16;

/// Whoever connects says within this time what is wanted.
const ASKS_WITHIN: Duration = Duration::from_secs(10);

/// If the system has no descriptors left, some may be free after this time.
const PAUSE: Duration = Duration::from_millis(100);

/// Shows the page until a signal ends it.
///
/// # Errors
/// If there is no simpd, or the page cannot be where it was to be.
pub fn run(daemon: Option<String>, place: &Place, ending: Ending) -> Outcome {
    let (bridge, address) = Bridge::find(daemon)?;
    let name = address.parse().map_or(address.clone(), places::daemon_name);
    let mut running = Running::claim(&name)?;
    process::raise_descriptor_limit();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(ASKING_MAX)
        .build()
        .map_err(|error| failed("the threads", &error))?;
    let outcome = runtime.block_on(async {
        let listener = Listener::bind(place).await?;
        let door = Arc::new(Door::new(listener.origins(place))?);
        running.announce(&door.url())?;
        let ended = signals()?;
        ending.hand_over();
        print(&format!("simp-web: the page of simpd {name} is at {}", door.url()))?;
        // Everybody can read the status of a service: it has no token.
        supervisor::ready(&format!("the page of simpd {name} is there"));
        tokio::select! {
            never = listener.serve(site(door, Arc::new(bridge))) => match never {},
            () = ended => Ok(()),
        }
    });
    supervisor::stopping();
    // Nobody waits for what simpd is still asked: it does it, or not, as if the browser had been closed.
    runtime.shutdown_background();
    outcome
}

/// Ends with the first signal that asks for the end.
fn signals() -> Outcome<impl Future<Output = ()>> {
    let of = |kind| signal(kind).map_err(|error| failed("signals", &error));
    let (mut term, mut int) = (of(SignalKind::terminate())?, of(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! { _ = term.recv() => (), _ = int.recv() => () }
    })
}

enum Listener {
    Tcp(TcpListener),
    Unix { listener: UnixListener, _file: Made },
}

/// A file that is gone with this.
struct Made(PathBuf);

impl Drop for Made {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Listener {
    async fn bind(place: &Place) -> Outcome<Self> {
        match place {
            Place::Tcp(address) => {
                TcpListener::bind(address).await.map(Self::Tcp).map_err(|error| match error.kind() {
                    io::ErrorKind::AddrInUse => fail(
                        FailureKind::Failed,
                        format!(
                            "{address}: another program is there (take a port that is free: --listen {}:0)",
                            address.ip()
                        ),
                    ),
                    _ => failed(&address.to_string(), &error),
                })
            }
            Place::Unix { path, .. } => {
                bind_unix(path.as_ref()).map(|listener| Self::Unix { listener, _file: Made(path.into()) })
            }
        }
    }

    /// What browsers call the page; the first is for the URL.
    fn origins(&self, place: &Place) -> Vec<String> {
        match (self, place) {
            (_, Place::Unix { origin, .. }) => vec![origin.clone()],
            (Self::Tcp(listener), Place::Tcp(asked)) => {
                // The port may have been for the system to choose.
                let address = listener.local_addr().unwrap_or(*asked);
                vec![format!("http://{address}"), format!("http://localhost:{}", address.port())]
            }
            (Self::Unix { .. }, Place::Tcp(_)) => Vec::new(),
        }
    }

    async fn serve(&self, router: Router) -> Infallible {
        let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            // It is never closed.
            let Ok(permit) = Arc::clone(&connections).acquire_owned().await else { continue };
            let accepted = match self {
                Self::Tcp(listener) => {
                    listener.accept().await.map(|(stream, _)| attend(stream, &router, permit))
                }
                Self::Unix { listener, .. } => {
                    listener.accept().await.map(|(stream, _)| attend(stream, &router, permit))
                }
            };
            if accepted.is_err() {
                sleep(PAUSE).await;
            }
        }
    }
}

/// Serves one connection, until either side ends it.
fn attend(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: &Router,
    permit: OwnedSemaphorePermit,
) {
    let service = TowerToHyperService::new(router.clone());
    tokio::spawn(async move {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(ASKS_WITHIN)
            .serve_connection(TokioIo::new(stream), service);
        // A browser that goes away in the middle is none of our business.
        let _ = connection.await;
        drop(permit);
    });
}

fn bind_unix(path: &Path) -> Outcome<UnixListener> {
    let bind = || UnixListener::bind(path);
    let bound = match bind() {
        // One that was killed leaves its socket.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_left_behind(path) => {
            fs::remove_file(path).and_then(|()| bind())
        }
        bound => bound,
    };
    bound.map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => fail(
            FailureKind::Failed,
            format!("{}: something else is there (choose another path)", path.display()),
        ),
        _ => failed(&path.display().to_string(), &error),
    })
}

fn is_left_behind(path: &Path) -> bool {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket());
    is_socket
        && UnixStream::connect(path).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

fn failed(what: &str, error: &io::Error) -> Error {
    fail(FailureKind::Failed, format!("{what}: {}", with_remedy(error)))
}
