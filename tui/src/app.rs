//! The screen and what is typed, put together: what each key does. No terminal and no simpd yet.

use crossterm::event::KeyEvent;
use ratatui_core::layout::Rect;

use crate::keys::completion::{Completion, Names};
use crate::keys::drafts::Drafts;
use crate::keys::editor::{Editor, To};
use crate::keys::folders::Folders;
use crate::keys::past::Past;
use crate::keys::paste::{Pasted, pasted};
use crate::keys::press::{Press, Screens, press};
use crate::keys::slash::{Command, Typed, is_said, read};
use crate::model::snapshot::Snapshot;
use crate::model::state::{Gaze, Model, Place};
use crate::model::wishes::Wish;
use crate::view::dialogs;
use crate::view::palette::Palette;
use crate::view::parts::{Parts, Shown};
use crate::view::rows::Setting;

/// What lies over the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Dialog {
    None,
    /// The keys and commands, from this line on.
    Help(usize),
    /// What to do with these lines.
    Paste(Vec<String>),
}

/// What is to happen after a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn,
    Leave,
    Suspend,
    Redraw,
}

/// How what is typed is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Echo {
    Text,
    /// It is a password.
    Dots,
}

/// The key before the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// The next key means what it does with Alt.
    Escape,
    Other,
}

/// The screen and what is typed.
pub(crate) struct App {
    pub(crate) model: Model,
    pub(crate) editor: Editor,
    pub(crate) dialog: Dialog,
    pub(crate) palette: Palette,
    /// How large the screen is.
    pub(crate) screen: Rect,
    drafts: Drafts,
    past: Past,
    completion: Option<Completion>,
    before: Before,
    folders: Folders,
}

impl App {
    pub(crate) fn new(model: Model, palette: Palette, screen: Rect, folders: Folders) -> Self {
        Self {
            model,
            editor: Editor::default(),
            dialog: Dialog::None,
            palette,
            screen,
            drafts: Drafts::default(),
            past: Past::default(),
            completion: None,
            before: Before::Other,
            folders,
        }
    }

    /// simpd has another log: all is forgotten but what is typed, and what the user looks at.
    pub(crate) fn begin_anew(&mut self, snapshot: Snapshot) {
        let before = std::mem::replace(&mut self.model, Model::new(snapshot));
        self.model.jobs.go_on_from(before.jobs);
        self.model.gaze = before.gaze;
        self.model.notice = Some("simpd is back with another log".to_owned());
        if let Place::Talk { address, .. } = before.place
            && self.model.list.get(&address).is_some()
        {
            self.model.go_to(&address);
        }
        self.drafts.move_to(self.model.talk());
    }

    /// The line in the editor is that of the conversation which is shown, whoever has brought it there.
    fn turn(&mut self) {
        if self.drafts.turn_to(self.model.talk(), &mut self.editor) {
            self.completion = None;
            self.past.begin_anew();
        }
    }

    /// Where what is on the screen now.
    pub(crate) fn parts(&self) -> Parts {
        let is_room = self.model.here().is_ok_and(|row| row.entered().is_some());
        let has_banner = self.model.list.newest_first().any(|row| row.is_request());
        Parts::of(self.screen, Shown { has_banner, is_room })
    }

    /// Before the screen is drawn.
    pub(crate) fn settle(&mut self) {
        self.turn();
        let height = self.parts().main.height;
        self.model.settle(usize::from(height));
    }

    /// Does what a key means.
    pub(crate) fn key(&mut self, key: KeyEvent) -> Next {
        self.turn();
        let is_escape = std::mem::replace(&mut self.before, Before::Other) == Before::Escape;
        let Some(press) = press(key, is_escape) else { return Next::GoOn };
        self.model.gaze = Gaze::Here;
        self.model.notice = None;
        if let Some(next) = self.in_dialog(press) {
            return next;
        }
        if press != Press::Complete {
            self.completion = None;
        }
        match press {
            Press::Enter => return self.enter(),
            Press::Suspend => return Next::Suspend,
            Press::Redraw => return Next::Redraw,
            Press::Clear | Press::RemoveOrLeave if self.editor.text().is_empty() => return Next::Leave,
            press => self.edit(press),
        }
        Next::GoOn
    }

    /// What a key does as long as something lies over the screen; `None` if it is not for that.
    fn in_dialog(&mut self, press: Press) -> Option<Next> {
        let (is_secure, screen) = (self.is_secure(), self.screen);
        match (&mut self.dialog, press) {
            (_, Press::Suspend | Press::Redraw) => return None,
            (Dialog::Help(from), Press::Newer) => *from = (*from + 1).min(dialogs::help_last(screen)),
            (Dialog::Help(from), Press::Scroll(Screens::Down)) => {
                *from = (*from + 10).min(dialogs::help_last(screen));
            }
            (Dialog::Help(from), Press::Older) => *from = from.saturating_sub(1),
            (Dialog::Help(from), Press::Scroll(Screens::Up)) => *from = from.saturating_sub(10),
            (Dialog::Help(_), _) => self.dialog = Dialog::None,
            (Dialog::Paste(_), Press::Enter) => self.send_pasted(false),
            (Dialog::Paste(_), Press::Insert('o' | 'O')) if is_secure => self.send_pasted(true),
            (Dialog::Paste(_), Press::Escape | Press::Clear) => self.dialog = Dialog::None,
            (Dialog::Paste(_), _) => (),
            (Dialog::None, press) if self.model.found.is_some() => match press {
                Press::Newer => self.model.choose(1),
                Press::Older => self.model.choose(-1),
                Press::Scroll(Screens::Down) => self.model.choose(10),
                Press::Scroll(Screens::Up) => self.model.choose(-10),
                Press::Enter => self.model.go_to_found(),
                _ => self.model.found = None,
            },
            (Dialog::None, _) => return None,
        }
        Some(Next::GoOn)
    }

    fn edit(&mut self, press: Press) {
        match press {
            Press::Insert(c) => self.editor.insert(c.encode_utf8(&mut [0; 4])),
            Press::NewLine => self.editor.insert("\n"),
            Press::Go(to) => self.editor.go(to),
            Press::Remove(to) => self.editor.remove(to),
            Press::RemoveOrLeave => self.editor.remove(To::Right),
            Press::Yank => self.editor.yank(),
            Press::Transpose => self.editor.transpose(),
            Press::Clear => drop(self.editor.take()),
            Press::Complete => self.complete(),
            Press::Older => {
                if let Some(line) = self.past.older(self.editor.text()) {
                    self.editor.set(line);
                }
            }
            Press::Newer => {
                if let Some(line) = self.past.newer() {
                    self.editor.set(line);
                }
            }
            Press::Search => self.editor.set("/search "),
            Press::Help => self.dialog = Dialog::Help(0),
            press => self.wish(press),
        }
    }

    fn wish(&mut self, press: Press) {
        let model = &mut self.model;
        let wish = match press {
            Press::Scroll(screens) => {
                self.scroll(screens);
                Ok(())
            }
            Press::Step(by) => {
                model.step(by);
                Ok(())
            }
            Press::Open(place) => {
                model.open_place(place);
                Ok(())
            }
            Press::NextNews => model.next_news(),
            Press::Home => {
                model.place = Place::Home;
                Ok(())
            }
            Press::Accept => model.accept(None),
            Press::Decline => model.decline(None),
            Press::Resend => model.resend(),
            Press::Connect => {
                let address = model.here().map(|row| row.peer.address.clone());
                address.and_then(|address| model.connect(&address))
            }
            Press::Escape => {
                self.before = Before::Escape;
                Ok(())
            }
            // Those that edit the line, or are for the whole screen, are done with before.
            _ => Ok(()),
        };
        self.say_why(wish);
    }

    fn say_why(&mut self, wish: Wish) {
        if let Err(why) = wish {
            self.model.notice = Some(why);
        }
    }

    /// How what is typed is shown.
    pub(crate) fn echo(&self) -> Echo {
        let is_password = self.model.asks_for_password() && is_said(self.editor.text());
        if is_password { Echo::Dots } else { Echo::Text }
    }

    fn enter(&mut self) -> Next {
        let echo = self.echo();
        let line = self.editor.text().to_owned();
        let wish = match read(&line) {
            Typed::Nothing => Ok(()),
            Typed::Text(text) => self.model.say(&text),
            Typed::Wrong(why) => Err(why),
            Typed::Command(Command::Exit) => return Next::Leave,
            Typed::Command(command) => self.command(command),
        };
        // What cannot be done stays, to be mended.
        if wish.is_ok() {
            self.editor.take();
            match echo {
                Echo::Text if !line.trim().is_empty() => self.past.add(&line),
                Echo::Text | Echo::Dots => self.past.begin_anew(),
            }
        }
        self.say_why(wish);
        Next::GoOn
    }

    fn command(&mut self, command: Command) -> Wish {
        let model = &mut self.model;
        match command {
            Command::Connect(whom) => model.connect(&whom),
            Command::Accept(whom) => model.accept(whom.as_deref()),
            Command::Decline(whom) => model.decline(whom.as_deref()),
            Command::Quit => model.quit(),
            Command::Open(whom) => model.open(&whom),
            Command::Who => model.who(),
            Command::Search(text) => model.search(&text),
            Command::Resend => model.resend(),
            Command::Cancel => model.cancel(),
            Command::Save(folder) => model.save(self.folders.meant(folder.as_deref())),
            Command::Home => {
                model.place = Place::Home;
                Ok(())
            }
            Command::Help => {
                self.dialog = Dialog::Help(0);
                Ok(())
            }
            // It is for the whole screen.
            Command::Exit => Ok(()),
        }
    }

    fn complete(&mut self) {
        match &mut self.completion {
            Some(completion) => completion.again(&mut self.editor),
            None => {
                let names = self.names();
                self.completion = Completion::begin(&mut self.editor, &names);
            }
        }
    }

    fn names(&self) -> Names {
        let rows = || self.model.list.newest_first();
        let users = rows().filter(|row| !row.peer.user.is_empty()).map(|row| row.peer.user.clone());
        let addresses = rows().map(|row| row.peer.address.clone());
        let peers = users.chain(addresses).collect();
        let here = match self.model.here() {
            Ok(row) => match row.entered() {
                Some(room) => room.members.iter().cloned().collect(),
                None => vec![row.name().to_owned()],
            },
            Err(_) => Vec::new(),
        };
        Names { peers, here }
    }

    /// Takes what was pasted.
    pub(crate) fn paste(&mut self, text: &str) {
        self.turn();
        self.model.gaze = Gaze::Here;
        self.completion = None;
        match pasted(text) {
            Pasted::Line(line) => self.editor.insert(&line),
            Pasted::Lines(lines) => match self.model.way() {
                Ok(_) => self.dialog = Dialog::Paste(lines),
                Err(why) => self.model.notice = Some(why),
            },
        }
    }

    /// Whether a text may have several lines here.
    pub(crate) fn is_secure(&self) -> bool {
        let chat = self.model.here().ok().and_then(|row| row.chat.as_ref());
        chat.is_some_and(|chat| chat.secure.is_some())
    }

    fn send_pasted(&mut self, as_one: bool) {
        let Dialog::Paste(mut lines) = std::mem::replace(&mut self.dialog, Dialog::None) else { return };
        // What was begun belongs before it.
        let begun = self.editor.take();
        if let Some(first) = lines.first_mut() {
            first.insert_str(0, &begun);
        }
        let wish = match as_one {
            true => self.model.say(&lines.join("\n")),
            false => {
                lines.iter().filter(|line| !line.trim().is_empty()).try_for_each(|line| self.model.say(line))
            }
        };
        self.say_why(wish);
    }

    fn scroll(&mut self, screens: Screens) {
        let main = self.parts().main;
        let Model { list, held, place, contact, .. } = &mut self.model;
        let Place::Talk { address, seen } = place else { return };
        let (Some(row), Some(window)) = (list.get(address), held.get_mut(address)) else { return };
        let setting =
            Setting { row, contact: *contact, seen: *seen, width: main.width.into(), palette: self.palette };
        let height = usize::from(main.height);
        let screen = height.saturating_sub(1).max(1) as isize;
        let by = match screens {
            Screens::Up => -screen,
            Screens::Down => screen,
            Screens::End => return window.scroll_to_end(),
        };
        window.scroll(by, height, |before, line| setting.rows(before, line).len());
    }
}
