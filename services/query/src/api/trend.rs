//! Confidence of every class over time.

use super::VerdictState;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The verdicts of one plot type over time, as columns of equal length, oldest first.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Trend {
    /// The plot type.
    pub plot_type: String,
    /// Every class that occurs.
    pub labels: Vec<String>,
    /// When each image was drawn.
    pub taken_at_us: Vec<i64>,
    /// The images.
    pub images: Vec<String>,
    /// Their runs.
    pub runs: Vec<u32>,
    /// Their chunks.
    pub chunks: Vec<Option<u32>>,
    /// The likeliest class, as an index into `labels`; `null` without a verdict.
    pub verdicts: Vec<Option<u16>>,
    /// How sure each verdict is.
    pub states: Vec<VerdictState>,
    /// One column a class, in the order of `labels`; `null` where that model has no such class.
    pub probabilities: Vec<Vec<Option<f32>>>,
    /// The releases in this range, and the one in force at its start.
    pub releases: Vec<Release>,
    /// Pass it as `cursor` to read older ones; `null` when the range is complete.
    pub next: Option<String>,
}

/// A model goes live, or its thresholds change.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Release {
    /// When.
    pub at_us: i64,
    /// Digest of the model; `null` when the plot type was left without one.
    pub model: Option<String>,
    /// Thresholds from here on.
    pub thresholds: BTreeMap<String, f32>,
    /// Who did it.
    pub who: String,
    /// Why.
    pub why: String,
}
