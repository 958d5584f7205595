//! The live table in the terminal.

use std::{
    fmt::Write as _,
    io::{IsTerminal, Write},
};

/// One plot type as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its name.
    pub plot_type: String,
    /// In words.
    pub verdict: String,
    /// In [0, 1]; absent without a verdict.
    pub confidence: Option<f32>,
    /// Of the newest image.
    pub run_chunk: String,
    /// Since the newest image was taken in, seconds; absent before the first.
    pub age_s: Option<f64>,
    /// Whether it asks for attention.
    pub notable: bool,
}

/// Draws the same lines again and again on a terminal; elsewhere prints what changed.
#[derive(Default)]
pub struct Table {
    lines: usize,
    before: Vec<Row>,
}

impl Table {
    /// Shows the rows and a line below them.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn show(&mut self, rows: Vec<Row>, footer: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        if out.is_terminal() {
            let text = render(&rows, footer);
            if self.lines > 0 {
                // up to where the table begins, and everything below it is cleared
                write!(out, "\x1b[{}A\x1b[J", self.lines)?;
            }
            self.lines = text.lines().count();
            out.write_all(text.as_bytes())?;
        } else {
            for row in &rows {
                let known = self.before.iter().find(|before| before.plot_type == row.plot_type);
                if known.is_none_or(|known| known.verdict != row.verdict) {
                    writeln!(out, "{}", line(row))?;
                }
            }
        }
        self.before = rows;
        out.flush()
    }
}

fn render(rows: &[Row], footer: &str) -> String {
    let mut text = format!(
        "{:26} {:18} {:>10} {:>10} {:>8}\n",
        "plot type", "verdict", "confidence", "run.chunk", "age"
    );
    for row in rows {
        let _infallible = match row.notable {
            true => writeln!(text, "\x1b[1m{}\x1b[0m", line(row)),
            false => writeln!(text, "{}", line(row)),
        };
    }
    let _infallible = writeln!(text, "{footer}");
    text
}

fn line(row: &Row) -> String {
    let confidence = row.confidence.map_or_else(String::new, |c| format!("{:.1} %", c * 100.0));
    let age = row.age_s.map_or_else(String::new, |s| format!("{s:.0} s"));
    format!(
        "{:26} {:18} {:>10} {:>10} {:>8}",
        row.plot_type, row.verdict, confidence, row.run_chunk, age
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_shows_its_five_facts() {
        let row = Row {
            plot_type: "DC_occupancy".into(),
            verdict: "Bad".into(),
            confidence: Some(0.987),
            run_chunk: "80061.3".into(),
            age_s: Some(2.2),
            notable: true,
        };
        let text = line(&row);
        for fact in ["DC_occupancy", "Bad", "98.7 %", "80061.3", "2 s"] {
            assert!(text.contains(fact), "{text}");
        }
    }
}
