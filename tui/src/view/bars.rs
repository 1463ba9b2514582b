//! The lines at the top and at the bottom of the screen: whom this is with, a request, the state of things, what is typed.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};
use simp_control::{Secure, State, escape};

use crate::app::Echo;
use crate::fit::{clean, fitting, width};
use crate::keys::editor::Editor;
use crate::model::row::Row;
use crate::model::state::{Contact, Model};
use crate::model::window::Newer;
use crate::view::paint;
use crate::view::palette::{Palette, Role};
use crate::view::rows::name;

/// What stands before what is typed.
const PROMPT: &str = "> ";

/// What stands for each character of a password.
const DOT: &str = "\u{2022}";

/// What stands for a new line in it.
const NEW_LINE: &str = "\u{21b5}";

/// Whom the conversation is with, and how.
pub(crate) fn header(buffer: &mut Buffer, place: Rect, model: &Model, palette: Palette) {
    let bar = palette.style(Role::Bar);
    paint::fill(buffer, place, bar);
    let ours = format!(" {}@{} ", clean(&escape::name(&model.ours.user)), clean(&model.ours.address));
    let row = model.here().ok();
    let left = row.map_or_else(|| " simp".to_owned(), whom);
    let right = row.map_or(ours, |row| format!(" {} ", state(row)));
    paint::row(buffer, place, 0, &[(left, bar)]);
    paint::row_at_right(buffer, place, 0, &[(right, bar)]);
}

fn whom(row: &Row) -> String {
    let mut said = format!(" {}", name(&row.peer));
    if !row.peer.user.is_empty() {
        said += &format!("  {}", clean(&row.peer.address));
    }
    // Whether it is secure is known once somebody is there.
    if let Some(chat) = row.chat.as_ref().filter(|chat| chat.state != State::Inviting) {
        said += &format!("  {}", brief(chat.secure));
    }
    said += &warning(row).map_or_else(String::new, |note| format!("  {note}"));
    if let Some(topic) = row.entered().and_then(|room| room.topic.as_deref()) {
        said += &format!("  {}", clean(topic));
    }
    said
}

/// How a chat is secure, without the key.
fn brief(secure: Option<Secure>) -> &'static str {
    match secure {
        Some(Secure { known: true, .. }) => "secure, key known",
        Some(Secure { known: false, .. }) => "secure, new key",
        None => "plain",
    }
}

fn state(row: &Row) -> &'static str {
    match row.state() {
        Some(State::Open) => "open",
        Some(State::Invited) => "invites you",
        Some(State::Inviting) => "invited, waiting for the answer",
        Some(State::Accepting) => "accepted, waiting",
        Some(State::Closing) => "closing",
        Some(State::Closed) | None => "no chat",
    }
}

/// The request that is asked about: in this conversation, or the newest.
pub(crate) fn request(model: &Model) -> Option<&Row> {
    let here = model.here().ok().filter(|row| row.is_request());
    here.or_else(|| model.list.newest_first().find(|row| row.is_request()))
}

/// What is to be known of the peer before its request is accepted.
pub(crate) fn warning(row: &Row) -> Option<String> {
    Some(clean(row.chat.as_ref()?.note.as_deref()?).into_owned())
}

/// A request that waits for an answer.
pub(crate) fn banner(buffer: &mut Buffer, place: Rect, row: &Row, palette: Palette) {
    let question = palette.style(Role::Question);
    paint::fill(buffer, place, question);
    let secure = row.chat.as_ref().and_then(|chat| chat.secure);
    let said = format!(" {} invites you ({})", name(&row.peer), brief(secure));
    let warning = warning(row).map_or_else(String::new, |note| format!(" {note}!"));
    let keys = " Alt-Y accept  Alt-N decline ";
    let room = usize::from(place.width).saturating_sub(width(keys)) as u16;
    let parts = [(said, question), (warning, palette.style(Role::Wrong))];
    paint::row(buffer, Rect { width: room, ..place }, 0, &parts);
    paint::row_at_right(buffer, place, 0, &[(keys.to_owned(), question)]);
}

/// How things are, or what to do.
pub(crate) fn status(buffer: &mut Buffer, place: Rect, model: &Model, palette: Palette) {
    let (said, role) = match &model.notice {
        Some(notice) => (clean(notice).into_owned(), Role::News),
        None => (hint(model), Role::Aside),
    };
    let (right, right_role) = match (model.contact, model.unread()) {
        (Contact::Away, _) => (" simpd is away, waiting for it".to_owned(), Role::Wrong),
        (Contact::Here, 0) => (String::new(), Role::News),
        (Contact::Here, unread) => (format!(" {unread} new: Alt-A "), Role::News),
    };
    let room = usize::from(place.width).saturating_sub(width(&right)) as u16;
    paint::row(buffer, Rect { width: room, ..place }, 0, &[(said, palette.style(role))]);
    paint::row_at_right(buffer, place, 0, &[(right, palette.style(right_role))]);
}

fn hint(model: &Model) -> String {
    let window = model.talk().and_then(|address| model.held.get(address));
    match (window, model.here()) {
        (Some(window), _) if !window.is_at_end() => {
            let more = match window.newer {
                Newer::Live => "",
                Newer::After(_) => " (far back)",
                Newer::Asked(_) => " (reading on)",
            };
            format!("older lines{more}: PgDn goes on, Ctrl-End to the newest")
        }
        (_, Ok(row)) if row.chat.is_none() && row.room.is_some() => {
            format!("you are not in {}: Alt-C joins", name(&row.peer))
        }
        (_, Ok(row)) if row.chat.is_none() => {
            format!("no chat with {}: Alt-C invites; what you write waits in the outbox", name(&row.peer))
        }
        (_, Ok(_)) => "PgUp older lines, Ctrl-N next conversation, F1 help".to_owned(),
        (_, Err(_)) => "F1 help".to_owned(),
    }
}

/// What is typed, and where the cursor is.
pub(crate) fn input(
    buffer: &mut Buffer,
    place: Rect,
    editor: &Editor,
    echo: Echo,
    palette: Palette,
) -> Position {
    // It is one row, whatever is typed.
    let shown = |text: &str| match echo {
        Echo::Text => clean(&text.replace('\n', NEW_LINE)).into_owned(),
        Echo::Dots => DOT.repeat(text.chars().count()),
    };
    let (before, after) = editor.text().split_at(editor.at());
    let (before, after) = (shown(before), shown(after));
    let columns = usize::from(place.width).saturating_sub(PROMPT.len() + 1);
    // The end of what is before the cursor is always to be seen.
    let too_much = width(&before).saturating_sub(columns);
    let start = if too_much == 0 { 0 } else { fitting(&before, too_much + 1) };
    let shown = &before[start..];
    let text = format!("{shown}{after}");
    let text_style = palette.style(Role::Text);
    paint::row(buffer, place, 0, &[(PROMPT.to_owned(), palette.style(Role::Key)), (text, text_style)]);
    let x = place.x + (PROMPT.len() + width(shown)) as u16;
    Position { x: x.min(place.right().saturating_sub(1)), y: place.y }
}
