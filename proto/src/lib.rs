//! The contract: events between stages and the query API, and the types that parse at the door.
//!
//! Everything that crosses a process is defined here and nowhere else: protobuf messages
//! ([`events`], [`query`]), which queue each event goes to ([`Event`]), and the validated
//! names and ids that the rest of the system can trust ([`names`], [`ids`]).

pub mod event;
pub mod ids;
pub mod names;
pub mod registry;

/// Events between stages, generated from `hydra/events/v1/events.proto`.
#[allow(missing_docs, clippy::all)]
pub mod events {
    tonic::include_proto!("hydra.events.v1");
}

/// The query API, generated from `hydra/query/v1`.
#[allow(missing_docs, clippy::all)]
pub mod query {
    tonic::include_proto!("hydra.query.v1");
}

/// The compiled descriptors, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

pub use event::{Event, Unreadable};
pub use ids::{ContentHash, ImageId, ModelDigest};
pub use names::{InvalidName, Label, PlotTypeName, Threshold};
