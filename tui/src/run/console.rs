//! The terminal: made ours, and given back as it was however this ends.

use std::io::{self, Stdout, Write as _, stdout};
use std::panic;

use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::style::Print;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{cursor, execute};
use ratatui_core::layout::{Position, Rect};
use ratatui_core::terminal::Terminal;
use ratatui_crossterm::CrosstermBackend;

use crate::app::App;
use crate::view::frame;

/// Keeps the title of the terminal, and gives it back.
const KEEP_TITLE: &str = "\x1b[22;0t";
const TITLE_BACK: &str = "\x1b[23;0t";

/// The terminal, which is ours as long as this lives.
pub(crate) struct Console {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// The title that it has: how much is new.
    title: Option<usize>,
}

impl Console {
    /// Makes it ours.
    pub(crate) fn enter() -> io::Result<Self> {
        let before = panic::take_hook();
        // What a panic says is to be read.
        panic::set_hook(Box::new(move |panic| {
            give_back();
            before(panic);
        }));
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))?;
        let mut console = Self { terminal, title: None };
        console.take()?;
        Ok(console)
    }

    /// Makes it ours again.
    pub(crate) fn take(&mut self) -> io::Result<()> {
        enable_raw_mode()?;
        execute!(
            stdout(),
            Print(KEEP_TITLE),
            EnterAlternateScreen,
            EnableBracketedPaste,
            EnableFocusChange,
            cursor::Hide
        )?;
        self.title = None;
        self.clear()
    }

    /// Gives it back for a while.
    pub(crate) fn lend(&mut self) {
        give_back();
    }

    /// Draws all of it anew, with the next frame.
    pub(crate) fn clear(&mut self) -> io::Result<()> {
        // `clear` would ask the terminal where its cursor is, and wait for the answer.
        let screen = self.screen()?;
        self.terminal.resize(screen)
    }

    fn screen(&self) -> io::Result<Rect> {
        Ok((Position::ORIGIN, self.terminal.size()?).into())
    }

    /// Draws what has changed, rings if something has come, and says in the title how much is new.
    pub(crate) fn draw(&mut self, app: &mut App) -> io::Result<()> {
        app.screen = self.screen()?;
        app.settle();
        self.terminal.draw(|frame| {
            // It may have become another meanwhile.
            app.screen = frame.area();
            if let Some(cursor) = frame::draw(app, frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        })?;
        let mut out = stdout();
        if app.model.take_alerts() > 0 {
            out.write_all(b"\x07")?;
        }
        let unread = app.model.unread();
        if self.title.replace(unread) != Some(unread) {
            let count = if unread > 0 { format!("({unread}) ") } else { String::new() };
            out.write_all(format!("\x1b]2;{count}simp\x07").as_bytes())?;
        }
        out.flush()
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        give_back();
    }
}

/// Gives the terminal back as it was. If it is gone there is nothing to give back.
fn give_back() {
    let _ = execute!(
        stdout(),
        DisableFocusChange,
        DisableBracketedPaste,
        LeaveAlternateScreen,
        Print(TITLE_BACK),
        cursor::Show
    );
    let _ = disable_raw_mode();
}
