//! Contenders by turns, and the ratios between them. A slow moment of the machine falls on all of them alike, so
//! a ratio is taken within a round; what is printed is the median and [min..max] of the rounds.

use crate::Attempt;
use crate::builds::before;

/// What one round of a contender measures: so many figures, each of which is a column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Written after each figure.
    pub unit: &'static str,
    /// How many digits are after the point.
    pub digits: usize,
    /// Whether ratios are printed beside it.
    pub has_ratio: bool,
}

impl Column {
    /// Events per second, with ratios.
    pub const RATE: Self = Self::new("/s", 0);
    /// Microseconds of CPU time, with ratios.
    pub const CPU: Self = Self::new("us CPU", 2);
    /// Microseconds, with ratios.
    pub const MICROS: Self = Self::new("us", 0);

    /// With ratios.
    pub const fn new(unit: &'static str, digits: usize) -> Self {
        Self { unit, digits, has_ratio: true }
    }

    /// The same figures without ratios.
    pub const fn alone(self) -> Self {
        Self { has_ratio: false, ..self }
    }
}

/// One of those compared: what it is called, what one round of it measures, and how it should compare.
pub struct Contender<'a, const N: usize> {
    name: String,
    goal: &'a str,
    /// Which contender it is compared with.
    reference: usize,
    /// The name of another one that it is compared with, and the ratio that is wanted.
    also: Option<(&'a str, &'a str)>,
    round: Box<dyn FnMut() -> Attempt<[f64; N]> + 'a>,
}

impl<'a, const N: usize> Contender<'a, N> {
    /// `round` returns one figure for each column each time it is called. It is compared with the first.
    pub fn new(name: impl Into<String>, round: impl FnMut() -> Attempt<[f64; N]> + 'a) -> Self {
        Self { name: name.into(), goal: "", reference: 0, also: None, round: Box::new(round) }
    }

    /// Notes the ratio to the reference that is wanted.
    pub fn goal(self, goal: &'a str) -> Self {
        Self { goal, ..self }
    }

    /// Compares it, besides, with the contender of this name, if there is one.
    pub fn also(self, name: &'a str, goal: &'a str) -> Self {
        Self { also: Some((name, goal)), ..self }
    }

    /// Compares it with the contender that has this number.
    pub fn against(self, reference: usize) -> Self {
        Self { reference, ..self }
    }
}

/// What the rounds of one contender have measured: for each column a figure for each round.
pub type Figures<const N: usize> = [Vec<f64>; N];

/// Measures all contenders by turns and prints one line for each; returns their figures. One whose programs are also
/// there as they were before is compared with those, too.
pub fn compare<const N: usize>(
    columns: [Column; N],
    rounds: usize,
    mut contenders: Vec<Contender<'_, N>>,
) -> Attempt<Vec<Figures<N>>> {
    let mut all: Vec<Figures<N>> = contenders.iter().map(|_| [const { Vec::new() }; N]).collect();
    for round in 0..=rounds {
        for (contender, figures) in contenders.iter_mut().zip(&mut all) {
            let measured = (contender.round)()?;
            // The first round warms up.
            if round > 0 {
                figures.iter_mut().zip(measured).for_each(|(figures, figure)| figures.push(figure));
            }
        }
    }
    for (contender, figures) in contenders.iter().zip(&all) {
        let reference = all.get(contender.reference).unwrap_or(figures);
        let mut line = format!("  {:<40}", contender.name);
        for ((column, figures), reference) in columns.iter().zip(figures).zip(reference) {
            line += &cell(*column, figures, reference);
        }
        let of = |name: &str| contenders.iter().zip(&all).find(|(other, _)| other.name == name);
        line += &format!("  {}", contender.goal);
        if let Some((name, goal)) = contender.also
            && let Some((_, other)) = of(name)
        {
            line += &format!("{}  of {name}  {goal}", ratios(&columns, figures, other));
        }
        if let Some((_, other)) = of(&before(&contender.name)) {
            line += &format!("{}  of before", ratios(&columns, figures, other));
        }
        println!("{}", line.trim_end());
    }
    Ok(all)
}

/// Prints the line of one contender: its figures, and those of the reference in the same rounds.
pub fn print(name: &str, column: Column, figures: &[f64], reference: &[f64], goal: &str) {
    println!("  {name:<40}{}  {goal}", cell(column, figures, reference));
}

/// Those of all columns that have one.
fn ratios<const N: usize>(columns: &[Column; N], figures: &Figures<N>, others: &Figures<N>) -> String {
    let all = columns.iter().zip(figures.iter().zip(others)).filter(|(column, _)| column.has_ratio);
    all.map(|(column, (figures, others))| format!("  {} {}", ratio(figures, others), column.unit)).collect()
}

fn cell(column: Column, figures: &[f64], reference: &[f64]) -> String {
    let Column { unit, digits, has_ratio } = column;
    let figure = format!("  {:>9.digits$} {unit}", median(figures));
    if has_ratio { format!("{figure} {:>19}", ratio(figures, reference)) } else { figure }
}

/// The median of the ratios within a round, and the range of them.
fn ratio(figures: &[f64], reference: &[f64]) -> String {
    let ratios: Vec<f64> =
        figures.iter().zip(reference).map(|(figure, reference)| figure / reference).collect();
    let (least, most) = range(&ratios);
    format!("{:.2}x [{least:.2}..{most:.2}]", median(&ratios))
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
