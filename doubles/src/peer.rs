//! One foreign program and its user: what comes in, and what goes out. `opening`, `texts` and `closing`
//! have what it does in between, `input` and `output` how datagrams come and leave.

mod closing;
mod input;
mod opening;
mod output;
mod texts;

use std::collections::VecDeque;
use std::net::SocketAddr;

use crate::traits::Traits;
use crate::wire::Fields;

/// One of a program's two sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Port 7777.
    Main,
    /// Any other.
    Other,
}

/// A datagram to be transmitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DoubleTransmit {
    /// From which socket.
    pub from: Port,
    /// To whom.
    pub to: SocketAddr,
    /// The datagram.
    pub bytes: Vec<u8>,
}

/// Where a program is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DoubleState {
    /// In no chat.
    Idle,
    /// It has invited.
    Inviting,
    /// Its invitation rings there.
    Ringing,
    /// It is invited, and its user thinks.
    Asked,
    /// In a chat.
    Open,
    /// It has left, and waits for the answer.
    Ending,
}

/// What became of a line of its user, as far as the program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It has not left yet.
    Waits,
    /// It has left.
    Sent,
    /// The peer has it.
    Acknowledged,
    /// It was repeated in vain, or the chat ended before.
    GivenUp,
    /// The program took it for something else.
    Swallowed,
}

/// A line that left, or is to leave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The line.
    pub text: String,
    /// What became of it.
    pub fate: Fate,
    /// Whether its user wrote it; otherwise the program did.
    pub by_user: bool,
}

/// The other side of its chat.
#[derive(Debug, Clone)]
struct Partner {
    address: SocketAddr,
    user: String,
}

/// A chat on its way, that is repeated.
#[derive(Debug)]
struct Unanswered {
    said: usize,
    seq: u8,
    sent_at: u64,
    due: u64,
    repeated: u32,
}

/// A datagram that is repeated until it is answered.
#[derive(Debug)]
struct Pending {
    fields: Fields,
    due: u64,
    left: u32,
}

/// Both directions of the chat it is in.
#[derive(Debug, Default)]
struct Talk {
    sent: u32,
    accepted: u32,
    shared: u8,
    last_seq: Option<u8>,
    last_text: String,
    in_flight: Option<Unanswered>,
    queue: VecDeque<usize>,
    is_my_turn: bool,
    /// The ACK of the handshake has come, or is not wanted.
    has_handshake_ack: bool,
    opened_at: u64,
}

/// A program of another author, with one user.
#[derive(Debug)]
pub struct Double {
    traits: Traits,
    name: String,
    random: u64,
    state: DoubleState,
    partner: Option<Partner>,
    port: Port,
    is_inviter: bool,
    /// The user was asked twice, so that the next line is an answer.
    is_spoiled: bool,
    syn_seq: u8,
    talk: Talk,
    /// It has been in a chat.
    has_talked: bool,
    /// SYN, SYN+ACK or FIN.
    pending: Option<Pending>,
    gives_up_at: Option<u64>,
    inbox: Vec<(Vec<u8>, SocketAddr, Port)>,
    tick: Option<u64>,
    waits_until: u64,
    is_deaf: bool,
    is_gone: bool,
    outgoing: VecDeque<DoubleTransmit>,
    shown: Vec<String>,
    said: Vec<Said>,
    notices: Vec<String>,
}

impl Double {
    /// A program that has just been started by a user of this name. `seed` decides what it drops.
    pub fn new(traits: Traits, name: &str, seed: u64) -> Self {
        Self {
            traits,
            name: name.to_owned(),
            random: seed,
            state: DoubleState::Idle,
            partner: None,
            port: Port::Main,
            is_inviter: false,
            is_spoiled: false,
            syn_seq: 0,
            talk: Talk::default(),
            has_talked: false,
            pending: None,
            gives_up_at: None,
            inbox: Vec::new(),
            tick: None,
            waits_until: 0,
            is_deaf: false,
            is_gone: false,
            outgoing: VecDeque::new(),
            shown: Vec::new(),
            said: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Where it is.
    pub fn state(&self) -> DoubleState {
        self.state
    }

    /// What the peer wrote, as its user saw it.
    pub fn shown(&self) -> &[String] {
        &self.shown
    }

    /// What was written here.
    pub fn said(&self) -> &[Said] {
        &self.said
    }

    /// What else its user was told: of invitations, refusals, errors and ends.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Whether something killed its listener.
    pub fn is_deaf(&self) -> bool {
        self.is_deaf
    }

    /// Whether the program has ended: its ports are closed.
    pub fn is_gone(&self) -> bool {
        self.is_gone
    }

    /// Whether the program lets its user write now.
    pub fn may_say(&self) -> bool {
        self.state == DoubleState::Open && (!self.traits.takes_turns || self.talk.is_my_turn)
    }

    /// The next moment at which it does something by itself.
    pub fn deadline(&self) -> Option<u64> {
        let in_flight = self.talk.in_flight.as_ref().map(|chat| chat.due);
        let pending = self.pending.as_ref().map(|pending| pending.due);
        [in_flight, pending, self.gives_up_at, self.tick].into_iter().flatten().min()
    }

    /// A moment has come that it waited for. Early calls do nothing.
    pub fn handle_timeout(&mut self, now: u64) {
        if self.is_gone {
            return;
        }
        if self.tick.is_some_and(|tick| tick <= now) {
            self.tick = None;
            self.read_inbox(now);
            self.pump(now);
        }
        if self.gives_up_at.is_some_and(|at| at <= now) {
            self.leave("no answer");
        }
        self.repeat_pending(now);
        self.repeat_chat(now);
    }

    /// Its user has it wait for an invitation.
    pub fn wait(&mut self, now: u64) {
        if let Some(waits_for) = self.traits.waits_for {
            self.waits_until = now + waits_for;
            self.read_inbox(now);
        }
    }
}
