//! What training is given: labelled images, and a way to their pixels.

mod set;

pub use set::{LabelError, LabelSet, Labelled, class_of, prepare, prepare_with};

use hydra_proto::registry::InputShape;
use hydra_proto::{ContentHash, ImageId, Label, PlotTypeName};
use serde::{Deserialize, Serialize};

/// One label of one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The image.
    pub image: ImageId,
    /// The stored original, by which duplicates are found.
    pub content: ContentHash,
    /// What is drawn.
    pub plot_type: PlotTypeName,
    /// Neighbouring chunks of a run are too alike to stand on both sides of a split.
    pub run: u32,
    /// Absent where a hall draws one set a run.
    pub chunk: Option<u32>,
    /// What an expert says.
    pub label: Label,
    /// How much it counts; 1 is usual.
    pub weight: f32,
    /// Name of the run's conditions, for figures by condition; may be empty.
    pub condition: String,
    /// Made by drawing a fault onto a Good plot: trains, and is never tested on.
    pub synthetic: bool,
}

/// Pixels could not be had; the chain says why.
#[derive(Debug, thiserror::Error)]
#[error("pixels of image {index} are not to be had")]
pub struct PixelError {
    /// Index of the example.
    pub index: usize,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// Labelled images. Pixels are asked for batch by batch, from several threads.
pub trait Dataset: Sync {
    /// All labels, in an order that does not change while training runs.
    fn examples(&self) -> &[Example];

    /// Interleaved 8-bit pixels of an example, `shape.size_bytes()` of them.
    ///
    /// # Errors
    /// Where the image cannot be read or decoded.
    fn pixels(&self, index: usize, shape: InputShape) -> Result<Vec<u8>, PixelError>;
}
