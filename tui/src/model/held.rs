//! The conversations whose lines are held: those that were looked at last.

use std::collections::VecDeque;

use crate::model::window::Window;

/// So many are held at most.
const HELD_MAX: usize = 8;

/// Lines of the conversations that were looked at last.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// By address, the last one first.
    windows: VecDeque<(String, Window)>,
}

impl Held {
    /// The lines of this conversation, if they are held.
    pub(crate) fn get(&self, address: &str) -> Option<&Window> {
        self.windows.iter().find(|(other, _)| other == address).map(|(_, window)| window)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, address: &str) -> Option<&mut Window> {
        self.windows.iter_mut().find(|(other, _)| other == address).map(|(_, window)| window)
    }

    /// The user looks at it now: it is held from now on.
    pub(crate) fn open(&mut self, address: &str) -> &mut Window {
        match self.windows.iter().position(|(other, _)| other == address) {
            Some(at) => self.windows.rotate_left(at),
            None => self.windows.push_front((address.to_owned(), Window::new())),
        }
        self.windows.truncate(HELD_MAX);
        &mut self.windows[0].1
    }

    /// The user looks at this piece of it.
    pub(crate) fn open_at(&mut self, address: &str, window: Window) {
        *self.open(address) = window;
    }
}
