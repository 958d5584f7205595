//! The first schema.
//!
//! What machines measure is inserted and hardly ever changed: [`measured`]. What people decide
//! is appended as events, with the current state beside it: [`decided`]. What the service needs
//! to run itself is in [`service`]. [`views`] are for people with an SQL prompt or Grafana.
//!
//! Keys of large tables grow with time: an image's id begins with run and chunk, so that the
//! clustered index and the indexes by time stay local at any number of rows. For the same reason
//! no index begins with a hash.

mod decided;
mod measured;
mod service;
mod views;

use crate::step::Step;

pub(crate) const STEP: Step = Step {
    name: "m20261123_schema",
    tables: |backend| {
        let mut tables = service::tables(backend);
        tables.extend(decided::tables(backend));
        tables.extend(measured::tables(backend));
        tables
    },
    after: |backend| {
        let mut statements = service::rows(backend);
        statements.extend(views::create(backend));
        statements
    },
    views: views::NAMES,
};
