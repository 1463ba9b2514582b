//! What the people on both sides do: invite, think, accept or decline, write, leave.

use simp_control::{Kind, Request, State, What};
use simp_doubles::{DoubleState as Theirs, Fate};

use super::world::{Host, World, address};
use crate::driver;

/// People look at their screens so often.
const GLANCE: u64 = 250;

/// Somebody whose invitation led to nothing invites again after so long.
const INVITES_AGAIN_AFTER: u64 = 30_000;

/// How long people wait for a chat to open at both ends.
const OPENS_WITHIN: u64 = 240_000;

/// How long people try to say what they have to say.
const TALKS_FOR: u64 = 1_800_000;

/// Where it is somebody's turn and nobody writes, we do after so long.
const TURN_AFTER: u64 = 30_000;

/// Everything is over when it has been quiet for so long and all is said,
const QUIET: u64 = 12_000;

/// and when it has been quiet for so long whatever is left.
const LONG_QUIET: u64 = 40_000;

/// People who are in a chat write, after so long, whatever the other side shows.
const WAITS_FOR_THE_OTHER: u64 = 10_000;

/// One of two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    We,
    They,
}

/// What people write.
#[derive(Debug, Clone, Copy)]
pub struct Talk {
    /// How many lines each of them.
    pub lines: usize,
    /// How many lines were written before, in another chat.
    pub before: usize,
    /// Each line says the same.
    pub is_same: bool,
    /// They write in turn.
    pub takes_turns: bool,
}

impl Talk {
    fn text(&self, side: Side, n: usize) -> String {
        let n = n + self.before;
        match (self.is_same, side) {
            (true, Side::We) => "ok".to_owned(),
            (true, Side::They) => "yes".to_owned(),
            // As long as we allow: it must pass too.
            (false, Side::We) if n == 1 => format!("{:x<985}", "ours-01 "),
            (false, Side::We) => format!("ours-{n:02}"),
            (false, Side::They) => format!("theirs-{n:02}"),
        }
    }
}

impl World {
    /// Lets people look now and then until it is so, or until time is up; says whether it is so.
    pub fn wait_until(&mut self, within: u64, mut so: impl FnMut(&mut Self) -> bool) -> bool {
        let until = self.now + within;
        while !so(self) {
            if self.now >= until {
                return false;
            }
            self.run_until(self.now + GLANCE);
        }
        true
    }

    /// Lets so much time pass.
    pub fn wait(&mut self, ms: u64) {
        self.run_until(self.now + ms);
    }

    pub fn we_connect(&mut self) {
        self.trace(&"we invite");
        let _ = self.ask(driver::connect(address(Host::Theirs)));
    }

    pub fn they_invite(&mut self) {
        self.trace(&"they invite");
        self.theirs.invite(self.now, address(Host::Ours));
    }

    /// They invite until we have noticed, again and again.
    pub fn they_invite_until(&mut self, within: u64, mut noticed: impl FnMut(&mut Self) -> bool) {
        let until = self.now + within;
        while self.now < until && !noticed(self) {
            self.they_invite();
            self.wait_until(INVITES_AGAIN_AFTER, |world| noticed(world));
        }
    }

    /// What our user says to a request.
    pub fn we_answer(&mut self, accept: bool) {
        self.trace(&format_args!("we accept: {accept}"));
        let who = self.chat(Host::Theirs).map(|chat| chat.peer.address);
        let _ = self.ask(if accept { Request::Accept { who } } else { Request::Decline { who } });
    }

    pub fn we_quit(&mut self) {
        self.trace(&"we quit");
        let who = self.chat(Host::Theirs).map(|chat| chat.peer.address);
        let _ = self.ask(Request::Quit { who, chat: None, now: false });
    }

    /// One side invites; the other's user thinks for so long, and accepts.
    pub fn open(&mut self, inviter: Side, thinks: u64) {
        let (mut asked_since, mut invited_at, mut open_since) = (None, None, None);
        self.wait_until(OPENS_WITHIN, |world| {
            let now = world.now;
            if world.is_asked(inviter) {
                if now >= *asked_since.get_or_insert(now) + thinks {
                    match inviter {
                        Side::We => world.theirs.accept(now),
                        Side::They => world.we_answer(true),
                    }
                }
            } else if world.may_invite(inviter) && invited_at.is_none_or(|at| now >= at + INVITES_AGAIN_AFTER)
            {
                invited_at = Some(now);
                match inviter {
                    Side::We => world.we_connect(),
                    Side::They => world.they_invite(),
                }
            }
            // Who has a menu waits again and again.
            if inviter == Side::We && now.is_multiple_of(60_000) && world.theirs.state() == Theirs::Idle {
                world.theirs.wait(now);
            }
            let here = world.is_open_here();
            let there = matches!(world.theirs.state(), Theirs::Open | Theirs::Ringing);
            if (here || there) && !world.is_asked(inviter) {
                let since = *open_since.get_or_insert(now);
                return (here && there) || now >= since + WAITS_FOR_THE_OTHER;
            }
            false
        });
    }

    fn is_asked(&mut self, inviter: Side) -> bool {
        match inviter {
            Side::We => self.theirs.state() == Theirs::Asked,
            Side::They => self.state(Host::Theirs) == Some(State::Invited),
        }
    }

    fn may_invite(&mut self, inviter: Side) -> bool {
        match inviter {
            Side::We => self.state(Host::Theirs).is_none(),
            Side::They => matches!(self.theirs.state(), Theirs::Idle | Theirs::Inviting),
        }
    }

    /// Whether our user may write.
    pub fn is_open_here(&mut self) -> bool {
        matches!(self.state(Host::Theirs), Some(State::Accepting | State::Open))
    }

    /// Both write, until everything is said and has its outcome.
    pub fn talk(&mut self, talk: Talk) {
        let (mut ours, mut theirs) = (0, 0);
        let (mut we_next, mut they_next) = (self.now + 700, self.now + 400);
        let (mut quiet_since, mut last) = (self.now, (0, 0));
        self.wait_until(TALKS_FOR, |world| {
            let now = world.now;
            let seen = (world.transmitted(), world.newest());
            if seen != last {
                (quiet_since, last) = (now, seen);
            }
            if theirs < talk.lines && now >= they_next && world.they_say(&talk.text(Side::They, theirs)) {
                theirs += 1;
                they_next = now + 2_000;
                we_next = if talk.takes_turns { now + 500 } else { we_next };
            }
            let is_their_turn = talk.takes_turns && (world.theirs.may_say() || !world.is_settled());
            let we_wait = now < we_next || (is_their_turn && now < quiet_since + TURN_AFTER);
            if ours < talk.lines && !we_wait && world.we_say(&talk.text(Side::We, ours)) {
                ours += 1;
                we_next = now + 1_500;
            }
            let all_said =
                ours == talk.lines && theirs == talk.lines && world.is_settled() && !world.they_wait();
            now >= quiet_since + if all_said { QUIET } else { LONG_QUIET }
        });
    }

    fn we_say(&mut self, text: &str) -> bool {
        if !self.is_open_here() {
            return false;
        }
        let who = self.chat(Host::Theirs).map(|chat| chat.peer.address.parse().unwrap());
        self.trace(&format_args!("we say {}", &text[..text.len().min(20)]));
        let sent = self.ask(driver::send(who, text));
        sent.is_ok()
    }

    fn they_say(&mut self, text: &str) -> bool {
        let said = self.theirs.say(self.now, text);
        if said {
            self.trace(&format_args!("they say {text}"));
        }
        said
    }

    /// Whether each message of ours has its outcome.
    fn is_settled(&mut self) -> bool {
        self.chat(Host::Theirs).is_none_or(|chat| chat.queued == 0)
    }

    fn they_wait(&self) -> bool {
        let waits = |fate| fate == Fate::Waits;
        self.theirs.state() == Theirs::Open && self.theirs.said().iter().any(|said| waits(said.fate))
    }

    /// What our log says of this kind, in order.
    pub fn entries(&self, kind: Kind) -> Vec<What> {
        let log = self.log().into_iter();
        log.filter(|event| event.what.kind() == kind).map(|event| event.what).collect()
    }
}
