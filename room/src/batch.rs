//! What one turn of the room asks of simpd, in the order in which it must be safe: first every line for others, then
//! what members are told became of what they said, then the ends of chats.

use std::collections::{HashMap, HashSet};

use simp_control::error::Outcome;
use simp_control::{Failure, FailureKind, Reply, Request};

use crate::leftover::Leftover;
use crate::room::{Action, ChatRef};
use crate::simpd::{Errand, Simpd, quit, send};

/// A turn ends when it has so many lines to send.
const LINES_MAX: usize = 2_048;

/// What a member is told after all lines for others.
#[derive(Debug)]
enum Late {
    /// What became of what it said.
    Confirm { to: ChatRef, said: u32, whom: Option<String>, elsewhere: usize, event: Option<u64> },
    /// What it was told after that.
    Line(Errand),
}

/// A line that is sent.
#[derive(Debug)]
struct Sent {
    to: ChatRef,
    part_of: Option<u32>,
}

/// What one turn asks.
#[derive(Debug)]
pub struct Batch {
    lines: Vec<(Sent, Errand)>,
    /// Those that simpd has taken in an earlier run.
    taken: Vec<Sent>,
    late: Vec<Late>,
    /// Those who wait for a confirmation.
    waiting: HashSet<u64>,
    quits: Vec<Errand>,
    /// All of it is asked after this entry of the log.
    after: u64,
}

impl Batch {
    /// Nothing yet. All of it is asked after this entry of the log.
    pub fn new(after: u64) -> Self {
        let (lines, taken, late, quits) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { lines, taken, late, waiting: HashSet::new(), quits, after }
    }

    /// Whether it is long enough.
    pub fn is_full(&self) -> bool {
        self.lines.len() + self.late.len() >= LINES_MAX
    }

    /// Adds an action that follows from this event, if from any. Gives back what is not for simpd.
    pub fn add(&mut self, event: Option<u64>, action: Action, dedup: &mut Dedup) -> Option<Action> {
        match action {
            Action::Send { to, text, part_of } if dedup.leftover.take(event, to.id, &text) => {
                self.taken.push(Sent { to, part_of });
            }
            Action::Send { to, text, part_of } => {
                let ask = send(&to, &text, dedup.token(), self.after);
                // An answer stays after the one before it.
                match part_of.is_none() && self.waiting.contains(&to.id) {
                    true => self.late.push(Late::Line(ask)),
                    false => self.lines.push((Sent { to, part_of }, ask)),
                }
            }
            Action::Confirm { to, said, whom, elsewhere } => {
                self.waiting.insert(to.id);
                self.late.push(Late::Confirm { to, said, whom, elsewhere, event });
            }
            Action::Quit(chat) => self.quits.push(quit(&chat)),
            other => return Some(other),
        }
        None
    }

    /// Has simpd carry it all out. Gives how many lines it has taken.
    ///
    /// # Errors
    /// If it is to be stopped, or simpd cannot be talked to.
    pub fn carry_out(self, simpd: &mut impl Simpd, dedup: &mut Dedup) -> Outcome<u64> {
        // Lines for others before confirmations: `sent to 3` must be true by the time it is read.
        let (sent, asks): (Vec<_>, Vec<_>) = self.lines.into_iter().unzip();
        let answers = ask_in_parts(simpd, asks, dedup)?;
        let mut lines = answers.iter().filter(|is_taken| **is_taken).count() as u64;
        let taken = sent.iter().zip(&answers).filter(|(_, is_taken)| **is_taken).map(|(sent, _)| sent);
        // People are counted, not lines: a long text goes out in several. What an earlier run sent counts as well.
        let mut reached: HashMap<u32, HashSet<u64>> = HashMap::new();
        for sent in taken.chain(&self.taken) {
            if let Some(said) = sent.part_of {
                reached.entry(said).or_default().insert(sent.to.id);
            }
        }
        let mut late = Vec::new();
        for one in self.late {
            let (to, said, whom, elsewhere, event) = match one {
                Late::Line(ask) => {
                    late.push(ask);
                    continue;
                }
                Late::Confirm { to, said, whom, elsewhere, event } => (to, said, whom, elsewhere, event),
            };
            let count = reached.get(&said).map_or(0, HashSet::len) + elsewhere;
            let text = match whom {
                None => format!("sent to {count}"),
                Some(name) if count > 0 => format!("sent to {name}"),
                Some(name) => format!("not sent: {name} has just left"),
            };
            if !dedup.leftover.take_confirmation(event, to.id, &text) {
                late.push(send(&to, &text, dedup.token(), self.after));
            }
        }
        let answers = ask_in_parts(simpd, late, dedup)?;
        lines += answers.into_iter().filter(|is_taken| *is_taken).count() as u64;
        // A chat that has ended by itself is as good.
        simpd.ask_all(self.quits)?;
        Ok(lines)
    }
}

/// By what everything is asked once: in a run by tokens, of which each is given out once; and over a kill by what the run
/// before has left.
#[derive(Debug)]
pub struct Dedup {
    leftover: Leftover,
    token: u64,
    /// The newest line that simpd has taken.
    newest: u64,
}

impl Dedup {
    /// `first`: a token that no earlier run has given out lately, nor will a later one. `sent`: the newest line that simpd
    /// has taken for what was stored as done.
    pub fn new(leftover: Leftover, first: u64, sent: u64) -> Self {
        // What is left is stored by itself from now on.
        let newest = leftover.newest().max(sent);
        Self { leftover, token: first, newest }
    }

    /// What the run before has left.
    pub fn leftover_mut(&mut self) -> &mut Leftover {
        &mut self.leftover
    }

    /// The newest line that simpd has taken: by its entry in the log; 0 if it has taken none.
    pub fn newest(&self) -> u64 {
        self.newest
    }

    /// Whether a line was taken.
    fn is_taken(&mut self, answer: &Result<Reply, Failure>) -> bool {
        let Ok(Reply::Queued { message, .. }) = answer else { return false };
        self.newest = self.newest.max(*message);
        true
    }

    fn token(&mut self) -> u64 {
        self.token = self.token.wrapping_add(1);
        self.token
    }
}

/// Asks for lines to be sent; those that a peer cannot receive whole in parts. Whether each was taken.
fn ask_in_parts(simpd: &mut impl Simpd, asks: Vec<Errand>, dedup: &mut Dedup) -> Outcome<Vec<bool>> {
    let answers = simpd.ask_all(asks.clone())?;
    let mut taken = Vec::with_capacity(answers.len());
    for (ask, answer) in asks.into_iter().zip(answers) {
        // `usage` means too long for this peer, if it can be halved. Any other refusal means that the chat is over.
        let (first, second) = match &answer {
            Err(Failure { kind: FailureKind::Usage, .. }) if let Some(halves) = halves(&ask, dedup) => halves,
            _ => {
                taken.push(dedup.is_taken(&answer));
                continue;
            }
        };
        let parts = ask_in_parts(simpd, vec![first, second], dedup)?;
        taken.push(parts.into_iter().all(|is_taken| is_taken));
    }
    Ok(taken)
}

/// A line that is too long for somebody, as two.
fn halves(ask: &Errand, dedup: &mut Dedup) -> Option<(Errand, Errand)> {
    let Request::Send { who: Some(address), chat: Some(id), text, .. } = &ask.request else { return None };
    let to = ChatRef { id: *id, address: address.clone() };
    let (first, second) = text.split_at_checked(text.len() / 2).filter(|(first, _)| !first.is_empty())?;
    let mut half = |text| send(&to, text, dedup.token(), ask.after);
    Some((half(first), half(second)))
}
