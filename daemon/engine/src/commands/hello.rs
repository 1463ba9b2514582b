//! The first request of each client: which version it speaks.

use simp_control::{FEATURES, FailureKind, MINOR, Reply, VERSION};

use super::carried::{Carried, denied};
use crate::engine::Engine;

/// Greets a client of our version; the server dismisses any other after the answer.
pub fn hello(engine: &Engine, version: u32) -> Carried {
    let program = env!("CARGO_PKG_VERSION");
    // No older version is spoken: simpctl and simpd come from one release.
    if version != VERSION {
        let line = format!(
            "simpd {program} speaks version {VERSION} of the control API, this client {version} \
             (install simpctl and simpd from the same release, and restart simpd)"
        );
        return denied(FailureKind::NoDaemon, line);
    }
    Ok(Reply::Hello {
        version: VERSION,
        minor: MINOR,
        program: program.to_owned(),
        address: engine.address.to_string(),
        user: engine.policy.name.to_string(),
        log: Some(engine.store.log_id().clone()),
        epochs: engine.store.epochs().clone(),
        key: engine.key(),
        features: FEATURES.iter().map(|feature| (*feature).to_owned()).collect(),
    })
}
