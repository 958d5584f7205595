//! A database -> what stages write and pages read, the registry, the catalog, releases, labels.
//!
//! The only crate that names sea-orm, which others reach as [`orm`]. Work goes through
//! [`Database::run`] and [`Database::transaction`]; tables are in [`entity`]; errors come sorted
//! by what the caller must do, see [`StoreError`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod catalog;
mod clock;
mod config;
pub mod counter;
mod database;
pub mod dead;
pub mod drift;
pub mod entity;
mod error;
pub mod heartbeat;
pub mod id;
pub mod incident;
pub mod json;
pub mod keeping;
mod kinds;
pub mod label;
pub mod lease;
pub mod model;
mod named;
pub mod outbox;
pub mod plot_type;
pub mod read;
mod registry;
pub mod release;
pub mod retention;
pub mod retraining;
pub mod training;

pub use clock::now_us;
pub use config::DatabaseConfig;
pub use database::Database;
pub use error::StoreError;
pub use hydra_migrations::{Role, UnknownRole, grants};
pub use kinds::*;
pub use named::NamedBlobs;
pub use registry::{registry, watch_registry};
pub use sea_orm as orm;
