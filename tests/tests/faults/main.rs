//! The whole pipeline as processes, and what may happen to it. Most faults of the broker's side
//! are tried nearer to it (`services/lib/amqp/tests/faults`), those of the database's side in
//! `services/keep/tests/faults.rs`; here are those that need processes.
//!
//! `HYDRA_FAULTS_FULL=1` runs them at full number.
#![allow(clippy::unwrap_used, missing_docs)]

mod backup;
mod blobs;
mod clock;
mod config;
mod ends;
mod kills;
mod messages;
mod partition;
mod sandbox;
mod show;
mod telemetry;
mod upgrade;
