//! Colours: the sixteen that every terminal has, or none.

use ratatui_core::style::{Color, Modifier, Style};

/// Whether there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Palette {
    Colours,
    /// As `NO_COLOR` asks for: what matters is bold, reversed or underlined.
    None,
}

/// What something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Text,
    /// What is not looked at most of the time.
    Aside,
    /// The name of our user.
    Ours,
    /// The name of a peer.
    Theirs,
    Happening,
    /// Something new.
    News,
    /// Something to decide on.
    Question,
    Wrong,
    /// A line across the screen.
    Bar,
    /// The conversation that is shown, or what is chosen.
    Chosen,
    /// Key names and commands.
    Key,
}

impl Palette {
    pub(crate) fn style(self, role: Role) -> Style {
        let plain = Style::new();
        let (style, colour) = match role {
            Role::Text => (plain, None),
            // Some palettes have a dark grey that nobody sees.
            Role::Aside => (plain.add_modifier(Modifier::DIM), None),
            Role::Ours => (plain.add_modifier(Modifier::BOLD), Some(Color::Cyan)),
            Role::Theirs => (plain.add_modifier(Modifier::BOLD), Some(Color::Green)),
            Role::Happening => (plain, Some(Color::Magenta)),
            Role::News => (plain.add_modifier(Modifier::BOLD), Some(Color::Yellow)),
            Role::Question => (plain.add_modifier(Modifier::BOLD | Modifier::REVERSED), Some(Color::Yellow)),
            Role::Wrong => (plain.add_modifier(Modifier::BOLD), Some(Color::Red)),
            Role::Bar | Role::Chosen => (plain.add_modifier(Modifier::REVERSED), None),
            Role::Key => (plain.add_modifier(Modifier::BOLD), None),
        };
        match (self, colour) {
            (Self::Colours, Some(colour)) => style.fg(colour),
            _ => style,
        }
    }
}
