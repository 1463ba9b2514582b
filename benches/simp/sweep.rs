//! The same work again and again, with more and more of something that it should not depend on.

use crate::builds::Build;
use crate::plot::Panel;
use crate::rounds::{Column, Contender, compare};
use crate::{Attempt, Bench};

/// What each step measures first: messages per second, and what each costs. The latter is plotted.
pub const COLUMNS: [Column; 2] = [Column::RATE, Column::CPU];

/// So many of these, and how that should compare with the first step.
pub type Step = (u64, &'static str);

/// A round of a contender.
pub type Round<'a> = Box<dyn FnMut() -> Attempt<[f64; 2]> + 'a>;

/// Measures all steps by turns, those of each build against its first one, and adds them to this panel of the plot. `open` prepares
/// one of them.
pub fn measure(
    bench: &mut Bench,
    panel: Option<Panel>,
    (what, steps): (&str, &[Step]),
    mut open: impl FnMut(&Build, u64) -> Attempt<Round<'static>>,
) -> Attempt<()> {
    let mut contenders = Vec::new();
    let builds = Build::all();
    for build in &builds {
        let first = contenders.len();
        for (count, goal) in steps {
            let contender = Contender::new(build.called(&format!("{what}: {count}")), open(build, *count)?);
            contenders.push(contender.against(first).goal(goal));
        }
    }
    let all = compare(COLUMNS, bench.effort.of(7, 4), contenders)?;
    let Some(panel) = panel else { return Ok(()) };
    for (build, figures) in builds.iter().zip(all.chunks(steps.len())) {
        for ((count, _), [_, cpu]) in steps.iter().zip(figures) {
            bench.plot.add(panel, build, *count, cpu);
        }
    }
    Ok(())
}
