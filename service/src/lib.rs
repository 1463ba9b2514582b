//! What every program of ours that stays running needs of the system. Nothing here knows what the program does.
//!
//! - `arguments`: the command line. `words`: what in it is an option, and what a text. `complaint`: what is wrong with it.
//! - `folders`: folders that only their user can enter, and where they are. `lock`: one process at a time.
//! - `plain_file`: files that are nothing else. `new_file`: files that appear whole. `disk`: disks that cannot be written to.
//! - `background`: the way out of the terminal. `process`: what a process asks of the kernel, for itself and of another one.
//!   `system`: what it says of an error.
//! - `supervisor`: what the service manager is told. `ending`: signals that end the first process of a container.
//! - `messages`: standard error, also where that is a file. `logging`, `throttle`: log lines on it.
//! - `socket_watch`: whether our socket is still where it was made.
//! - `callers`: who may talk to us through a Unix socket.

pub mod arguments;
pub mod background;
pub mod callers;
mod complaint;
pub mod disk;
pub mod ending;
pub mod folders;
pub mod lock;
pub mod logging;
pub mod messages;
pub mod new_file;
pub mod plain_file;
pub mod process;
pub mod socket_watch;
pub mod supervisor;
mod system;
mod throttle;
pub mod words;
