//! HeatmapWanted -> the map in the blob store, HeatmapMade.
//!
//! The model's body runs once up to its last maps, and the small graph that import wrote weighs
//! them with the gradient of the wanted class's logit: any class, any image. Pixels come with
//! the message or are made from the original. What is stored is the map itself, as 8-bit grey;
//! pages lay it over the plot at the opacity that people choose.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod draw;
mod letterbox;
mod stage;

pub use stage::Gradcam;
