//! simpd: one thread, one UDP socket, one log, any number of clients.
//!
//! - `server`: the loop. What happens in a turn of it is the crate `simp-engine`, over the log of `simp-store`.
//! - `clients`, `udp`: the sockets; neither knows the other. `followers`: entries of the log for clients.
//! - `startup`, `config`: what must be right before it serves.

mod clients;
mod config;
mod followers;
mod server;
mod startup;
pub mod udp;

pub use simp_engine::wheel;

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use argh::FromArgs as _;
use simp_control::places;
use simp_store::{Store, StoreError};

use crate::config::{Args, Config, ConfigError};
use crate::server::{Fatal, Server, read_clocks};
use crate::startup::{Places, StartError};
use crate::udp::Udp;

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Run(#[from] Fatal),
}

/// Runs simpd with the arguments of this process and returns its exit status: 0 when it was told to stop,
/// 1 when it cannot serve, 2 for wrong usage.
pub fn main() -> ExitCode {
    let words: Vec<String> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let words: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    let args = match Args::from_args(&["simpd"], &words) {
        Ok(args) => args,
        Err(early) if early.status.is_ok() => return print(&early.output),
        Err(early) => return complain(&one_line(&early.output), 2),
    };
    if args.version {
        return print(concat!("simpd ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    match start(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Start(StartError::ChildFailed)) => ExitCode::FAILURE,
        Err(
            error @ Failed::Config(_) | error @ Failed::Start(StartError::NoAddress | StartError::Address(_)),
        ) => complain(&error.to_string(), 2),
        Err(error) => complain(&error.to_string(), 1),
    }
}

/// In the order in which things can be wrong: what the user wrote, the folders, another daemon, the address,
/// the log. Only then is the control socket there, and whoever sees it is served.
fn start(mut args: Args) -> Result<(), Failed> {
    // It is read again on SIGHUP, when a daemon in the background has left this folder.
    args.config = args.config.map(|path| std::path::absolute(&path).unwrap_or(path));
    let config = Config::load(&args)?;
    let text = config.address.clone().ok_or(StartError::NoAddress)?;
    let address = places::parse_address(&text).filter(is_of_a_host).ok_or(StartError::Address(text))?;
    startup::keep_private();
    let places = Places::prepare(address)?;
    if args.background && !startup::is_detached() {
        let ready = startup::start_in_background(&places)?;
        print(&ready);
        return Ok(());
    }
    tracing_subscriber::fmt()
        .with_max_level(config.log)
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    startup::raise_descriptor_limit();
    let lock = places.lock(address)?;
    let udp = Udp::bind(address).map_err(|error| startup::explain_bind(address, error))?;
    let store = Store::open(&places.log, config.durability, read_clocks().ms)?;
    let user = config.policy.user;
    let served = {
        let mut server = Server::new(args, config, udp, store, &places.socket)?;
        tracing::info!("simpd {} on {address} user={user}", env!("CARGO_PKG_VERSION"));
        print(&format!("simpd: ready on {address} as {user}\n"));
        let served = server.run();
        // All this before the clients are hung up on, which is the last that `server` does: whoever sees that
        // finds no socket that nobody serves, and may start the next simpd.
        let _ = std::fs::remove_file(&places.socket);
        drop(lock);
        served
    };
    tracing::info!("stopped");
    Ok(served?)
}

/// Whether peers can answer to it.
fn is_of_a_host(address: &SocketAddr) -> bool {
    let broadcast = std::net::IpAddr::V4(std::net::Ipv4Addr::BROADCAST);
    address.port() != 0 && !address.ip().is_multicast() && address.ip() != broadcast
}

/// What is wrong with the command line, and where the right one is described.
fn one_line(complaint: &str) -> String {
    let line = complaint.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.trim_end_matches('.');
    let (first, rest) = line.split_at_checked(1).unwrap_or_default();
    format!("{}{rest} (see simpd --help)", first.to_ascii_lowercase())
}

/// Nobody need be there to read it.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(line: &str, status: u8) -> ExitCode {
    let _ = writeln!(std::io::stderr().lock(), "simpd: {line}");
    ExitCode::from(status)
}
