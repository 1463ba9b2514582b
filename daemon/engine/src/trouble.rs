//! The log cannot be written: the turn is undone, all chats are paused, and the disk is tried again. What is said of it
//! is in `disk`.

use std::time::Duration;

use simp_control::{Answer, Failure, FailureKind};
use simp_store::StoreError;

use crate::commands;
use crate::engine::Engine;
use crate::inputs::Inputs;
use crate::now::Now;
use crate::outputs::Outputs;
use crate::timer::Timer;

/// How often the log is tried again.
const TRY_EVERY: Duration = Duration::from_secs(1);

impl Engine {
    /// Undoes this turn. The log and all chats stand as of the last commit, as if simpd had been killed and started
    /// again: no datagram of the turn leaves, so no ACK promises what is not on the disk. Each request is answered
    /// again: one that writes is refused, and one that reads finds the log as it was. Only a turn without trouble
    /// writes, so there was none before.
    ///
    /// Counters, what strangers have used up of their limits, what may come after chats that are over, and new settings
    /// stay as the turn left them. None of these is in the log or promises anything; at worst a stranger is answered
    /// less often.
    pub(crate) fn undo(&mut self, now: Now, error: StoreError, inputs: &Inputs, outputs: &mut Outputs) {
        self.retention.reset();
        self.roll_back();
        // At once: if the next start would find what was not made durable, it finds this in its place.
        let trouble = self.store.try_to_write(now.ms).err().unwrap_or(error).to_string();
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
        self.disk.fails(now.instant, trouble);
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
                true => Some(Answer::Failure(refusal.clone())),
                false => commands::carry_out(self, now, inputs, *client, request, outputs).0,
            };
            outputs.answers.extend(answer.map(|answer| (*client, answer)));
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
        // Rolling back may have failed, too. The disk is written to first: the system says more of it than a failed read does.
        let written = self.store.try_to_write(now.ms).and_then(|()| self.store.roll_back());
        match written.and_then(|()| self.resume(now)) {
            Ok(()) => {
                self.disk.works_again();
                Ok(())
            }
            Err(error) if error.may_pass() => {
                self.disk.still_fails(now.instant, error.to_string());
                self.roll_back();
                self.try_disk_later(now);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
