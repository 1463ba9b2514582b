//! `backup`: the log and the key of simpd, as an archive, while it goes on. simpd holds the file of its log meanwhile, and
//! says in the end whether it has held it all the time: only then the archive is sealed, and gets its name.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Read, Write};
use std::os::fd::AsFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use simp_backup::{About, FORMAT, KEY, Writing};
use simp_control::clock::{now_ms, rfc3339};
use simp_control::error::{Error, Outcome, fail, system, unexpected};
use simp_control::{Client, FailureKind, Reply, Request, Status};
use simp_service::new_file::NewFile;
use simp_service::plain_file;

use crate::args::BackupArgs;
use crate::reach;
use crate::show::{Output, View};

/// Stands for standard output.
const STDOUT: &str = "-";

/// How often progress is shown.
const EVERY: Duration = Duration::from_millis(500);

/// Most bytes of a key.
const KEY_MAX: u64 = 64 << 10;

/// So many bytes are written at once.
const PIECE: usize = 256 << 10;

/// Refuses to fill a terminal, and to mix an archive with anything.
pub(super) fn check(args: &BackupArgs, is_json: bool) -> Outcome {
    let usage = |line: &str| Err(fail(FailureKind::Usage, line));
    match args.file.as_str() {
        "" => usage("no file given (for standard output: simpctl backup -)"),
        STDOUT if is_json => {
            usage("standard output is the backup, so that --json means nothing (leave it out)")
        }
        STDOUT if io::stdout().is_terminal() => {
            usage("standard output is a terminal (give a file: simpctl backup FILE, or a pipe)")
        }
        _ => Ok(()),
    }
}

/// Makes one.
pub(super) fn run(client: &mut Client, output: &mut Output, args: &BackupArgs) -> Outcome {
    reach::require(client, "backup", "makes no backups of itself")?;
    let name = args.file.as_str();
    if name == STDOUT {
        let failed = |error: io::Error| unwritten("standard output", &error);
        let stdout = io::stdout().as_fd().try_clone_to_owned().map_err(failed)?;
        return Making { client, output, name: "standard output" }.make(File::from(stdout)).map(drop);
    }
    // Before simpd is asked for anything.
    let new = NewFile::begin(Path::new(name)).map_err(|error| unwritten(name, &error))?;
    let (bytes, log) = Making { client, output, name }.make(new.file())?;
    new.keep().map_err(|error| unwritten(name, &error))?;
    output.show(&View::BackedUp { file: name, bytes, log: log.as_deref() })
}

struct Making<'a> {
    client: &'a mut Client,
    output: &'a mut Output,
    /// What people know it by.
    name: &'a str,
}

impl Making<'_> {
    /// Writes an archive: how many bytes of a log it has, and the id of that.
    fn make(&mut self, to: impl Write) -> Outcome<(u64, Option<String>)> {
        let Reply::Status(status) = self.client.ask(&Request::Status).map_err(in_vain)? else {
            return Err(unexpected());
        };
        let Reply::HeldLog { path, bytes } = self.client.ask(&Request::HoldLog).map_err(in_vain)? else {
            return Err(unexpected());
        };
        let made = self.archive(to, (Path::new(&path), bytes), *status);
        self.output.end_progress();
        made
    }

    fn archive(
        &mut self,
        to: impl Write,
        (path, bytes): (&Path, u64),
        Status { address, user, log, .. }: Status,
    ) -> Outcome<(u64, Option<String>)> {
        let (at_ms, key_path) = (now_ms(), path.with_file_name(KEY));
        let key = plain_file::read(&key_path, KEY_MAX).map_err(|error| unread(&key_path, &error))?;
        let file = File::open(path).map_err(|error| unread(path, &error))?;
        let name = self.name;
        let failed = |error: io::Error| unwritten(name, &error);
        let mut writing = Writing::begin(BufWriter::with_capacity(PIECE, to), at_ms / 1_000);
        let key = writing.key(&key).map_err(failed)?;
        let shown = self.output.has_person().then(Instant::now);
        let mut source = Source { file, done: 0, bytes, shown, name, output: self.output, failed: None };
        let written = writing.log(bytes, &mut source);
        let log_db = match (written, source.failed) {
            (Ok(sum), _) => sum,
            (Err(_), Some(error)) => return Err(unread(path, &error)),
            (Err(error), None) if error.kind() == io::ErrorKind::UnexpectedEof => {
                return Err(unread(path, &error));
            }
            (Err(error), None) => return Err(failed(error)),
        };
        // Unless this is answered, nobody knows what was copied.
        self.client.ask(&Request::ReleaseLog).map_err(in_vain)?;
        let log = log.map(|id| id.to_string());
        let about = About {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address,
            user,
            log: log.clone(),
            at: rfc3339(at_ms),
            key,
            log_db,
        };
        writing.seal(&about).map_err(failed)?;
        Ok((bytes, log))
    }
}

/// The file of the log, and how much of it has been read.
struct Source<'a> {
    file: File,
    done: u64,
    bytes: u64,
    /// When its progress was shown last, if somebody reads that.
    shown: Option<Instant>,
    name: &'a str,
    output: &'a mut Output,
    /// Why it cannot be read: to whoever writes an archive that is the same as that it cannot be written.
    failed: Option<io::Error>,
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer).map_err(|error| {
            let kind = error.kind();
            self.failed = Some(error).filter(|_| kind != io::ErrorKind::Interrupted);
            kind
        })?;
        self.done += count as u64;
        if self.shown.take_if(|shown| shown.elapsed() >= EVERY).is_some() {
            self.shown = Some(Instant::now());
            self.output.progress_line(self.name, self.done, self.bytes);
        }
        Ok(count)
    }
}

/// No backup was made, because of simpd.
fn in_vain(error: Error) -> Error {
    match error {
        Error::Lost(lost) => {
            let remedy = format!("start it with: simpctl start {}, and try again", lost.address);
            fail(FailureKind::NoDaemon, format!("no backup was made: {lost} ({remedy})"))
        }
        Error::Failure(failure) => fail(failure.kind, format!("no backup was made: {}", failure.line)),
        other => other,
    }
}

fn unread(path: &Path, error: &io::Error) -> Error {
    let remedy = "run simpctl as the user of simpd, and in the same container";
    let remedy = match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied => format!(" ({remedy})"),
        _ => String::new(),
    };
    fail(FailureKind::Failed, format!("no backup was made: {}: {}{remedy}", path.display(), system(error)))
}

fn unwritten(name: &str, error: &io::Error) -> Error {
    let why = match error.kind() {
        io::ErrorKind::AlreadyExists => "exists already (move it away, or choose another name)".to_owned(),
        io::ErrorKind::IsADirectory => "a folder (give the name of a file in it)".to_owned(),
        io::ErrorKind::StorageFull => {
            "the disk is full (free some space, or choose another folder)".to_owned()
        }
        io::ErrorKind::QuotaExceeded => {
            "the disk quota is exhausted (free some space, or choose another folder)".to_owned()
        }
        _ => system(error),
    };
    fail(FailureKind::Failed, format!("no backup was made: {name}: {why}"))
}
