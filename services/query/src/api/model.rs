//! Models, evaluations, labels.

use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A model in the library.
#[derive(Debug, Serialize, ToSchema)]
pub struct Model {
    /// Digest of its bundle.
    pub digest: String,
    /// The plot types it was made for.
    pub plot_types: Vec<String>,
    /// The labels it knows.
    pub labels: Vec<String>,
    /// When it came into the library.
    pub created_at_us: i64,
    /// The model that it was trained on from.
    pub parent: Option<String>,
    /// Aliases that point at it now.
    pub aliases: Vec<Alias>,
    /// How it did on its test set, if it was evaluated; as training wrote it.
    pub evaluation: Option<serde_json::Value>,
}

/// A name that a release moves.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Alias {
    /// The plot type.
    pub plot_type: String,
    /// `active`, `candidate` or `previous`.
    pub alias: String,
}

/// How many labels people gave for a plot type.
#[derive(Debug, Serialize, ToSchema)]
pub struct LabelStatistics {
    /// The plot type.
    pub plot_type: String,
    /// Labelled images by label.
    pub labels: BTreeMap<String, u64>,
}
