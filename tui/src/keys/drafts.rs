//! What was begun in each conversation: what is meant for one peer is never ready to be sent to another.

use std::collections::HashMap;

use crate::keys::editor::Editor;

/// Lines that were begun and not sent. Whoever is in no conversation has one, too.
#[derive(Debug, Default)]
pub(crate) struct Drafts {
    /// The conversation that the line in the editor is of, by the address of its peer.
    here: Option<String>,
    /// Those of the others; none is empty.
    begun: HashMap<Option<String>, String>,
}

impl Drafts {
    /// The user looks at this conversation now: what was begun there is in the editor. True if it is another one.
    pub(crate) fn turn_to(&mut self, talk: Option<&str>, editor: &mut Editor) -> bool {
        if self.here.as_deref() == talk {
            return false;
        }
        let next = talk.map(str::to_owned);
        let line = self.begun.remove(&next).unwrap_or_default();
        let before = std::mem::replace(&mut self.here, next);
        if !editor.text().is_empty() {
            self.begun.insert(before, editor.take());
        }
        editor.set(line);
        true
    }

    /// The conversation that the line in the editor is of is no more: from now on it is of this one.
    pub(crate) fn move_to(&mut self, talk: Option<&str>) {
        self.here = talk.map(str::to_owned);
    }
}
