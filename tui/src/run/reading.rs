//! Keys and signals, each in a thread that waits for them.

use std::io;
use std::sync::mpsc::SyncSender;
use std::thread;

use crossterm::event::{Event, read};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;

use crate::run::inputs::Input;

/// Brings what comes from the terminal.
pub(crate) fn keys(inputs: SyncSender<Input>) {
    thread::spawn(move || {
        loop {
            let input = match read() {
                Ok(Event::Key(key)) => Input::Key(key),
                Ok(Event::Paste(text)) => Input::Paste(text),
                Ok(Event::Resize(..)) => Input::Resized,
                Ok(Event::FocusGained) => Input::Gaze(true),
                Ok(Event::FocusLost) => Input::Gaze(false),
                Ok(Event::Mouse(_)) => continue,
                Err(_) => Input::Gone,
            };
            let is_over = matches!(input, Input::Gone);
            if inputs.send(input).is_err() || is_over {
                return;
            }
        }
    });
}

/// Brings signals that end the program, or stop it for a while.
pub(crate) fn signals(inputs: SyncSender<Input>) -> io::Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGHUP, SIGINT, SIGTSTP, SIGCONT])?;
    thread::spawn(move || {
        for signal in signals.forever() {
            if inputs.send(Input::Signal(signal)).is_err() {
                return;
            }
        }
    });
    Ok(())
}
