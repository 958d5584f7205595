//! "Why did Hydra miss this?"

use super::{Release, Trend, Verdict};
use serde::Serialize;
use utoipa::ToSchema;

/// What explains the verdicts of a plot type around a time.
#[derive(Debug, Serialize, ToSchema)]
pub struct Why {
    /// The plot type.
    pub plot_type: String,
    /// The time that was asked about.
    pub at_us: i64,
    /// The image nearest to it, and what was said of it.
    pub verdict: Option<Verdict>,
    /// The model in force then, and since when.
    pub release: Option<Release>,
    /// Labels of that model; without a Bad among them it can never say Bad.
    pub knows_labels: Vec<String>,
    /// Images in training of each of its labels, where training wrote it down.
    pub trained_on: std::collections::BTreeMap<String, u64>,
    /// Whether that model had ever been shown a Bad one; `null` where that is not written down.
    pub saw_bad: Option<bool>,
    /// The images with a known label whose features are nearest to this one, nearest first.
    pub nearest: Vec<Neighbour>,
    /// How the confidences moved from an hour before to an hour after.
    pub trend: Trend,
    /// All of this in sentences, the most telling first.
    pub findings: Vec<String>,
}

/// A labelled image that looks alike.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Neighbour {
    /// The image.
    pub image: String,
    /// Its label.
    pub label: String,
    /// Cosine of the angle between the features, 1 for the same.
    pub similarity: f32,
}
