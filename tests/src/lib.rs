//! Real servers, real `hydra` processes, images -> a ledger of what was sent and what is there.
//!
//! A [`Hall`] is a broker, a database, a folder of blobs and the roles, each a process of its own
//! that can be killed, frozen and started again. Its [`Producer`] publishes small plots by AMQP
//! and notes each attempt and each confirm; [`Hall::settle`] waits until all is quiet and
//! balances the ledger with the rows.

#![allow(clippy::unwrap_used)]

pub mod chaos;
mod hall;
mod model;
mod producer;
mod rows;

pub use hall::{Hall, Place, STAGES};
pub use model::{release_model_with, release_small_model};
pub use producer::{Plot, Producer};
pub use rows::Sums;

/// How much of a fault is tried: `HYDRA_FAULTS_FULL=1` for all of it.
pub fn sized(standard: usize, full: usize) -> usize {
    if std::env::var_os("HYDRA_FAULTS_FULL").is_some() { full } else { standard }
}
