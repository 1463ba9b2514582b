//! The log cannot be written: the turn has not happened, all chats are paused, and the disk is tried again.

use std::time::{Duration, Instant};

use simp_control::{Answer, Failure, FailureKind};
use simp_store::StoreError;

use crate::turn::{Inputs, Outputs, Timer};
use crate::{Engine, Now, commands};

/// How often the log is tried again.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// Trouble that comes and goes is reported again after this long.
const REPORTED_FOR: Duration = Duration::from_secs(60);

/// Whether the log can be written.
#[derive(Debug, Default)]
pub struct Disk {
    trouble: Option<String>,
    reported: Reported,
}

impl Disk {
    /// Whether the log can be written, as far as is known.
    pub fn works(&self) -> bool {
        self.trouble.is_none()
    }

    /// What is wrong, and what to do.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// What a client is answered whose request would have to be written; `None` if it can be.
    pub fn refuses(&self) -> Option<Failure> {
        let trouble = self.trouble.as_ref()?;
        Some(Failure::new(FailureKind::Failed, format!("nothing was changed: {trouble}")))
    }
}

impl Engine {
    /// This turn has not happened. All chats stand as of the last commit, as if simpd had been killed and started
    /// again: no datagram of it leaves, so no ACK promises what is not on the disk. Each request is answered
    /// again: one that writes is refused, and one that reads finds the log as it was. Only a turn without trouble
    /// writes, so there was none before.
    pub(crate) fn undo(&mut self, now: Now, error: StoreError, inputs: &Inputs, outputs: &mut Outputs) {
        self.retention.reset();
        self.roll_back();
        // At once: if the next start would find what was not made durable, it finds this in its place.
        let trouble = self.store.try_to_write(now.ms).err().unwrap_or(error).to_string();
        self.disk.reported.begins(now.instant, &trouble);
        let refusal = Failure::new(
            FailureKind::Failed,
            match self.store.may_reappear() {
                // It was written, and only could not be made durable.
                true => format!(
                    "undone, unless simpd is killed before the disk works (see: simpctl status): {trouble}"
                ),
                false => format!("nothing was changed: {trouble}"),
            },
        );
        self.disk.trouble = Some(trouble);
        self.try_disk_later(now);
        // The trial may have failed in the middle as well.
        self.roll_back();
        if let Err(error) = self.resume(now) {
            tracing::debug!("chats cannot be read from the log: {error}");
        }
        // What was answered may tell of entries that are gone.
        outputs.clear();
        for (client, request) in &inputs.requests {
            let answer = match commands::writes(request) {
                true => Answer::Failure(refusal.clone()),
                false => commands::carry_out(self, now, inputs, *client, request, outputs).0,
            };
            outputs.answers.push((*client, answer));
        }
    }

    fn roll_back(&mut self) {
        if let Err(error) = self.store.roll_back() {
            tracing::debug!("the log cannot be rolled back: {error}");
        }
    }

    fn try_disk_later(&mut self, now: Now) {
        self.wheel.set(now.instant + TRY_EVERY, Timer::Disk);
    }

    /// Sees whether the log can be written again, and then goes on from where it ends.
    pub(crate) fn try_disk(&mut self, now: Now) -> Result<(), StoreError> {
        let written = self.store.try_to_write(now.ms);
        match written.and_then(|()| self.resume(now)) {
            Ok(()) => {
                self.disk.trouble = None;
                self.disk.reported.ends();
                Ok(())
            }
            Err(error) if error.may_pass() => {
                let trouble = error.to_string();
                self.disk.reported.goes_on(now.instant, &trouble);
                self.disk.trouble = Some(trouble);
                self.roll_back();
                self.try_disk_later(now);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// What the log of the program says of trouble: each kind once, and not each time that it comes again soon.
#[derive(Debug, Default)]
struct Reported {
    last: Option<(String, Instant)>,
    is_quiet: bool,
}

impl Reported {
    fn begins(&mut self, now: Instant, trouble: &str) {
        if self.is_new(now, trouble) {
            tracing::error!("{trouble}; all chats are paused until the log can be written again");
        }
    }

    /// Perhaps for another reason.
    fn goes_on(&mut self, now: Instant, trouble: &str) {
        let is_same = self.last.as_ref().is_some_and(|(line, _)| line == trouble);
        if !is_same && self.is_new(now, trouble) {
            tracing::error!("{trouble}; all chats remain paused");
        }
    }

    fn ends(&self) {
        if !self.is_quiet {
            tracing::info!("the log can be written again; all chats resume");
        }
    }

    fn is_new(&mut self, now: Instant, trouble: &str) -> bool {
        let last = self.last.take().filter(|(line, until)| line == trouble && now < *until);
        self.is_quiet = last.is_some();
        self.last = last.or_else(|| Some((trouble.to_owned(), now + REPORTED_FOR)));
        !self.is_quiet
    }
}
