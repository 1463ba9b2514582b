//! The lines of one conversation that are held, as a piece of the log that grows at both ends and loses at the far one.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use simp_control::Event;

use crate::model::line::{Fate, Folded, Happening, Line, Outcome, Said, fold};
use crate::model::members::asks_for_password;

/// So many lines are held at most,
const LINES_MAX: usize = 4_000;

/// with so many bytes.
const BYTES_MAX: usize = 4 << 20;

/// So many outcomes wait at most for the lines that they belong to, which are further back.
const ORPHANS_MAX: usize = 4_000;

/// So many lines back it is looked for what a line answers.
const ANSWERS_MAX: usize = 100;

/// What is shown of a password, whatever its length.
pub(crate) const DOTS: &str = "\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}\u{2022}";

/// What there is before the first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Older {
    /// Perhaps something, before this entry; `None`: before the end of the log.
    Before(Option<u64>),
    /// That was asked for.
    Asked,
    /// Nothing: the conversation begins here.
    Beginning,
}

/// What there is after the last line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Newer {
    /// Nothing: what happens is added.
    Live,
    /// What has been let go, after this entry.
    After(u64),
    /// That was asked for.
    Asked(u64),
}

/// Which line is the last on the screen. A line keeps its number as long as it is held, whatever comes before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bottom {
    /// The last one there is, and it stays so.
    End,
    /// This one, without so many of its rows.
    At { number: i64, hidden: usize },
}

/// The lines of a conversation that are held.
#[derive(Debug)]
pub(crate) struct Window {
    lines: VecDeque<Line>,
    /// The number of the first line.
    first: i64,
    bytes: usize,
    /// No entry above this one has been taken in.
    newest: u64,
    pub(crate) older: Older,
    pub(crate) newer: Newer,
    pub(crate) bottom: Bottom,
    /// What became of messages whose lines are further back.
    orphans: BTreeMap<u64, Outcome>,
}

impl Window {
    /// Nothing yet: the newest entries are to be asked for.
    pub(crate) fn new() -> Self {
        Self {
            lines: VecDeque::new(),
            first: 0,
            bytes: 0,
            newest: 0,
            older: Older::Before(None),
            newer: Newer::Live,
            bottom: Bottom::End,
            orphans: BTreeMap::new(),
        }
    }

    /// The piece around this entry, which a few lines follow on the screen.
    pub(crate) fn around(id: u64) -> Self {
        // The page that ends with it comes before number 0.
        let bottom = Bottom::At { number: 4, hidden: 0 };
        let older = Older::Before(Some(id.saturating_add(1)));
        Self { older, newer: Newer::After(id), bottom, ..Self::new() }
    }

    /// All lines with their numbers, oldest first.
    pub(crate) fn lines(&self) -> impl DoubleEndedIterator<Item = (i64, &Line)> {
        self.lines.iter().enumerate().map(|(at, line)| (self.first + at as i64, line))
    }

    /// The line with this number.
    pub(crate) fn line(&self, number: i64) -> Option<&Line> {
        usize::try_from(number - self.first).ok().and_then(|at| self.lines.get(at))
    }

    /// The same as it is shown: a password of ours is only dots.
    pub(crate) fn shown(&self, number: i64) -> Option<Cow<'_, Line>> {
        let line = self.line(number)?;
        Some(match &line.said {
            Said::Ours { size: None, fate, .. } if self.answers_for_password(number) => {
                let said = Said::Ours { text: DOTS.to_owned(), size: None, fate: fate.clone() };
                Cow::Owned(Line { said, ..*line })
            }
            _ => Cow::Borrowed(line),
        })
    }

    /// Whether what is said next is a password.
    pub(crate) fn asks_for_password(&self) -> bool {
        self.newer == Newer::Live && self.answers_for_password(self.first + self.lines.len() as i64)
    }

    /// Whether the peer had asked for a password when this line was said.
    fn answers_for_password(&self, number: i64) -> bool {
        let before = (self.first..number).rev().take(ANSWERS_MAX).filter_map(|number| self.line(number));
        let mut asks = before.filter_map(|line| match &line.said {
            Said::Theirs { text, .. } => Some(asks_for_password(text)),
            Said::Happening(Happening::Told(_) | Happening::Error(_)) => None,
            Said::Happening(_) => Some(false),
            Said::Ours { .. } | Said::Offer { .. } | Said::Notice(_) => None,
        });
        asks.next().unwrap_or(false)
    }

    /// The numbers of the first and of the last line; `None` if there is none.
    pub(crate) fn ends(&self) -> Option<(i64, i64)> {
        (!self.lines.is_empty()).then(|| (self.first, self.first + self.lines.len() as i64 - 1))
    }

    /// Whether the user sees what happens.
    pub(crate) fn is_at_end(&self) -> bool {
        self.newer == Newer::Live && self.bottom == Bottom::End
    }

    /// How many lines are held above the last on the screen, and how many below it.
    pub(crate) fn ahead(&self) -> (i64, i64) {
        let Some((first, last)) = self.ends() else { return (0, 0) };
        match self.bottom {
            Bottom::End => (last - first, 0),
            Bottom::At { number, .. } => (number - first, last - number),
        }
    }

    /// Shows what happens.
    pub(crate) fn scroll_to_end(&mut self) {
        match self.newer {
            Newer::Live => self.bottom = Bottom::End,
            // The way there would be long: it is read anew.
            Newer::After(_) | Newer::Asked(_) => *self = Self::new(),
        }
    }

    /// The newest line of the peer.
    pub(crate) fn newest_news(&self) -> Option<u64> {
        self.lines.iter().rev().find(|line| line.is_news()).and_then(|line| line.id)
    }

    /// Adds what has just happened.
    pub(crate) fn push(&mut self, event: Event) {
        let Folded { line, outcome } = fold(event);
        if let Some((message, outcome)) = outcome {
            self.settle(message, outcome);
        }
        // What a page or an answer has brought already is there.
        let is_new = |line: &Line| line.id > Some(self.newest) || !self.has(line);
        let line = line.filter(|line| self.newer == Newer::Live && is_new(line));
        if let Some(line) = line {
            self.drop_typed(&line);
            self.add(line);
        }
    }

    /// Adds what has happened, what only this screen says, or what was just typed. What was typed while simpd was away
    /// becomes an entry later than others that are here already: entries stand in the order of the log.
    pub(crate) fn add(&mut self, line: Line) {
        self.bytes += line.bytes();
        let is_late = line.id.is_some_and(|id| id < self.newest);
        let at = self.lines.iter().position(|held| is_late && held.id > line.id);
        self.newest = self.newest.max(line.id.unwrap_or(0));
        match at {
            Some(at) => self.lines.insert(at, line),
            None => self.lines.push_back(line),
        }
        if let (Some(at), Bottom::At { number, .. }) = (at, &mut self.bottom) {
            *number += i64::from(self.first + at as i64 <= *number);
        }
        // Whoever reads further back keeps what is there.
        while self.is_too_much() && self.bottom == Bottom::End {
            self.drop_first();
        }
        while self.is_too_much() {
            self.drop_last();
        }
    }

    fn has(&self, line: &Line) -> bool {
        self.lines.iter().any(|held| held.id == line.id)
    }

    /// The log has this message of ours: it takes the place of the line that was added when it was typed.
    fn drop_typed(&mut self, line: &Line) {
        let Said::Ours { text, .. } = &line.said else { return };
        let typed = self.lines.iter().position(|other| {
            other.asked().is_some() && matches!(&other.said, Said::Ours { text: typed, .. } if typed == text)
        });
        typed.map(|at| self.take_out(at));
    }

    fn take_out(&mut self, at: usize) -> Option<Line> {
        let line = self.lines.remove(at)?;
        self.bytes -= line.bytes();
        if let Bottom::At { number, .. } = &mut self.bottom {
            *number -= i64::from(self.first + at as i64 <= *number);
        }
        Some(line)
    }

    /// simpd has taken on what this job asked it to send, as this message; or it has refused it.
    pub(crate) fn answered(&mut self, job: u64, answer: Result<u64, String>) {
        // It came as an entry before it came as an answer.
        let is_there =
            answer.as_ref().is_ok_and(|message| self.lines.iter().any(|line| line.id == Some(*message)));
        let Some(at) = self.lines.iter().position(|line| line.asked() == Some(job)) else { return };
        match answer {
            Err(why) => {
                if let Some(line) = self.lines.get_mut(at) {
                    line.settle(Outcome::Message(Fate::Refused(why)));
                }
            }
            Ok(_) if is_there => _ = self.take_out(at),
            Ok(message) => {
                let Some(mut line) = self.take_out(at) else { return };
                line.id = Some(message);
                line.settle(Outcome::Message(Fate::Queued));
                if let Some(outcome) = self.orphans.remove(&message) {
                    line.settle(outcome);
                }
                self.add(line);
            }
        }
    }

    fn settle(&mut self, message: u64, outcome: Outcome) {
        match self.lines.iter_mut().rev().find(|line| line.id == Some(message)) {
            Some(line) => line.settle(outcome),
            None => {
                self.orphans.insert(message, outcome);
                if self.orphans.len() > ORPHANS_MAX {
                    self.orphans.pop_first();
                }
            }
        }
    }

    /// Adds a page that was asked for, newest first, at the beginning; `older` is before which entry there may be more.
    pub(crate) fn prepend(&mut self, events: Vec<Event>, older: Option<u64>) {
        // What was at the beginning when it was asked for is so no more.
        if self.older != Older::Asked {
            return;
        }
        self.older = older.map_or(Older::Beginning, |before| Older::Before(Some(before)));
        // Newest first: what became of a message comes before the message.
        for event in events {
            let Folded { line, outcome } = fold(event);
            if let Some((message, outcome)) = outcome {
                // What came last counts, and it came first.
                let is_new = !self.orphans.contains_key(&message);
                if is_new && !self.lines.iter().any(|line| line.id == Some(message)) {
                    self.orphans.insert(message, outcome);
                }
            }
            // What has happened meanwhile is there already.
            let is_there = line.as_ref().is_some_and(|line| self.has(line));
            let Some(mut line) = line.filter(|_| !is_there) else { continue };
            if let Some(outcome) = line.id.and_then(|id| self.orphans.remove(&id)) {
                line.settle(outcome);
            }
            self.newest = self.newest.max(line.id.unwrap_or(0));
            self.bytes += line.bytes();
            self.first -= 1;
            self.lines.push_front(line);
        }
        while self.is_too_much() {
            self.drop_last();
        }
        while self.orphans.len() > ORPHANS_MAX {
            self.orphans.pop_first();
        }
    }

    /// Adds what had been let go at the end, newest first; `is_all`: nothing comes after it.
    pub(crate) fn append(&mut self, events: Vec<Event>, until: u64, is_all: bool) {
        if !matches!(self.newer, Newer::Asked(_)) {
            return;
        }
        for event in events.into_iter().rev() {
            let Folded { line, outcome } = fold(event);
            if let Some((message, outcome)) = outcome {
                self.settle(message, outcome);
            }
            if let Some(mut line) = line {
                if let Some(outcome) = line.id.and_then(|id| self.orphans.remove(&id)) {
                    line.settle(outcome);
                }
                self.newest = self.newest.max(line.id.unwrap_or(0));
                self.bytes += line.bytes();
                self.lines.push_back(line);
            }
        }
        self.newer = if is_all { Newer::Live } else { Newer::After(until) };
        while self.is_too_much() {
            self.drop_first();
        }
    }

    fn is_too_much(&self) -> bool {
        self.lines.len() > 1 && (self.lines.len() > LINES_MAX || self.bytes > BYTES_MAX)
    }

    fn drop_first(&mut self) {
        let Some(line) = self.lines.pop_front() else { return };
        self.first += 1;
        self.bytes -= line.bytes();
        if let Some(id) = line.id {
            self.older = Older::Before(Some(id.saturating_add(1)));
        }
    }

    fn drop_last(&mut self) {
        let Some(line) = self.lines.pop_back() else { return };
        self.bytes -= line.bytes();
        // Everything of the log above the last entry that is left is to be read again.
        let last = self.lines.iter().rev().find_map(|line| line.id).unwrap_or(0);
        self.newer = Newer::After(last);
        let Some((_, end)) = self.ends() else { return };
        let is_held = matches!(self.bottom, Bottom::At { number, .. } if number <= end);
        if !is_held {
            self.bottom = Bottom::At { number: end, hidden: 0 };
        }
    }

    /// Moves the screen by so many rows, upwards if it is negative. `rows` says how many a line has after the one before it,
    /// `height` how many fit.
    pub(crate) fn scroll(&mut self, by: isize, height: usize, rows: impl Fn(Option<&Line>, &Line) -> usize) {
        let Some((first, last)) = self.ends() else { return };
        let (mut number, mut hidden) = match self.bottom {
            Bottom::End => (last, 0),
            Bottom::At { number, hidden } => (number.clamp(first, last), hidden),
        };
        let rows_of = |number| self.rows(number, &rows);
        for _ in 0..by.unsigned_abs() {
            if by < 0 {
                hidden += 1;
                if hidden >= rows_of(number) {
                    (number, hidden) = (number - 1, 0);
                }
            } else if hidden > 0 {
                hidden -= 1;
            } else {
                number += 1;
                hidden = rows_of(number).saturating_sub(1);
            }
            if number < first || number > last {
                break;
            }
        }
        self.show(number.clamp(first, last), if number > last { 0 } else { hidden });
        self.fill_from_top(height, rows);
    }

    /// The first line is not lower than the top as long as lines follow.
    fn fill_from_top(&mut self, height: usize, rows: impl Fn(Option<&Line>, &Line) -> usize) {
        let (Some((first, last)), Bottom::At { number, hidden }) = (self.ends(), self.bottom) else { return };
        let rows_of = |number| self.rows(number, &rows);
        let mut above: usize = 0;
        for number in (first..=number).rev() {
            above += rows_of(number);
            if above >= height + hidden {
                return;
            }
        }
        let mut left = height;
        for number in first..=last {
            let rows = rows_of(number);
            if rows >= left {
                self.show(number, rows - left);
                return;
            }
            left -= rows;
        }
        self.show(last, 0);
    }

    /// The rows that a line has. What stands before it depends on the line before.
    fn rows(&self, number: i64, rows: impl Fn(Option<&Line>, &Line) -> usize) -> usize {
        self.shown(number).map_or(1, |line| rows(self.line(number - 1), &line)).max(1)
    }

    /// Makes this row the last on the screen.
    fn show(&mut self, number: i64, hidden: usize) {
        let is_last = hidden == 0 && self.ends().is_some_and(|(_, last)| number >= last);
        // The end of what is held is no end as long as more is to come: the screen would run away with it.
        let is_end = is_last && self.newer == Newer::Live;
        self.bottom = if is_end { Bottom::End } else { Bottom::At { number, hidden } };
    }
}

#[cfg(test)]
mod tests;
