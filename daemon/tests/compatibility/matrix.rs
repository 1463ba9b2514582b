//! The table: each row with each scenario.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use simp_doubles::Row;

use super::scenario::{Quality, Scenario};
use super::verdict::{Trouble, Troubles};

/// What shows one run, with its trace.
const REPLAY: &str = "cargo test -p simp-daemon compatibility -- --nocapture";

/// All runs of one row in one scenario.
#[derive(Debug)]
struct Cell {
    scenario: Scenario,
    runs: Vec<(u64, Troubles)>,
}

/// What came of everything.
#[derive(Debug)]
pub struct Matrix {
    rows: Vec<(Row, Vec<Cell>)>,
}

fn wanted(name: &str, value: &str) -> bool {
    std::env::var(name).is_ok_and(|wanted| wanted == value) || std::env::var_os(name).is_none()
}

impl Matrix {
    /// Runs everything, or what the environment says, each row on its own.
    pub fn fill(rows: &[Row]) -> Self {
        let rows: Vec<&Row> = rows.iter().filter(|row| wanted("ROW", row.name)).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            let taken = std::iter::from_fn(|| rows.get(next.fetch_add(1, Ordering::Relaxed)));
            taken.map(|row| ((*row).clone(), fill_row(row))).collect::<Vec<_>>()
        };
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let mut done: Vec<_> = std::thread::scope(|scope| {
            let workers: Vec<_> = (0..count).map(|_| scope.spawn(work)).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        done.sort_by_key(|(row, _)| rows.iter().position(|it| it.name == row.name));
        Self { rows: done }
    }

    /// What is worse than can be expected, and how to replay it.
    pub fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for (row, cells) in &self.rows {
            for cell in cells {
                let worse = cell.runs.iter().find(|(_, troubles)| is_worse(row, cell.scenario, troubles));
                if let Some((seed, troubles)) = worse {
                    let name = cell.scenario.name();
                    failures.push(format!(
                        "{troubles}: SIMP_SEED={seed} ROW={} SCENARIO='{name}' {REPLAY}",
                        row.name
                    ));
                }
            }
        }
        failures
    }

    /// The file.
    pub fn to_markdown(&self) -> String {
        let mut out = HEAD.to_owned();
        let (good, bad): (Vec<_>, Vec<_>) = Scenario::ALL
            .into_iter()
            .partition(|scenario| matches!(scenario.quality(), Quality::Good | Quality::Same));
        let (cells, worse) = self.count();
        let _ = write!(out, "\n{} of {cells} cells are as good as possible.\n", cells - worse);
        for (title, scenarios) in [("On a good link", good), ("On a bad link", bad)] {
            let _ = write!(out, "\n## {title}\n");
            self.write_table(&mut out, &scenarios);
        }
        out.push_str(REAL);
        out
    }

    fn count(&self) -> (usize, usize) {
        let cells = self.rows.iter().map(|(_, cells)| cells.len()).sum();
        (cells, self.failures().len())
    }

    fn write_table(&self, out: &mut String, scenarios: &[Scenario]) {
        let names: Vec<_> = scenarios.iter().map(|scenario| scenario.name()).collect();
        let _ = write!(
            out,
            "| peer | what it does | seen | {} |\n|---|---|---|{}\n",
            names.join(" | "),
            "---|".repeat(names.len())
        );
        for (row, cells) in &self.rows {
            let cells = cells.iter().filter(|cell| scenarios.contains(&cell.scenario));
            let cells: Vec<String> = cells.map(|cell| cell.to_markdown(row)).collect();
            let seen = if row.is_seen { "yes" } else { "" };
            let _ = writeln!(out, "| {} | {} | {seen} | {} |", row.name, row.about, cells.join(" | "));
        }
    }
}

/// What real programs were seen to do, by hand.
const REAL: &str = include_str!("real.md");

const HEAD: &str = "\
# Interoperability

Other SIMP implementations differ from the specification, and from each other. This page shows the effects: for the
specification itself, for each kind seen on the wire (from A to own-count), and for others that are likely to exist.
simpd needs no setting for any of them. The other side is a double (the crate `doubles/`), modelled on what was seen; at
the end are the real programs themselves. `seen` says which rows are of real programs.

A test writes this page, and fails if the page is out of date:
`SIMP_WRITE=1 cargo test -p simp-daemon compatibility`. With `ROW=E SCENARIO='one lost' SIMP_SEED=3` in the
environment and `-- --nocapture` it shows one run; without the seed, all runs of a cell.

Each side writes ten lines in a chat on a good link, and on one that loses 20 % and doubles 20 % of all datagrams; three
otherwise. `one lost` and `one doubled` are many runs: each datagram of a chat in turn, in both roles. `3/36` means in
3 runs of 36.

- `ok`: every message was shown once and reported as delivered; the chat began and ended well; a refusal reached
  the user as what it is.
- `unconfirmed`: ours was shown, but not reported as delivered. `ours lost`: not shown, and not reported
  as delivered. `falsely delivered`: not shown, but reported as delivered. `theirs lost`: it never came. `theirs dropped`:
  it came, but was not shown. `ours twice`, `theirs twice`: shown more than once. `theirs changed`: not shown as
  written.
- `does not open`, `breaks`, `does not end`: said of the chat. `told: REASON`: our user saw a refusal as something
  else. `they keep waiting`: for our answer to their invitation. `FIN unanswered`: in the form they need. `ACK misread`: they
  took ours for that of the handshake. `crashes them`: our datagrams did.
- **Bold** should be better; the rest is the best possible with such a peer. A checksum (K) makes a chat impossible.
";

fn fill_row(row: &Row) -> Vec<Cell> {
    let scenarios = Scenario::ALL.into_iter().filter(|scenario| wanted("SCENARIO", scenario.name()));
    scenarios.map(|scenario| fill_cell(row, scenario)).collect()
}

fn fill_cell(row: &Row, scenario: Scenario) -> Cell {
    let one: Option<u64> = std::env::var("SIMP_SEED").ok().and_then(|seed| seed.parse().ok());
    let seeds = one.map_or_else(|| scenario.seeds(row), |seed| seed..seed + 1);
    let runs = seeds.map(|seed| (seed, scenario.run(row, seed, one.is_some())));
    let runs: Vec<_> = runs.collect();
    if super::is_narrowed() {
        for (seed, troubles) in &runs {
            let mark = if is_worse(row, scenario, troubles) { "WORSE " } else { "" };
            println!("{} {:24} seed {seed}: {mark}{troubles}", row.name, scenario.name());
        }
    }
    Cell { scenario, runs }
}

fn is_worse(row: &Row, scenario: Scenario, troubles: &Troubles) -> bool {
    row.expect.works && unexpected(row, scenario, troubles).next().is_some()
}

fn unexpected(row: &Row, scenario: Scenario, troubles: &Troubles) -> impl Iterator<Item = Trouble> {
    troubles.unexpected(match scenario.quality() {
        Quality::Good => row.expect.good,
        Quality::Same => row.expect.same,
        Quality::Fault => row.expect.fault,
        Quality::Bad => row.expect.bad,
    })
}

impl Cell {
    fn to_markdown(&self, row: &Row) -> String {
        let mut kinds: Vec<Trouble> = Vec::new();
        for kind in self.runs.iter().flat_map(|(_, troubles)| troubles.kinds()) {
            if !kinds.contains(&kind) {
                kinds.push(kind);
            }
        }
        if kinds.is_empty() {
            return "ok".to_owned();
        }
        let words = kinds.into_iter().map(|kind| {
            let runs = self.runs.iter().filter(|(_, troubles)| troubles.kinds().any(|it| it == kind)).count();
            let is_worse = |(_, troubles): &(u64, Troubles)| {
                row.expect.works && unexpected(row, self.scenario, troubles).any(|it| it == kind)
            };
            let word = if self.runs.len() == 1 {
                kind.to_string()
            } else {
                format!("{kind} {runs}/{}", self.runs.len())
            };
            if self.runs.iter().any(is_worse) { format!("**{word}**") } else { word }
        });
        words.collect::<Vec<_>>().join(", ")
    }
}
