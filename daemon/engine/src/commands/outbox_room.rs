//! Whether the outbox takes one more message: a script that goes on for years must not fill the disk for somebody who
//! never comes.

use simp_control::{FailureKind, HostName};
use simp_store::Recipient;

use super::carried::{Carried, denied};
use crate::engine::Engine;

/// Makes sure that the outbox has room for a text of so many bytes.
pub fn has_room(engine: &Engine, to: &Recipient, bytes: usize) -> Carried<()> {
    let (most, size) = (engine.policy.outbox, engine.store.outbox_size());
    let full = |held: String, whose: &str| {
        let remedy = format!("see: simpctl outbox; cancel them: simpctl outbox cancel {whose}");
        denied(FailureKind::Failed, format!("the outbox has {held}, and takes no more ({remedy})"))
    };
    let here = to.address().and_then(|address| engine.absent.get(address)).map_or(0, |it| it.messages);
    let for_host = |host: &HostName| engine.hosts.get(host).map_or(0, |sought| sought.messages);
    let for_peer = here.max(to.host().map_or(0, for_host));
    if for_peer >= most.peer {
        let name = to.host().map_or_else(|| to.to_string(), HostName::to_string);
        return full(format!("{for_peer} messages for {name}"), &name);
    }
    if size.messages >= most.messages {
        return full(format!("{} messages", size.messages), "WHO");
    }
    let bytes = size.bytes + bytes as u64;
    if bytes > most.bytes {
        return full(format!("{} bytes of messages", size.bytes), "WHO");
    }
    Ok(())
}
