//! ImageResized -> class probabilities a model, verdict, ImageInferred and HeatmapWanted.
//!
//! A batch is taken apart by network, not by plot type: images of all plot types whose models
//! build on one trunk go through it together, each distinct picture once, and each model's own
//! head (microseconds) is applied behind it. Networks run on threads of their own, a session
//! each. What the registry releases reaches the next image; where a plot type has a model in
//! memory, it keeps it until the new one is loaded and warm.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod chunk;
mod config;
mod questions;
mod serving;
mod stage;
mod verdict;

pub use config::InferConfig;
pub use serving::{Serving, Table};
pub use stage::Infer;
