//! Labels and stored images -> model, evaluation, thresholds in the library.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod align;
pub mod augment;
pub mod data;
pub mod eval;
pub mod export;
pub mod fit;
pub mod graph;
pub mod head;
pub mod job;
pub mod library;
pub mod net;
pub use hydra_normality as normality;
pub mod pixels;
pub mod quantise;
pub mod recipe;
pub mod runner;
pub mod synthetic;
pub mod weights;

/// What trains: the first graphics card where the program was built for one (feature `cuda`), else
/// the processor.
pub fn device() -> burn::tensor::Device {
    #[cfg(feature = "cuda")]
    return burn::tensor::Device::cuda(0);
    #[cfg(not(feature = "cuda"))]
    burn::tensor::Device::flex()
}
