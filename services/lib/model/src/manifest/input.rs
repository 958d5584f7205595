//! The input tensor and how pixels become it.

use hydra_proto::registry::InputShape;
use serde::{Deserialize, Serialize};

/// How the axes of the input are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Batch, channels, height, width.
    Nchw,
    /// Batch, height, width, channels.
    Nhwc,
    /// Batch, height, width; grey.
    Nhw,
}

/// How many images one run takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Batch {
    /// Any number, with the same result for each.
    Any,
    /// Exactly one.
    One,
}

/// The input tensor and how pixels become it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSpec {
    /// The graph's name for it.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: u32,
    /// Order of the axes.
    pub layout: Layout,
    /// Images in one run.
    pub batch: Batch,
    /// Keeps the aspect of the plot; else it is stretched to fill the frame.
    #[serde(default)]
    pub letterbox: bool,
    /// Value of the tensor for a pixel.
    pub normalisation: Normalisation,
}

impl InputSpec {
    /// What the pixels of a message must look like.
    pub fn shape(&self) -> InputShape {
        InputShape {
            width: self.width,
            height: self.height,
            channels: self.channels,
            letterbox: self.letterbox,
        }
    }

    /// Axes of the tensor for `batch` images.
    pub fn dims(&self, batch: usize) -> Vec<usize> {
        let [h, w, c] = [self.height, self.width, self.channels].map(|v| v as usize);
        match self.layout {
            Layout::Nchw => vec![batch, c, h, w],
            Layout::Nhwc => vec![batch, h, w, c],
            Layout::Nhw => vec![batch, h, w],
        }
    }
}

/// `(pixel * scale - mean) / std`, by channel. A network that normalises inside itself has scale
/// 1, mean 0 and std 1.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// Applied to pixels of 0 to 255.
    pub scale: f32,
    /// By channel, or one for all.
    pub mean: Vec<f32>,
    /// By channel, or one for all; not 0.
    pub std: Vec<f32>,
}

impl Normalisation {
    /// Pixels of 0 to 255 as they are: the network normalises inside.
    pub fn inside() -> Self {
        Self { scale: 1.0, mean: vec![0.0], std: vec![1.0] }
    }

    /// 0 to 1.
    pub fn unit() -> Self {
        Self { scale: 1.0 / 255.0, ..Self::inside() }
    }

    /// -1 to 1, as Keras does for Inception and MobileNet.
    pub fn signed() -> Self {
        Self { scale: 1.0 / 255.0, mean: vec![0.5], std: vec![0.5] }
    }

    /// Mean and deviation of ImageNet, as torchvision's weights expect.
    pub fn imagenet() -> Self {
        Self { scale: 1.0 / 255.0, mean: vec![0.485, 0.456, 0.406], std: vec![0.229, 0.224, 0.225] }
    }

    /// Slope and offset of a channel: value = pixel * slope + offset.
    pub fn line(&self, channel: usize) -> (f32, f32) {
        let of = |list: &[f32]| list.get(channel).or(list.first()).copied();
        let (mean, std) = (of(&self.mean).unwrap_or(0.0), of(&self.std).unwrap_or(1.0));
        (self.scale / std, -mean / std)
    }

    pub(super) fn is_usable(&self, channels: u32) -> bool {
        let fits = |list: &[f32]| list.len() == 1 || list.len() == channels as usize;
        let finite = self.mean.iter().chain(&self.std).all(|v| v.is_finite());
        let std = self.std.iter().all(|v| *v != 0.0);
        fits(&self.mean) && fits(&self.std) && finite && std && self.scale.is_finite()
    }
}
