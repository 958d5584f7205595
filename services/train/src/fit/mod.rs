//! Images with classes and start weights -> trained weights: one loop for every network.
//!
//! What is random follows from seed, epoch, step and image alone, so that a training that was
//! killed and resumed ends with the same bits as one that was not. Memory is bounded by the batch.

mod batch;
mod checkpoint;
mod optimiser;
mod progress;
mod schedule;
mod trainer;

pub(crate) use batch::mixed;
pub use batch::{FitItem, Images};
pub use checkpoint::{Checkpoint, CheckpointError};
pub use optimiser::Optimiser;
pub use progress::{EpochFigures, Progress};
pub use schedule::Schedule;
pub use trainer::{Control, Report, Trained, train};

use crate::augment::Augment;
use crate::data::PixelError;
use crate::weights::WeightsError;
use serde::{Deserialize, Serialize};

/// How a network is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FitSettings {
    /// Passes over the training images, at most.
    pub epochs: usize,
    /// Images a step.
    pub batch: usize,
    /// How weights follow gradients.
    pub optimiser: Optimiser,
    /// The largest step size.
    pub learning_rate: f64,
    /// How the step size changes over the epochs.
    pub schedule: Schedule,
    /// Pulls kernels and linear layers towards zero; norms and biases are left alone.
    pub weight_decay: f64,
    /// Share of a target that is spread over all labels of its plot type.
    pub label_smoothing: f32,
    /// 1 gives every class of a plot type the same total weight, 0 leaves images as they come.
    pub class_balance: f64,
    /// Weight of the auxiliary head's loss, where the network has one.
    pub auxiliary: f64,
    /// Ends after so many epochs without a better validation loss.
    pub patience: usize,
    /// Whether validation says when to stop and which epoch was best; else it is the last.
    pub early_stopping: bool,
    /// How training images are varied.
    pub augment: Augment,
    /// Everything random follows from this.
    pub seed: u64,
}

impl Default for FitSettings {
    fn default() -> Self {
        Self {
            epochs: 20,
            batch: 32,
            optimiser: Optimiser::default(),
            learning_rate: 2e-3,
            schedule: Schedule::default(),
            weight_decay: 1e-2,
            label_smoothing: 0.02,
            class_balance: 1.0,
            auxiliary: 0.4,
            patience: 6,
            early_stopping: true,
            augment: Augment::default(),
            seed: 1,
        }
    }
}

/// Why a training ended without a network. Nothing is kept of it but its last checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss or a weight became NaN or infinite.
    #[error(
        "the loss is no number in epoch {epoch}, step {step}: a smaller learning rate may help \
        (it was {learning_rate})"
    )]
    NotANumber {
        /// From 1.
        epoch: usize,
        /// From 1, within the epoch.
        step: usize,
        /// In force at that step.
        learning_rate: f64,
    },
    /// Somebody asked for the end.
    #[error("cancelled in epoch {epoch}")]
    Cancelled {
        /// From 1.
        epoch: usize,
    },
    /// Nothing to train on, or nothing to tell when to stop.
    #[error("{training} images to train on and {validation} to validate on: both are needed")]
    NoImages {
        /// Training images.
        training: usize,
        /// Validation images.
        validation: usize,
    },
    /// A setting that means nothing.
    #[error("setting {name} is {value}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// As given.
        value: String,
    },
    /// Pixels of an image could not be had.
    #[error(transparent)]
    Pixels(#[from] PixelError),
    /// Start weights do not fit the network.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The checkpoint cannot be written or is of another training.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

impl FitSettings {
    /// Refuses what would never train.
    ///
    /// # Errors
    /// [`TrainError::Setting`].
    pub fn check(&self) -> Result<(), TrainError> {
        let refuse = |name, value: &dyn std::fmt::Display| {
            Err(TrainError::Setting { name, value: value.to_string() })
        };
        if !(1..=10_000).contains(&self.epochs) {
            return refuse("epochs", &self.epochs);
        }
        if !(2..=4_096).contains(&self.batch) {
            return refuse("batch (2 to 4096)", &self.batch);
        }
        if !(self.learning_rate > 0.0 && self.learning_rate <= 10.0) {
            return refuse("learning_rate", &self.learning_rate);
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return refuse("label_smoothing", &self.label_smoothing);
        }
        if !(0.0..=1.0).contains(&self.class_balance) {
            return refuse("class_balance", &self.class_balance);
        }
        if !(self.weight_decay >= 0.0 && self.weight_decay.is_finite()) {
            return refuse("weight_decay", &self.weight_decay);
        }
        Ok(())
    }
}
