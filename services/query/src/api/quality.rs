//! Quality intervals: which time of which detector analysis can trust.

use serde::Serialize;
use utoipa::ToSchema;

/// From `from_us` up to but not including `to_us`, this detector was like this.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct QualityInterval {
    /// The detector.
    pub detector: String,
    /// Run number.
    pub run: u32,
    /// Begin, included.
    pub from_us: i64,
    /// End, not included.
    pub to_us: i64,
    /// How it was.
    pub verdict: Quality,
    /// Who says so.
    pub source: QualitySource,
    /// The plot types that decided it; of a Good one none.
    pub plot_types: Vec<String>,
}

/// How a detector was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Every plot type that was seen is Good.
    Good,
    /// No plot, no model or no sure verdict: nothing can be said.
    Unknown,
    /// At least one is Bad.
    Bad,
}

/// Who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum QualitySource {
    /// Nobody: there was no image or no verdict.
    None,
    /// A model.
    Model,
    /// A person's label, which outweighs a model's.
    Person,
}
