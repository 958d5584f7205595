//! How far a training is.

use serde::{Deserialize, Serialize};

/// How far a training is; told after every step.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch under way, from 1.
    pub epoch: usize,
    /// At most so many.
    pub epochs: usize,
    /// Training images done in all epochs.
    pub images: u64,
    /// Of so many, if no early stop comes.
    pub images_wanted: u64,
    /// Training images a second, over the last steps.
    pub images_per_s: f64,
    /// At this rate, without an early stop.
    pub left_s: f64,
    /// Mean over the epoch so far.
    pub training_loss: f64,
    /// Of the last epoch that ended.
    pub validation_loss: Option<f64>,
}

/// What an epoch brought.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EpochFigures {
    /// Mean loss over the training images, as they were learnt from.
    pub training_loss: f64,
    /// Mean loss over the validation images, without smoothing or chance.
    pub validation_loss: f64,
    /// Share of validation images whose most probable label is right.
    pub validation_accuracy: f64,
}
