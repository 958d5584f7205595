//! What is asked for, and what is said of what came of it.

use hydra_proto::{ModelDigest, PlotTypeName};
use serde::{Deserialize, Serialize};

/// How a model of what is normal is made: `recipe_json` of a job with `"kind": "normality"`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NormalRecipe {
    /// `normality`.
    pub kind: NormalKind,
    /// Share of Goods that may be called novel.
    #[serde(default = "default_rate")]
    pub false_alarm_rate: f64,
    /// Learn what is new from this model on, by the Goods that it does not know.
    #[serde(default)]
    pub parent: Option<ModelDigest>,
}

/// The one kind there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NormalKind {
    /// From Goods alone.
    Normality,
}

fn default_rate() -> f64 {
    0.01
}

impl Default for NormalRecipe {
    fn default() -> Self {
        let kind = NormalKind::Normality;
        Self { kind, false_alarm_rate: default_rate(), parent: None }
    }
}

/// A model that was made, and what is said of it.
#[derive(Debug, Clone)]
pub struct Normal {
    /// Its plot type.
    pub plot_type: PlotTypeName,
    /// Its name.
    pub digest: ModelDigest,
    /// Its evaluation.
    pub figures: NormalFigures,
}

/// The `evaluation` of such a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NormalFigures {
    /// What it was made from: `labels` by name, as of every model.
    pub training: serde_json::Value,
    /// Blob key of the model's numbers, from which others can learn on.
    pub normality: String,
    /// Share of Goods that may be called novel.
    pub false_alarm_rate: f64,
    /// Goods of runs that were held out of its making, and those of them that it calls novel: its
    /// false alarms. None where the Goods come from too few runs.
    #[serde(default)]
    pub goods: usize,
    /// See `goods`.
    #[serde(default)]
    pub goods_novel: usize,
    /// Images that people label otherwise, and those of them that it calls novel. They were not
    /// used to make it.
    pub others: usize,
    /// See `others`.
    pub others_novel: usize,
    /// Goods that taught it new conditions.
    pub learnt_from: usize,
}
