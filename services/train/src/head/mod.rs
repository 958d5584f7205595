//! The last layer: features to logits.

mod fit;
mod lbfgs;

pub(crate) use fit::class_balanced;
pub use fit::{FitError, HeadSettings, fit_head};

use crate::graph::Graph;
use crate::weights::{Weights, WeightsError};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A linear layer from an embedding to a logit for each label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Head {
    /// `[labels, features]`, row-major.
    pub weight: Vec<f32>,
    /// `[labels]`.
    pub bias: Vec<f32>,
}

impl Head {
    /// The rows `outputs` of a network's last layer: all of them for a network of one plot
    /// type, those of one plot type for a trunk that many share.
    ///
    /// # Errors
    /// Where the weights are of another network.
    pub fn of(
        graph: &Graph,
        weights: &Weights,
        outputs: Range<usize>,
    ) -> Result<Self, WeightsError> {
        let name = &graph.node(graph.logits).name;
        let weight = weights.get(&format!("{name}.weight"))?;
        let bias = weights.get(&format!("{name}.bias"))?;
        let features = graph.feature_count();
        let rows = outputs.start * features..outputs.end * features;
        let slice = |data: &[f32], range: Range<usize>| data.get(range).map(<[f32]>::to_vec);
        match (slice(&weight.data, rows), slice(&bias.data, outputs.clone())) {
            (Some(weight), Some(bias)) => Ok(Self { weight, bias }),
            _ => Err(WeightsError::Shape {
                name: format!("{name}.weight"),
                found: weight.shape.clone(),
                wanted: vec![outputs.end, features],
            }),
        }
    }

    /// Number of labels.
    pub fn labels(&self) -> usize {
        self.bias.len()
    }

    /// Length of the embeddings that it reads.
    pub fn features(&self) -> usize {
        self.weight.len() / self.labels().max(1)
    }

    /// Whether the head reads embeddings of this length.
    ///
    /// # Errors
    /// Where it does not.
    pub fn check(&self, features: usize) -> Result<(), WeightsError> {
        if self.labels() > 0 && self.weight.len() == self.labels() * features {
            return Ok(());
        }
        Err(WeightsError::Shape {
            name: "head".into(),
            found: vec![self.labels(), self.features()],
            wanted: vec![self.labels().max(1), features],
        })
    }

    /// The logits of one embedding.
    pub fn logits(&self, features: &[f32]) -> Vec<f32> {
        let rows = self.weight.chunks_exact(features.len().max(1));
        let dot = |row: &[f32]| row.iter().zip(features).map(|(w, x)| w * x).sum::<f32>();
        rows.zip(&self.bias).map(|(row, bias)| dot(row) + bias).collect()
    }
}

/// Soft-max without overflow.
pub fn softmax(logits: &[f32]) -> Vec<f32> {
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let exp: Vec<f32> = logits.iter().map(|l| (l - largest).exp()).collect();
    let sum: f32 = exp.iter().sum();
    exp.iter().map(|e| e / sum).collect()
}
