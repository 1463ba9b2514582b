//! What the user wants, and what of it simpd is asked. A wish that cannot be is refused with the reason and the remedy.

use std::path::PathBuf;

use simp_control::clock::now_ms;
use simp_control::{State, typed};

use crate::model::job::{Job, Way};
use crate::model::line::{Fate, Happening, Line, OfferFate, Said};
use crate::model::row::Row;
use crate::model::state::{Contact, Found, Gaze, Model, Place, Search};
use crate::model::window::{Newer, Older, Window};

/// So many lines above and below the screen are asked for before the user comes to them.
const AHEAD: i64 = 60;

/// What a wish comes to: nothing more to say, or why it cannot be.
pub(crate) type Wish = Result<(), String>;

impl Model {
    /// Says this in the conversation that the user looks at: in the chat if it is open, otherwise by the outbox.
    pub(crate) fn say(&mut self, text: &str) -> Wish {
        let (address, way) = self.way()?;
        typed::for_simpd(text)?;
        let is_password = self.asks_for_password();
        let job = self.jobs.ask(Job::Send { address: address.clone(), way, text: text.to_owned() });
        if is_password {
            self.jobs.hide(job);
        }
        let window = self.held.open(&address);
        window.scroll_to_end();
        let said = Said::Ours { text: text.to_owned(), size: None, fate: Fate::Asked(job) };
        window.add(Line { id: None, at_ms: now_ms(), said });
        self.place = Place::Talk { address, seen: None };
        Ok(())
    }

    /// To whom what is said goes now, and how.
    pub(crate) fn way(&self) -> Result<(String, Way), String> {
        let row = self.here()?;
        let way = match &row.chat {
            Some(chat) if chat.state == State::Open => Way::Chat(chat.id),
            Some(chat) if chat.state == State::Invited => {
                return Err(format!("{} waits for your answer: Alt-Y accepts, Alt-N declines", row.name()));
            }
            // A room takes the first lines of a chat for a name and a password.
            _ if row.room.is_some() => {
                let name = row.name();
                return Err(format!("{name} is a room, to be joined first: Alt-C, or /connect {name}"));
            }
            _ => Way::Outbox,
        };
        Ok((row.peer.address.clone(), way))
    }

    /// Whether the peer has asked for a password, which is what is said next.
    pub(crate) fn asks_for_password(&self) -> bool {
        let open = self.here().ok().filter(|row| row.open().is_some());
        open.and_then(|row| self.held.get(&row.peer.address)).is_some_and(Window::asks_for_password)
    }

    /// Invites somebody, or shows the chat that there is.
    pub(crate) fn connect(&mut self, typed: &str) -> Wish {
        let meant = self.list.meant_for_certain(typed);
        match meant.map(|row| (row.peer.address.clone(), row.state())) {
            Some((address, Some(State::Open))) => self.go_to(&address),
            Some((address, Some(State::Invited))) => {
                self.go_to(&address);
                self.jobs.ask(Job::Accept { address });
            }
            Some((address, _)) => {
                self.go_to(&address);
                self.jobs.ask(Job::Connect { typed: address });
            }
            None => {
                self.notice = Some(format!("inviting {typed}"));
                self.jobs.ask(Job::Connect { typed: typed.to_owned() });
            }
        }
        Ok(())
    }

    /// Shows the conversation that is meant.
    pub(crate) fn open(&mut self, typed: &str) -> Wish {
        let row = self.list.meant(typed);
        let row = row.ok_or_else(|| format!("{typed}: nobody is called so (to invite: /connect {typed})"))?;
        let address = row.peer.address.clone();
        self.go_to(&address);
        Ok(())
    }

    /// Accepts a request: that of whom is named, or the one that the user looks at, or the newest.
    pub(crate) fn accept(&mut self, typed: Option<&str>) -> Wish {
        let address = self.request(typed)?;
        self.go_to(&address);
        self.jobs.ask(Job::Accept { address });
        Ok(())
    }

    /// Declines it.
    pub(crate) fn decline(&mut self, typed: Option<&str>) -> Wish {
        let address = self.request(typed)?;
        self.jobs.ask(Job::Decline { address });
        Ok(())
    }

    fn request(&self, typed: Option<&str>) -> Result<String, String> {
        if let Some(typed) = typed {
            let row = self.list.meant(typed).filter(|row| row.is_request());
            return row
                .map(|row| row.peer.address.clone())
                .ok_or_else(|| format!("{typed} does not invite you"));
        }
        let here = self.here().ok().filter(|row| row.is_request());
        let row = here.or_else(|| self.list.newest_first().find(|row| row.is_request()));
        row.map(|row| row.peer.address.clone()).ok_or_else(|| "nobody invites you".to_owned())
    }

    /// Ends the chat, or takes the invitation back.
    pub(crate) fn quit(&mut self) -> Wish {
        let row = self.here()?;
        let none = || format!("there is no chat with {} (to leave the screen: /exit)", row.name());
        let (address, chat) = (row.peer.address.clone(), row.chat.as_ref().ok_or_else(none)?.id);
        self.jobs.ask(Job::Quit { address, chat });
        Ok(())
    }

    /// Sends a message again that was not delivered or not confirmed: this one, or the newest in the conversation.
    pub(crate) fn resend(&mut self) -> Wish {
        let lines = self.lines()?;
        let failed = |line: &&Line| matches!(&line.said, Said::Ours { fate, .. } if fate.can_be_sent_again());
        let message = lines.lines().map(|(_, line)| line).rev().find(failed).and_then(|line| line.id);
        let message =
            message.ok_or("there is nothing to send again: everything is delivered or on its way")?;
        self.jobs.ask(Job::Resend { message });
        Ok(())
    }

    /// Takes the newest message that waits in the outbox for this peer out of it.
    pub(crate) fn cancel(&mut self) -> Wish {
        let row = self.here()?;
        let none = || format!("nothing waits in the outbox for {}", row.name());
        let message = *row.waiting.last().ok_or_else(none)?;
        self.jobs.ask(Job::Cancel { message });
        Ok(())
    }

    /// Saves the newest file that the peer offers in this folder, an absolute path.
    pub(crate) fn save(&mut self, folder: PathBuf) -> Wish {
        let lines = self.lines()?;
        let offered = |line: &&Line| matches!(line.said, Said::Offer { fate: OfferFate::Offered, .. });
        let message = lines.lines().map(|(_, line)| line).rev().find(offered).and_then(|line| line.id);
        let message = message.ok_or("no file is offered here")?;
        self.jobs.ask(Job::Take { message, folder });
        Ok(())
    }

    /// Who the peer is. A room is asked who is there.
    pub(crate) fn who(&mut self) -> Wish {
        let row = self.here()?;
        if row.entered().is_some() {
            return self.say("WHO");
        }
        let secrecy = row.chat.as_ref().map(|chat| match chat.secure {
            Some(secure) => {
                format!("secure, {} key {}", if secure.known { "known" } else { "new" }, secure.key)
            }
            None => "plain".to_owned(),
        });
        let note = row.chat.as_ref().and_then(|chat| chat.note.clone());
        let state = row.state().map_or_else(|| "no chat".to_owned(), |state| state.to_string());
        let all = [Some(state), secrecy, note].into_iter().flatten().collect::<Vec<_>>().join("; ");
        let said = Said::Happening(Happening::Told(format!("{}: {all}", row.peer.shown())));
        let address = row.peer.address.clone();
        self.held.open(&address).add(Line { id: None, at_ms: now_ms(), said });
        Ok(())
    }

    /// Looks for a text in the conversation, or in the whole log if there is none.
    pub(crate) fn search(&mut self, text: &str) -> Wish {
        if !self.ours.can.search {
            return Err("this simpd cannot search (install both from the same release)".to_owned());
        }
        let address = self.talk().map(str::to_owned);
        self.found = Some(Found {
            text: text.to_owned(),
            address: address.clone(),
            hits: Vec::new(),
            chosen: 0,
            search: Search::Asked,
        });
        self.jobs.ask(Job::Search { text: text.to_owned(), address, before: None });
        Ok(())
    }

    /// Chooses another of the entries that were found, and asks for more of them at the end.
    pub(crate) fn choose(&mut self, by: isize) {
        let Some(found) = &mut self.found else { return };
        found.chosen = found.chosen.saturating_add_signed(by).min(found.hits.len().saturating_sub(1));
        if found.chosen + 1 >= found.hits.len() {
            self.search_on();
        }
    }

    /// Shows the conversation at the entry that was chosen.
    pub(crate) fn go_to_found(&mut self) {
        let Some(found) = self.found.take() else { return };
        let Some(hit) = found.hits.get(found.chosen) else { return };
        self.go_to(&hit.peer.address);
        self.held.open_at(&hit.peer.address, Window::around(hit.id));
    }

    /// Shows the next conversation in the list, or the one before.
    pub(crate) fn step(&mut self, by: isize) {
        let length = self.list.len();
        let now = self.talk().and_then(|address| self.list.place(address));
        let next = match (now, by) {
            (_, _) if length == 0 => return,
            (None, 0..) => 0,
            (None, _) => length - 1,
            (Some(now), by) => (now as isize + by).rem_euclid(length as isize) as usize,
        };
        self.open_place(next);
    }

    /// Shows the conversation at this place of the list.
    pub(crate) fn open_place(&mut self, place: usize) {
        if let Some(address) = self.list.at(place).map(|row| row.peer.address.clone()) {
            self.go_to(&address);
        }
    }

    /// Shows the newest conversation with something new in it; if that is the one that is shown, its end.
    pub(crate) fn next_news(&mut self) -> Wish {
        let here = self.talk().map(str::to_owned);
        let is_news =
            |row: &&Row| (row.unread > 0 || row.is_request()) && Some(&row.peer.address) != here.as_ref();
        let address = match self.list.newest_first().find(is_news) {
            Some(row) => row.peer.address.clone(),
            None => {
                self.here().ok().filter(|row| row.unread > 0).ok_or("nothing is new")?.peer.address.clone()
            }
        };
        self.go_to(&address);
        if here.as_deref() == Some(&address) {
            self.held.open(&address).scroll_to_end();
        }
        Ok(())
    }

    /// Before the screen is drawn: asks for the lines that it needs, and tells simpd what the user has read.
    pub(crate) fn settle(&mut self, height: usize) {
        let Place::Talk { address, .. } = &self.place else { return };
        let Some(window) = self.held.get_mut(address) else { return };
        let ahead = AHEAD + height as i64;
        let (above, below) = window.ahead();
        if let Older::Before(before) = window.older
            && above < ahead
            && self.contact == Contact::Here
        {
            window.older = Older::Asked;
            self.jobs.ask(Job::Older { address: address.clone(), before });
        }
        if let Newer::After(above) = window.newer
            && below < AHEAD
        {
            window.newer = Newer::Asked(above);
            let last = self.ours.last_id;
            self.jobs.ask(Job::Newer { address: address.clone(), above, last });
        }
        if window.is_at_end() && self.gaze != Gaze::Elsewhere {
            let newest = window.newest_news().unwrap_or(0);
            let news = self.list.get_mut(address).and_then(|row| row.mark_read(newest));
            if let Some(id) = news.filter(|_| self.ours.can.read) {
                self.jobs.ask(Job::Read { address: address.clone(), id });
            }
        }
    }

    /// The conversation that the user looks at.
    pub(crate) fn here(&self) -> Result<&Row, String> {
        let row = self.talk().and_then(|address| self.list.get(address));
        row.ok_or_else(|| "open a conversation first (Ctrl-N), or invite somebody: /connect ADDR".to_owned())
    }

    /// Its lines.
    fn lines(&self) -> Result<&Window, String> {
        let address = self.here()?.peer.address.clone();
        self.held.get(&address).ok_or_else(|| "the conversation is not here yet".to_owned())
    }
}
