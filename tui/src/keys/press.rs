//! Which key means what.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::keys::editor::To;

/// What a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Press {
    Insert(char),
    Go(To),
    Remove(To),
    Yank,
    Transpose,
    Enter,
    /// A text of several lines.
    NewLine,
    Complete,
    /// To the lines that were typed before, and back.
    Older,
    Newer,
    /// By so many screens.
    Scroll(Screens),
    /// To another conversation: the next one, the one before.
    Step(isize),
    /// The conversation at this place in the list.
    Open(usize),
    NextNews,
    /// To no conversation.
    Home,
    Accept,
    Decline,
    /// Invite the peer of this conversation.
    Connect,
    Resend,
    Search,
    Help,
    Redraw,
    Suspend,
    /// Ctrl-C: the line is emptied, and if it is empty the screen is left.
    Clear,
    /// Ctrl-D: what is after the place is removed, and if the line is empty the screen is left.
    RemoveOrLeave,
    Escape,
}

/// How far the lines move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Screens {
    Up,
    Down,
    /// To the newest line.
    End,
}

/// What a key means; `None` if nothing. After `escape`, a key means what it does with Alt: for terminals that have none.
pub(crate) fn press(key: KeyEvent, escape: bool) -> Option<Press> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    let alt = key.modifiers.contains(KeyModifiers::ALT) || escape;
    match key.code {
        KeyCode::Char(c) => match (control, alt) {
            (true, false) => with_control(c),
            (false, true) => with_alt(c),
            // AltGr is both, and makes a character.
            (true, true) | (false, false) => Some(Press::Insert(c)),
        },
        code => named(code, control, alt),
    }
}

fn with_control(c: char) -> Option<Press> {
    Some(match c.to_ascii_lowercase() {
        'a' => Press::Go(To::Start),
        'b' => Press::Go(To::Left),
        'c' => Press::Clear,
        'd' => Press::RemoveOrLeave,
        'e' => Press::Go(To::End),
        'f' => Press::Go(To::Right),
        'h' => Press::Remove(To::Left),
        'j' => Press::NewLine,
        'k' => Press::Remove(To::End),
        'l' => Press::Redraw,
        'm' => Press::Enter,
        'n' => Press::Step(1),
        'p' => Press::Step(-1),
        'r' => Press::Search,
        't' => Press::Transpose,
        'u' => Press::Remove(To::Start),
        'w' => Press::Remove(To::Space),
        'y' => Press::Yank,
        'z' => Press::Suspend,
        _ => return None,
    })
}

fn with_alt(c: char) -> Option<Press> {
    Some(match c.to_ascii_lowercase() {
        '1'..='9' => Press::Open(c as usize - '1' as usize),
        'a' => Press::NextNews,
        'b' => Press::Go(To::WordLeft),
        'c' => Press::Connect,
        'd' => Press::Remove(To::WordRight),
        'f' => Press::Go(To::WordRight),
        'h' => Press::Home,
        'n' => Press::Decline,
        'r' => Press::Resend,
        'y' => Press::Accept,
        _ => return None,
    })
}

fn named(code: KeyCode, control: bool, alt: bool) -> Option<Press> {
    Some(match code {
        KeyCode::Enter if alt => Press::NewLine,
        KeyCode::Enter => Press::Enter,
        KeyCode::Tab => Press::Complete,
        KeyCode::Esc => Press::Escape,
        KeyCode::Backspace if control || alt => Press::Remove(To::WordLeft),
        KeyCode::Backspace => Press::Remove(To::Left),
        KeyCode::Delete => Press::Remove(To::Right),
        KeyCode::Left if control || alt => Press::Go(To::WordLeft),
        KeyCode::Right if control || alt => Press::Go(To::WordRight),
        KeyCode::Left => Press::Go(To::Left),
        KeyCode::Right => Press::Go(To::Right),
        KeyCode::Home => Press::Go(To::Start),
        KeyCode::End if control => Press::Scroll(Screens::End),
        KeyCode::End => Press::Go(To::End),
        KeyCode::Up if alt => Press::Step(-1),
        KeyCode::Down if alt => Press::Step(1),
        KeyCode::Up => Press::Older,
        KeyCode::Down => Press::Newer,
        KeyCode::PageUp => Press::Scroll(Screens::Up),
        KeyCode::PageDown => Press::Scroll(Screens::Down),
        KeyCode::F(1) => Press::Help,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(code: KeyCode, modifiers: KeyModifiers) -> Option<Press> {
        press(KeyEvent::new(code, modifiers), false)
    }

    #[test]
    fn keys_mean_what_they_do_in_readline_and_in_other_chats() {
        let (none, control, alt) = (KeyModifiers::NONE, KeyModifiers::CONTROL, KeyModifiers::ALT);
        for (code, modifiers, expected) in [
            (KeyCode::Char('a'), none, Press::Insert('a')),
            (KeyCode::Char('A'), KeyModifiers::SHIFT, Press::Insert('A')),
            (KeyCode::Char('@'), control | alt, Press::Insert('@')),
            (KeyCode::Char('a'), control, Press::Go(To::Start)),
            (KeyCode::Char('w'), control, Press::Remove(To::Space)),
            (KeyCode::Char('j'), control, Press::NewLine),
            (KeyCode::Enter, alt, Press::NewLine),
            (KeyCode::Enter, none, Press::Enter),
            (KeyCode::Char('n'), control, Press::Step(1)),
            (KeyCode::Char('b'), alt, Press::Go(To::WordLeft)),
            (KeyCode::Char('3'), alt, Press::Open(2)),
            (KeyCode::Char('y'), alt, Press::Accept),
            (KeyCode::Left, control, Press::Go(To::WordLeft)),
            (KeyCode::Up, none, Press::Older),
            (KeyCode::Up, alt, Press::Step(-1)),
            (KeyCode::PageUp, none, Press::Scroll(Screens::Up)),
            (KeyCode::F(1), none, Press::Help),
        ] {
            assert_eq!(meaning(code, modifiers), Some(expected), "{code:?} {modifiers:?}");
        }
        assert_eq!(meaning(KeyCode::Char('q'), control), None);
        assert_eq!(meaning(KeyCode::F(2), none), None);
    }

    #[test]
    fn escape_and_a_key_is_that_key_with_alt() {
        let key = |c| KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE);
        assert_eq!(press(key('y'), true), Some(Press::Accept));
        assert_eq!(press(key('q'), true), None);
    }

    #[test]
    fn a_key_that_is_let_go_means_nothing() {
        let key = KeyEvent::new_with_kind(KeyCode::Char('a'), KeyModifiers::NONE, KeyEventKind::Release);
        assert_eq!(press(key, false), None);
    }
}
