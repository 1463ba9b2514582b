//! The consumers: readers of the log that are remembered by name.

use simp_control::{Failure, FailureKind, Reply};

use super::carried::{Carried, denied};
use crate::engine::Engine;

/// Longest name of a consumer, in bytes.
const CONSUMER_MAX: usize = 64;

/// Most consumers: their list fits a frame, and each one keeps entries of the log from being removed.
const CONSUMERS_MAX: u64 = 1_000;

/// All of them, with their marks.
pub fn consumers(engine: &Engine) -> Carried {
    Ok(Reply::Consumers { consumers: engine.store.consumers()? })
}

/// Moves the mark of one, which may be new, to this entry.
pub fn seen(engine: &mut Engine, name: &str, id: u64) -> Carried {
    let store = &mut engine.store;
    if id > store.last_id() {
        return denied(FailureKind::Usage, format!("there is no entry {id} yet"));
    }
    // One that is there already may always go on.
    let is_new = store.mark(valid(name)?)?.is_none();
    if is_new && store.consumer_count()? >= CONSUMERS_MAX {
        let line = format!(
            "the limit of {CONSUMERS_MAX} consumers is reached (remove one: simpctl consumers remove NAME)"
        );
        return denied(FailureKind::Usage, line);
    }
    store.set_mark(name, id)?;
    if is_new {
        // Until there was one, all messages of peers had to stay.
        engine.retention.reset();
    }
    engine.retention.look_soon(&engine.policy.retain, &engine.store)?;
    Ok(Reply::Done)
}

/// Forgets one.
pub fn forget(engine: &mut Engine, name: &str) -> Carried {
    if engine.store.forget_consumer(name)? {
        engine.retention.look_soon(&engine.policy.retain, &engine.store)?;
        return Ok(Reply::Done);
    }
    let shown = if name.trim().is_empty() { format!("'{name}'") } else { name.to_owned() };
    denied(FailureKind::NoSuch, format!("{shown}: no such consumer (list them: simpctl consumers)"))
}

/// The name of a consumer, if it can be one.
pub fn valid(name: &str) -> Result<&str, Failure> {
    let fits = (1..=CONSUMER_MAX).contains(&name.len()) && !name.chars().any(char::is_control);
    let line = match name.trim().is_empty() {
        _ if !fits => format!("a consumer's name has 1 to {CONSUMER_MAX} bytes and no control characters"),
        // Nobody could see it in a list.
        true => "a consumer's name is more than spaces".to_owned(),
        false => return Ok(name),
    };
    Err(Failure::new(FailureKind::Usage, line))
}
