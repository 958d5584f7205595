//! Plot types, detectors and groups.

use super::{LabelScore, Verdict, VerdictState};
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A plot type with its newest verdict: what one card shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PlotType {
    /// Its name.
    #[schema(example = "CDC_occupancy")]
    pub name: String,
    /// The detector it belongs to; empty for a discovered one.
    pub detector: String,
    /// The group it is shown in, from the catalog; may be empty.
    pub group: String,
    /// Seconds from one image to the next while there is beam; `null` where one set a run is drawn.
    pub cadence_s: Option<f64>,
    /// From this age on, in seconds, the newest image is stale while there is beam: one and a half
    /// cadences and a quarter of a minute. Where the catalog gives no cadence, the distance of its
    /// last images stands in; where they tell none, a quarter of an hour, or three hours where one
    /// set a run is drawn (which the next run makes stale, too).
    pub stale_after_s: Option<f64>,
    /// Switched off by the catalog: shown, never judged.
    pub disabled: bool,
    /// Came in by itself; nobody has declared it yet.
    pub discovered: bool,
    /// The model whose verdict counts.
    pub model: Option<ActiveModel>,
    /// The newest image and what was said of it.
    pub latest: Option<Verdict>,
    /// The newest verdicts, oldest first, at most 20.
    pub strip: Vec<StripItem>,
    /// The open sequence of Bad, if there is one.
    pub incident: Option<OpenIncident>,
    /// The newest message about this plot type that was given up after the newest verdict.
    pub buried: Option<BuriedMessage>,
}

/// The released model of a plot type.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct ActiveModel {
    /// Digest of its bundle.
    pub digest: String,
    /// Since when it is active.
    pub since_us: Option<i64>,
    /// Confidence from which on each label counts as confirmed.
    pub thresholds: BTreeMap<String, f32>,
}

/// One verdict in the strip of a card.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct StripItem {
    /// The image.
    pub image: String,
    /// When it was drawn.
    pub taken_at_us: i64,
    /// What the model said; `null` without a verdict.
    pub label: Option<String>,
    /// Whether the catalog counts this label as trouble of the detector.
    pub is_bad: bool,
    /// How sure that is.
    pub state: VerdictState,
    /// In [0, 1].
    pub confidence: Option<f32>,
}

/// The open incident of a plot type.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct OpenIncident {
    /// Its id.
    pub id: String,
    /// The label that raised it.
    pub label: String,
    /// When its first image was drawn.
    pub since_us: i64,
    /// Images so far.
    pub count: u32,
}

/// A message that was given up.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct BuriedMessage {
    /// When.
    pub at_us: i64,
    /// The stage that gave it up.
    pub stage: String,
    /// Why, in one word.
    pub reason: String,
}

/// A plot type with what only people know about it.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlotTypeDetail {
    /// As in the list.
    #[serde(flatten)]
    pub plot_type: PlotType,
    /// The labels that its model and its experts use.
    pub labels: Vec<String>,
    /// What to do when it is Bad; plain text.
    pub guidance: String,
    /// Whom to call; plain text.
    pub contact: String,
    /// An image of how it should look.
    pub reference: Option<String>,
    /// Probability of every class of the newest image.
    pub scores: Vec<LabelScore>,
    /// Images a day that its cadence promises, `null` without a cadence.
    pub expected_a_day: Option<f64>,
    /// Share of confirmed Good that is kept, in [0, 1].
    pub collect_fraction: Option<f64>,
}

/// A detector.
#[derive(Debug, Serialize, ToSchema)]
pub struct Detector {
    /// Its name.
    pub name: String,
    /// Whom to call; plain text.
    pub contact: String,
    /// What to do; plain text.
    pub guidance: String,
    /// Its plot types, in the order of the pages.
    pub plot_types: Vec<String>,
}

/// A group of plot types that the catalog declares.
#[derive(Debug, Serialize, ToSchema)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its plot types, in the order of the pages.
    pub plot_types: Vec<String>,
}
