//! A connection of the library that costs itself, and nothing else, if the library panics: whatever it is, a peer may have
//! caused it. All that counts is durable, so that the chats above go on over another link.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quinn_proto::Connection;

/// Nothing is inside after a panic.
pub(crate) struct Guarded(Option<Box<Connection>>);

impl Guarded {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Some(Box::new(connection)))
    }

    /// What `call` comes to; `None` if it has panicked, now or ever.
    pub(crate) fn call<R>(&mut self, call: impl FnOnce(&mut Connection) -> R) -> Option<R> {
        let connection = self.0.as_deref_mut()?;
        // What the panic leaves behind is never looked at.
        let done = guard(|| call(connection));
        if done.is_none() {
            self.0 = None;
        }
        done
    }

    /// The same for what only looks at it, and so cannot panic.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&Connection) -> R) -> Option<R> {
        self.0.as_deref().map(look)
    }

    /// Nothing more is to come of it, not even that it is over.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    /// Whether it is still there.
    pub(crate) fn is_whole(&self) -> bool {
        self.0.is_some()
    }
}

/// What `call` comes to; `None` if it has panicked. Whoever calls says why what it leaves behind does no harm.
pub(crate) fn guard<R>(call: impl FnOnce() -> R) -> Option<R> {
    let done = catch_unwind(AssertUnwindSafe(call)).ok();
    if done.is_none() {
        tracing::error!("the QUIC library has failed: this is a fault of it, or of simpd");
    }
    done
}
