//! What a message costs, over what that should not depend on: four small panels in one SVG.

use std::fmt::Write as _;
use std::path::Path;

use crate::builds::Build;
use crate::rounds::{median, range};
use crate::{Attempt, machine};

/// What is on the x axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// Open chats.
    Chats,
    /// Clients that follow.
    Followers,
    /// Clients that do nothing.
    Clients,
    /// Entries in the log.
    Log,
}

impl Panel {
    const ALL: [Self; 4] = [Self::Chats, Self::Followers, Self::Clients, Self::Log];

    fn title(self) -> &'static str {
        match self {
            Self::Chats => "open chats, up to 512 of them busy",
            Self::Followers => "clients that follow 64 busy chats",
            Self::Clients => "idle clients, one busy chat",
            Self::Log => "entries in the log, 64 busy chats",
        }
    }
}

/// Microseconds of CPU time for a message, if there are so many of something.
struct Point {
    panel: Panel,
    is_now: bool,
    count: u64,
    middle: f64,
    least: f64,
    most: f64,
}

/// All that was measured.
#[derive(Default)]
pub struct Plot(Vec<Point>);

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 600.0;
/// Of the axes of one panel.
const AREA: (f64, f64) = (350.0, 190.0);

const STYLE: &str = "
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600; font-size: 14px }
  .back { fill: #ffffff } .grid { stroke: #d0d7de } .axis { stroke: #57606a }
  .now { stroke: #0550ae; fill: none; stroke-width: 2 } .now-dot { fill: #0550ae } .now-text { fill: #0550ae }
  .before { stroke: #9a3d00; fill: none; stroke-width: 2; stroke-dasharray: 6 4 } .before-dot { fill: #9a3d00 }
  .before-text { fill: #9a3d00 } .range { stroke-width: 1; stroke-dasharray: none }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 }
    .back { fill: #0d1117 } .grid { stroke: #30363d } .axis { stroke: #8b949e }
    .now { stroke: #79c0ff } .now-dot { fill: #79c0ff } .now-text { fill: #79c0ff }
    .before { stroke: #ffa657 } .before-dot { fill: #ffa657 } .before-text { fill: #ffa657 }
  }
";

impl Plot {
    /// Adds a point: the figures of all rounds.
    pub fn add(&mut self, panel: Panel, build: &Build, count: u64, figures: &[f64]) {
        let (least, most) = range(figures);
        self.0.push(Point { panel, is_now: build.is_now(), count, middle: median(figures), least, most });
    }

    /// Writes it to this file, if all of it was measured.
    pub fn write(&self, path: &Path) -> Attempt<()> {
        if !Panel::ALL.iter().all(|panel| self.of(*panel, true).next().is_some()) {
            return Err("not plotted: that needs follow, clients, chats and log".into());
        }
        Ok(std::fs::write(path, self.svg()?)?)
    }

    fn svg(&self) -> Attempt<String> {
        let mut svg = String::new();
        writeln!(
            svg,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-labelledby="title desc">"#
        )?;
        writeln!(svg, r#"<title id="title">CPU time of simpd for a message that comes in</title>"#)?;
        writeln!(svg, r#"<desc id="desc">{}</desc>"#, self.description()?)?;
        writeln!(svg, "<style>{STYLE}</style>")?;
        writeln!(svg, r#"<rect class="back" width="{WIDTH}" height="{HEIGHT}"/>"#)?;
        writeln!(
            svg,
            r#"<text class="title" x="20" y="28">CPU time of simpd for a message that comes in, in microseconds ({})</text>"#,
            machine::date()
        )?;
        self.legend(&mut svg)?;
        for (at, panel) in Panel::ALL.into_iter().enumerate() {
            let (x, y) = (60.0 + (at % 2) as f64 * 420.0, 90.0 + (at / 2) as f64 * 262.0);
            self.panel(&mut svg, panel, (x, y))?;
        }
        writeln!(svg, "</svg>")?;
        Ok(svg)
    }

    /// All figures, for whoever does not see them.
    fn description(&self) -> Attempt<String> {
        let mut all = String::new();
        for panel in Panel::ALL {
            for is_now in self.series() {
                let figures: Vec<String> = self
                    .of(panel, is_now)
                    .map(|point| format!("{}: {:.1}", thousands(point.count), point.middle))
                    .collect();
                let when = if is_now { "" } else { ", before" };
                write!(all, "Over {}{when}, in microseconds: {}. ", panel.title(), figures.join("; "))?;
            }
        }
        Ok(all.trim_end().to_owned())
    }

    /// Which of before and now there are.
    fn series(&self) -> impl Iterator<Item = bool> {
        [false, true].into_iter().filter(|is_now| self.0.iter().any(|point| point.is_now == *is_now))
    }

    fn of(&self, panel: Panel, is_now: bool) -> impl Iterator<Item = &Point> {
        self.0.iter().filter(move |point| point.panel == panel && point.is_now == is_now)
    }

    fn legend(&self, svg: &mut String) -> Attempt<()> {
        for (at, is_now) in self.series().enumerate() {
            let (class, x) = (class(is_now), 20.0 + at as f64 * 110.0);
            writeln!(svg, r#"<line class="{class}" x1="{x}" y1="48" x2="{}" y2="48"/>"#, x + 34.0)?;
            writeln!(svg, r#"<text x="{}" y="52">{class}</text>"#, x + 42.0)?;
        }
        writeln!(svg, r#"<text x="240" y="52">median, and the range of all rounds</text>"#)?;
        Ok(())
    }

    fn panel(&self, svg: &mut String, panel: Panel, (left, top): (f64, f64)) -> Attempt<()> {
        let points = || self.0.iter().filter(move |point| point.panel == panel);
        let scale = Scale::of(points(), (left, top));
        let (right, bottom) = (left + AREA.0, top + AREA.1);
        writeln!(svg, r#"<text class="title" x="{left}" y="{}">{}</text>"#, top - 10.0, panel.title())?;
        for tick in scale.ticks() {
            let y = scale.y(tick);
            writeln!(svg, r#"<line class="grid" x1="{left}" y1="{y:.1}" x2="{right}" y2="{y:.1}"/>"#)?;
            writeln!(
                svg,
                r#"<text text-anchor="end" x="{}" y="{:.1}">{}</text>"#,
                left - 6.0,
                y + 4.0,
                thousands(tick as u64)
            )?;
        }
        writeln!(svg, r#"<line class="axis" x1="{left}" y1="{bottom}" x2="{right}" y2="{bottom}"/>"#)?;
        for point in self.of(panel, true) {
            let x = scale.x(point.count);
            writeln!(
                svg,
                r#"<line class="axis" x1="{x:.1}" y1="{bottom}" x2="{x:.1}" y2="{}"/>"#,
                bottom + 4.0
            )?;
            let label = thousands(point.count);
            writeln!(svg, r#"<text text-anchor="middle" x="{x:.1}" y="{}">{label}</text>"#, bottom + 18.0)?;
        }
        for is_now in self.series() {
            line(svg, &scale, &points().collect::<Vec<_>>(), is_now)?;
        }
        Ok(())
    }
}

fn class(is_now: bool) -> &'static str {
    if is_now { "now" } else { "before" }
}

/// One line with its points, the range of each, and its figure, which is on the other side of it than the other line.
fn line(svg: &mut String, scale: &Scale, panel: &[&Point], is_now: bool) -> Attempt<()> {
    let class = class(is_now);
    let points = || panel.iter().filter(|point| point.is_now == is_now);
    let at = |point: &&Point| format!("{:.1},{:.1}", scale.x(point.count), scale.y(point.middle));
    let path: Vec<String> = points().map(at).collect();
    writeln!(svg, r#"<polyline class="{class}" points="{}"/>"#, path.join(" "))?;
    for Point { count, middle, least, most, .. } in points() {
        let (x, y, least, most) = (scale.x(*count), scale.y(*middle), scale.y(*least), scale.y(*most));
        // Beside the point, so that the ranges of both lines are seen.
        let beside = if is_now { x + 3.0 } else { x - 3.0 };
        writeln!(
            svg,
            r#"<line class="{class} range" x1="{beside:.1}" y1="{least:.1}" x2="{beside:.1}" y2="{most:.1}"/>"#
        )?;
        writeln!(svg, r#"<circle class="{class}-dot" cx="{x:.1}" cy="{y:.1}" r="3.5"/>"#)?;
        let is_lower = panel.iter().any(|other| other.count == *count && other.middle > *middle);
        let beside = if is_lower { least.max(y) + 16.0 } else { most.min(y) - 7.0 };
        let digits = if *middle < 100.0 { 1 } else { 0 };
        writeln!(
            svg,
            r#"<text class="{class}-text" text-anchor="middle" x="{x:.1}" y="{beside:.1}">{middle:.digits$}</text>"#
        )?;
    }
    Ok(())
}

/// Where what is in a panel.
struct Scale {
    left: f64,
    top: f64,
    /// Decades of the x axis. Nothing is one to the left of the least.
    decades: (f64, f64),
    most: f64,
    /// Whether the y axis has decades, too: then from 1 on.
    is_steep: bool,
}

/// So much of a panel is free at the left and at the right of what is in it.
const MARGIN: f64 = 24.0;

impl Scale {
    fn of<'a>(points: impl Iterator<Item = &'a Point> + Clone, (left, top): (f64, f64)) -> Self {
        let counts = points.clone().map(|point| point.count);
        let decade = |count: u64| (count as f64).log10();
        let least = counts.clone().filter(|count| *count > 0).min().unwrap_or(1);
        let has_none = counts.clone().any(|count| count == 0);
        let from = decade(least) - if has_none { 1.0 } else { 0.0 };
        let (_, most) = range(&points.clone().map(|point| point.most).collect::<Vec<_>>());
        let (middle, _) = range(&points.map(|point| point.middle).collect::<Vec<_>>());
        let most = most.max(1.0);
        let decades = (from, decade(counts.max().unwrap_or(1)).max(from + 1.0));
        Self { left, top, decades, most, is_steep: most > 8.0 * middle }
    }

    fn x(&self, count: u64) -> f64 {
        let (from, to) = self.decades;
        let decade = if count == 0 { from } else { (count as f64).log10() };
        self.left + MARGIN + (AREA.0 - 2.0 * MARGIN) * (decade - from) / (to - from)
    }

    fn y(&self, micros: f64) -> f64 {
        let top = self.ticks().last().copied().unwrap_or(1.0);
        let share = if self.is_steep { micros.max(1.0).log10() / top.log10() } else { micros / top };
        self.top + AREA.1 * (1.0 - share)
    }

    /// The figures at the y axis: all decades, or four or five round ones.
    fn ticks(&self) -> Vec<f64> {
        if self.is_steep {
            return (0..=self.most.log10().ceil() as i32).map(|decade| 10_f64.powi(decade)).collect();
        }
        let steps = [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0];
        let step = steps.into_iter().find(|step| step * 5.0 >= self.most * 1.1).unwrap_or(1_000.0);
        (0..=(self.most * 1.1 / step).ceil() as i32).map(|at| f64::from(at) * step).collect()
    }
}

/// With commas.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
