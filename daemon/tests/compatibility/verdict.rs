//! What came of a run: everything that went wrong, and whether that is what can be expected.

use std::fmt;

use simp_control::{Event, Kind, Reason, What};
use simp_doubles::{Allowed, Fate, Form, Row};

use super::scenario::Over;
use super::world::World;

/// Something that went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The chat did not open at both ends.
    DoesNotOpen,
    /// It ended before its time.
    Breaks,
    /// It did not end.
    NeverEnds,
    /// A refusal was taken for an acceptance.
    OpensAllTheSame,
    /// The user was told another reason than the right one.
    WrongReason(Reason),
    /// Their user waits for an answer that never comes.
    TheyKeepWaiting,
    /// Their FIN was not answered as they want it.
    FinUnanswered,
    /// We crashed their program.
    Crashes,
    /// They took an ACK of ours for something else.
    AckMisread,
    /// Told as delivered, and not shown.
    FalselyDelivered,
    /// Not shown, and not reported as delivered.
    OursLost,
    /// Shown more than once.
    OursTwice,
    /// Shown, and not reported as delivered.
    Unconfirmed,
    /// It never came.
    TheirsLost,
    /// It came, and is not in the log.
    TheirsDropped,
    /// More than once in the log.
    TheirsTwice,
    /// Not in the log as it was written.
    TheirsChanged,
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotOpen => f.write_str("does not open"),
            Self::Breaks => f.write_str("breaks"),
            Self::NeverEnds => f.write_str("does not end"),
            Self::OpensAllTheSame => f.write_str("opens all the same"),
            Self::WrongReason(reason) => write!(f, "told: {reason}"),
            Self::TheyKeepWaiting => f.write_str("they keep waiting"),
            Self::FinUnanswered => f.write_str("FIN unanswered"),
            Self::Crashes => f.write_str("crashes them"),
            Self::AckMisread => f.write_str("ACK misread"),
            Self::FalselyDelivered => f.write_str("falsely delivered"),
            Self::OursLost => f.write_str("ours lost"),
            Self::OursTwice => f.write_str("ours twice"),
            Self::Unconfirmed => f.write_str("unconfirmed"),
            Self::TheirsLost => f.write_str("theirs lost"),
            Self::TheirsDropped => f.write_str("theirs dropped"),
            Self::TheirsTwice => f.write_str("theirs twice"),
            Self::TheirsChanged => f.write_str("theirs changed"),
        }
    }
}

impl Trouble {
    /// Whether this is allowed.
    pub fn is_allowed(self, allowed: Allowed) -> bool {
        match self {
            // Copies of our ACK of a handshake are not ours to prevent.
            Self::DoesNotOpen | Self::Breaks | Self::NeverEnds | Self::AckMisread => allowed.breaks,
            Self::FinUnanswered => allowed.fin_unanswered,
            Self::FalselyDelivered => allowed.falsely_delivered,
            Self::OursLost => allowed.ours_lost,
            Self::OursTwice => allowed.ours_twice,
            Self::Unconfirmed => allowed.unconfirmed,
            Self::TheirsLost => allowed.theirs_lost,
            Self::TheirsDropped => allowed.theirs_dropped,
            Self::TheirsTwice => allowed.theirs_twice,
            Self::OpensAllTheSame
            | Self::WrongReason(_)
            | Self::TheyKeepWaiting
            | Self::Crashes
            | Self::TheirsChanged => false,
        }
    }
}

/// Everything that went wrong, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Troubles(Vec<(Trouble, usize)>);

impl Troubles {
    /// This went wrong.
    pub fn note(&mut self, trouble: Trouble) {
        self.note_times(trouble, 1);
    }

    fn note_times(&mut self, trouble: Trouble, times: usize) {
        match self.0.iter_mut().find(|(noted, _)| *noted == trouble) {
            _ if times == 0 => {}
            Some((_, noted)) => *noted += times,
            None => self.0.push((trouble, times)),
        }
    }

    /// What went wrong.
    pub fn kinds(&self) -> impl Iterator<Item = Trouble> {
        self.0.iter().map(|(trouble, _)| *trouble)
    }

    /// What is worse than can be expected.
    pub fn unexpected(&self, allowed: Allowed) -> impl Iterator<Item = Trouble> {
        self.kinds().filter(move |trouble| !trouble.is_allowed(allowed))
    }
}

impl fmt::Display for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("ok");
        }
        let all = self.0.iter().map(|(trouble, times)| format!("{trouble} {times}"));
        f.write_str(&all.collect::<Vec<_>>().join(", "))
    }
}

/// What came of a chat.
pub fn judge(row: &Row, world: &World, over: Over) -> Troubles {
    let mut troubles = Troubles::default();
    let log = world.log();
    let opened = log.iter().any(|event| event.what.kind() == Kind::Opened);
    let notices = world.theirs.notices();
    if !opened || !notices.iter().any(|notice| notice == "opened") {
        troubles.note(Trouble::DoesNotOpen);
    } else {
        troubles.note_times(Trouble::Breaks, over.early.into());
        troubles.note_times(Trouble::NeverEnds, over.never.into());
        troubles.note_times(Trouble::FinUnanswered, over.unanswered.into());
    }
    troubles.note_times(Trouble::Crashes, world.theirs.is_deaf().into());
    if row.traits.chats_answer_chats {
        let openings = notices.iter().filter(|notice| *notice == "opened").count();
        troubles.note_times(Trouble::AckMisread, openings.saturating_sub(1));
    }
    judge_ours(row, world, &log, &mut troubles);
    judge_theirs(row, world, &log, &mut troubles);
    troubles
}

/// What was promised and does not hold: a line of theirs that was acknowledged is in our log, and a message of ours that
/// was reported as delivered was shown.
pub fn broken_promises(row: &Row, world: &World) -> Vec<String> {
    let log = world.log();
    let is_in_log = |text: &str| {
        log.iter().any(|event| {
            event.what.kind() == Kind::Message && event.what.text().is_some_and(|it| it.contains(text))
        })
    };
    let theirs = world.theirs.said().iter().filter(|said| said.fate == Fate::Acknowledged && said.by_user);
    let lost = theirs.filter(|said| !is_in_log(&said.text)).map(|said| format!("lost: {}", said.text));
    let is_delivered = |id: u64| log.iter().any(|event| event.what == What::Delivered { message: id });
    let is_shown = |text: &str| row.traits.is_mute || world.theirs.shown().iter().any(|shown| shown == text);
    let ours = log.iter().filter_map(ours).filter(|(id, text)| is_delivered(*id) && !is_shown(text));
    lost.chain(ours.map(|(_, text)| format!("not shown: {text:.20}"))).collect()
}

fn judge_ours(row: &Row, world: &World, log: &[Event], troubles: &mut Troubles) {
    let queued: Vec<(u64, &str)> = log.iter().filter_map(ours).collect();
    let is_delivered = |id| log.iter().any(|event| event.what == What::Delivered { message: id });
    let shown = |text: &str| world.theirs.shown().iter().filter(|shown| *shown == text).count();
    let mut texts: Vec<&str> = queued.iter().map(|(_, text)| *text).collect();
    texts.sort_unstable();
    texts.dedup();
    for text in texts {
        let ids = || queued.iter().filter(|(_, queued)| *queued == text).map(|(id, _)| *id);
        let (sent, delivered) = (ids().count(), ids().filter(|id| is_delivered(*id)).count());
        let shown = shown(text);
        troubles.note_times(Trouble::OursTwice, shown.saturating_sub(sent));
        troubles.note_times(Trouble::OursLost, (sent - delivered).min(sent.saturating_sub(shown)));
        troubles.note_times(Trouble::Unconfirmed, sent.min(shown).saturating_sub(delivered));
        if !row.traits.is_mute {
            troubles.note_times(Trouble::FalselyDelivered, delivered.saturating_sub(shown));
        }
    }
}

fn ours(event: &Event) -> Option<(u64, &str)> {
    match &event.what {
        What::Queued { text, .. } => Some((event.id, text)),
        _ => None,
    }
}

fn judge_theirs(row: &Row, world: &World, log: &[Event], troubles: &mut Troubles) {
    let messages = || log.iter().filter(|event| event.what.kind() == Kind::Message);
    let left = |fate| !matches!(fate, Fate::Waits | Fate::Swallowed);
    let said = world.theirs.said().iter().filter(|said| said.by_user && left(said.fate));
    let mut texts: Vec<&str> = said.clone().map(|said| said.text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    for text in texts {
        let sent = said.clone().filter(|said| said.text == text).count();
        // A text that its writer ends with a line feed may have one, and a name before it too.
        let is_exact = |it: &str| match row.traits.form {
            Form::WithName => it.strip_prefix("bob: ").unwrap_or(it) == text,
            Form::Line => it.trim_end() == text,
            _ => it == text,
        };
        let exact = messages().filter(|event| event.what.text().is_some_and(is_exact)).count();
        let about = messages().filter(|event| event.what.text().is_some_and(|it| it.contains(text))).count();
        troubles.note_times(Trouble::TheirsChanged, about.saturating_sub(exact));
        troubles.note_times(Trouble::TheirsTwice, about.saturating_sub(sent));
        let lost = sent.saturating_sub(about);
        let came = world.came.contains(text);
        troubles.note_times(if came { Trouble::TheirsDropped } else { Trouble::TheirsLost }, lost);
    }
}
