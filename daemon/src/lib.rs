//! simpd: one thread, one UDP socket, one log, any number of clients.
//!
//! - `server`: the loop. What happens in a turn of it is the crate `simp-engine`, over the log of `simp-store`.
//! - `clients`, `udp`, `secure_socket`: the sockets; none knows another. `links`: what goes over the last. `backlog`: what came
//!   over the second faster than turns take it in.
//!   `entrance`: by which sockets clients come, and with which rights. `group`: for whom some are. `place`: whether they are
//!   where they were made. `output`: what is to be written to a client. `followers`: entries of the log for clients.
//!   `audience`: those of them that have all; `frames`: what these are given together.
//! - `files`: what is read and written for chats.
//! - `managed`: what the service manager is told. `presence`: whether our address is there.
//! - `resolver`: names of hosts are looked up, which takes as long as it takes.
//! - `requests`: whose requests a turn takes in, and what clients owe. `roll`: for whom there is something to do. `rota`: whose
//!   turn it is if not all can be served in one turn of the loop.
//! - `startup`, `config`, `bounds`: what must be right before it serves. `at_start`: what cannot change later. `restore`: a log from a backup. `settings`: simpd.toml; `syntax`: lines of it
//!   that are no TOML.

mod at_start;
mod audience;
mod backlog;
mod bounds;
mod clients;
mod config;
mod connection;
mod entrance;
mod files;
mod followers;
mod frames;
mod group;
mod links;
mod managed;
mod output;
mod place;
mod presence;
mod requests;
mod resolver;
mod restore;
mod roll;
mod rota;
mod secure_socket;
mod server;
mod settings;
mod startup;
mod syntax;
pub mod udp;

pub use simp_engine::wheel;

use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use simp_control::{escape, homes, places};
use simp_engine::Secrecy;
use simp_secure::{Identity, IdentityError};
use simp_service::arguments::{self, Early};
use simp_service::background::{self, BackgroundError};
use simp_service::ending::{self, Ending};
use simp_service::{logging, messages, process, supervisor};
use simp_store::{Store, StoreError};

use crate::config::{Args, Config, ConfigError};
use crate::links::{Links, LinksError};
use crate::managed::Condition;
use crate::presence::absence;
use crate::restore::{RestoreError, restore};
use crate::server::{Fatal, Server, read_clocks};
use crate::startup::{DaemonFiles, StartError};
use crate::udp::Udp;

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Background(#[from] BackgroundError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] IdentityError),
    #[error(transparent)]
    Links(#[from] LinksError),
    #[error(transparent)]
    Restore(#[from] RestoreError),
    #[error(transparent)]
    Run(#[from] Fatal),
}

/// Runs simpd with the arguments of this process and returns its exit status: 0 if it was told to stop,
/// 1 if it cannot serve, 2 for wrong usage.
pub fn main() -> ExitCode {
    let ending = ending::by_signals();
    match arguments::read::<Args>("simpd") {
        Err(Early::Help(help)) => print(&help),
        Err(Early::Usage(line)) => complain(&line, 2),
        Ok(args) if args.version => print(concat!("simpd ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(args) if args.show_address => match config::address_of(&args) {
            Ok(Some(address)) => print(&format!("{}\n", places::daemon_name(address))),
            Ok(None) => ExitCode::SUCCESS,
            Err(error) => complain(&error.to_string(), 2),
        },
        Ok(args) if args.background && args.restore.as_deref() == Some(restore::STDIN) => complain(
            "--restore -: in the background there is no standard input (give a file, or no --background)",
            2,
        ),
        Ok(args) if args.restore.as_deref() == Some("") => complain("--restore: no file given", 2),
        Ok(args) => start(args, ending).unwrap_or_else(|error| match error {
            Failed::Config(_) => complain(&error.to_string(), 2),
            Failed::Start(_)
            | Failed::Background(_)
            | Failed::Store(_)
            | Failed::Key(_)
            | Failed::Links(_)
            | Failed::Restore(_)
            | Failed::Run(_) => complain(&error.to_string(), 1),
        }),
    }
}

/// In the order in which things can be wrong: what the user wrote, the folder of the log, another daemon, the address, the
/// folder of the socket, the log. Only then is the control socket there, and whoever sees it is served.
fn start(mut args: Args, ending: Ending) -> Result<ExitCode, Failed> {
    if !background::is_entered() {
        homes::ignored().for_each(|ignored| say(&ignored.to_string()));
    }
    // The file is read again on SIGHUP, when a daemon in the background has left this folder.
    args.config = args.config.map(|path| std::path::absolute(&path).unwrap_or(path));
    args.restore = args.restore.map(absolute);
    let mut config = Config::load(&args)?;
    args.config = config.file.take();
    let address = config.at_start.address;
    process::keep_private();
    let mut files = DaemonFiles::prepare(&config.at_start)?;
    if args.background {
        if let Some(status) = background::enter("simpd", &files.messages)? {
            return Ok(status);
        }
        // It stays for long, and must not keep a folder in use that somebody may want to unmount.
        let _ = std::env::set_current_dir("/");
    }
    logging::start(config.at_start.log);
    process::raise_descriptor_limit();
    serve(args, config, address, &mut files, ending)?;
    tracing::info!("stopped");
    Ok(ExitCode::SUCCESS)
}

/// Serves until simpd is told to stop.
fn serve(
    args: Args,
    config: Config,
    address: SocketAddr,
    files: &mut DaemonFiles,
    ending: Ending,
) -> Result<(), Failed> {
    let mut lock = files.lock(address)?;
    restore::finish(files.folder())?;
    let user = config.policy.name.clone();
    let had_log = files.log.exists();
    let mut server = match begin(args, config, address, files, &mut lock) {
        Ok(server) => server,
        Err(error) => {
            if !had_log {
                files.discard();
            }
            return Err(error);
        }
    };
    files.keep();
    ending.hand_over();
    tracing::info!("simpd {} on {address} user={user}", env!("CARGO_PKG_VERSION"));
    let absent = (!server.is_present()).then(|| absence(address));
    let mut ready = format!("simpd: ready on {address} as {user}");
    let plain = server.why_plain().map(|why| format!("all chats are plain: {why}"));
    for trouble in absent.into_iter().chain(plain) {
        if background::is_entered() {
            // Elsewhere whoever reads the log reads that on the terminal.
            tracing::warn!("{trouble}");
        }
        // In the same line, which is all that whoever starts it in the background sees.
        ready += &format!("; {trouble}");
    }
    print(&format!("{ready}\n"));
    supervisor::ready(&Condition::of(server.is_present(), None).line(address));
    let served = server.run();
    // In the reverse order of the start: whoever finds the lock free finds the socket, the log and the address free too.
    files.entrances.iter().for_each(|entrance| drop(entrance.remove()));
    let clients = server.close();
    drop(lock);
    // Only now are they hung up on: whoever sees that may start the next simpd.
    drop(clients);
    Ok(served?)
}

/// All that can fail at a start, with the lock.
fn begin(
    args: Args,
    config: Config,
    address: SocketAddr,
    files: &mut DaemonFiles,
    lock: &mut File,
) -> Result<Server, Failed> {
    files.check_free(address)?;
    let udp = Udp::bind(address).map_err(|error| StartError::bind(address, error))?;
    files.claim(lock)?;
    if let Some(name) = &args.restore {
        let restored = restore(name, files, &config.policy, udp.local_addr())?;
        restored.lines(name).iter().for_each(|line| say(line));
    }
    let store = Store::open(&files.log, config.at_start.durability, read_clocks().ms)?;
    let identity = Identity::load(&files.key)?;
    let links = match config.at_start.is_secure {
        true => Links::new(&identity, udp.local_addr()),
        false => Err(LinksError::Off),
    };
    let links = match links {
        Err(error) if config.policy.secrecy == Secrecy::Require => return Err(error.into()),
        links => links,
    };
    if let Ok(links) = &links {
        tracing::debug!("secure chats on {}", links.address());
    }
    Ok(Server::new(args, config, (udp, links, identity.id()), store, &files.entrances)?)
}

/// In the background this folder is left.
fn absolute(name: String) -> String {
    match std::path::absolute(&name) {
        Ok(path) if name != restore::STDIN => path.to_str().map_or(name, str::to_owned),
        _ => name,
    }
}

/// Nobody need be there to read it.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn complain(line: &str, status: u8) -> ExitCode {
    say(line);
    ExitCode::from(status)
}

fn say(line: &str) {
    messages::say("simpd", &escape::shown(line));
}
