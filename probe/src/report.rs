//! How a report is shown: to people with the evidence under what fails, to programs with all of it.

use std::fmt::Write;

use serde::Serialize;
use simp_control::escape;

use crate::clauses::ClauseRow;
use crate::findings::{Evidence, Finding, Report, Verdict};
use crate::wire;

/// Bytes of a datagram that people are shown.
const HEX_MAX: usize = 64;

/// A clause as programs read it.
#[derive(Debug, Serialize)]
struct ClauseLine<'a> {
    clause: &'static str,
    what: &'static str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    evidence: Vec<EvidenceLine>,
}

#[derive(Debug, Serialize)]
struct EvidenceLine {
    at: u64,
    from: String,
    to: String,
    hex: String,
    shown: String,
}

/// One line for programs.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Line<'a> {
    Clause(ClauseLine<'a>),
    /// Whether there are secure chats too.
    Secure {
        secure: bool,
        what: String,
    },
    /// Another form than specified.
    Form {
        form: &'static str,
        what: &'static str,
    },
}

impl Report {
    /// A line for programs per clause, with all the evidence, one on secure chats, and one per form that is not as
    /// specified.
    pub fn lines(&self) -> impl Iterator<Item = impl Serialize> {
        let forms = self.other_forms().map(|(form, what)| Line::Form { form, what });
        let (secure, what) = self.secure.shown(self.peer);
        let others = std::iter::once(Line::Secure { secure, what }).chain(forms);
        self.rows.iter().map(|(row, finding)| Line::Clause(clause_line(row, finding))).chain(others)
    }

    /// The forms of its datagrams that are not as specified.
    fn other_forms(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.forms.iter().filter_map(|form| form.names())
    }

    /// The lines for people, a summary, whether there are secure chats, and the form of the peer if that is not as
    /// specified; with the datagrams for every verdict if it is `verbose`, otherwise for those that fail.
    pub fn plain(&self, verbose: bool) -> String {
        let mut out = String::new();
        for (row, finding) in &self.rows {
            out.push_str(&clause(row, finding));
            if verbose || finding.verdict == Verdict::Fail {
                finding.evidence.iter().for_each(|seen| out.push_str(&evidence(seen)));
            }
        }
        let [pass, fail, not] =
            [Verdict::Pass, Verdict::Fail, Verdict::NotObservable].map(|verdict| self.count(verdict));
        let _ = writeln!(out, "{} clauses: {pass} pass, {fail} fail, {not} not observable", self.rows.len());
        let _ = writeln!(out, "{}", self.secure.shown(self.peer).1);
        for (form, what) in self.other_forms() {
            let _ = writeln!(out, "{} has {what} ({form} in simp(7))", self.peer);
        }
        out
    }
}

fn clause_line<'a>(row: &ClauseRow, finding: &'a Finding) -> ClauseLine<'a> {
    ClauseLine {
        clause: row.id,
        what: row.what,
        verdict: finding.verdict.name(),
        why: finding.why.as_deref(),
        evidence: finding.evidence.iter().map(evidence_line).collect(),
    }
}

fn evidence_line(seen: &Evidence) -> EvidenceLine {
    EvidenceLine {
        at: seen.at.as_millis() as u64,
        from: seen.from.to_string(),
        to: seen.to.to_string(),
        hex: hex(&seen.bytes),
        // Exactly as it came. Whoever prints it escapes it.
        shown: wire::describe(&seen.bytes),
    }
}

fn clause(row: &ClauseRow, finding: &Finding) -> String {
    let why = finding.why.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    format!("{}  {:14}  {}{why}\n", row.id, finding.verdict.name(), row.what)
}

fn evidence(seen: &Evidence) -> String {
    let at = seen.at.as_secs_f64();
    let shown = wire::describe(&seen.bytes);
    let bytes = seen.bytes.get(..HEX_MAX).unwrap_or(&seen.bytes);
    let more = if bytes.len() < seen.bytes.len() { "..." } else { "" };
    let (from, to, shown) = (seen.from, seen.to, escape::shown(&shown));
    format!("     {at:.3} s  {from} -> {to}  {shown}\n       {}{more}\n", hex(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clauses::{Clause, Selection};
    use crate::findings::Findings;
    use crate::peer_form::PeerForm;
    use crate::secure_port::SecurePort;
    use std::time::Duration;

    fn report() -> Report {
        let (from, to) = ("127.0.0.2:7777".parse().unwrap(), "127.0.0.9:7777".parse().unwrap());
        let bytes = wire::raw([1, 8], 1, b"b\x1b", 0, b"");
        let seen = Evidence { at: Duration::from_millis(1_500), from, to, bytes };
        let mut findings = Findings::default();
        findings.pass(Clause::Leaves, &[&seen]);
        findings.fail(Clause::FinStops, "it came again", &[&seen]);
        findings.report(from, &Selection::parse(Some("4.4,5.3,5.4")).unwrap(), SecurePort::Quic)
    }

    #[test]
    fn people_see_what_fails_with_its_datagrams() {
        let hex = format!("010801621b{}", "00".repeat(34));
        let seen =
            format!("     1.500 s  127.0.0.2:7777 -> 127.0.0.9:7777  FIN seq=1 user=b\\x1b\n       {hex}\n");
        let fails = "4.4  fail            the ACK ends the repetition of FIN (it came again)\n";
        let passes = "5.3  pass            its user leaves: FIN\n";
        let not = "5.4  not observable  FIN in a chat is answered with ACK (no datagram showed it)\n";
        let end = "3 clauses: 1 pass, 1 fail, 1 not observable\nsecure chats: QUIC is at 127.0.0.2:7776\n";
        assert_eq!(report().plain(false), format!("{fails}{seen}{passes}{not}{end}"));
        assert_eq!(report().plain(true), format!("{fails}{seen}{passes}{seen}{not}{end}"));
    }

    #[test]
    fn programs_see_all_of_it() {
        let report = report();
        let lines: Vec<String> = report.lines().map(|line| serde_json::to_string(&line).unwrap()).collect();
        let hex = format!("010801621b{}", "00".repeat(34));
        let seen = format!(
            r#"[{{"at":1500,"from":"127.0.0.2:7777","to":"127.0.0.9:7777","hex":"{hex}","shown":"FIN seq=1 user=b\u001b"}}]"#
        );
        assert_eq!(
            lines[0],
            format!(
                r#"{{"clause":"4.4","what":"the ACK ends the repetition of FIN","verdict":"fail","why":"it came again","evidence":{seen}}}"#
            )
        );
        assert!(
            lines[2].ends_with(r#""verdict":"not observable","why":"no datagram showed it","evidence":[]}"#)
        );
        assert_eq!(lines[3], r#"{"secure":true,"what":"secure chats: QUIC is at 127.0.0.2:7776"}"#);
        assert_eq!(lines.len(), 4);
    }

    #[test]
    fn both_see_the_form_of_the_peer_if_it_is_another() {
        let address = "127.0.0.2:7777".parse().unwrap();
        let mut findings = Findings::default();
        for form in [PeerForm::Of2021, PeerForm::Specified, PeerForm::OneByteLength] {
            let bytes = wire::encode(form, wire::Op::Fin, 0, "bob", b"");
            let seen = Evidence { at: Duration::ZERO, from: address, to: address, bytes };
            findings.see(&seen, address, &[]);
        }
        let wanted = Selection::parse(Some("5.4")).unwrap();
        let report = findings.report(address, &wanted, SecurePort::NoAnswer);
        let shown = report.plain(false);
        assert_eq!(
            shown.lines().skip(2).collect::<Vec<_>>(),
            [
                "no secure chats: no answer from 127.0.0.2:7776",
                "127.0.0.2:7777 has a Length of one byte (one-byte-length in simp(7))",
                "127.0.0.2:7777 has the form of 2021/22 (form-2021 in simp(7))"
            ]
        );
        let lines: Vec<String> = report.lines().map(|line| serde_json::to_string(&line).unwrap()).collect();
        assert_eq!(
            lines[1..],
            [
                r#"{"secure":false,"what":"no secure chats: no answer from 127.0.0.2:7776"}"#,
                r#"{"form":"one-byte-length","what":"a Length of one byte"}"#,
                r#"{"form":"form-2021","what":"the form of 2021/22"}"#
            ]
        );
    }
}
