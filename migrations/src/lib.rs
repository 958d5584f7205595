//! An empty or older database -> the schema that this version works on, step by step.
//!
//! One module a step, for SQLite, MariaDB or MySQL, and PostgreSQL alike. A step only adds, so
//! that workers of the version before go on working beside it. [`grants`] says who may do what.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod columns;
mod grants;
mod m20261123_schema;
mod m20261126_training;
mod m20261126_watching;
mod step;

pub use grants::{Role, UnknownRole, grants};
use sea_orm_migration::prelude::MigrationTrait;
pub use sea_orm_migration::{MigrationStatus, MigratorTrait};

/// All steps in order.
pub struct Migrator;

impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(m20261123_schema::STEP),
            Box::new(m20261126_watching::STEP),
            Box::new(m20261126_training::STEP),
        ]
    }
}
