//! What a finished model says of the images that judge it.

use super::LearnError;
use super::embed::run;
use super::images::Prepared;
use super::taught::{Taught, chosen, taught};
use crate::head::{Head, softmax};
use hydra_model::Runtime;
use hydra_proto::registry::InputShape;

/// Probabilities before calibration, an image a row, and the features of images that taught it.
pub(super) struct Said {
    /// Of validation.
    pub validation: Vec<Vec<f32>>,
    /// Of test.
    pub test: Vec<Vec<f32>>,
    /// Training images as the model sees them.
    pub taught: Vec<Taught>,
}

impl Said {
    /// By a network of one file, whose embedding has so many `features`.
    ///
    /// # Errors
    /// Where pixels are not to be had or the network cannot be run.
    pub fn by_file(
        runtime: &Runtime,
        file: &[u8],
        input: InputShape,
        set: &Prepared<'_>,
        features: usize,
    ) -> Result<Self, LearnError> {
        let say = |which: &[usize], output| run(runtime, file, input, set, which, output);
        let which = chosen(set, features);
        Ok(Self {
            validation: say(&set.split.validation, "probabilities")?,
            test: say(&set.split.test, "probabilities")?,
            taught: taught(set, &which, say(&which, "features")?),
        })
    }

    /// By a head, of the embedding of each labelled image.
    pub fn by_head(head: &Head, embedded: &[Vec<f32>], set: &Prepared<'_>) -> Self {
        let say = |which: &[usize]| {
            which.iter().map(|i| softmax(&head.logits(&embedded[*i]))).collect::<Vec<_>>()
        };
        let which = chosen(set, head.features());
        let rows = which.iter().map(|i| embedded[*i].clone());
        Self {
            validation: say(&set.split.validation),
            test: say(&set.split.test),
            taught: taught(set, &which, rows),
        }
    }
}
