//! What is checked: a table of clauses, numbered by the sections of simp(7), and the choice of `--only`.

use std::collections::BTreeSet;

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};

/// A clause, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Clause {
    Length,
    Operation,
    Sequence,
    User,
    Payload,
    Ascii,
    Address,
    Accepts,
    SynAckRepeats,
    SynAckStops,
    Declines,
    Invites,
    AcksSynAck,
    AcksSynAckAgain,
    AcksMessages,
    AcksDuplicates,
    BeginsWithZero,
    TurnsOver,
    WaitsForAck,
    MessageRepeats,
    MessageStops,
    FinRepeats,
    FinStops,
    Busy,
    BusyOnce,
    Leaves,
    AcksFin,
    AcksStrayFin,
    RefusesStrayChat,
    Short,
    UnknownType,
    UnknownOperation,
    OddSequence,
    OddLength,
    Oversized,
    NotAscii,
}

/// The part of the run that shows a clause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scene {
    /// All of them.
    Any,
    /// We talk to it without a chat.
    Outside,
    /// We invite it, and its user accepts.
    Open,
    /// We send messages.
    Ours,
    /// Its user sends messages.
    Theirs,
    /// A third party invites it meanwhile.
    Busy,
    /// Its user leaves.
    Quit,
    /// Its user invites us.
    Invite,
    /// We leave.
    Leave,
    /// We invite it, and its user declines.
    Decline,
    /// It gets what makes no sense.
    Odd,
}

/// A row of the table.
#[derive(Debug)]
pub(crate) struct ClauseRow {
    pub(crate) clause: Clause,
    /// The section of simp(7), and a number in it.
    pub(crate) id: &'static str,
    pub(crate) scene: Scene,
    /// What an implementation does that keeps to it.
    pub(crate) what: &'static str,
}

const fn row(clause: Clause, id: &'static str, scene: Scene, what: &'static str) -> ClauseRow {
    ClauseRow { clause, id, scene, what }
}

/// All clauses, in order.
pub(crate) const TABLE: &[ClauseRow] = &[
    row(Clause::Length, "1.1", Scene::Any, "a datagram is 39 bytes plus Length"),
    row(Clause::Operation, "1.2", Scene::Any, "Type and Operation are a pair of the table"),
    row(Clause::Sequence, "1.3", Scene::Any, "Sequence is 0 or 1"),
    row(Clause::User, "1.4", Scene::Any, "User is the sender's name in ASCII, padded at the end with NUL"),
    row(Clause::Payload, "1.5", Scene::Any, "only chat and ERR have a payload"),
    row(Clause::Ascii, "1.6", Scene::Any, "a text is ASCII, not empty and without NUL"),
    row(Clause::Address, "2.1", Scene::Any, "it answers from its own address and port to the sender's"),
    row(Clause::Accepts, "2.2", Scene::Open, "its user accepts: SYN is answered with SYN+ACK"),
    row(Clause::SynAckRepeats, "2.3", Scene::Open, "without an ACK the same SYN+ACK comes again after 5 s"),
    row(Clause::SynAckStops, "2.4", Scene::Open, "the ACK ends the repetition of SYN+ACK"),
    row(Clause::Declines, "2.5", Scene::Decline, "its user declines: SYN is answered with FIN"),
    row(Clause::Invites, "2.6", Scene::Invite, "its user invites: SYN with sequence 0"),
    row(Clause::AcksSynAck, "2.7", Scene::Invite, "SYN+ACK is answered with ACK of the same sequence"),
    row(Clause::AcksSynAckAgain, "2.8", Scene::Invite, "a repeated SYN+ACK is answered with ACK again"),
    row(Clause::AcksMessages, "3.1", Scene::Ours, "a message is answered with ACK of the same sequence"),
    row(
        Clause::AcksDuplicates,
        "3.2",
        Scene::Ours,
        "a duplicate is answered with ACK again, and nothing else",
    ),
    row(Clause::BeginsWithZero, "3.3", Scene::Theirs, "its first message has sequence 0, whatever ours has"),
    row(Clause::TurnsOver, "3.4", Scene::Theirs, "its next message has the other sequence"),
    row(Clause::WaitsForAck, "3.5", Scene::Theirs, "its next message waits for the ACK of the last"),
    row(
        Clause::MessageRepeats,
        "4.1",
        Scene::Theirs,
        "without an ACK the same message comes again after 5 s",
    ),
    row(Clause::MessageStops, "4.2", Scene::Theirs, "the ACK ends the repetition of a message"),
    row(Clause::FinRepeats, "4.3", Scene::Quit, "without an ACK the same FIN comes again"),
    row(Clause::FinStops, "4.4", Scene::Quit, "the ACK ends the repetition of FIN"),
    row(Clause::Busy, "5.1", Scene::Busy, "in a chat, SYN of a third party is answered with ERR and FIN"),
    row(Clause::BusyOnce, "5.2", Scene::Busy, "ERR and FIN to a third party are not repeated"),
    row(Clause::Leaves, "5.3", Scene::Quit, "its user leaves: FIN"),
    row(Clause::AcksFin, "5.4", Scene::Leave, "FIN in a chat is answered with ACK"),
    row(Clause::AcksStrayFin, "5.5", Scene::Outside, "FIN outside any chat is answered with ACK"),
    row(
        Clause::RefusesStrayChat,
        "5.6",
        Scene::Outside,
        "a message outside any chat is answered with ERR and FIN",
    ),
    row(Clause::Short, "7.1", Scene::Odd, "it survives datagrams that are too short"),
    row(Clause::UnknownType, "7.2", Scene::Odd, "it survives unknown types"),
    row(Clause::UnknownOperation, "7.3", Scene::Odd, "it survives unknown operations"),
    row(Clause::OddSequence, "7.4", Scene::Odd, "it survives a sequence above 1"),
    row(Clause::OddLength, "7.5", Scene::Odd, "it survives a wrong Length"),
    row(Clause::Oversized, "7.6", Scene::Odd, "it survives a text of 2000 bytes"),
    row(Clause::NotAscii, "7.7", Scene::Odd, "it survives names and texts that are not ASCII"),
];

/// The clauses that are to be checked.
#[derive(Debug)]
pub struct Selection(BTreeSet<Clause>);

impl Selection {
    /// Reads what `--only` has: ids and sections, separated by commas. All without it.
    ///
    /// # Errors
    /// `usage`, naming what is neither.
    pub fn parse(only: Option<&str>) -> Outcome<Self> {
        let Some(only) = only else { return Ok(Self(TABLE.iter().map(|row| row.clause).collect())) };
        let mut wanted = BTreeSet::new();
        for name in only.split(',').map(str::trim) {
            // `3` is all of section 3, and `3.1` one clause.
            let is_meant = |row: &&ClauseRow| row.id == name || row.id.split('.').next() == Some(name);
            let mut meant = TABLE.iter().filter(is_meant).map(|row| row.clause).peekable();
            if meant.peek().is_none() {
                let line = format!(
                    "--only {name}: no such clause (give a section, 1 to 5 or 7, or a clause such as 3.1)"
                );
                return Err(fail(FailureKind::Usage, line));
            }
            wanted.extend(meant);
        }
        Ok(Self(wanted))
    }

    /// Whether this one is.
    pub(crate) fn has(&self, clause: Clause) -> bool {
        self.0.contains(&clause)
    }

    /// Whether one is that this scene shows.
    pub(crate) fn needs(&self, scene: Scene) -> bool {
        self.rows().any(|row| row.scene == scene)
    }

    /// Their rows of the table.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static ClauseRow> {
        TABLE.iter().filter(|row| self.has(row.clause))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_every_clause_once_and_in_order() {
        assert!(TABLE.is_sorted_by(|a, b| a.clause < b.clause && a.id < b.id));
        assert_eq!(TABLE.len(), Clause::NotAscii as usize + 1);
    }

    #[test]
    fn a_choice_is_of_clauses_and_sections() {
        let ids = |only| {
            Selection::parse(Some(only)).map(|wanted| wanted.rows().map(|row| row.id).collect::<Vec<_>>())
        };
        assert_eq!(ids("4.1, 2.2").unwrap(), ["2.2", "4.1"]);
        assert_eq!(ids("5.1,4").unwrap(), ["4.1", "4.2", "4.3", "4.4", "5.1"]);
        for bad in ["", "6", "3.9", "3.1,", "1.10", "x"] {
            assert!(ids(bad).unwrap_err().is(FailureKind::Usage), "{bad}");
        }
        assert_eq!(Selection::parse(None).unwrap().rows().count(), TABLE.len());
    }
}
