//! Where a simp-web that runs says how it is reached: in a folder that only its user can enter, one for each simpd.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use simp_control::error::{Error, Outcome, fail};
use simp_control::{Address, FailureKind, Holder, LOCK, find, homes, places};
use simp_service::folders::{FolderError, make_private};
use simp_service::{lock, plain_file};

/// More than any URL of ours has, in bytes.
const URL_MAX: u64 = 4_096;

/// The folder of one that runs: what is in it says so, and is gone with this.
#[derive(Debug)]
pub struct Running {
    name: String,
    folder: PathBuf,
    /// Whoever holds it is the one that runs.
    lock: File,
}

/// One that runs, as others see it.
#[derive(Debug)]
pub struct Found {
    /// Where it is, with the token.
    pub url: String,
    /// A page that leads there. To a browser it is handed by its name, for everybody can read the arguments of a program.
    pub page: PathBuf,
}

impl Running {
    /// Makes sure that this is the only one for the simpd of this name.
    ///
    /// # Errors
    /// If another one runs, or the folder cannot be made or is not ours alone.
    pub fn claim(name: &str) -> Outcome<Self> {
        let (all, folder) = (folder(), folder().join(name));
        for private in [&all, &folder] {
            make_private(private, "XDG_RUNTIME_DIR")
                .map_err(|error| fail(FailureKind::Failed, error.to_string()))?;
        }
        let path = folder.join(LOCK);
        let lock = lock::take(&path).map_err(|error| match error {
            TryLockError::WouldBlock => fail(
                FailureKind::Failed,
                format!("it runs already for simpd {name} (show it: simp-web open -d {name})"),
            ),
            TryLockError::Error(error) => failed(&path, error),
        })?;
        Ok(Self { name: name.to_owned(), folder, lock })
    }

    /// Says where it is, to programs of this user alone.
    ///
    /// # Errors
    /// If that cannot be written.
    pub fn announce(&mut self, url: &str) -> Outcome {
        let (of_url, of_page) = (url_file(&self.folder), page_file(&self.folder));
        write(&of_url, url).map_err(|error| failed(&of_url, error))?;
        write(&of_page, &leading_to(url, &self.name)).map_err(|error| failed(&of_page, error))?;
        let told = self.lock.set_len(0).and_then(|()| self.lock.write_all(&Holder::this(&of_url).to_bytes()));
        told.map_err(|error| failed(&self.folder.join(LOCK), error))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody gets in by them any more. The lock stays: another one may be waiting for it.
        let _ = fs::remove_file(url_file(&self.folder));
        let _ = fs::remove_file(page_file(&self.folder));
    }
}

impl Found {
    /// The one for the simpd that `named` names, or `$SIMP_DAEMON`, or the only one that runs.
    ///
    /// # Errors
    /// `no_daemon` with the remedy, if there is none, or several; `usage` if the name makes no sense.
    pub fn find(named: Option<String>) -> Outcome<Self> {
        let named = named.map_or_else(find::variable, |named| Ok(Some(named)))?;
        let all = folder();
        let mut running = Holder::all_in(&all);
        running.retain(|(name, holder)| holder.alive(&all.join(name).join(LOCK)).is_some());
        let (none, several) = match &named {
            Some(named) => {
                let name = name_of(named);
                running.retain(|(of, _)| *of == name);
                (
                    format!("no simp-web runs for simpd {name} (start it with: simp-web -d {name})"),
                    String::new(),
                )
            }
            None => {
                let names: Vec<&str> = running.iter().map(|(name, _)| name.as_str()).collect();
                let several = format!("several simp-web run: {} (choose one with -d ADDR)", names.join(", "));
                ("no simp-web runs (start it with: simp-web)".to_owned(), several)
            }
        };
        match running.as_slice() {
            [] => Err(fail(FailureKind::NoDaemon, none)),
            [(_, holder)] => {
                // Its own path: it may have been started in another environment.
                let folder = holder.socket.parent().unwrap_or(&all).to_owned();
                let url = plain_file::read_to_string(&holder.socket, URL_MAX);
                let url = url.map_err(|error| failed(&holder.socket, error))?;
                Ok(Self { url, page: page_file(&folder) })
            }
            _ => Err(fail(FailureKind::NoDaemon, several)),
        }
    }
}

/// What the simpd is called that a user has named by its address, or by the path of its socket.
pub fn name_of(named: &str) -> String {
    match Address::parse_complete(named) {
        Ok(address) => places::daemon_name(address),
        Err(_) => Path::new(named).file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// The folder of all that run. Not simpd's own: what is there is taken for something of simpd's.
fn folder() -> PathBuf {
    let simp = homes::sockets();
    simp.with_file_name(format!("{}-web", simp.file_name().unwrap_or_default().to_string_lossy()))
}

fn url_file(folder: &Path) -> PathBuf {
    folder.join("url")
}

fn page_file(folder: &Path) -> PathBuf {
    folder.join("open.html")
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    plain_file::renew(path)?.write_all(text.as_bytes())
}

/// A page that leads to this URL, which has no letter that means something in HTML.
fn leading_to(url: &str, name: &str) -> String {
    format!(
        "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
         <meta http-equiv=\"refresh\" content=\"0; url={url}\"><title>simp {name}</title>\n"
    )
}

fn failed(path: &Path, error: io::Error) -> Error {
    fail(FailureKind::Failed, FolderError::Io(path.to_owned(), error, "XDG_RUNTIME_DIR").to_string())
}
