//! The log: sequences of Bad, Unconfirmed and Novel, and incidents.

use super::VerdictState;
use serde::Serialize;
use utoipa::ToSchema;

/// A sequence of images of one plot type that were all the same sort of wrong, folded to one
/// entry.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LogEntry {
    /// Id of the sequence.
    pub id: String,
    /// The plot type.
    pub plot_type: String,
    /// Its detector.
    pub detector: String,
    /// What was wrong with it.
    pub kind: LogKind,
    /// The label of its newest image.
    pub label: String,
    /// The image with which it began.
    pub first: LogMark,
    /// Its newest image.
    pub last: LogMark,
    /// Images in it.
    pub count: u32,
    /// The first image after it that was otherwise; `null` while it goes on.
    pub ended_at_us: Option<i64>,
}

/// Sorts of log entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LogKind {
    /// Confirmed Bad, with beam.
    Bad,
    /// The model was not sure.
    Unconfirmed,
    /// Unlike anything in training.
    Novel,
}

/// One end of a sequence.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LogMark {
    /// The image.
    pub image: String,
    /// Run number.
    pub run: u32,
    /// Chunk of the run.
    pub chunk: Option<u32>,
    /// When it was drawn.
    pub at_us: i64,
}

/// A sequence of confirmed Bad, with beam: what an alarm is about.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Incident {
    /// Its id.
    pub id: String,
    /// The plot type.
    pub plot_type: String,
    /// Its detector.
    pub detector: String,
    /// The label of its newest image.
    pub label: String,
    /// Confidence of its newest image.
    pub confidence: Option<f32>,
    /// How sure the newest image is.
    pub state: VerdictState,
    /// The image with which it began.
    pub first: LogMark,
    /// Its newest image.
    pub last: LogMark,
    /// Images in it.
    pub count: u32,
    /// When it was over; `null` while it is open.
    pub cleared_at_us: Option<i64>,
}
