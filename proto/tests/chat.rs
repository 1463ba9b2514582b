//! Transcripts of one chat: dated steps, what it tells and what it transmits.
//!
//! `table` has what every state makes of every datagram; the others have the stories: `opening`, `messages`,
//! `closing`, `resuming` after a restart. `habits` has the ways to differ: how each shows, what we do then, and
//! what takes it back. `plain`: all datagrams of two
//! that hold to the specification. `any_input` feeds rubbish.

mod any_input;
mod closing;
mod driver;
mod habits;
mod messages;
mod opening;
mod plain;
mod resuming;
mod table;
