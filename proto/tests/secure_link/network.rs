//! Channels between two daemons: each keeps order and breaks at any moment, which loses the end of what was written to it,
//! more or less of it each way.

use std::collections::BTreeMap;

use simp_proto::secure::{Broken, ChannelId, KeyId};
use simp_seeds::Random;

/// How long a channel takes to find out that nobody is there.
const NO_ANSWER_AFTER: u64 = 3_000;

/// One channel.
#[derive(Debug)]
struct Line {
    /// When the last of what was written arrives, at each side.
    last: [u64; 2],
    /// What arrives later is lost.
    cut: [u64; 2],
    /// Who has it.
    is_open: [bool; 2],
}

/// How the network is.
#[derive(Debug)]
pub(crate) struct Weather {
    delay: u64,
    /// A channel lasts twice this at most; `None`: for ever.
    lasts: Option<u64>,
    /// How many of a hundred dials fail.
    fails: u64,
}

/// What becomes of a dial.
#[derive(Debug)]
pub(crate) enum Dialled {
    /// It reaches the other side then.
    Reaches(u64),
    /// The dialler hears this then.
    Fails(u64, Broken),
}

pub(crate) struct Network {
    lines: BTreeMap<ChannelId, Line>,
    pub(crate) weather: Weather,
}

impl Weather {
    pub(crate) fn new(random: &mut Random) -> Self {
        let delay = random.pick(&[1, 20, 200, 3_000]);
        let lasts =
            random.pick(&[None, Some(50_000), Some(5_000), Some(500), Some(3 * delay), Some(8 * delay)]);
        Self { delay, lasts, fails: random.pick(&[0, 0, 20, 60]) }
    }

    pub(crate) fn is_fair(&self) -> bool {
        (self.lasts, self.fails) == (None, 0)
    }

    /// Nothing breaks.
    pub(crate) fn clear_up(&mut self) {
        (self.lasts, self.fails) = (None, 0);
    }
}

impl Network {
    pub(crate) fn new(weather: Weather) -> Self {
        Self { lines: BTreeMap::new(), weather }
    }

    fn soon(&self, random: &mut Random, now: u64) -> u64 {
        now + 1 + random.below(self.weather.delay)
    }

    pub(crate) fn dial(&mut self, random: &mut Random, now: u64, by: usize, channel: ChannelId) -> Dialled {
        let mut is_open = [false; 2];
        is_open[by] = true;
        self.lines.insert(channel, Line { last: [now; 2], cut: [u64::MAX; 2], is_open });
        if random.percent(self.weather.fails) {
            return self.refuse(random, now);
        }
        Dialled::Reaches(self.soon(random, now))
    }

    /// What the dialler hears of a daemon that is not there.
    pub(crate) fn refuse(&self, random: &mut Random, now: u64) -> Dialled {
        match random.below(20) {
            0..10 => Dialled::Fails(self.soon(random, now), Broken::Unreachable),
            10 => Dialled::Fails(self.soon(random, now), Broken::OtherKey(KeyId::new([7; 32]))),
            _ => Dialled::Fails(now + NO_ANSWER_AFTER, Broken::NoAnswer),
        }
    }

    /// It is there at the side that did not dial. When the dialler knows, and when it breaks, if it does.
    pub(crate) fn reach(
        &mut self,
        random: &mut Random,
        now: u64,
        at: usize,
        channel: ChannelId,
    ) -> (u64, Option<u64>) {
        let connected = self.soon(random, now);
        let breaks = self.weather.lasts.map(|lasts| now + random.below(2 * lasts));
        let Some(line) = self.lines.get_mut(&channel) else { return (connected, None) };
        line.is_open[at] = true;
        line.last[1 - at] = connected;
        (connected, breaks)
    }

    /// When the next thing that is written to it arrives; `None` if it does not.
    pub(crate) fn arrival(
        &mut self,
        random: &mut Random,
        now: u64,
        to: usize,
        channel: ChannelId,
    ) -> Option<u64> {
        let soon = self.soon(random, now);
        let line = self.lines.get_mut(&channel)?;
        line.last[to] = line.last[to].max(soon);
        (line.last[to] < line.cut[to]).then_some(line.last[to])
    }

    /// Whether this side has it, and what arrives at this moment is not lost.
    pub(crate) fn carries(&self, now: u64, to: usize, channel: ChannelId) -> bool {
        self.lines.get(&channel).is_some_and(|line| line.is_open[to] && now < line.cut[to])
    }

    /// This side has it no more. Whether it had.
    pub(crate) fn close(&mut self, side: usize, channel: ChannelId) -> bool {
        let Some(line) = self.lines.get_mut(&channel) else { return false };
        let was_open = std::mem::replace(&mut line.is_open[side], false);
        if line.is_open == [false; 2] {
            self.lines.remove(&channel);
        }
        was_open
    }

    /// Nothing more comes from the other side: when this one hears of it, which may take long.
    pub(crate) fn cut(
        &mut self,
        random: &mut Random,
        now: u64,
        to: usize,
        channel: ChannelId,
    ) -> Option<u64> {
        let cut = self.soon(random, now) - 1;
        let line = self.lines.get_mut(&channel)?;
        line.cut[to] = line.cut[to].min(cut);
        Some(cut + random.pick(&[0, 1, 500, 30_000]))
    }

    /// All that this side has.
    pub(crate) fn of(&self, side: usize) -> Vec<ChannelId> {
        let open = self.lines.iter().filter(|(_, line)| line.is_open[side]);
        open.map(|(channel, _)| *channel).collect()
    }
}
