//! Runs.

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Run {
    /// Run number.
    pub run: u32,
    /// Run period, may be empty.
    pub run_period: String,
    /// When its first image was drawn.
    pub first_at_us: i64,
    /// When its newest image was drawn.
    pub last_at_us: i64,
    /// Images of it.
    pub images: u64,
    /// The conditions that came with its newest image.
    pub conditions: serde_json::Map<String, serde_json::Value>,
}

/// A run with its verdicts counted.
#[derive(Debug, Serialize, ToSchema)]
pub struct RunDetail {
    /// As in the list.
    #[serde(flatten)]
    pub run: Run,
    /// Images by label of the confirmed verdict; `Unconfirmed`, `Novel` and `NoModel` beside.
    pub verdicts: BTreeMap<String, u64>,
}
