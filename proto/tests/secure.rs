//! Transcripts of one secure chat: dated steps, what it tells and what leaves.
//!
//! `opening`, `messages`, `closing`, `channels` that break and are made anew, `resuming` after a restart. `any_input` feeds
//! rubbish. `frames`: what goes over a channel is what the schema says.

mod any_input;
mod channels;
mod closing;
mod driver;
mod frames;
mod messages;
mod opening;
mod resuming;
