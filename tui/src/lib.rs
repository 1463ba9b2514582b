//! `simpctl chat`: a screen in the terminal for people who chat through simpd.
//!
//! It is a client of the control API and nothing else: the list of conversations is what simpd says of chats, of the outbox
//! and of peers; their lines are the log. Values go into the model, which says what simpd is to be asked; the view draws it
//! into cells; keys change it. None of these knows a terminal or a socket, so that each state of the screen can be tested as
//! text.
//!
//! - `model`: what is shown. `keys`: what is typed. `app`: both together. `view`: one frame of it.
//! - `fit`: text made fit for cells.
//! - `run`: the threads, the terminal, and the loop.

mod app;
mod fit;
mod keys;
mod model;
mod run;
#[cfg(test)]
mod tests;
mod view;

pub use run::main::{Left, check, run};
