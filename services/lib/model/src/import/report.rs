//! What import found, for people.

use super::batch_text;
use crate::{
    manifest::{Batch, ScoreKind},
    scan::short,
};
use std::fmt;

/// What import found in a file, line by line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order in which it was found.
    pub lines: Vec<String>,
}

impl Report {
    pub(super) fn note(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    pub(super) fn found_maps(&mut self, maps: &str, shape: &[usize]) {
        if let [_, channels, height, width] = shape {
            let name = short(maps);
            self.note(format!("last maps {name:?}: {channels} of {width}x{height} places"));
        }
    }

    pub(super) fn found_output(
        &mut self,
        name: &str,
        kind: ScoreKind,
        batch: Batch,
        products: u64,
    ) {
        let what = match kind {
            ScoreKind::Logits => "logits (softmax is applied)",
            ScoreKind::Softmax => "probabilities",
            ScoreKind::Sigmoid => "one probability",
            ScoreKind::SigmoidLogit => "one logit (the logistic function is applied)",
        };
        self.note(format!("output {:?}: {what}", short(name)));
        let (billions, batch) = (products as f64 / 1e9, batch_text(batch));
        self.note(format!("{billions:.3} billion multiplications an image, {batch}"));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}
