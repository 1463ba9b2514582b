//! One control connection: reads its frames, keeps what is to be written to it, knows how far it is and what it owes.
//! What a request means is the engine's to know; only that hello comes first is seen to here.

use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use mio::net::UnixStream;
use mio::{Interest, Registry, Token};
use serde::Serialize;
use simp_control::frame::{FrameBuffer, FrameError};
use simp_control::{Answer, AnswerRef, Event, Failure, FailureKind, Request, VERSION};
use simp_engine::wheel::TimerId;
use simp_engine::{Follower, Reader, Rights, only_reads};
use simp_store::EntryFilter;

use crate::frames::Share;
use crate::output::Output;

/// Bytes waiting for a client above which nothing more is made for it: no further request of it is read, no
/// further entry of the log. It is served at the pace at which it reads.
const OUTPUT_HIGH: usize = 64 << 10;

/// Most bytes taken from one client in a turn, so that no client starves another.
const READ_PER_TURN: usize = 64 << 10;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientState {
    /// It owes us its hello.
    New,
    /// It has said hello with our version.
    Greeted,
    /// Nothing more is read; it goes once its output is written.
    Leaving,
    /// It cannot be written to any more.
    Gone,
}

/// What its socket has for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inlet {
    /// Nothing, until there is an event.
    Dry,
    /// Perhaps something.
    Wet,
    /// The client has closed its side: nothing comes after what is there.
    Ending,
    /// It has closed both sides: nobody reads what is written to it.
    Abandoned,
}

/// Whether its socket takes what is written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outlet {
    /// As far as is known.
    Free,
    /// Not until there is an event.
    Full,
}

/// Where a follower gets entries of the log from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// It reads them, from its cursor on.
    None,
    /// It is given them with the audience, and is as far as that.
    Audience,
}

/// What a client has to do before a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owed {
    /// To say hello, or to complete a frame.
    Request,
    /// To read on: nothing more comes from it, and it has answers left to read. It had taken so many bytes then.
    ///
    /// Whoever has not closed its side may read as slowly as it likes, and pause: nobody knows that it will not go on.
    Reading {
        /// Bytes.
        taken: u64,
    },
}

/// What a client owes us, and the timer that is set for it.
#[derive(Debug, Clone, Copy)]
pub struct Debt {
    /// What.
    pub owed: Owed,
    /// Until when.
    pub timer: TimerId,
}

/// One control connection.
#[derive(Debug)]
pub struct ClientConnection {
    /// Its socket.
    pub stream: UnixStream,
    /// What it may ask.
    pub rights: Rights,
    input: FrameBuffer,
    output: Output,
    outlet: Outlet,
    /// Of what its socket is to wake us.
    interest: Interest,
    state: ClientState,
    /// A request that was read and costs much, for the next turn.
    held: Option<Request>,
    /// It follows the log.
    follower: Option<Follower>,
    seat: Seat,
    /// While it owes us something.
    pub debt: Option<Debt>,
    /// Why it is let go; the last that is written to it, after its answers.
    last_words: Option<Failure>,
    inlet: Inlet,
    /// So many bytes were read from it, and decoded, since that was asked last.
    read: u64,
}

impl ClientConnection {
    /// A client that has just come, whose socket wakes us if it is readable.
    pub fn new(stream: UnixStream, rights: Rights) -> Self {
        Self {
            stream,
            rights,
            input: FrameBuffer::default(),
            output: Output::default(),
            outlet: Outlet::Free,
            interest: Interest::READABLE,
            state: ClientState::New,
            held: None,
            follower: None,
            seat: Seat::None,
            debt: None,
            last_words: None,
            // It may have asked before we accepted it: that is read in this turn, without its event.
            inlet: Inlet::Wet,
            read: 0,
        }
    }

    /// Bytes that wait for it.
    pub fn unread(&self) -> usize {
        self.output.rest().len()
    }

    /// How many bytes it was given since it came, taken or not.
    pub fn given_bytes(&self) -> u64 {
        self.output.taken() + self.unread() as u64
    }

    /// Whether it reads slower than it is written to.
    pub fn is_full(&self) -> bool {
        self.unread() >= OUTPUT_HIGH
    }

    /// What it owes us. No request while it is our turn: if its output is full, or its socket has more to read, what we
    /// hold may be whole requests that we did not take yet.
    pub fn owes(&self) -> Option<Owed> {
        let is_ending = matches!(self.inlet, Inlet::Ending | Inlet::Abandoned);
        let reads_no_more_requests = is_ending || self.state == ClientState::Leaving;
        let is_our_turn = self.inlet != Inlet::Dry || self.held.is_some() || self.is_full();
        match self.state {
            ClientState::Gone => None,
            _ if reads_no_more_requests => {
                let owed = Owed::Reading { taken: self.output.taken() };
                Some(owed).filter(|_| !self.output.rest().is_empty())
            }
            ClientState::New => Some(Owed::Request),
            ClientState::Greeted => Some(Owed::Request).filter(|_| self.input.is_partial() && !is_our_turn),
            ClientState::Leaving => None,
        }
    }

    /// It has not done in time what it owed.
    pub fn fails_to(&mut self, owed: Owed, within: Duration) {
        match owed {
            Owed::Request => {
                let line = format!("no complete request came within {} s", within.as_secs());
                self.dismiss(Failure::new(FailureKind::Usage, line));
            }
            Owed::Reading { taken } => {
                // An event comes only once there is much room again: a slow reader may have made some.
                self.outlet = Outlet::Free;
                self.flush();
                if self.output.taken() == taken {
                    self.state = ClientState::Gone;
                }
            }
        }
    }

    /// Whether requests are still read from it.
    pub fn is_asking(&self) -> bool {
        matches!(self.state, ClientState::New | ClientState::Greeted)
    }

    fn leave(&mut self) {
        // Gone is for good: there is nobody to write the rest to.
        if self.state != ClientState::Gone {
            self.state = ClientState::Leaving;
        }
    }

    /// Adds an answer to what is to be written.
    pub fn answer(&mut self, answer: &impl Serialize) {
        // Only a history could be too long, and that is cut before.
        if self.output.add(answer).is_err() {
            self.leave();
        }
    }

    /// Adds those entries that its follower wants to what is to be written, or writes them, as many as it has room for.
    /// `looked` is how far the log is known with them.
    pub fn follow(&mut self, entries: &[Event], looked: u64) {
        let is_asking = self.is_asking();
        let Some(mut follower) = self.follower.take_if(|_| is_asking) else { return };
        for event in entries {
            if self.is_full() {
                self.flush();
            }
            if self.is_full() {
                self.follower = Some(follower);
                return;
            }
            if follower.wanted.matches(event) {
                self.answer(&AnswerRef::Event(event));
                follower.given = event.id;
            }
            follower.cursor = event.id;
        }
        // Past those that it does not want as well, lest they be read again.
        follower.cursor = looked;
        self.follower = Some(follower);
    }

    /// Writes what its follower wants of the entries of a turn, as much as it has room for, and keeps what its socket does not
    /// take. It has had all up to `from`. Whether it was given all.
    pub fn follow_share(&mut self, share: &Share<'_>, from: u64) -> bool {
        let (mut start, mut upto) = (0, from);
        for piece in &share.pieces {
            if self.is_full() || !self.is_asking() {
                break;
            }
            self.write_or_keep(share.bytes.get(start..piece.end).unwrap_or_default());
            (start, upto) = (piece.end, piece.last);
        }
        let Some(follower) = &mut self.follower else { return false };
        if upto > from {
            follower.given = upto;
        }
        let is_all = start == share.bytes.len();
        if !is_all {
            (self.seat, follower.cursor) = (Seat::None, upto);
        }
        is_all
    }

    fn write_or_keep(&mut self, bytes: &[u8]) {
        // What waits comes first, and leaves at the end of the turn: all of a turn in one write.
        let waits = !self.output.rest().is_empty() || self.outlet == Outlet::Full;
        let written = if waits { Ok(0) } else { self.stream.write(bytes) };
        // Any trouble is found again with the rest.
        let written = written.unwrap_or_default();
        self.output.pass(written);
        self.output.keep(bytes.get(written..).unwrap_or_default());
    }

    /// Lets it follow the log, in place of what it followed before, when it must not be in the audience.
    pub fn follow_from(&mut self, follower: Follower) {
        self.follower = Some(follower).filter(|_| self.is_asking());
    }

    /// It is in the audience from now on.
    pub fn set_seated(&mut self) {
        self.seat = Seat::Audience;
    }

    /// If it is in the audience, which is so far, it reads by itself from now on; and what it wants.
    pub fn fall_behind(&mut self, upto: u64) -> Option<&EntryFilter> {
        let follower = self.follower.as_mut().filter(|_| self.seat == Seat::Audience)?;
        (self.seat, follower.cursor) = (Seat::None, upto);
        Some(&follower.wanted)
    }

    /// What it follows.
    pub fn follower(&self) -> Option<&Follower> {
        // Once it leaves, nothing more is made for it.
        self.follower.as_ref().filter(|_| self.is_asking())
    }

    /// How far it is, if it follows for a consumer, or did until it left. The audience is at `upto`.
    pub fn reader(&self, upto: u64) -> Option<Reader> {
        let Follower { cursor, given, consumer, .. } = self.follower.as_ref()?;
        let looked = match self.seat {
            Seat::None => *cursor,
            Seat::Audience => upto,
        };
        Some(Reader { consumer: consumer.clone()?, given: *given, looked })
    }

    /// Whether that would say something.
    pub fn is_reader(&self) -> bool {
        self.follower.as_ref().is_some_and(|follower| follower.consumer.is_some())
    }

    /// How far it was given the log, if it follows that by itself, or did until it left.
    pub fn cursor(&self) -> u64 {
        self.follower.as_ref().map_or(0, |follower| follower.cursor)
    }

    /// Whether it reads the log by itself, and has room for what it reads.
    pub fn is_behind(&self) -> bool {
        self.seat == Seat::None && !self.is_full() && self.follower().is_some()
    }

    /// Says why, and lets it go once that is written.
    pub fn dismiss(&mut self, failure: Failure) {
        self.last_words = Some(failure);
        self.leave();
    }

    /// The next request, or `None` if none is complete, or if it should read its answers first.
    pub fn next_request(&mut self) -> Option<Request> {
        let request = self.take_request()?;
        match request {
            _ if self.state == ClientState::Greeted => Some(request),
            Request::Hello { version: VERSION } => {
                self.state = ClientState::Greeted;
                Some(request)
            }
            // The answer names both versions, and then it goes.
            Request::Hello { .. } => {
                self.leave();
                Some(request)
            }
            _ => {
                self.dismiss(Failure::new(FailureKind::Usage, "the first request must be hello"));
                None
            }
        }
    }

    /// Gives a request back: it is the next one again, in the next turn.
    pub fn hold(&mut self, request: Request) {
        self.held = Some(request);
    }

    /// Whether it was given one back.
    pub fn holds_request(&self) -> bool {
        self.held.is_some()
    }

    fn take_request(&mut self) -> Option<Request> {
        if self.held.is_some() {
            return self.held.take();
        }
        let mut taken = 0;
        // What was read before first: a client that sends without a pause must not fill our memory.
        while self.is_asking() && !self.is_full() {
            let pending = self.input.pending();
            let next = self.input.take();
            // To decode a long one costs as much again as to read it, in whichever turn its end comes.
            self.read += (pending - self.input.pending()) as u64;
            match next {
                Ok(Some(request)) if self.inlet == Inlet::Abandoned && only_reads(&request) => {}
                Ok(Some(request)) => return Some(request),
                Ok(None) if self.inlet == Inlet::Dry || taken >= READ_PER_TURN => return None,
                Ok(None) => taken += self.read(),
                Err(error) => self.dismiss(broken(&error)),
            }
        }
        None
    }

    /// Whether a request may come out of it without a further event of its socket.
    pub fn has_more(&self) -> bool {
        (self.inlet != Inlet::Dry || self.held.is_some()) && self.is_asking() && !self.is_full()
    }

    /// Its socket has something to read, or room, or has ended.
    pub fn woken(&mut self, event: &mio::event::Event) {
        // To one that is closed nothing can be written, which is found out by writing.
        if event.is_writable() || event.is_write_closed() {
            self.outlet = Outlet::Free;
        }
        if event.is_write_closed() {
            self.inlet = Inlet::Abandoned;
            // What it has asked is done all the same, but for what only it would have had something of.
            self.held.take_if(|request| only_reads(request));
        } else if event.is_read_closed() {
            self.inlet = Inlet::Ending;
        } else if event.is_readable() && self.inlet == Inlet::Dry {
            self.inlet = Inlet::Wet;
        }
    }

    /// How many bytes were read from it, and decoded, since this was asked last.
    pub fn read_since(&mut self) -> u64 {
        std::mem::take(&mut self.read)
    }

    fn read(&mut self) -> usize {
        // To fill a larger one with zeros costs as much as what few clients have to say costs in all.
        let mut buffer = [0; 4 << 10];
        match self.stream.read(&mut buffer) {
            Ok(0) => {
                // It may still read the answers to what it asked; a stream it would not end.
                self.inlet = Inlet::Dry;
                self.leave();
                0
            }
            Ok(count) => {
                self.read += count as u64;
                self.input.push(buffer.get(..count).unwrap_or_default());
                count
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
            Err(error) => {
                self.inlet = Inlet::Dry;
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.state = ClientState::Gone;
                }
                0
            }
        }
    }

    /// Writes what can be written.
    pub fn flush(&mut self) {
        // After the answers of this turn, for it was let go after it had asked.
        if let Some(failure) = self.last_words.take() {
            self.answer(&Answer::Failure(failure));
        }
        while self.outlet == Outlet::Free && self.state != ClientState::Gone && !self.output.rest().is_empty()
        {
            match self.stream.write(self.output.rest()) {
                Ok(0) => self.state = ClientState::Gone,
                Ok(count) => self.output.take(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.outlet = Outlet::Full,
                Err(_) => self.state = ClientState::Gone,
            }
        }
    }

    /// Has its socket, which is registered with this token, wake us when it takes more, if something waits. Otherwise not: it
    /// would do that with all that the client reads.
    pub fn watch_for_room(&mut self, registry: &Registry, token: Token) {
        let interest = match self.outlet {
            Outlet::Free => Interest::READABLE,
            Outlet::Full => Interest::READABLE | Interest::WRITABLE,
        };
        if interest == self.interest {
            return;
        }
        self.interest = interest;
        if registry.reregister(&mut self.stream, token, interest).is_err() {
            // Nothing would wake us for it.
            self.state = ClientState::Gone;
        }
    }

    /// Whether nothing is left to do for it.
    pub fn is_done(&self) -> bool {
        match self.state {
            ClientState::New | ClientState::Greeted => false,
            ClientState::Leaving => self.output.rest().is_empty(),
            ClientState::Gone => true,
        }
    }
}

fn broken(error: &FrameError) -> Failure {
    Failure::new(FailureKind::Usage, format!("the request cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
