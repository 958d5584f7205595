//! Labels and stored images -> model, evaluation, thresholds in the library.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod data;
pub mod eval;
pub mod export;
pub mod graph;
pub mod head;
pub mod net;
pub use hydra_normality as normality;
pub mod pixels;
pub mod runner;
pub mod weights;
