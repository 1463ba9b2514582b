//! What is typed, without any terminal.
//!
//! - `press`: which key means what. `editor`: the line that is typed. `past`: the lines that were. `completion`: Tab.
//! - `drafts`: lines that were begun, by conversation. `slash`: the commands. `folders`: those that are named in them.
//!   `paste`: what is pasted.

pub(crate) mod completion;
pub(crate) mod drafts;
pub(crate) mod editor;
pub(crate) mod folders;
pub(crate) mod past;
pub(crate) mod paste;
pub(crate) mod press;
pub(crate) mod slash;
