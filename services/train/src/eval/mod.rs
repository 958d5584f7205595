//! Scores of labelled images -> figures that are never flattered, thresholds, calibration.
//!
//! No network here: everything works on kept scores, so that any threshold can be replayed.

pub mod calibration;
pub mod confusion;
pub mod intervals;
pub mod rank;
pub mod report;
pub mod split;
pub mod thresholds;

use hydra_proto::ImageId;
use serde::{Deserialize, Serialize};

/// What a model says of a labelled image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The image.
    pub image: ImageId,
    /// Its run, the unit of resampling.
    pub run: u32,
    /// Name of the run's conditions; may be empty.
    pub condition: String,
    /// Index of the label that an expert gave.
    pub truth: usize,
    /// Probability by label; sums to one.
    pub probabilities: Vec<f32>,
}

impl Scored {
    /// Index and probability of the most probable label; the first of equals.
    pub fn top(&self) -> (usize, f32) {
        let mut best = (0, f32::NEG_INFINITY);
        for (label, p) in self.probabilities.iter().enumerate() {
            if *p > best.1 {
                best = (label, *p);
            }
        }
        best
    }
}
