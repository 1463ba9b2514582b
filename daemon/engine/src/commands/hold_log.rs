//! The file of the log, held for a client that copies it.

use simp_control::{FailureKind, Reply, Request};
use simp_store::{HELD_BYTES_MAX, HeldFile, Holding};

use super::carried::{Carried, Denied, denied};
use crate::engine::Engine;
use crate::hold::HELD_FOR;
use crate::inputs::ClientId;
use crate::now::Now;

/// Holds the file as it is, for this client.
pub fn hold_log(engine: &mut Engine, now: Now, client: ClientId) -> Carried {
    if engine.hold.is_on() {
        return denied(FailureKind::Failed, "another backup is being made (try again when it is done)");
    }
    match engine.store.hold()? {
        Holding::NotYet => Err(Denied::NotYet(Box::new(Request::HoldLog))),
        Holding::Failed(error) => denied(FailureKind::Failed, error.to_string()),
        Holding::Held(HeldFile { path, bytes }) => match path.into_os_string().into_string() {
            Ok(path) => {
                engine.hold.begin(now.instant, client);
                Ok(Reply::HeldLog { path, bytes })
            }
            Err(path) => {
                denied(FailureKind::Failed, format!("{}: its path is not UTF-8 (rename it)", path.display()))
            }
        },
    }
}

/// Ends that; refused if the file has not been held all the time, so that a copy of it is worth nothing.
pub fn release_log(engine: &mut Engine, client: ClientId) -> Carried {
    if engine.hold.end(client) && engine.store.is_held() {
        return Ok(Reply::Done);
    }
    let (minutes, limit) = (HELD_FOR.as_secs() / 60, HELD_BYTES_MAX >> 20);
    let line = format!(
        "the log has changed meanwhile: it is held for {minutes} min, and until {limit} MiB more are written to it \
         (try again at a quieter time, or onto a faster disk)"
    );
    denied(FailureKind::Failed, line)
}
