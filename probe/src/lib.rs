//! Checks any SIMP daemon against the specification, clause by clause, over UDP and without a simpd of ours. It has
//! its own reader and writer of datagrams: simpd is probed too, and must not be its own witness.
//!
//! - `clauses`: what is checked. `wire`: datagrams as bytes. `peer_form`: how the peer writes them. `sockets`: where they
//!   leave and come. `secure_port`: whether there is QUIC beside it.
//! - `stage`: what all scenes stand on. `scenes`: what is done, and which clauses that shows.
//! - `findings`: the verdicts. `report`: how they are shown. `console`: what the person is told meanwhile.

mod clauses;
mod console;
mod findings;
mod peer_form;
mod report;
mod scenes;
mod secure_port;
mod sockets;
mod stage;
mod wire;

pub use clauses::Selection;
pub use findings::Report;

use std::net::SocketAddr;
use std::time::Duration;

use simp_control::FailureKind;
use simp_control::error::{Outcome, fail};

use console::Console;
use findings::Findings;
use peer_form::{AckNumber, PeerForm};
use secure_port::SecurePort;
use sockets::{Side, Sockets};
use stage::{ChatSoFar, Stage, USER};

/// Probes the peer for the clauses that are wanted, from this address of our host or the one that reaches it. The person
/// there has this long for each thing, and is told on standard error when it is their turn.
///
/// # Errors
/// `failed` if nobody is there, `no_answer` if nothing came at all, `usage` if `from` does not reach the peer.
pub fn probe(peer: SocketAddr, from: Option<&str>, wanted: Selection, timeout: Duration) -> Outcome<Report> {
    let sockets = Sockets::open(peer, from)?;
    let console = Console::new(sockets.address(Side::Ours), USER, timeout);
    console.announce(peer, &wanted);
    let (findings, chat) = (Findings::default(), ChatSoFar::default());
    let (form, acks) = (PeerForm::default(), AckNumber::default());
    let mut stage = Stage { sockets, findings, console, wanted, timeout, chat, form, acks, is_judging: true };
    let played = stage.play();
    // Before any error is printed: the line of progress has no end.
    stage.console.clear();
    played?;
    if !stage.sockets.heard() {
        let why = "no answer at all (is a SIMP daemon there, and does a firewall let it through?)";
        return Err(fail(FailureKind::NoAnswer, format!("{peer}: {why}")));
    }
    let secure = SecurePort::ask(peer, stage.sockets.address(Side::Ours).ip());
    Ok(stage.findings.report(peer, &stage.wanted, secure))
}
