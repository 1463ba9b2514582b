//! The real programs, end to end: each test has its own folders and addresses, waits for events and never for
//! time, and leaves nothing running.
//!
//! - `chat`: what a user does with simpctl, from the invitation to the end.
//! - `reply`: the answers of `simpctl listen --exec`.
//! - `restart`: what waits goes on when simpd is started again.
//! - `other_log`: what they do if it is started with another log.
//! - `link_local`: addresses that need an interface.
//! - `lost`: what simpctl says to simpd, and what it does when an answer never comes.
//! - `outbox`: messages that are kept until their peer is there, and what else is kept.
//! - `hosts`: such messages for hosts by their names, and taking them out again.
//! - `resolver`: which hosts simpctl knows, also one that is linked statically.
//! - `retention`: old entries go, and what must stay stays.
//! - `simpctl`: what simpctl says when something is wrong.
//! - `start`: `simpctl start`. `overview`: what it says without a command.
//! - `streams`: standard input with lines that its peer does not take. `tokens`: messages that are sent once, and streams
//!   that are run again.
//! - `taken_back`: messages that are taken back when their time is over.
//! - `texts`: which texts simpctl sends, to whom, and how it shows them.
//! - `manuals`: their commands and options are those of `--help`.
//! - `daemon_start`: what simpd says when it cannot start, and how it stops.
//! - `other_users`: what another user of the machine leaves in our way.
//! - `probe`: what simpctl probe finds out about simpd, and about peers that are wrong in one thing.
//! - `datagrams`: what hostile and odd datagrams do to a daemon.
//! - `wireshark`: what the dissector of contrib/ shows of the traffic of all that.
//! - `ask`: `simpctl ask`.
//! - `backup`: backups of a simpd that runs, and simpds that begin with one.
//! - `begin`: where `simpctl listen` begins.
//! - `export`: the whole log, for programs.
//! - `bad_input`: what a user sees of peers that change their ways, or say what makes no sense.
//! - `capture`: that traffic as a capture file, for `wireshark`.
//! - `control_socket`: what hostile and odd clients do to a daemon.
//! - `doubles`: chats with doubles of other implementations, in both roles.
//! - `peers`: what is told, kept and said in simpd.toml of peers that speak otherwise.
//! - `keys`: the keys that peers are known by, as a user handles them.
//! - `roaming`: a peer at another address is the same peer if it has the same key.
//! - `names`: the names of users, and the keys that they are held to.
//! - `exec`: commands that `simpctl listen` runs.
//! - `files`: files that go from one user to another.
//! - `desktop`: desktop notifications.
//! - `first_process`: the programs in a container of their own.
//! - `groups`: a daemon that other users of the machine share.
//! - `health`: what monitoring sees of a daemon.
//! - `idle`: a daemon with nothing to do does nothing.
//! - `kills`: daemons are killed again and again on a bad link, and no message is lost or comes twice.
//! - `python`: the Python client of contrib/, and the examples of simp-control(7) that use it.
//! - `relay`: that bad link, for `kills`.
//! - `secure`: secure chats, on a bad network and in the hands of somebody who means ill.
//! - `power_loss`: what a loss of power leaves of the log.
//! - `room`: simp-room, with members that use simpctl and members that are bare peers.
//! - `servers`: the NATS servers that such rooms have between their doors.
//! - `screen`: simpctl chat, in a terminal.
//! - `recipes`: those of docs/recipes.md.
//! - `web`: simp-web: who gets in, and what somebody does on the page in a real browser.
//! - `circles`: no file uses one that uses it.
//! - `network`: it takes nothing for a while, or is not there.
//! - `sleep`: the machine sleeps, and what is due meanwhile happens when it wakes up.
//! - `disk`: a disk that is full or fails while simpd runs, and when it starts and stops.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, clippy::print_stderr)]
// A test reads better with values than with references to them.
#![allow(clippy::needless_pass_by_value)]

mod ask;
mod backup;
mod bad_input;
mod begin;
mod capture;
mod chat;
mod circles;
mod control_socket;
mod daemon_start;
mod datagrams;
mod desktop;
mod disk;
mod doubles;
mod exec;
mod export;
mod files;
mod first_process;
mod groups;
mod harness;
mod health;
mod hosts;
mod idle;
mod jobs;
mod keys;
mod kills;
mod link_local;
mod lost;
mod manuals;
mod names;
mod network;
mod older_clients;
mod other_log;
mod other_users;
mod outbox;
mod overview;
mod peers;
mod power_loss;
mod printing;
mod probe;
mod python;
mod recipes;
mod relay;
mod reply;
mod resolver;
mod restart;
mod retention;
mod roaming;
mod room;
mod screen;
mod secure;
mod servers;
mod simpctl;
mod sleep;
mod start;
mod streams;
mod taken_back;
mod texts;
mod tokens;
mod web;
mod wireshark;
