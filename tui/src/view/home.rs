//! What is shown if no conversation is: who we are, what is new, and what to do next.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use crate::fit::{clean, lines};
use crate::model::state::Model;
use crate::view::bars::warning;
use crate::view::paint;
use crate::view::palette::{Palette, Role};
use crate::view::rows::{how, name};

/// Draws it.
pub(crate) fn draw(buffer: &mut Buffer, place: Rect, model: &Model, palette: Palette) {
    let mut at = 0;
    for (text, role) in said(model) {
        for line in lines(&text, usize::from(place.width), 0) {
            paint::row(buffer, place, at, &[(line, palette.style(role))]);
            at += 1;
        }
    }
}

fn said(model: &Model) -> Vec<(String, Role)> {
    let ours = &model.ours;
    let mut said = vec![
        (format!("You are {}, at {}.", clean(&ours.user), clean(&ours.address)), Role::Text),
        (String::new(), Role::Text),
    ];
    let mut requests = model.list.newest_first().filter(|row| row.is_request());
    if let Some(first) = requests.next() {
        let secure = first.chat.as_ref().and_then(|chat| chat.secure);
        let more = match requests.count() {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        said.push((format!("{} invites you ({}){more}.", name(&first.peer), how(secure)), Role::News));
        said.extend(warning(first).map(|note| (format!("{note}!"), Role::Wrong)));
        said.push(("Alt-Y accepts, Alt-N declines.".to_owned(), Role::Text));
        said.push((String::new(), Role::Text));
    }
    let unread: usize = model.list.newest_first().map(|row| row.unread).sum();
    if unread > 0 {
        let is_more = model.list.newest_first().any(|row| row.has_more_unread(ours.counted_from));
        let line = match (unread, is_more) {
            (1, false) => "1 unread message: Alt-A shows it.".to_owned(),
            (unread, false) => format!("{unread} unread messages: Alt-A shows them."),
            (unread, true) => format!("{unread}+ unread messages: Alt-A shows them."),
        };
        said.push((line, Role::News));
        said.push((String::new(), Role::Text));
    }
    if model.list.len() == 0 {
        said.push(("There are no conversations yet. Invite somebody:".to_owned(), Role::Text));
        said.push(("  /connect ADDR     (10.0.0.2, 10.0.0.2:7778, or a host's name)".to_owned(), Role::Key));
        said.push(("or let somebody else invite you, with this on their host:".to_owned(), Role::Text));
        let host = ours.address.strip_suffix(":7777").unwrap_or(&ours.address);
        said.push((format!("  simpctl chat {}", clean(host.trim_matches(['[', ']']))), Role::Key));
    } else {
        said.push(("Ctrl-N, Ctrl-P    go through the conversations".to_owned(), Role::Text));
        said.push(("/connect ADDR     invite somebody".to_owned(), Role::Text));
    }
    said.push(("F1                all keys and commands".to_owned(), Role::Text));
    said.push(("Ctrl-D            leave; chats stay open".to_owned(), Role::Text));
    said
}
