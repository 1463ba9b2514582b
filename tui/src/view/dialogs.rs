//! What lies over the screen until a key takes it away: help, what is asked about a paste, what was found.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use simp_control::clock::local;
use simp_control::{Event, Kind};

use crate::fit::{clean, cut, lines, width};
use crate::keys::slash::{Argument, COMMANDS};
use crate::model::state::{Found, Search};
use crate::view::paint::{self, Spans};
use crate::view::palette::{Palette, Role};
use crate::view::rows::name;

/// Keys, and what they do.
const KEYS: [(&str, &str); 16] = [
    ("Enter", "say what is typed, or carry out a /command; // sends a slash"),
    ("Alt-Enter, Ctrl-J", "begin a new line of the same text"),
    ("Ctrl-N, Ctrl-P", "next and previous conversation; Alt-1 to Alt-9 by place"),
    ("Alt-A", "the newest conversation with something new"),
    ("Alt-H", "no conversation: who is there, and what is new"),
    ("Alt-Y, Alt-N", "accept or decline an invitation"),
    ("Alt-R", "send the newest message again that was not delivered"),
    ("Alt-C", "invite the peer of this conversation"),
    ("PgUp, PgDn", "older and newer lines; Ctrl-End to the newest"),
    ("Ctrl-R", "search"),
    ("Up, Down", "lines that were typed before"),
    ("Tab", "complete a command or a name"),
    ("Ctrl-A E W U K Y", "edit as in a shell"),
    ("Ctrl-L, Ctrl-Z", "draw anew; suspend"),
    ("Esc, key", "the same as Alt and the key"),
    ("Ctrl-C, Ctrl-D", "on an empty line: leave; chats stay open"),
];

/// Marks in the list, and what they mean.
const MARKS: [(&str, &str); 6] = [
    ("In the list *", "the chat is open"),
    ("            ?", "a request that waits for your answer"),
    ("            >", "invited by you"),
    ("            -", "the chat is being ended"),
    ("           ^2", "so many messages wait in the outbox"),
    ("            3", "so many are unread"),
];

/// Columns of what does something, before what it does.
const LEFT: usize = 18;

/// Draws the help from this row on.
pub(crate) fn help(buffer: &mut Buffer, screen: Rect, from: usize, palette: Palette) {
    let rows = help_rows(within(screen), palette);
    let last = help_last(screen);
    let title = if last > 0 { "Help (PgDn, PgUp: more)" } else { "Help" };
    boxed(buffer, screen, title, &rows[from.min(last)..], palette);
}

/// The row from which on the help is shown to its end.
pub(crate) fn help_last(screen: Rect) -> usize {
    let height = usize::from(screen.height.saturating_sub(2));
    help_rows(within(screen), Palette::None).len().saturating_sub(height)
}

/// The help in so many columns.
fn help_rows(columns: usize, palette: Palette) -> Vec<Spans> {
    let mut rows = Vec::new();
    for (key, does) in KEYS {
        entry(key, does, columns, palette, &mut rows);
    }
    rows.push(Vec::new());
    for (name, argument, does) in COMMANDS {
        let argument = match argument {
            Argument::None => "",
            Argument::Who => " [WHO]",
            Argument::Somebody => " WHO|ADDR",
            Argument::Text => " TEXT",
            Argument::Folder => " [DIR]",
        };
        entry(&format!("/{name}{argument}"), does, columns, palette, &mut rows);
    }
    rows.push(Vec::new());
    for (mark, means) in MARKS {
        entry(mark, means, columns, palette, &mut rows);
    }
    rows
}

/// What does something, and beside it what that is, or below it where there is little room.
fn entry(left: &str, right: &str, columns: usize, palette: Palette, rows: &mut Vec<Spans>) {
    let (key, text) = (palette.style(Role::Key), palette.style(Role::Text));
    let is_beside = columns >= 2 * LEFT;
    let indent = if is_beside { LEFT } else { 2 };
    if !is_beside {
        rows.extend(lines(left, columns, 0).into_iter().map(|part| vec![(part, key)]));
    }
    for (at, part) in lines(right, columns.saturating_sub(indent), 0).into_iter().enumerate() {
        let before = if is_beside && at == 0 { left } else { "" };
        rows.push(vec![(format!("{before:indent$}"), key), (part, text)]);
    }
}

/// Asks what to do with the lines that were pasted.
pub(crate) fn paste(buffer: &mut Buffer, screen: Rect, lines: &[String], is_secure: bool, palette: Palette) {
    let text = |text: &str| vec![(clean(text).into_owned(), palette.style(Role::Text))];
    let mut rows: Vec<Spans> = lines.iter().take(5).map(|line| text(line)).collect();
    if lines.len() > 5 {
        rows.push(text(&format!("... and {} more lines", lines.len() - 5)));
    }
    rows.push(Vec::new());
    let messages = lines.iter().filter(|line| !line.is_empty()).count();
    rows.push(vec![(format!("Enter  send it as {messages} messages"), palette.style(Role::Key))]);
    if is_secure {
        rows.push(vec![("O      send it as one message".to_owned(), palette.style(Role::Key))]);
    }
    rows.push(vec![("Esc    do not send it".to_owned(), palette.style(Role::Key))]);
    boxed(buffer, screen, &format!("{} lines were pasted", lines.len()), &rows, palette);
}

/// Shows what was found.
pub(crate) fn found(buffer: &mut Buffer, screen: Rect, found: &Found, palette: Palette) {
    let hit = |at: usize, hit: &Event| {
        let role = if at == found.chosen { Role::Chosen } else { Role::Text };
        let text = hit.what.text().map(clean).unwrap_or_default();
        let when = local(hit.at_ms);
        let when = when.get(..16).unwrap_or(&when);
        let who = if hit.what.kind() == Kind::Queued { "you".to_owned() } else { name(&hit.peer) };
        vec![(format!("{when} {who}: {text}"), palette.style(role))]
    };
    let height = usize::from(screen.height.saturating_sub(4)).max(1);
    let from = (found.chosen + 1).saturating_sub(height);
    let mut rows: Vec<Spans> =
        found.hits.iter().enumerate().skip(from).take(height).map(|(at, event)| hit(at, event)).collect();
    let state = match (found.search, found.hits.is_empty()) {
        (Search::Asked, _) => "searching",
        (Search::Over, true) => "nothing is found",
        (Search::Over, false) => "that is all; Enter shows it there",
        (Search::Before(_), _) => "Enter shows it there; Down looks further back",
    };
    rows.push(vec![(state.to_owned(), palette.style(Role::Aside))]);
    let title = format!("\"{}\"", clean(&found.text));
    boxed(buffer, screen, &title, &rows, palette);
}

/// Columns within a box that is as wide as the screen.
fn within(screen: Rect) -> usize {
    usize::from(screen.width.saturating_sub(4))
}

/// Rows in a box in the middle of the screen.
fn boxed(buffer: &mut Buffer, screen: Rect, title: &str, rows: &[Spans], palette: Palette) {
    let length = |row: &Spans| row.iter().map(|(text, _)| width(text)).sum::<usize>();
    let widest = rows.iter().map(length).max().unwrap_or(0).max(width(title) + 2);
    let columns = (widest + 4).min(usize::from(screen.width)) as u16;
    let height = (rows.len() + 2).min(usize::from(screen.height)) as u16;
    if columns < 4 || height < 3 {
        return;
    }
    let place = Rect {
        x: screen.x + (screen.width - columns) / 2,
        y: screen.y + (screen.height - height) / 2,
        width: columns,
        height,
    };
    let frame = palette.style(Role::Aside);
    let across = usize::from(columns - 2);
    let title = cut(title, across.saturating_sub(2));
    let rest = "\u{2500}".repeat(across.saturating_sub(width(&title) + 2));
    for line in 0..height {
        let text = match line {
            0 => format!("\u{250c} {title} {rest}\u{2510}"),
            line if line == height - 1 => format!("\u{2514}{}\u{2518}", "\u{2500}".repeat(across)),
            _ => format!("\u{2502}{}\u{2502}", " ".repeat(across)),
        };
        paint::wipe(buffer, Rect { y: place.y + line, height: 1, ..place });
        paint::row(buffer, place, line, &[(text, frame)]);
    }
    let inner = Rect { x: place.x + 2, y: place.y + 1, width: columns - 4, height: height - 2 };
    for (line, row) in rows.iter().take(usize::from(inner.height)).enumerate() {
        paint::row(buffer, inner, line as u16, row);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_is_shown_to_the_last_word() {
        for columns in [16, 36, 76, 200] {
            let rows = help_rows(columns, Palette::None);
            let row = |row: &Spans| row.iter().map(|(text, _)| text.as_str()).collect::<String>();
            assert!(rows.iter().all(|spans| width(&row(spans)) <= columns), "{columns}");
            let all: String = rows.iter().map(row).collect();
            let shown: String = all.split_whitespace().collect();
            for does in KEYS.iter().map(|(_, does)| does).chain(COMMANDS.iter().map(|(.., does)| does)) {
                let does: String = does.split_whitespace().collect();
                assert!(shown.contains(&does), "{columns}: {does}");
            }
        }
    }
}
