//! What must be right before simpd serves: its files, its lock, its address. What is wrong is said with the remedy.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use simp_control::trust::{self, Origin};
use simp_control::{Address, Holder, Host, LOCK, homes, places};
use simp_service::folders::{FolderError, NewFolders};
use simp_service::lock;

use crate::at_start::AtStart;
use crate::entrance::Entrance;
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
    /// A simpd has the address. The second is its id, the third how simpctl finds it.
    #[error("{0}: simpd is already running there{pid} (see: simpctl -d {2} status)", pid = with_pid(*.1))]
    Running(String, Option<u32>, String),
    /// A simpd has the address, and has lost its socket.
    #[error(
        "{0}: simpd is already running there, with pid {1}, but its socket is gone (make it again with: kill -HUP {1})"
    )]
    Unreachable(String, u32),
    /// Another program has the port.
    #[error("{0}: the port is taken by another program (choose another: simpd {1}:PORT)")]
    PortTaken(SocketAddr, String),
    /// The port is for privileged programs.
    #[error("{0}: permission denied (ports below 1024 are for root; choose another: simpd {1}:PORT)")]
    Privileged(SocketAddr, String),
    /// The socket cannot be bound for another reason.
    #[error("{0}: {1}")]
    Bind(SocketAddr, BindError),
}

/// Older versions named the folder of a link-local address by the number of its interface. Takes it over, unless a daemon
/// is using it.
fn adopt_numbered(all: &Path, address: SocketAddr, state: &Path) {
    let port = Some(address.port()).filter(|port| *port != places::PORT);
    let numbered = all.join(Address { host: Host::of(address), port }.to_string());
    if !state.exists()
        && numbered.is_dir()
        && let Ok(_free) = lock::take(&numbered.join(LOCK))
    {
        // If that is not possible a new log is begun, as for a new address.
        let _ = fs::rename(&numbered, state);
    }
}

fn with_pid(pid: Option<u32>) -> String {
    pid.map_or(String::new(), |pid| format!(", with pid {pid}"))
}

impl StartError {
    /// What it means that the UDP socket cannot be bound.
    pub fn bind(address: SocketAddr, error: BindError) -> Self {
        // As it is written before a port on the command line.
        let host = match address {
            SocketAddr::V6(_) => format!("[{}]", Host::of(address)),
            SocketAddr::V4(_) => address.ip().to_string(),
        };
        match error {
            BindError::InUse => Self::PortTaken(address, host),
            BindError::Permission => Self::Privileged(address, host),
            error => Self::Bind(address, error),
        }
    }
}

/// Names of everything that belongs to one daemon.
#[derive(Debug)]
pub struct DaemonFiles {
    /// The control sockets; that of our own user is the first.
    pub entrances: Vec<Entrance>,
    /// Locked while the daemon runs. Says who that is: see [`Holder`].
    pub lock: PathBuf,
    /// The log.
    pub log: PathBuf,
    /// Its key, which it is known by in secure chats.
    pub key: PathBuf,
    /// There was one before.
    had_key: bool,
    /// What a daemon in the background has to say.
    pub messages: PathBuf,
    /// The folders that there were not before.
    new: NewFolders,
}

impl DaemonFiles {
    /// Finds the folders for a daemon on this address, and makes that of the log if it is missing.
    ///
    /// # Errors
    /// [`StartError`] names the folder and the variable that sets it.
    pub fn prepare(settings: &AtStart) -> Result<Self, StartError> {
        let (address, sockets) = (settings.address, homes::sockets());
        let members =
            settings.members.iter().map(|group| Entrance::of_members(&sockets, address, group.clone()));
        let readers =
            settings.readers.iter().map(|group| Entrance::of_readers(&sockets, address, group.clone()));
        let entrances: Vec<_> =
            [Entrance::own(&sockets, address)].into_iter().chain(members).chain(readers).collect();
        // Here, where the remedy can be said: binding would fail without it.
        let length = |entrance: &Entrance| entrance.socket.as_os_str().len();
        if let Some(long) = entrances.iter().find(|entrance| length(entrance) > places::SOCKET_PATH_MAX) {
            return Err(StartError::PathTooLong(long.socket.clone(), length(long)));
        }
        let all = homes::state().ok_or(FolderError::NoHome("the folder of the log"))?.join("simp");
        let mut new = NewFolders::default();
        new.make_private(&all, "XDG_STATE_HOME")?;
        let state = all.join(places::daemon_name(address));
        adopt_numbered(&all, address, &state);
        new.make_private(&state, "XDG_STATE_HOME")?;
        Ok(Self {
            lock: state.join(LOCK),
            log: state.join("log.db"),
            had_key: state.join("key").exists(),
            key: state.join("key"),
            messages: state.join("simpd.log"),
            entrances,
            new,
        })
    }

    /// Takes the lock that only one daemon has.
    ///
    /// # Errors
    /// [`StartError::Running`], if another daemon has it.
    pub fn lock(&self, address: SocketAddr) -> Result<File, StartError> {
        let name = places::daemon_name(address);
        lock::take(&self.lock).map_err(|error| match error {
            TryLockError::WouldBlock => self.held(&name),
            TryLockError::Error(error) => self.unusable_lock(error).into(),
        })
    }

    /// Makes sure that no daemon with another lock serves there, as one does that keeps its log elsewhere.
    ///
    /// # Errors
    /// [`StartError::Running`], if one does.
    pub fn check_free(&self, address: SocketAddr) -> Result<(), StartError> {
        let name = places::daemon_name(address);
        // Whose folder it is nobody has looked at yet, and one of somebody else's could keep us waiting.
        match trust::connect(self.socket(), Origin::Place) {
            Ok(_) => Err(StartError::Running(name.clone(), None, name)),
            Err(_) => Ok(()),
        }
    }

    /// Makes the folders of the sockets, removes sockets that a killed daemon left there, and says in the lock's file who
    /// has it. Only with the lock and the address: of two that start at the same time, the one that fails would take the
    /// folder away from the other.
    ///
    /// # Errors
    /// [`StartError`] names the folder and the variable that sets it.
    pub fn claim(&mut self, lock: &mut File) -> Result<(), StartError> {
        for entrance in &self.entrances {
            entrance.prepare(&mut self.new)?;
        }
        // Only with the lock: whoever is refused it must leave what its owner has written there, by which simpctl finds
        // the owner.
        let told = lock.set_len(0).and_then(|()| lock.write_all(&Holder::this(self.socket()).to_bytes()));
        told.map_err(|error| self.unusable_lock(error))?;
        for entrance in &self.entrances {
            // A killed daemon leaves its socket, and a path that exists cannot be bound.
            let failed = |error| FolderError::Io(entrance.socket.clone(), error, "XDG_RUNTIME_DIR");
            entrance.remove().map_err(failed)?;
        }
        Ok(())
    }

    /// The control socket of our own user.
    fn socket(&self) -> &Path {
        self.entrances.first().map_or(Path::new(""), |own| &own.socket)
    }

    /// The folder of the log.
    pub fn folder(&self) -> &Path {
        self.log.parent().unwrap_or(Path::new("."))
    }

    /// It serves: all that was made for it stays.
    pub fn keep(&mut self) {
        self.new.keep();
    }

    /// Removes the files that a start has made that came to nothing; the folders go with this. Only with the lock, and if
    /// there was no log before.
    pub fn discard(&self) {
        let log = |end: &str| self.log.with_extension(format!("db{end}"));
        if !self.had_key {
            let _ = fs::remove_file(&self.key);
        }
        for file in [&self.log, &log("-wal"), &log("-shm"), &self.messages, &self.lock] {
            // What is left of it is in nobody's way.
            let _ = fs::remove_file(file);
        }
        if let Some(folder) = self.log.parent() {
            let _ = fs::remove_dir(folder);
        }
    }

    fn unusable_lock(&self, error: io::Error) -> FolderError {
        FolderError::Io(self.lock.clone(), error, "XDG_STATE_HOME")
    }

    /// Another daemon has the lock: how simpctl finds it, which is by its name unless its socket is in another folder.
    fn held(&self, name: &str) -> StartError {
        // The file is empty for a moment, while its owner starts.
        let Some(holder) = Holder::of(&self.lock) else {
            return StartError::Running(name.to_owned(), None, name.to_owned());
        };
        match holder.pid {
            Some(pid) if !holder.socket.exists() => StartError::Unreachable(name.to_owned(), pid),
            pid if holder.socket == self.socket() => {
                StartError::Running(name.to_owned(), pid, name.to_owned())
            }
            pid => StartError::Running(name.to_owned(), pid, holder.socket.display().to_string()),
        }
    }
}
