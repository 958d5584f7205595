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
    /// The images in training whose features are nearest to this one, as the model that judged it
    /// sees them, nearest first; where it is not known here what that model was trained on,
    /// images that people labelled.
    pub nearest: Vec<Neighbour>,
    /// Why there are none; empty where there are.
    pub nearest_note: String,
    /// How the confidences moved from an hour before to an hour after.
    pub trend: Trend,
    /// All of this in sentences, the most telling first.
    pub findings: Vec<String>,
}

/// An image with a known label that looks alike.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Neighbour {
    /// The image.
    pub image: String,
    /// What it was taught in training, or what a person says it is.
    pub label: String,
    /// Whether the model was trained on it.
    pub in_training: bool,
    /// Cosine of the angle between the features, 1 for the same.
    pub similarity: f32,
}
