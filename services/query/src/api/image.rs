//! Images and what was said of them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How sure a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VerdictState {
    /// The confidence reaches the label's threshold.
    Confirmed,
    /// It does not.
    Unconfirmed,
    /// The image is unlike anything in training, whatever the label says.
    Novel,
    /// No model spoke.
    NoVerdict,
}

/// An image with the verdict of the model that was active when it came.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Verdict {
    /// The image's id.
    pub image: String,
    /// Its plot type.
    pub plot_type: String,
    /// Run number.
    pub run: u32,
    /// Chunk of the run, where the hall draws chunks.
    pub chunk: Option<u32>,
    /// When the plot was drawn.
    pub taken_at_us: i64,
    /// When ingest took it.
    pub arrived_at_us: i64,
    /// When the verdict was committed.
    pub decided_at_us: i64,
    /// The likeliest label; `null` without a verdict.
    pub label: Option<String>,
    /// Its calibrated probability, in [0, 1].
    pub confidence: Option<f32>,
    /// The threshold that was in force.
    pub threshold: Option<f32>,
    /// Whether the catalog counts this label as trouble of the detector.
    pub is_bad: bool,
    /// How sure that is.
    pub state: VerdictState,
    /// Why there is no verdict; empty otherwise.
    pub reason: String,
    /// What the model noticed beside the label, e.g. "layout changed"; may be empty.
    pub note: String,
    /// Digest of the model that spoke.
    pub model: Option<String>,
    /// Where the heat map of the label is; the address changes with the map. `null` where there is
    /// none.
    pub heatmap: Option<String>,
    /// Whether the original is still stored.
    pub kept: bool,
    /// Width of the original in pixels.
    pub width: u32,
    /// Height of the original in pixels.
    pub height: u32,
}

/// Probability of one class.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LabelScore {
    /// The class.
    pub label: String,
    /// Calibrated, in [0, 1].
    pub probability: f32,
    /// From here on it counts as confirmed.
    pub threshold: Option<f32>,
}

/// An image with everything that is known about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct ImageDetail {
    /// As in lists.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Run period, may be empty.
    pub run_period: String,
    /// Who sent it.
    pub source: String,
    /// Size of the original.
    pub size_bytes: u64,
    /// The conditions it was taken under, as the producer wrote them.
    pub conditions: serde_json::Map<String, serde_json::Value>,
    /// What every model said of it, the one in force first.
    pub predictions: Vec<Prediction>,
    /// Heat maps that are there.
    pub heatmaps: Vec<Heatmap>,
    /// What people said of it, newest first.
    pub labels: Vec<GivenLabel>,
}

/// What one model said of one image.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Prediction {
    /// The image's id.
    pub image: String,
    /// When the plot was drawn.
    pub taken_at_us: i64,
    /// Digest of the model.
    pub model: String,
    /// Whether its verdict counted (`active`) or it predicted in the shadow (`candidate`).
    pub role: ModelRole,
    /// The likeliest label.
    pub label: String,
    /// Its probability.
    pub confidence: f32,
    /// The threshold that was in force.
    pub threshold: f32,
    /// How sure that is.
    pub state: VerdictState,
    /// Chance that a normal plot looks at least as strange, where the model has a guard.
    pub p_value: Option<f64>,
    /// May be empty.
    pub note: String,
    /// Every class's probability.
    pub scores: Vec<LabelScore>,
}

/// Part that a model played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModelRole {
    /// Its verdict counts.
    Active,
    /// It predicts in the shadow; the shift does not see it.
    Candidate,
}

/// A heat map: what weighed for a class.
#[derive(Debug, Serialize, ToSchema)]
pub struct Heatmap {
    /// Digest of the model.
    pub model: String,
    /// The class that it explains.
    pub label: String,
    /// How it was made: "grad-cam", "gradient", "eigen-cam", "model".
    pub method: String,
    /// Where the picture is, coloured, with the weight as opacity; changes with the map.
    pub href: String,
}

/// A label that a person gave.
#[derive(Debug, Serialize, ToSchema)]
pub struct GivenLabel {
    /// The label.
    pub label: String,
    /// Who.
    pub who: String,
    /// When.
    pub at_us: i64,
}
