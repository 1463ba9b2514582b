//! What the screen shows, without any terminal and without simpd: values go in, and what is to be asked comes out.
//!
//! - `line`: an entry of the log as a line, and what becomes of a message. `window`: the lines of one conversation that are
//!   held. `held`: of which conversations. `row`: a conversation in the list. `list`: all of them, in their order. `members`: who is in a room.
//! - `job`: what simpd is asked. `snapshot`: what it said at the start. `remedy`: what it says for a shell, as it is on the screen.
//! - `state`: all of it, and what events and answers change. `wishes`: what the user wants.

pub(crate) mod held;
pub(crate) mod job;
pub(crate) mod line;
pub(crate) mod list;
pub(crate) mod members;
pub(crate) mod remedy;
pub(crate) mod row;
pub(crate) mod snapshot;
pub(crate) mod state;
pub(crate) mod window;
pub(crate) mod wishes;
