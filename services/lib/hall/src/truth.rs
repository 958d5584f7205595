//! What is true of a drawn plot: written beside it, never read by anything that judges.

use crate::{Conditions, Moment};
use serde::{Deserialize, Serialize};

/// Everything that is true of one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// Name of the plot type.
    pub plot_type: String,
    /// What it monitors.
    pub detector: String,
    /// The run.
    pub run: u32,
    /// From 1 on.
    pub chunk: u32,
    /// RFC 3339.
    pub taken_at: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// What an expert says who knows all: one of the plot type's labels.
    pub label: String,
    /// What is wrong, if anything is.
    pub fault: Option<FaultTruth>,
    /// The run's conditions, which are no fault.
    pub conditions: Conditions,
    /// The hall's seed.
    pub seed: u64,
}

/// What is true of a fault in one image.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultTruth {
    /// Its name, see [`crate::FaultKind`].
    pub kind: String,
    /// `subtle`, `medium` or `strong`; absent for faults without amplitude.
    pub strength: Option<String>,
    /// Expected delta chi-square between the counts of this chunk with and without the fault, for an
    /// observer who knows the nominal plot; absent where the counts are right (layout) or those of
    /// another chunk (stuck). For low statistics the observer knows by how much events vary from
    /// chunk to chunk (10 %), and this is the chi-square of the event count alone.
    pub expected_dchi2: Option<f64>,
    /// What the fault is made of, e.g. how far a peak is shifted.
    pub amplitude: Option<Amplitude>,
    /// Index of the panel, from 0; absent where it is all of them.
    pub panel: Option<usize>,
    /// In words, e.g. `panel 3 (Sector 3), board 12`.
    pub place: String,
    /// The first chunk that shows it.
    pub onset: Moment,
    /// Where it is in the image.
    #[serde(rename = "box")]
    pub area: PixelBox,
    /// Whether it is only there; otherwise the box is the whole image.
    pub local: bool,
}

/// The one number that a fault's strength depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Amplitude {
    /// What it counts, with unit.
    pub name: String,
    /// The value that was solved for the strength asked for.
    pub value: f64,
}

/// A rectangle of pixels; rows count from the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PixelBox {
    /// Left edge.
    pub x: u32,
    /// Upper edge.
    pub y: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl PixelBox {
    /// Whether the pixel is inside.
    pub fn contains(&self, x: u32, y: u32) -> bool {
        (self.x..self.x + self.width).contains(&x) && (self.y..self.y + self.height).contains(&y)
    }
}
