//! Model files -> checked, content-addressed bundles -> sessions that give probabilities and maps.
#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod bundle;
mod edit;
pub mod explain;
pub mod import;
mod library;
pub mod manifest;
pub mod onnx;
pub mod prepare;
mod runtime;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
pub mod scan;
pub mod score;
pub mod serve;
mod session;
mod shapes;
mod signature;
mod workers;

pub use bundle::Bundle;
pub use library::{Library, LibraryError};
pub use manifest::Manifest;
pub use runtime::{LIBRARY_VARIABLE, Runtime, RuntimeConfig, RuntimeError, places};
pub use serve::{Head, Held, Model, Models, ModelsConfig, Purpose, Slot, SlotError, Unavailable};
pub use session::{Output, Session, SessionError, SharedWeights, Stopper, Tensor};
pub use signature::{KeyError, SIGNATURE_BYTES, SigningKey, TrustedKeys};
pub use workers::{WorkLost, Worker, Workers, WorkersConfig};
