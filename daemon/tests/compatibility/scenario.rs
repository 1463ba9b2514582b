//! What is tried with each row: one column of the table each.

use simp_control::{Kind, Reason, Request, State, What};
use simp_doubles::{Answers, Busy, DoubleState as Theirs, OnFin, Row};

use super::users::{Side, Talk};
use super::verdict::{Trouble, Troubles, judge};
use super::world::{Host, Link, World, address};

/// Runs on a bad link, in each role.
const SEEDS: u64 = 4;

/// How long somebody thinks before accepting.
const THINKS: u64 = 2_000;

/// How long a side that was left takes to notice.
const NOTICES_WITHIN: u64 = 150_000;

/// Longer than an invitation lasts.
const INVITATION: u64 = 700_000;

/// What is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// A chat on a good link: who invites, who leaves.
    Chat(Side, Side),
    /// They think for 45 s before they accept.
    Slow,
    /// A second chat after the first; who invites to it.
    Again(Side),
    /// All lines of a chat are the same.
    Same,
    /// The user of this side declines.
    Declines(Side),
    /// This side is in a chat with somebody else.
    Busy(Side),
    /// Any one datagram is lost.
    Lost,
    /// Any one datagram comes twice.
    Doubled,
    /// A fifth is lost and a fifth doubled; who invites.
    Bad(Side),
}

/// Which of a row's expectations holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quality {
    Good,
    Same,
    Fault,
    Bad,
}

impl Scenario {
    pub const ALL: [Self; 16] = [
        Self::Chat(Side::We, Side::We),
        Self::Chat(Side::We, Side::They),
        Self::Chat(Side::They, Side::We),
        Self::Chat(Side::They, Side::They),
        Self::Slow,
        Self::Again(Side::We),
        Self::Again(Side::They),
        Self::Same,
        Self::Declines(Side::They),
        Self::Declines(Side::We),
        Self::Busy(Side::They),
        Self::Busy(Side::We),
        Self::Lost,
        Self::Doubled,
        Self::Bad(Side::We),
        Self::Bad(Side::They),
    ];

    /// What it is called in the environment, and as a column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat(Side::We, Side::We) => "we invite, we quit",
            Self::Chat(Side::We, Side::They) => "we invite, they quit",
            Self::Chat(Side::They, Side::We) => "they invite, we quit",
            Self::Chat(Side::They, Side::They) => "they invite, they quit",
            Self::Slow => "they think for 45 s",
            Self::Again(Side::We) => "again, we invite",
            Self::Again(Side::They) => "again, they invite",
            Self::Same => "same lines",
            Self::Declines(Side::They) => "they decline",
            Self::Declines(Side::We) => "we decline",
            Self::Busy(Side::They) => "they are busy",
            Self::Busy(Side::We) => "we are busy",
            Self::Lost => "one lost",
            Self::Doubled => "one doubled",
            Self::Bad(Side::We) => "20 %, we invite",
            Self::Bad(Side::They) => "20 %, they invite",
        }
    }

    pub fn quality(self) -> Quality {
        match self {
            Self::Lost | Self::Doubled => Quality::Fault,
            Self::Bad(_) => Quality::Bad,
            Self::Same => Quality::Same,
            _ => Quality::Good,
        }
    }

    /// The seeds of its runs. Where one datagram is lost or doubled, the seed says which, and who invites.
    pub fn seeds(self, row: &Row) -> std::ops::Range<u64> {
        match self {
            Self::Lost | Self::Doubled => {
                let count =
                    |inviter| chat(row, inviter, Side::We, few(row), Link::Good, 0, false).0.transmitted();
                0..2 * (count(Side::We).max(count(Side::They)) + 1)
            }
            Self::Bad(_) => 0..SEEDS,
            _ if row.traits.drops > 0 => 0..SEEDS,
            _ => 0..1,
        }
    }

    /// Runs it once.
    pub fn run(self, row: &Row, seed: u64, is_traced: bool) -> Troubles {
        let inviter = if seed.is_multiple_of(2) { Side::We } else { Side::They };
        let talk = |talk, inviter, quitter, link| {
            let (world, over) = chat(row, inviter, quitter, talk, link, seed, is_traced);
            judge(row, &world, over)
        };
        match self {
            Self::Chat(inviter, quitter) => talk(many(row), inviter, quitter, Link::Good),
            Self::Slow => {
                let mut world = World::new(row, Link::Good, seed, is_traced);
                world.open(Side::We, 45_000);
                let over = talk_and_quit(row, &mut world, few(row), Side::We);
                judge(row, &world, over)
            }
            Self::Again(inviter) => again(row, inviter, seed, is_traced),
            Self::Same => talk(Talk { is_same: true, ..few(row) }, Side::We, Side::We, Link::Good),
            Self::Declines(Side::They) => they_decline(row, seed, is_traced),
            Self::Declines(Side::We) => we_decline(row, seed, is_traced),
            Self::Busy(Side::They) => they_are_busy(row, seed, is_traced),
            Self::Busy(Side::We) => we_are_busy(row, seed, is_traced),
            Self::Lost => talk(few(row), inviter, Side::We, Link::Loses(seed / 2)),
            Self::Doubled => talk(few(row), inviter, Side::We, Link::Doubles(seed / 2)),
            Self::Bad(inviter) => talk(many(row), inviter, Side::We, Link::Bad),
        }
    }
}

/// A chat during which our disk refuses one commit, after so many that are good.
pub fn chat_on_bad_disk(row: &Row, good: u32, is_traced: bool) -> World {
    let inviter = if good.is_multiple_of(2) { Side::We } else { Side::They };
    let mut world = World::new(row, Link::Good, u64::from(good), is_traced);
    world.disk.refuse_after(good, 1);
    world.open(inviter, THINKS);
    talk_and_quit(row, &mut world, few(row), Side::We);
    world
}

fn many(row: &Row) -> Talk {
    Talk { lines: 10, before: 0, is_same: false, takes_turns: row.traits.takes_turns }
}

fn few(row: &Row) -> Talk {
    Talk { lines: 3, ..many(row) }
}

/// How a chat ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Before its time, on either side.
    pub early: bool,
    /// Never, on either side.
    pub never: bool,
    /// For them, only when they gave up waiting for the answer to their FIN.
    pub unanswered: bool,
}

fn chat(
    row: &Row,
    inviter: Side,
    quitter: Side,
    talk: Talk,
    link: Link,
    seed: u64,
    is_traced: bool,
) -> (World, Over) {
    let mut world = World::new(row, link, seed, is_traced);
    world.open(inviter, THINKS);
    let over = talk_and_quit(row, &mut world, talk, quitter);
    (world, over)
}

fn talk_and_quit(row: &Row, world: &mut World, talk: Talk, quitter: Side) -> Over {
    world.talk(talk);
    let early = !world.is_open_here() || world.theirs.state() != Theirs::Open;
    match quitter {
        Side::We => world.we_quit(),
        Side::They => {
            world.trace(&"they quit");
            world.theirs.quit(world.now);
        }
    }
    let is_over = |world: &mut World| is_over_here(world) && is_idle(world);
    let mut never = !world.wait_until(NOTICES_WITHIN, is_over);
    if never && quitter == Side::We && is_over_here(world) && world.theirs.state() == Theirs::Open {
        // Who does not listen to a FIN leaves by itself at last.
        never = row.traits.on_fin != OnFin::Ignored;
        world.theirs.quit(world.now);
        world.wait_until(NOTICES_WITHIN, is_over);
    }
    world.wait(NOTICES_WITHIN);
    let gave_up = world.theirs.notices().last().is_some_and(|notice| notice == "nobody answers");
    Over { early, never, unanswered: gave_up && quitter == Side::They && !early }
}

/// One of each side invites, an odd number of lines passes; then another chat.
fn again(row: &Row, inviter: Side, seed: u64, is_traced: bool) -> Troubles {
    let mut world = World::new(row, Link::Good, seed, is_traced);
    world.open(Side::We, THINKS);
    let first = talk_and_quit(row, &mut world, few(row), Side::We);
    if world.theirs.is_gone() {
        return judge(row, &world, first);
    }
    world.open(inviter, THINKS);
    let over = talk_and_quit(row, &mut world, Talk { before: few(row).lines, ..few(row) }, Side::We);
    judge(row, &world, Over { early: first.early || over.early, never: first.never || over.never, ..over })
}

fn is_idle(world: &World) -> bool {
    world.theirs.state() == Theirs::Idle || world.theirs.is_gone()
}

fn is_over_here(world: &mut World) -> bool {
    world.state(Host::Theirs).is_none()
}

/// Why our chat or invitation ended.
fn reason(world: &World) -> Option<Reason> {
    match world.entries(Kind::Closed).pop() {
        Some(What::Closed { reason, .. }) => Some(reason),
        _ => None,
    }
}

fn they_decline(row: &Row, seed: u64, is_traced: bool) -> Troubles {
    let mut world = World::new(row, Link::Good, seed, is_traced);
    if row.traits.answers == Answers::Accepts {
        return Troubles::default();
    }
    world.theirs.wait(0);
    world.we_connect();
    world.wait_until(INVITATION, |world| world.theirs.state() == Theirs::Asked);
    world.wait(THINKS);
    world.trace(&"they decline");
    let now = world.now;
    world.theirs.decline(now);
    world.wait_until(INVITATION, |world| is_over_here(world) && is_idle(world));
    refusal(&world, &[Reason::PeerDeclined])
}

fn they_are_busy(row: &Row, seed: u64, is_traced: bool) -> Troubles {
    let mut world = World::new(row, Link::Good, seed, is_traced);
    world.theirs.occupy(0, address(Host::Third));
    world.we_connect();
    world.wait_until(INVITATION, is_over_here);
    // Some say the same as where they decline, one says nothing that can be read.
    match row.traits.busy {
        Busy::Undecodable => refusal(&world, &[Reason::PeerBusy, Reason::PeerDeclined, Reason::NoAnswer]),
        _ => refusal(&world, &[Reason::PeerBusy, Reason::PeerDeclined]),
    }
}

fn refusal(world: &World, right: &[Reason]) -> Troubles {
    let mut troubles = Troubles::default();
    match reason(world) {
        _ if !world.entries(Kind::Opened).is_empty() => troubles.note(Trouble::OpensAllTheSame),
        None => troubles.note(Trouble::NeverEnds),
        Some(reason) if !right.contains(&reason) => troubles.note(Trouble::WrongReason(reason)),
        Some(_) => {}
    }
    troubles
}

fn we_decline(row: &Row, seed: u64, is_traced: bool) -> Troubles {
    let mut world = World::new(row, Link::Good, seed, is_traced);
    world.they_invite_until(INVITATION, |world| world.state(Host::Theirs) == Some(State::Invited));
    world.wait(THINKS);
    world.we_answer(false);
    world.wait_until(NOTICES_WITHIN, |world| is_over_here(world) && is_idle(world));
    let mut troubles = refusal(&world, &[Reason::WeDeclined]);
    note_whether_they_know(row, &world, &mut troubles);
    troubles
}

fn we_are_busy(row: &Row, seed: u64, is_traced: bool) -> Troubles {
    let mut world = World::new(row, Link::Good, seed, is_traced);
    world.third.invite(0, address(Host::Ours));
    world.wait_until(INVITATION, |world| world.state(Host::Third).is_some());
    let third = world.chat(Host::Third).map(|chat| chat.peer.address);
    world.ask(Request::Accept { who: third }).unwrap();
    world.wait(THINKS);
    world.they_invite_until(NOTICES_WITHIN, |world| is_idle(world) && world.transmitted() > 0);
    let mut troubles = Troubles::default();
    note_whether_they_know(row, &world, &mut troubles);
    if world.state(Host::Third) != Some(State::Open) || world.state(Host::Theirs).is_some() {
        troubles.note(Trouble::Breaks);
    }
    troubles
}

/// Whether their user knows that it was refused.
fn note_whether_they_know(row: &Row, world: &World, troubles: &mut Troubles) {
    if !is_idle(world) && row.traits.on_fin != OnFin::Ignored {
        troubles.note(Trouble::TheyKeepWaiting);
    }
    if world.theirs.notices().iter().any(|notice| notice == "opened") {
        troubles.note(Trouble::OpensAllTheSame);
    }
}
