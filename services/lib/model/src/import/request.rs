//! What a file does not say itself.

use crate::manifest::{Method, Normalisation, Novelty, PlotLayout, ScoreKind, Seen};
use hydra_proto::{ContentHash, Label, ModelDigest, PlotTypeName, Threshold};
use std::collections::BTreeMap;

/// What a file does not say itself.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// The plot type that it is for.
    pub plot_type: Option<PlotTypeName>,
    /// What the scores mean, in their order. For one score: the label of low and of high values.
    pub labels: Vec<Label>,
    /// What the network expects of pixels.
    pub normalisation: Normalisation,
    /// Keep the aspect of the plot instead of stretching it.
    pub letterbox: bool,
    /// Width and height in pixels, where the file leaves them open.
    pub size: Option<(u32, u32)>,
    /// Name of the output with the scores, where there are several that could be it.
    pub scores: Option<String>,
    /// What the scores are, where the network's end does not show it.
    pub score_kind: Option<ScoreKind>,
    /// Name of an output with the embedding.
    pub embedding: Option<String>,
    /// Name of an output that is a map already, and what it is.
    pub map: Option<(String, Method)>,
    /// An output that tells unusual plots.
    pub novelty: Option<Novelty>,
    /// See [`Manifest::layouts`].
    pub layouts: Vec<PlotLayout>,
    /// See [`Manifest::conditions`].
    pub conditions: Seen,
    /// Divides the logits, see [`Manifest::temperature`].
    pub temperature: f32,
    /// Proposed with a release.
    pub thresholds: BTreeMap<Label, Threshold>,
    /// See [`Manifest::training_set`].
    pub training_set: Option<ContentHash>,
    /// See [`Manifest::evaluation`].
    pub evaluation: serde_json::Value,
    /// See [`Manifest::parent`].
    pub parent: Option<ModelDigest>,
    /// Kind of network, for people.
    pub architecture: String,
    /// RFC 3339.
    pub created_at: String,
}

impl ImportRequest {
    /// A request for a plain file with these labels; the other fields are as most files need them.
    pub fn new(labels: Vec<Label>, created_at: impl Into<String>) -> Self {
        Self {
            plot_type: None,
            labels,
            normalisation: Normalisation::unit(),
            letterbox: false,
            size: None,
            scores: None,
            score_kind: None,
            embedding: None,
            map: None,
            novelty: None,
            layouts: Vec::new(),
            conditions: Seen::default(),
            temperature: 1.0,
            thresholds: BTreeMap::new(),
            training_set: None,
            evaluation: serde_json::Value::Null,
            parent: None,
            architecture: "imported".into(),
            created_at: created_at.into(),
        }
    }
}
