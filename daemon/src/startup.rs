//! What must be right before simpd serves: its folders, its lock, its socket, and the way into the background.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::SocketAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use simp_control::places;

use crate::udp::BindError;

/// Set for the child that `--background` starts: it leads a session of its own.
const DETACHED: &str = "SIMPD_DETACHED";

/// Why simpd cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No address at all.
    #[error("on which address? (for example: simpd 127.0.0.1)")]
    NoAddress,
    /// Not an address.
    #[error("{0}: not an address (ADDR or ADDR:PORT, for example 127.0.0.1 or [::1]:7777)")]
    Address(String),
    /// A simpd has the address.
    #[error("{0}: simpd is already running there (see: simpctl -d {1} status)")]
    Running(String, String),
    /// Another program has the port.
    #[error("{0}: the port is taken by another program (choose another: simpd {1}:PORT)")]
    PortTaken(SocketAddr, String),
    /// The address is another machine's.
    #[error("{0}: not an address of this machine (list them: ip address)")]
    NotLocal(SocketAddr),
    /// The port is for privileged programs.
    #[error("{0}: permission denied (ports below 1024 are for root; choose another: simpd {1}:PORT)")]
    Privileged(SocketAddr, String),
    /// The socket cannot be bound for another reason.
    #[error("{0}: {1}")]
    Bind(SocketAddr, BindError),
    /// A folder cannot be made or looked at.
    #[error("{0}: {1} (set {2} to a folder of yours)")]
    Folder(PathBuf, io::Error, &'static str),
    /// A folder is open to others, or no folder.
    #[error("{0}: this folder must be yours alone (make it so: chmod 700, or set {1} to a folder of yours)")]
    NotPrivate(PathBuf, &'static str),
    /// A folder is another user's.
    #[error("{0}: this folder belongs to another user (set {1} to a folder of yours)")]
    NotOurs(PathBuf, &'static str),
    /// The path does not fit the kernel's socket address.
    #[error("{0}: the path has {1} bytes, a socket's has at most {max} (set XDG_RUNTIME_DIR to a shorter folder)", max = places::SOCKET_PATH_MAX)]
    PathTooLong(PathBuf, usize),
    /// No home.
    #[error("neither XDG_STATE_HOME nor HOME is set (set one, for the folder of the log)")]
    NoHome,
    /// Starting in the background failed.
    #[error("cannot start in the background: {0}")]
    Background(io::Error),
    /// The child ended before it was ready, and has said why.
    #[error("")]
    ChildFailed,
}

/// Names of everything that belongs to one daemon.
#[derive(Debug)]
pub struct Places {
    /// The control socket.
    pub socket: PathBuf,
    /// Locked while the daemon runs.
    pub lock: PathBuf,
    /// The log.
    pub log: PathBuf,
    /// Where a daemon in the background writes what it has to say.
    pub messages: PathBuf,
}

impl Places {
    /// Finds the folders for a daemon on this address, and makes those that are missing.
    ///
    /// # Errors
    /// [`StartError`] names the folder and the variable that sets it.
    pub fn prepare(address: SocketAddr) -> Result<Self, StartError> {
        let name = places::daemon_name(address);
        let uid = nix::unistd::getuid().as_raw();
        let runtime =
            places::runtime_folder(std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from), uid, Path::is_dir);
        let socket = places::socket_path(&runtime, address);
        let length = socket.as_os_str().len();
        if length > places::SOCKET_PATH_MAX {
            return Err(StartError::PathTooLong(socket, length));
        }
        make_private(&runtime, "XDG_RUNTIME_DIR")?;
        let all = state_folder()?.join("simp");
        make_private(&all, "XDG_STATE_HOME")?;
        let state = all.join(&name);
        make_private(&state, "XDG_STATE_HOME")?;
        Ok(Self {
            lock: state.join("lock"),
            log: state.join("log.db"),
            messages: state.join("simpd.log"),
            socket,
        })
    }

    /// Takes the lock that only one daemon has, and removes a socket that a killed one left.
    ///
    /// # Errors
    /// [`StartError::Running`] where another daemon has it.
    pub fn lock(&self, address: SocketAddr) -> Result<Flock<File>, StartError> {
        let failed = |error| StartError::Folder(self.lock.clone(), error, "XDG_STATE_HOME");
        let name = places::daemon_name(address);
        let file = File::options()
            .create(true)
            .read(true)
            .append(true)
            .mode(0o600)
            .open(&self.lock)
            .map_err(failed)?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
            Errno::EWOULDBLOCK => StartError::Running(name.clone(), self.owner(&name)),
            errno => failed(errno.into()),
        })?;
        // Another folder for the log may have another lock: the socket itself tells whether somebody serves.
        if std::os::unix::net::UnixStream::connect(&self.socket).is_ok() {
            return Err(StartError::Running(name.clone(), name));
        }
        lock.set_len(0).map_err(failed)?;
        (&*lock).write_all(self.socket.as_os_str().as_bytes()).map_err(failed)?;
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(StartError::Folder(self.socket.clone(), error, "XDG_RUNTIME_DIR"))
            }
            _ => Ok(lock),
        }
    }

    /// How simpctl finds the daemon that has the lock: by its name, unless its socket is in another folder.
    fn owner(&self, name: &str) -> String {
        let socket = fs::read(&self.lock).unwrap_or_default();
        if socket.is_empty() || socket == self.socket.as_os_str().as_bytes() {
            return name.to_owned();
        }
        OsStr::from_bytes(&socket).to_string_lossy().into_owned()
    }
}

/// Says what a failure to bind the UDP socket means, with the remedy.
pub fn explain_bind(address: SocketAddr, error: BindError) -> StartError {
    let ip = match address.ip() {
        std::net::IpAddr::V6(ip) => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    match error {
        BindError::InUse => StartError::PortTaken(address, ip),
        BindError::NotLocal => StartError::NotLocal(address),
        BindError::Permission => StartError::Privileged(address, ip),
        error => StartError::Bind(address, error),
    }
}

fn state_folder() -> Result<PathBuf, StartError> {
    std::env::var_os("XDG_STATE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))
        .ok_or(StartError::NoHome)
}

/// Makes a folder with mode 0700, or checks that the one there is ours and nobody else's.
fn make_private(folder: &Path, variable: &'static str) -> Result<(), StartError> {
    let failed = |error| StartError::Folder(folder.to_owned(), error, variable);
    let missing = folder.ancestors().take_while(|folder| !folder.exists()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    // A new folder, with all that will be in it, outlives a loss of power only once the one above is synced.
    // Where that cannot be done, there is nothing better.
    for above in folder.ancestors().skip(1).take(missing) {
        let _ = File::open(above).and_then(|above| above.sync_all());
    }
    let meta = fs::symlink_metadata(folder).map_err(failed)?;
    if meta.uid() != nix::unistd::getuid().as_raw() {
        return Err(StartError::NotOurs(folder.to_owned(), variable));
    }
    if !meta.is_dir() || meta.mode() & 0o077 != 0 {
        return Err(StartError::NotPrivate(folder.to_owned(), variable));
    }
    Ok(())
}

/// Makes whatever this process creates its user's only.
pub fn keep_private() {
    use nix::sys::stat::{Mode, umask};
    umask(Mode::S_IRWXG | Mode::S_IRWXO);
}

/// Lets us have as many descriptors as the system allows: each client is one.
pub fn raise_descriptor_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // Where it is refused, fewer clients are served.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(4_096), hard);
    }
}

/// Whether this process is the one that `--background` started; it then leads a session of its own and keeps
/// no folder in use.
pub fn is_detached() -> bool {
    if std::env::var_os(DETACHED).is_none() {
        return false;
    }
    // Fails only for one that leads a process group, which our child does not.
    let _ = nix::unistd::setsid();
    let _ = std::env::set_current_dir("/");
    true
}

/// Starts this program again without a terminal and returns its line once it is ready.
///
/// # Errors
/// [`StartError::ChildFailed`] where it ended first: what it said has been passed on.
pub fn start_in_background(places: &Places) -> Result<String, StartError> {
    let failed = StartError::Background;
    let messages =
        File::options().create(true).append(true).mode(0o600).open(&places.messages).map_err(failed)?;
    let said_before = messages.metadata().map_err(failed)?.len();
    let mut child = Command::new(std::env::current_exe().map_err(failed)?)
        .args(std::env::args_os().skip(1))
        .env(DETACHED, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(messages)
        .spawn()
        .map_err(failed)?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line).map_err(failed)?;
    }
    if !line.is_empty() {
        return Ok(line);
    }
    child.wait().map_err(failed)?;
    let said = fs::read(&places.messages).map_err(failed)?;
    let mut said = said.get(said_before as usize..).unwrap_or_default();
    io::copy(&mut said.by_ref().take(1 << 16), &mut io::stderr().lock()).map_err(failed)?;
    Err(StartError::ChildFailed)
}
