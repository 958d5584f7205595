//! Faults between a worker and its broker: nothing is lost, and each session comes back by itself.
//!
//! `HYDRA_FAULTS_FULL=1` runs them at full length and number.
#![allow(clippy::unwrap_used, missing_docs)]

mod broker;
mod cluster;
mod crashes;
mod line;
mod network;
mod routing;
mod scale;
mod tls;
