//! What was found out: a verdict per clause, with the datagrams that show it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};

use crate::clauses::{Clause, ClauseRow, Scene, Selection};
use crate::peer_form::PeerForm;
use crate::secure_port::SecurePort;
use crate::wire;

/// Datagrams that are kept as evidence for one clause, at most.
const EVIDENCE_MAX: usize = 6;

/// Bytes of a datagram that are kept as evidence, at most.
const BYTES_MAX: usize = 2_048;

/// A datagram that was transmitted or received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// When, since the probe began.
    pub(crate) at: Duration,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
}

impl Evidence {
    /// Whether it means this.
    pub(crate) fn is(&self, operation: wire::Op) -> bool {
        wire::is(&self.bytes, operation)
    }

    /// Its Sequence field.
    pub(crate) fn seq(&self) -> u8 {
        wire::seq(&self.bytes)
    }

    fn kept(&self) -> Self {
        let bytes = self.bytes.get(..BYTES_MAX).unwrap_or(&self.bytes).to_vec();
        Self { bytes, ..*self }
    }
}

/// What came of a clause. A later one counts more: what was broken once is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    NotObservable,
    Pass,
    Fail,
}

impl Verdict {
    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::NotObservable => "not observable",
            Self::Pass => "pass",
            Self::Fail => "fail",
        }
    }
}

/// A verdict, why, and what shows it.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) verdict: Verdict,
    /// Why it is not a pass.
    pub(crate) why: Option<String>,
    pub(crate) evidence: Vec<Evidence>,
}

/// The verdicts so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    of: BTreeMap<Clause, Finding>,
    missed: BTreeMap<Scene, String>,
    /// Those in which it has written.
    forms: BTreeSet<PeerForm>,
}

impl Findings {
    /// It was seen to keep to the clause.
    pub(crate) fn pass(&mut self, clause: Clause, evidence: &[&Evidence]) {
        self.add(clause, Verdict::Pass, None, evidence);
    }

    /// It was seen to break the clause.
    pub(crate) fn fail(&mut self, clause: Clause, why: impl Into<String>, evidence: &[&Evidence]) {
        self.add(clause, Verdict::Fail, Some(why.into()), evidence);
    }

    /// Passes if this holds, and otherwise fails.
    pub(crate) fn judge(
        &mut self,
        clause: Clause,
        holds: bool,
        why: impl Into<String>,
        evidence: &[&Evidence],
    ) {
        if holds { self.pass(clause, evidence) } else { self.fail(clause, why, evidence) }
    }

    /// It could not be seen.
    pub(crate) fn miss(&mut self, clause: Clause, why: impl Into<String>) {
        self.add(clause, Verdict::NotObservable, Some(why.into()), &[]);
    }

    /// What is not found out by the end of this scene is so for this reason; the first one counts.
    pub(crate) fn miss_all(&mut self, scene: Scene, why: &str) {
        self.missed.entry(scene).or_insert_with(|| why.to_owned());
    }

    fn add(&mut self, clause: Clause, verdict: Verdict, why: Option<String>, evidence: &[&Evidence]) {
        // The first of the worst stays, with its evidence: those after it show no more.
        if self.of.get(&clause).is_none_or(|finding| finding.verdict < verdict) {
            let evidence = evidence.iter().take(EVIDENCE_MAX).map(|seen| seen.kept()).collect();
            self.of.insert(clause, Finding { verdict, why, evidence });
        }
    }

    /// Judges a datagram of the peer by section 1.
    pub(crate) fn see(&mut self, seen: &Evidence, peer: SocketAddr, ours: &[&str]) {
        self.forms.insert(PeerForm::of(&seen.bytes));
        let has_text = seen.is(wire::Op::Chat) || seen.is(wire::Op::Err);
        // Passed for now: a fault counts more, found below or in any other datagram.
        for clause in [Clause::Length, Clause::Operation, Clause::Sequence, Clause::User, Clause::Payload] {
            self.pass(clause, &[seen]);
        }
        if has_text {
            self.pass(Clause::Ascii, &[seen]);
        }
        for (clause, why) in wire::faults(&seen.bytes, ours) {
            self.fail(clause, why, &[seen]);
        }
        let why = format!("it answered from port {}", seen.from.port());
        self.judge(Clause::Address, seen.from.port() == peer.port(), why, &[seen]);
    }

    /// What is to be shown.
    pub(crate) fn report(mut self, peer: SocketAddr, wanted: &Selection, secure: SecurePort) -> Report {
        let nothing = "no datagram showed it";
        let mut rows = Vec::new();
        for row in wanted.rows() {
            let missed = self.missed.get(&row.scene).map_or(nothing, String::as_str);
            // Every clause that is wanted has a line, also one of which nothing was seen.
            let finding = self.of.remove(&row.clause).unwrap_or_else(|| Finding {
                verdict: Verdict::NotObservable,
                why: Some(missed.to_owned()),
                evidence: Vec::new(),
            });
            rows.push((row, finding));
        }
        Report { peer, rows, forms: self.forms, secure }
    }
}

/// All that was found out about a peer.
#[derive(Debug)]
pub struct Report {
    pub(crate) peer: SocketAddr,
    pub(crate) rows: Vec<(&'static ClauseRow, Finding)>,
    pub(crate) forms: BTreeSet<PeerForm>,
    pub(crate) secure: SecurePort,
}

impl Report {
    /// How many clauses have this verdict.
    pub(crate) fn count(&self, verdict: Verdict) -> usize {
        self.rows.iter().filter(|(_, finding)| finding.verdict == verdict).count()
    }

    /// What it comes to.
    ///
    /// # Errors
    /// `failed` if a clause fails.
    pub fn outcome(&self) -> Outcome {
        let failed = self.rows.iter().filter(|(_, finding)| finding.verdict == Verdict::Fail);
        let ids: Vec<&str> = failed.map(|(row, _)| row.id).collect();
        let line = match ids.as_slice() {
            [] => return Ok(()),
            [id] => format!("{}: clause {id} fails", self.peer),
            ids => format!("{}: clauses {} fail", self.peer, ids.join(", ")),
        };
        Err(fail(FailureKind::Failed, line))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(bytes: &[u8]) -> Evidence {
        let address = "127.0.0.2:7777".parse().unwrap();
        Evidence { at: Duration::ZERO, from: address, to: address, bytes: bytes.to_vec() }
    }

    #[test]
    fn what_was_broken_once_is_broken() {
        let mut findings = Findings::default();
        let datagram = seen(b"x");
        findings.miss(Clause::Busy, "no");
        findings.pass(Clause::Busy, &[&datagram]);
        findings.fail(Clause::Busy, "first", &[]);
        findings.fail(Clause::Busy, "second", &[]);
        findings.pass(Clause::Busy, &[&datagram]);
        findings.miss(Clause::Busy, "no");
        let wanted = Selection::parse(Some("5.1,5.2")).unwrap();
        findings.miss_all(Scene::Busy, "why");
        findings.miss_all(Scene::Busy, "later");
        let report = findings.report(datagram.from, &wanted, SecurePort::Nobody);
        let whys: Vec<_> = report.rows.iter().map(|(_, finding)| finding.why.as_deref()).collect();
        assert_eq!(whys, [Some("first"), Some("why")]);
        assert_eq!(report.outcome().unwrap_err().to_string(), "127.0.0.2:7777: clause 5.1 fails");
    }

    #[test]
    fn evidence_is_bounded() {
        let mut findings = Findings::default();
        let long = seen(&[0; 60_000]);
        findings.pass(Clause::Short, &[&long; 20]);
        let wanted = Selection::parse(Some("7.1")).unwrap();
        let report = findings.report(long.from, &wanted, SecurePort::Nobody);
        let evidence = &report.rows[0].1.evidence;
        assert_eq!((evidence.len(), evidence[0].bytes.len()), (EVIDENCE_MAX, BYTES_MAX));
    }
}
