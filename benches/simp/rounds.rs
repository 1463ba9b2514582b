//! Contenders by turns, and the ratios between them. A slow moment of the machine falls on all of them alike, so
//! a ratio is taken within a round; what is printed is the median and [min..max] of the rounds.

use crate::Attempt;

/// One of those compared: what it is called, what one round of it measures, and how it should compare.
pub struct Contender<'a> {
    name: &'a str,
    goal: &'a str,
    round: Box<dyn FnMut() -> Attempt<f64> + 'a>,
}

impl<'a> Contender<'a> {
    /// `round` returns one figure each time it is called.
    pub fn new(name: &'a str, round: impl FnMut() -> Attempt<f64> + 'a) -> Self {
        Self { name, goal: "", round: Box::new(round) }
    }

    /// Notes the ratio to the reference that is wanted.
    pub fn goal(self, goal: &'a str) -> Self {
        Self { goal, ..self }
    }
}

/// Measures all contenders by turns and prints one line for each. The first is the reference.
pub fn compare(unit: &str, rounds: usize, mut contenders: Vec<Contender<'_>>) -> Attempt<()> {
    let mut figures = vec![Vec::new(); contenders.len()];
    for round in 0..=rounds {
        for (contender, figures) in contenders.iter_mut().zip(&mut figures) {
            let figure = (contender.round)()?;
            // The first round warms up.
            if round > 0 {
                figures.push(figure);
            }
        }
    }
    let Some(reference) = figures.first() else { return Ok(()) };
    for (contender, figures) in contenders.iter().zip(&figures) {
        print(contender.name, unit, figures, reference, contender.goal);
    }
    Ok(())
}

/// Prints the line of one contender: its figures, and those of the reference in the same rounds.
pub fn print(name: &str, unit: &str, figures: &[f64], reference: &[f64], goal: &str) {
    let ratios: Vec<f64> =
        figures.iter().zip(reference).map(|(figure, reference)| figure / reference).collect();
    let (least, most) = range(&ratios);
    let absolute = format!("{:.0} {unit}", median(figures));
    let ratio = format!("{:.2}x [{least:.2}..{most:.2}]", median(&ratios));
    println!("  {name:<44} {absolute:>14}  {ratio:>20}  {goal}");
}

/// The figure in the middle; 0 if there is none.
pub fn median(figures: &[f64]) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or_default()
}

/// The least and the greatest.
pub fn range(figures: &[f64]) -> (f64, f64) {
    figures.iter().fold((f64::MAX, f64::MIN), |(least, most), &figure| (least.min(figure), most.max(figure)))
}
