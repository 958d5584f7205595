//! What every handler reaches: configuration, database, blob store, the present.

use crate::{
    api,
    config::QueryConfig,
    error::{Answer, ApiError},
    follow::{
        Now,
        board::{Board, Cell},
    },
    pictures::Painter,
};
use hydra_blobs::Blobs;
use hydra_proto::PlotTypeName;
use hydra_store::Database;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct App {
    /// The service's configuration.
    pub config: Arc<QueryConfig>,
    /// A user that may only read.
    pub db: Database,
    /// Originals, thumbnails, heat maps.
    pub blobs: Blobs,
    /// The hall at this moment.
    pub now: Arc<Now>,
    /// Makes pictures, a bounded number at a time.
    pub painter: Painter,
    /// One permit a live stream.
    pub streams: Arc<Semaphore>,
    /// Images a day, which is summed up seldom.
    pub days: crate::days::Days,
    /// Long sequences of trouble.
    pub longs: crate::long::Longs,
    /// Quality intervals of the runs that were asked for last.
    pub qualities: crate::quality::Cache,
    /// The end of the service.
    pub stop: CancellationToken,
}

impl App {
    /// The hall at this moment, once it was read.
    pub fn board(&self) -> Answer<Arc<Board>> {
        if self.now.is_read() {
            return Ok(self.now.board());
        }
        Err(ApiError::busy("The database has not answered yet; try again."))
    }

    /// A plot type by its name.
    pub fn cell(&self, board: &Board, name: &PlotTypeName) -> Answer<Arc<Cell>> {
        let cell = board.by_name(name.as_str()).cloned();
        cell.ok_or_else(|| ApiError::not_found(format!("there is no plot type {name}")))
    }

    /// The database's health, as the follower found it.
    pub fn database_health(&self, now_us: i64) -> api::PartHealth {
        crate::health::database(self.now.read_at_us(), self.now.read_took(), now_us)
    }
}
