//! Repeated measurements -> a figure with its interval, and the table of all.

use serde::Serialize;
use std::fmt::Write as _;

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
    /// Only told.
    None,
}

/// One line of the table.
#[derive(Clone, Debug, Serialize)]
pub struct Figure {
    /// What was measured.
    pub what: String,
    /// Of the value.
    pub unit: &'static str,
    /// What it must reach.
    pub bar: Bar,
    /// Median over the rounds.
    pub median: f64,
    /// Least over the rounds.
    pub least: f64,
    /// Most over the rounds.
    pub most: f64,
    /// How many rounds.
    pub rounds: usize,
    /// What it is made of.
    pub detail: String,
}

impl Figure {
    /// The figure of these rounds. NaN where there are none.
    pub fn new(what: impl Into<String>, unit: &'static str, bar: Bar, values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            what: what.into(),
            unit,
            bar,
            median: median(values),
            least: sorted.first().copied().unwrap_or(f64::NAN),
            most: sorted.last().copied().unwrap_or(f64::NAN),
            rounds: values.len(),
            detail: String::new(),
        }
    }

    /// The same, with what it is made of.
    pub fn of(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// Whether the median reaches the bar.
    pub fn holds(&self) -> bool {
        match self.bar {
            Bar::AtLeast(bar) => self.median >= bar,
            Bar::AtMost(bar) => self.median <= bar,
            Bar::None => true,
        }
    }
}

/// The middle one; of an even number the mean of the two in the middle; NaN of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => f64::NAN,
        even if even % 2 == 0 => f64::midpoint(sorted[middle - 1], sorted[middle]),
        _ => sorted[middle],
    }
}

/// The table for people, as Markdown.
pub fn table(figures: &[Figure]) -> String {
    let mut text =
        String::from("| what | bar | median | interval | rounds | |\n|---|---|---|---|---|---|\n");
    for figure in figures {
        let bar = match figure.bar {
            Bar::AtLeast(bar) => format!(">= {bar}"),
            Bar::AtMost(bar) => format!("<= {bar}"),
            Bar::None => String::new(),
        };
        let holds = match figure.bar {
            Bar::None => "",
            _ if figure.holds() => "holds",
            _ => "**missed**",
        };
        let Figure { what, unit, median, least, most, rounds, detail, .. } = figure;
        let _infallible = writeln!(
            text,
            "| {what} {detail} | {bar} | {} {unit} | {} .. {} | {rounds} | {holds} |",
            short(*median),
            short(*least),
            short(*most),
        );
    }
    text
}

/// Three significant digits, or whole numbers.
fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 || size == 0.0 {
        format!("{value:.0}")
    } else if size >= 10.0 {
        format!("{value:.1}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_held_against_the_bar() {
        let figure = |bar| Figure::new("x", "", bar, &[3.0, 1.0, 2.0, 9.0]);
        assert_eq!(figure(Bar::None).median, 2.5);
        assert!(figure(Bar::AtLeast(2.5)).holds() && !figure(Bar::AtLeast(2.6)).holds());
        assert!(figure(Bar::AtMost(2.5)).holds() && !figure(Bar::AtMost(2.4)).holds());
        assert!(
            !Figure::new("x", "", Bar::AtLeast(0.0), &[]).holds(),
            "nothing measured holds nothing"
        );
    }

    #[test]
    fn the_table_names_what_was_missed() {
        let text = table(&[Figure::new("rate", "/s", Bar::AtLeast(5.0), &[4.0]).of("(a / b)")]);
        assert!(
            text.contains("| rate (a / b) | >= 5 | 4.00 /s | 4.00 .. 4.00 | 1 | **missed** |"),
            "{text}"
        );
    }
}
