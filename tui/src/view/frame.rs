//! The whole frame.

use ratatui_core::buffer::Buffer;
use ratatui_core::layout::{Position, Rect};

use crate::app::{App, Dialog};
use crate::model::state::Place;
use crate::view::palette::Role;
use crate::view::rows::Setting;
use crate::view::{bars, dialogs, home, paint, sidebar, talk};

/// Draws it. Where the cursor is; `None` if there is no place for it.
pub(crate) fn draw(app: &App, buffer: &mut Buffer) -> Option<Position> {
    let (model, palette, parts) = (&app.model, app.palette, app.parts());
    bars::header(buffer, parts.header, model, palette);
    sidebar::conversations(buffer, parts.list, model, model.talk(), palette);
    beside(buffer, parts.list.right(), parts.list, app);
    main(app, buffer, parts.main);
    if let Some(room) = model.here().ok().and_then(|row| row.entered())
        && parts.members.width > 0
    {
        beside(buffer, parts.members.x.saturating_sub(1), parts.members, app);
        sidebar::members(buffer, parts.members, room, palette);
    }
    if let Some(row) = bars::request(model) {
        bars::banner(buffer, parts.banner, row, palette);
    }
    bars::status(buffer, parts.status, model, palette);
    let cursor = bars::input(buffer, parts.input, &app.editor, app.echo(), palette);
    let screen = app.screen;
    match &app.dialog {
        Dialog::Help(from) => dialogs::help(buffer, screen, *from, palette),
        Dialog::Paste(lines) => dialogs::paste(buffer, screen, lines, app.is_secure(), palette),
        Dialog::None => {
            if let Some(found) = &model.found {
                dialogs::found(buffer, screen, found, palette);
            }
        }
    }
    (parts.input.width > 0 && parts.input.height > 0).then_some(cursor)
}

/// A line from the top to the bottom of a part, in this column.
fn beside(buffer: &mut Buffer, x: u16, part: Rect, app: &App) {
    if part.width > 0 {
        for y in 0..part.height {
            let line = [("\u{2502}".to_owned(), app.palette.style(Role::Aside))];
            paint::row(buffer, Rect { x, width: 1, ..part }, y, &line);
        }
    }
}

fn main(app: &App, buffer: &mut Buffer, place: Rect) {
    let (model, palette) = (&app.model, app.palette);
    let Place::Talk { address, seen } = &model.place else {
        // A narrow screen has no list beside it.
        let is_narrow = place.width == app.screen.width && model.list.len() > 0;
        let rows = if is_narrow { (model.list.len() as u16 + 1).min(place.height / 2) } else { 0 };
        let top = Rect { height: rows, ..place };
        sidebar::conversations(buffer, top, model, None, palette);
        let rest = Rect { y: place.y + rows, height: place.height - rows, ..place };
        return home::draw(buffer, rest, model, palette);
    };
    let (Some(row), Some(window)) = (model.list.get(address), model.held.get(address)) else { return };
    let setting = Setting { row, contact: model.contact, seen: *seen, width: place.width.into(), palette };
    talk::draw(buffer, place, window, &setting);
}
