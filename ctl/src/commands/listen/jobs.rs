//! Which message a command is run for next: in their order for each peer, so many at a time, and again if it failed. And how
//! far the mark may move: only past what is done, whoever overtook whom.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use simp_control::Event;

use super::attend::Failed;

/// So many entries are taken in ahead of the oldest that is not done: as many are handed over again at most after a kill.
const AHEAD_MAX: usize = 1_024;

/// So many bytes of texts are held ahead, and one text more.
const HELD_MAX: usize = 16 << 20;

/// The longest pause before a command is run again, in seconds; the first is one second, and each is twice the last.
const PAUSE_MAX: u64 = 60;

/// What is done how often.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// So many commands run at a time.
    pub(super) at_once: usize,
    /// How often a command is run for a message before that is given up; for ever without it.
    pub(super) tries: Option<u32>,
    /// Whether another command is run for what is given up.
    pub(super) has_failed: bool,
}

/// The messages that are taken in and not done.
pub(super) struct Jobs {
    limits: Limits,
    /// Those of each peer, by its address. None is empty.
    queues: BTreeMap<String, VecDeque<Job>>,
    /// All that the mark is not past, in the order of the log.
    window: VecDeque<Entry>,
    /// The bytes of their texts.
    held: usize,
    /// What runs, by the number of its run: for which peer. `None` if it is of another log than there is now.
    running: BTreeMap<u64, Option<String>>,
    runs: u64,
    /// The last entry that is done, and all before it.
    pub(super) done_to: u64,
    /// How many are done.
    pub(super) done: u64,
    /// How many of those were given up.
    pub(super) given_up: u64,
}

struct Entry {
    id: u64,
    is_done: bool,
}

struct Job {
    event: Arc<Event>,
    /// How often the command has failed for it.
    tries: u32,
    /// How often it was to be run.
    runs: u32,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// This is to be run, at this time or later.
    Due(Task, Option<Instant>),
    Runs(Task),
}

/// What is run for a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Task {
    /// The command.
    Try,
    /// The one for what is given up, after so many tries, of which the last ended so.
    GiveUp { tries: u32, how: String },
}

/// What is to be run.
#[derive(Debug, Clone)]
pub(super) struct Run {
    /// Its number.
    pub(super) number: u64,
    /// For which message.
    pub(super) event: Arc<Event>,
    /// What.
    pub(super) task: Task,
}

/// What the end of a command comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The message is done.
    Done,
    /// It is run again after a pause.
    Again(Duration),
    /// The message is given up after so many tries.
    GivenUp(u32),
    /// The command for what is given up has failed too. The message is done.
    FailedToo,
    /// It was run for an entry of another log.
    Forgotten,
}

impl Jobs {
    /// None yet.
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: BTreeMap::new(),
            window: VecDeque::new(),
            held: 0,
            running: BTreeMap::new(),
            runs: 0,
            done_to: 0,
            done: 0,
            given_up: 0,
        }
    }

    /// Takes a message in.
    pub(super) fn add(&mut self, event: Event) {
        self.window.push_back(Entry { id: event.id, is_done: false });
        self.held += size(&event);
        let job = Job { event: Arc::new(event), tries: 0, runs: 0, state: State::Due(Task::Try, None) };
        self.queues.entry(job.event.peer.address.clone()).or_default().push_back(job);
    }

    /// Whether no more are to be taken in for now.
    pub(super) fn is_full(&self) -> bool {
        self.window.len() >= AHEAD_MAX || self.held >= HELD_MAX
    }

    /// How many are done, or taken in to be done.
    pub(super) fn known(&self) -> u64 {
        self.done + self.queues.values().map(|queue| queue.len() as u64).sum::<u64>()
    }

    /// Whether anything runs.
    pub(super) fn has_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// What is to be run now, if anything. It counts as running from here on.
    pub(super) fn start(&mut self, now: Instant) -> Option<Run> {
        if self.running.len() >= self.limits.at_once {
            return None;
        }
        let is_due = |job: &&mut Job| match &job.state {
            State::Due(_, at) => at.is_none_or(|at| at <= now),
            State::Runs(_) => false,
        };
        // The first of each peer alone: the others wait for it. Whoever has waited longest is first.
        let firsts = self.queues.values_mut().filter_map(VecDeque::front_mut);
        let job = firsts.filter(is_due).min_by_key(|job| job.event.id)?;
        let State::Due(task, _) = &job.state else { return None };
        let (event, task) = (Arc::clone(&job.event), task.clone());
        job.state = State::Runs(task.clone());
        self.runs += 1;
        self.running.insert(self.runs, Some(event.peer.address.clone()));
        Some(Run { number: self.runs, event, task })
    }

    /// When something is to be run again, if there is a place for it.
    pub(super) fn due(&self) -> Option<Instant> {
        let firsts = self.queues.values().filter_map(VecDeque::front);
        let times = firsts.filter_map(|job| match &job.state {
            State::Due(_, at) => *at,
            State::Runs(_) => None,
        });
        times.min().filter(|_| self.running.len() < self.limits.at_once)
    }

    /// Takes in how this run has ended: well, or in this way.
    pub(super) fn ended(&mut self, number: u64, failed: Option<&Failed>, now: Instant) -> Verdict {
        let Some(address) = self.running.remove(&number).flatten() else { return Verdict::Forgotten };
        let Some(job) = self.queues.get_mut(&address).and_then(VecDeque::front_mut) else {
            return Verdict::Forgotten;
        };
        let is_try = job.state == State::Runs(Task::Try);
        job.tries += u32::from(is_try && !matches!(failed, Some(Failed::Other(_))));
        job.runs += u32::from(is_try);
        let tries = job.tries;
        let verdict = match failed {
            None => Verdict::Done,
            Some(_) if !is_try => Verdict::FailedToo,
            Some(Failed::Command(how)) if self.limits.tries.is_some_and(|most| tries >= most) => {
                self.given_up += 1;
                if self.limits.has_failed {
                    job.state = State::Due(Task::GiveUp { tries, how: how.to_owned() }, None);
                    return Verdict::GivenUp(tries);
                }
                Verdict::GivenUp(tries)
            }
            Some(_) => {
                let pause = Duration::from_secs((1 << (job.runs - 1).min(6)).min(PAUSE_MAX));
                job.state = State::Due(Task::Try, Some(now + pause));
                return Verdict::Again(pause);
            }
        };
        self.finish(&address);
        verdict
    }

    /// The first message of this peer is done.
    fn finish(&mut self, address: &str) {
        let Some(queue) = self.queues.get_mut(address) else { return };
        let Some(job) = queue.pop_front() else { return };
        if queue.is_empty() {
            self.queues.remove(address);
        }
        self.done += 1;
        self.held -= size(&job.event);
        if let Ok(index) = self.window.binary_search_by_key(&job.event.id, |entry| entry.id) {
            self.window[index].is_done = true;
        }
        while let Some(Entry { id, .. }) = self.window.pop_front_if(|entry| entry.is_done) {
            self.done_to = id;
        }
    }

    /// The first message whose command has failed and is not done.
    pub(super) fn failing(&self) -> Option<u64> {
        let firsts = self.queues.values().filter_map(VecDeque::front);
        firsts.filter(|job| job.runs > 0).map(|job| job.event.id).min()
    }

    /// There is another log: nothing of it was taken in.
    pub(super) fn forget(&mut self) {
        self.queues.clear();
        self.window.clear();
        (self.held, self.done_to) = (0, 0);
        self.running.values_mut().for_each(|of| *of = None);
    }
}

/// The bytes of its text.
fn size(event: &Event) -> usize {
    event.what.text().map_or(0, str::len)
}

#[cfg(test)]
mod tests {
    use super::*;
    use simp_control::{Peer, What};

    fn message(id: u64, from: &str, text: &str) -> Event {
        let peer = Peer { user: from.to_owned(), address: from.to_owned() };
        Event {
            id,
            at_ms: 0,
            chat: 1,
            peer,
            secure: None,
            answers: None,
            what: What::Message { text: text.to_owned() },
        }
    }

    fn jobs(limits: Limits, messages: &[(u64, &str)]) -> Jobs {
        let mut jobs = Jobs::new(limits);
        messages.iter().for_each(|(id, from)| jobs.add(message(*id, from, "x")));
        jobs
    }

    fn failed(how: &str) -> Failed {
        Failed::Command(how.to_owned())
    }

    fn for_ever(at_once: usize) -> Limits {
        Limits { at_once, tries: None, has_failed: false }
    }

    /// Starts all that can be, and gives the messages with the numbers of their runs.
    fn start(jobs: &mut Jobs, now: Instant) -> Vec<(u64, u64)> {
        std::iter::from_fn(|| jobs.start(now)).map(|run| (run.event.id, run.number)).collect()
    }

    #[test]
    fn each_peer_has_its_order_and_the_mark_passes_only_what_is_done() {
        let now = Instant::now();
        let mut jobs = jobs(for_ever(9), &[(1, "a"), (3, "a"), (4, "b"), (7, "c")]);
        assert_eq!(start(&mut jobs, now), [(1, 1), (4, 2), (7, 3)]);
        assert_eq!(jobs.ended(2, None, now), Verdict::Done);
        assert_eq!((jobs.done_to, jobs.done, jobs.known()), (0, 1, 4));
        jobs.ended(1, None, now);
        assert_eq!(jobs.done_to, 1);
        assert_eq!(start(&mut jobs, now), [(3, 4)]);
        jobs.ended(4, None, now);
        assert_eq!(jobs.done_to, 4);
        assert!(jobs.has_running());
        jobs.ended(3, None, now);
        assert_eq!((jobs.done_to, jobs.done, jobs.has_running()), (7, 4, false));
    }

    #[test]
    fn one_that_fails_holds_up_its_own_peer_alone_and_waits_longer_each_time() {
        let mut now = Instant::now();
        let mut jobs = jobs(for_ever(1), &[(1, "a"), (2, "b"), (3, "a")]);
        for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
            let run = jobs.start(now).unwrap();
            assert_eq!(run.event.id, 1);
            assert_eq!(jobs.due(), None, "there is no place");
            let pause = Duration::from_secs(seconds);
            assert_eq!(jobs.ended(run.number, Some(&failed("exit status 1")), now), Verdict::Again(pause));
            assert_eq!((jobs.due(), jobs.failing()), (Some(now + pause), Some(1)));
            // In the first pause the other one has its turn, and later there is nothing to do.
            let other = start(&mut jobs, now + pause - Duration::from_nanos(1));
            assert_eq!(other.is_empty(), seconds > 1);
            for (_, number) in other {
                jobs.ended(number, None, now);
            }
            now += pause;
        }
        assert_eq!((jobs.done, jobs.done_to), (1, 0));
    }

    #[test]
    fn what_failed_too_often_is_given_up_and_then_done() {
        let now = Instant::now();
        for has_failed in [false, true] {
            let limits = Limits { at_once: 1, tries: Some(2), has_failed };
            let mut jobs = jobs(limits, &[(1, "a"), (2, "a")]);
            let run = jobs.start(now).unwrap();
            jobs.ended(run.number, Some(&failed("exit status 1")), now);
            let run = jobs.start(now + Duration::from_secs(1)).unwrap();
            assert_eq!(jobs.ended(run.number, Some(&failed("exit status 2")), now), Verdict::GivenUp(2));
            assert_eq!(jobs.given_up, 1);
            let next = jobs.start(now).unwrap();
            if has_failed {
                let how = "exit status 2".to_owned();
                assert_eq!((next.event.id, next.task), (1, Task::GiveUp { tries: 2, how }));
                assert_eq!(jobs.ended(next.number, Some(&failed("exit status 3")), now), Verdict::FailedToo);
                assert_eq!((jobs.done, jobs.done_to, jobs.failing()), (1, 1, None));
            } else {
                assert_eq!((next.event.id, jobs.done, jobs.done_to), (2, 1, 1));
            }
        }
    }

    #[test]
    fn what_was_not_run_is_no_try_and_waits_all_the_same() {
        let mut now = Instant::now();
        let mut jobs = jobs(Limits { at_once: 1, tries: Some(1), has_failed: false }, &[(1, "a")]);
        for seconds in [1, 2, 4] {
            let run = jobs.start(now).unwrap();
            let why = Failed::Other("sh: no such file or directory".to_owned());
            let pause = Duration::from_secs(seconds);
            assert_eq!(jobs.ended(run.number, Some(&why), now), Verdict::Again(pause));
            now += pause;
        }
        let run = jobs.start(now).unwrap();
        assert_eq!(jobs.ended(run.number, Some(&failed("exit status 1")), now), Verdict::GivenUp(1));
    }

    #[test]
    fn no_more_is_taken_in_ahead_than_may_be_handed_over_again() {
        let now = Instant::now();
        let mut jobs = jobs(for_ever(2), &[(1, "slow")]);
        for id in 2..=AHEAD_MAX as u64 {
            assert!(!jobs.is_full(), "{id}");
            jobs.add(message(id, "quick", "x"));
        }
        assert!(jobs.is_full());
        let [(1, slow), (2, quick)] = start(&mut jobs, now)[..] else { panic!() };
        jobs.ended(quick, None, now);
        assert!(jobs.is_full(), "it is done, and the mark is not past it");
        jobs.ended(slow, None, now);
        assert!(!jobs.is_full());

        let mut jobs = Jobs::new(for_ever(1));
        for id in 1..=17 {
            assert!(!jobs.is_full(), "{id}");
            jobs.add(message(id, "a", &"x".repeat(1_000_000)));
        }
        assert!(jobs.is_full(), "few, and long");
    }

    #[test]
    fn what_runs_for_an_entry_of_another_log_counts_for_nothing() {
        let now = Instant::now();
        let mut jobs = jobs(for_ever(2), &[(1, "a"), (2, "a")]);
        let old = jobs.start(now).unwrap();
        jobs.forget();
        jobs.add(message(1, "a", "new"));
        let new = jobs.start(now).unwrap();
        assert_eq!(jobs.ended(old.number, None, now), Verdict::Forgotten);
        assert_eq!((jobs.done, jobs.done_to, jobs.has_running()), (0, 0, true));
        assert_eq!(jobs.ended(new.number, None, now), Verdict::Done);
        assert_eq!((jobs.done, jobs.done_to, jobs.has_running()), (1, 1, false));
    }
}
