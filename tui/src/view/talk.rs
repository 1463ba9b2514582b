//! The lines of the conversation that the user looks at, from the bottom up.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;

use crate::model::window::{Bottom, Older, Window};
use crate::view::paint::{self, Spans};
use crate::view::palette::Role;
use crate::view::rows::Setting;

/// Draws them.
pub(crate) fn draw(buffer: &mut Buffer, place: Rect, window: &Window, setting: &Setting<'_>) {
    let height = usize::from(place.height);
    let rows = visible(window, setting, height);
    let top = height - rows.len();
    for (at, spans) in rows.iter().enumerate() {
        paint::row(buffer, place, (top + at) as u16, spans);
    }
}

/// The rows on the screen, from the top.
fn visible(window: &Window, setting: &Setting<'_>, height: usize) -> Vec<Spans> {
    let aside = |text: &str| vec![(text.to_owned(), setting.palette.style(Role::Aside))];
    let Some((first, last)) = window.ends() else {
        return match window.older {
            Older::Beginning => vec![aside("nothing was said yet")],
            Older::Before(_) | Older::Asked => vec![aside("...")],
        }
        .split_off(usize::from(height == 0));
    };
    let (bottom, hidden) = match window.bottom {
        Bottom::End => (last, 0),
        Bottom::At { number, hidden } => (number.clamp(first, last), hidden),
    };
    let mut rows: Vec<Spans> = Vec::new();
    let mut skip = hidden;
    for number in (first..=bottom).rev() {
        let Some(line) = window.shown(number) else { break };
        let of_line = setting.rows(window.line(number - 1), &line);
        rows.extend(of_line.into_iter().rev().skip(std::mem::take(&mut skip)));
        if rows.len() >= height {
            break;
        }
    }
    rows.truncate(height);
    rows.reverse();
    rows
}
