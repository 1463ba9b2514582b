//! The list of conversations, and who is in a room.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use simp_control::State;

use crate::fit::{clean, width};
use crate::model::members::Room;
use crate::model::row::Row;
use crate::model::state::Model;
use crate::view::paint::{self, Spans};
use crate::view::palette::{Palette, Role};
use crate::view::rows::name;

/// Draws the conversations, so that the chosen one is among them.
pub(crate) fn conversations(
    buffer: &mut Buffer,
    place: Rect,
    model: &Model,
    chosen: Option<&str>,
    palette: Palette,
) {
    let (list, counted_from) = (&model.list, model.ours.counted_from);
    let height = usize::from(place.height);
    if height == 0 {
        return;
    }
    let chosen_at = chosen.and_then(|address| list.place(address)).unwrap_or(0);
    let from = (chosen_at + 1).saturating_sub(height);
    let shared = list.shared_names();
    for (line, row) in list.newest_first().skip(from).take(height).enumerate() {
        let is_chosen = chosen == Some(row.peer.address.as_str());
        let line = line as u16;
        let (left, right) = entry(row, shared.contains(row.peer.user.as_str()), counted_from, palette);
        let taken: usize = right.iter().map(|(text, _)| width(text)).sum();
        let room = usize::from(place.width).saturating_sub(taken) as u16;
        paint::row(buffer, Rect { width: room, ..place }, line, &left);
        paint::row_at_right(buffer, place, line, &right);
        if is_chosen {
            let all = Rect { y: place.y + line, height: 1, ..place };
            paint::fill(buffer, all, palette.style(Role::Chosen));
        }
    }
}

/// What a conversation is, and what is to be seen of it from afar.
fn entry(row: &Row, is_shared: bool, counted_from: u64, palette: Palette) -> (Spans, Spans) {
    let style = |role| palette.style(role);
    let (mark, role) = match row.state() {
        Some(State::Open) => ("* ", Role::Theirs),
        Some(State::Invited) => ("? ", Role::Question),
        Some(State::Inviting | State::Accepting) => ("> ", Role::News),
        Some(State::Closing) => ("- ", Role::Aside),
        Some(State::Closed) | None => ("  ", Role::Aside),
    };
    let called = if row.unread > 0 || row.is_request() { Role::News } else { Role::Text };
    let mut left = vec![(mark.to_owned(), style(role)), (name(&row.peer), style(called))];
    if is_shared {
        left.push((format!(" {}", clean(row.peer.address.trim_end_matches(":7777"))), style(Role::Aside)));
    }
    let mut right = Vec::new();
    if !row.waiting.is_empty() {
        right.push((format!(" ^{}", row.waiting.len()), style(Role::Aside)));
    }
    if row.unread > 0 {
        let more = if row.has_more_unread(counted_from) { "+" } else { "" };
        right.push((format!(" {}{more}", row.unread), style(Role::News)));
    }
    (left, right)
}

/// Draws who is in a room.
pub(crate) fn members(buffer: &mut Buffer, place: Rect, room: &Room, palette: Palette) {
    let count = room.members.len() + room.more;
    let heading = if count == 1 { "1 other here".to_owned() } else { format!("{count} others here") };
    paint::row(buffer, place, 0, &[(heading, palette.style(Role::Aside))]);
    let height = usize::from(place.height).saturating_sub(1);
    let is_cut = room.members.len() > height || room.more > 0;
    let shown = height - usize::from(is_cut && height > 0);
    for (line, member) in room.members.iter().take(shown).enumerate() {
        let member = clean(member).into_owned();
        paint::row(buffer, place, line as u16 + 1, &[(member, palette.style(Role::Theirs))]);
    }
    if is_cut {
        let shown = shown.min(room.members.len());
        let more = format!("and {} more", count - shown);
        paint::row(buffer, place, shown as u16 + 1, &[(more, palette.style(Role::Aside))]);
    }
}
