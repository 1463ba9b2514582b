//! Tab: the rest of a command, of a name, or of an address. Pressed again, the next one that fits.

use crate::keys::editor::Editor;
use crate::keys::slash::{Argument, COMMANDS};

/// Names that can be completed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// Of all peers, and their addresses.
    pub(crate) peers: Vec<String>,
    /// Of those who hear what is said here.
    pub(crate) here: Vec<String>,
}

/// What fits, and which of it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    from: usize,
    fits: Vec<String>,
    next: usize,
}

impl Completion {
    /// Completes what is before the place. `None` if nothing fits.
    pub(crate) fn begin(editor: &mut Editor, names: &Names) -> Option<Self> {
        let before = &editor.text()[..editor.at()];
        let (from, fits) = match before.strip_prefix('/') {
            Some(word) if !word.contains(' ') => (0, commands(word)),
            Some(rest) => {
                let (word, begun) = rest.split_once(' ')?;
                let takes = COMMANDS.iter().find(|(name, ..)| *name == word)?.1;
                let is_name = matches!(takes, Argument::Who | Argument::Somebody);
                (
                    before.len() - begun.len(),
                    if is_name { fitting(&names.peers, begun, "") } else { Vec::new() },
                )
            }
            None => {
                let from = before.rfind(' ').map_or(0, |space| space + 1);
                // Who is spoken to stands at the beginning.
                let end = if from == 0 { ": " } else { " " };
                (from, fitting(&names.here, &before[from..], end))
            }
        };
        let mut completion = Self { from, fits, next: 0 };
        completion.again(editor);
        (!completion.fits.is_empty()).then_some(completion)
    }

    /// Shows the next one that fits.
    pub(crate) fn again(&mut self, editor: &mut Editor) {
        if let Some(fit) = self.fits.get(self.next) {
            editor.replace(self.from, fit);
            self.next = (self.next + 1) % self.fits.len();
        }
    }
}

fn commands(begun: &str) -> Vec<String> {
    let fit = COMMANDS.iter().filter(|(name, ..)| name.starts_with(begun));
    fit.map(|(name, argument, _)| match argument {
        Argument::None => format!("/{name}"),
        _ => format!("/{name} "),
    })
    .collect()
}

/// The names that begin so. In a text something of a name must be there.
fn fitting(names: &[String], begun: &str, end: &str) -> Vec<String> {
    if begun.is_empty() && !end.is_empty() {
        return Vec::new();
    }
    let begun = begun.to_lowercase();
    let fit = names.iter().filter(|name| name.to_lowercase().starts_with(&begun));
    fit.map(|name| format!("{name}{end}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(line: &str, times: usize) -> String {
        let peers = ["bob", "Bert", "10.0.0.2:7777"].map(str::to_owned).to_vec();
        let names = Names { peers, here: vec!["bob".to_owned()] };
        let mut editor = Editor::default();
        editor.set(line);
        let mut completion = Completion::begin(&mut editor, &names);
        for _ in 1..times {
            completion.as_mut().unwrap().again(&mut editor);
        }
        editor.text().to_owned()
    }

    #[test]
    fn commands_and_names_are_completed() {
        for (line, times, expected) in [
            ("/con", 1, "/connect "),
            ("/", 1, "/connect "),
            ("/", 2, "/accept "),
            ("/he", 1, "/help"),
            ("/connect b", 1, "/connect bob"),
            ("/connect b", 2, "/connect Bert"),
            ("/connect b", 3, "/connect bob"),
            ("/open 10", 1, "/open 10.0.0.2:7777"),
            ("/accept ", 1, "/accept bob"),
            ("/search b", 1, "/search b"),
            ("/nonsense b", 1, "/nonsense b"),
            ("B", 1, "bob: "),
            ("ask bo", 1, "ask bob "),
            ("", 1, ""),
            ("x", 1, "x"),
        ] {
            assert_eq!(completed(line, times), expected, "{line}");
        }
    }
}
