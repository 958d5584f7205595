//! ImageInferred, HeatmapMade, MessageBuried -> rows, sums, sequences, alarms.
//!
//! A batch is one transaction (see [`hydra_store::keeping`]), so that a message that comes again
//! changes nothing, and two keeps write one after the other. Beside the stage run the [`relay`],
//! which publishes the alarms that transactions promised, and [`retention`], which deletes by
//! policy, and [`retraining`], which files training jobs by policy. Keep is the only stage that writes results.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod decide;
mod fact;
pub mod freshness;
mod input;
mod known;
mod pace;
pub mod relay;
pub mod retention;
pub mod retraining;
mod rows;
mod turns;
mod write;

pub use input::KeepIn;

use hydra_stage::{Done, Failure, Policy, Stage};
use hydra_store::Database;
use known::Cache;
use pace::Pace;
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;

/// Most messages of one transaction.
const BATCH: usize = 500;

/// The stage.
pub struct Keep {
    database: Database,
    cache: Cache,
    pace: Pace,
    promised: Arc<Notify>,
}

impl Keep {
    /// A stage that writes to `database`.
    pub fn new(database: Database) -> Self {
        Self { database, cache: Cache::default(), pace: Pace::new(BATCH), promised: Arc::default() }
    }

    /// Rings when a transaction has promised an alarm, for the [`relay`] of this process.
    pub fn promised(&self) -> Arc<Notify> {
        self.promised.clone()
    }
}

impl Stage for Keep {
    const NAME: &'static str = "keep";
    type In = KeepIn;

    fn policy(&self) -> Policy {
        Policy {
            batch: BATCH,
            linger: Duration::from_millis(20),
            // longer than work on the database may take, so that a slow one is told from a hang
            timeout: Duration::from_secs(120),
            ..Policy::default()
        }
    }

    async fn handle(&self, messages: Vec<KeepIn>) -> Vec<Result<Done, Failure>> {
        write::all(self, messages).await
    }
}
