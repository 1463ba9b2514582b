//! Text in cells. All that is painted goes through here, so that nothing is painted outside of its place.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::Rect;
use ratatui_core::style::Style;

use crate::fit::{cut, width};

/// Parts of a row, each with its style. They are harmless: whoever makes them has had them cleaned.
pub(crate) type Spans = Vec<(String, Style)>;

/// Paints a row at this line of a place; what does not fit is cut.
pub(crate) fn row(buffer: &mut Buffer, place: Rect, line: u16, spans: &[(String, Style)]) {
    if line >= place.height {
        return;
    }
    let mut left = usize::from(place.width);
    for (text, style) in spans {
        let shown = cut(text, left);
        let x = place.right() - left as u16;
        buffer.set_stringn(x, place.y + line, &shown, left, *style);
        left -= width(&shown).min(left);
    }
}

/// The same, at the right end.
pub(crate) fn row_at_right(buffer: &mut Buffer, place: Rect, line: u16, spans: &[(String, Style)]) {
    let taken: usize = spans.iter().map(|(text, _)| width(text)).sum();
    let indent = usize::from(place.width).saturating_sub(taken) as u16;
    row(buffer, Rect { x: place.x + indent, width: place.width - indent, ..place }, line, spans);
}

/// Gives all cells of a place a style.
pub(crate) fn fill(buffer: &mut Buffer, place: Rect, style: Style) {
    buffer.set_style(place, style);
}

/// Takes away all that is painted in a place.
pub(crate) fn wipe(buffer: &mut Buffer, place: Rect) {
    for y in place.top()..place.bottom() {
        for x in place.left()..place.right() {
            buffer[(x, y)].reset();
        }
    }
}
