//! What must be right before simpd serves: its files, its lock, its address. What is wrong is said with the remedy.

use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use simp_control::places;
use simp_service::folders::{self, FolderError};
use simp_service::lock;

use crate::udp::BindError;

/// Why simpd cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A folder is not there, or not ours alone.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The path does not fit the kernel's socket address.
    #[error("{0}: the path has {1} bytes, a socket's has at most {max} (set XDG_RUNTIME_DIR to a shorter path)", max = places::SOCKET_PATH_MAX)]
    PathTooLong(PathBuf, usize),
    /// A simpd has the address. The second is how simpctl finds that simpd.
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
}

impl StartError {
    /// What it means that the UDP socket cannot be bound.
    pub fn bind(address: SocketAddr, error: BindError) -> Self {
        // As it is written before a port on the command line.
        let host = match address.ip() {
            IpAddr::V6(ip) => format!("[{ip}]"),
            IpAddr::V4(ip) => ip.to_string(),
        };
        match error {
            BindError::InUse => Self::PortTaken(address, host),
            BindError::NotLocal => Self::NotLocal(address),
            BindError::Permission => Self::Privileged(address, host),
            error => Self::Bind(address, error),
        }
    }
}

/// Names of everything that belongs to one daemon.
#[derive(Debug)]
pub struct DaemonFiles {
    /// The control socket.
    pub socket: PathBuf,
    /// Locked while the daemon runs. Holds the path of its socket.
    pub lock: PathBuf,
    /// The log.
    pub log: PathBuf,
    /// What a daemon in the background has to say.
    pub messages: PathBuf,
}

impl DaemonFiles {
    /// Finds the folders for a daemon on this address, and makes those that are missing.
    ///
    /// # Errors
    /// [`StartError`] names the folder and the variable that sets it.
    pub fn prepare(address: SocketAddr) -> Result<Self, StartError> {
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let runtime = places::runtime_folder(runtime, nix::unistd::getuid().as_raw(), Path::is_dir);
        let socket = places::socket_path(&runtime, address);
        // Here, where the remedy can be said: binding would fail without it.
        let length = socket.as_os_str().len();
        if length > places::SOCKET_PATH_MAX {
            return Err(StartError::PathTooLong(socket, length));
        }
        folders::make_private(&runtime, "XDG_RUNTIME_DIR")?;
        let all = folders::state("the folder of the log")?.join("simp");
        folders::make_private(&all, "XDG_STATE_HOME")?;
        let state = all.join(places::daemon_name(address));
        folders::make_private(&state, "XDG_STATE_HOME")?;
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
    /// [`StartError::Running`], if another daemon has it.
    pub fn lock(&self, address: SocketAddr) -> Result<File, StartError> {
        let failed = |error| FolderError::Io(self.lock.clone(), error, "XDG_STATE_HOME");
        let name = places::daemon_name(address);
        let mut lock = lock::take(&self.lock).map_err(|error| match error {
            TryLockError::WouldBlock => StartError::Running(name.clone(), self.owner(&name)),
            TryLockError::Error(error) => failed(error).into(),
        })?;
        // A daemon that keeps its log elsewhere has another lock. The socket itself shows whether one serves here.
        if UnixStream::connect(&self.socket).is_ok() {
            return Err(StartError::Running(name.clone(), name));
        }
        // Only with the lock: whoever is refused it must leave the owner's path in it, by which simpctl finds the
        // owner.
        lock.set_len(0).map_err(failed)?;
        lock.write_all(self.socket.as_os_str().as_bytes()).map_err(failed)?;
        // A killed daemon leaves its socket, and a path that exists cannot be bound.
        match fs::remove_file(&self.socket) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(FolderError::Io(self.socket.clone(), error, "XDG_RUNTIME_DIR").into())
            }
            _ => Ok(lock),
        }
    }

    /// How simpctl finds the daemon that has the lock: by its name, unless its socket is in another folder.
    fn owner(&self, name: &str) -> String {
        // It is empty for a moment, while its owner starts.
        let socket = fs::read(&self.lock).unwrap_or_default();
        if socket.is_empty() || socket == self.socket.as_os_str().as_bytes() {
            return name.to_owned();
        }
        OsStr::from_bytes(&socket).to_string_lossy().into_owned()
    }
}
