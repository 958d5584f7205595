//! What the live stream (`/api/v1/live`, server-sent events) carries.

use super::{Beam, Incident, LastImage, PlotType, RunNow};
use serde::Serialize;
use utoipa::ToSchema;

/// Event `tick`, once a second: a page that misses three knows that its link is broken.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Tick {
    /// The server's clock.
    pub server_time_us: i64,
    /// When the database was last read; far behind the clock when it does not answer.
    pub read_at_us: i64,
    /// Number of the state after this event.
    pub version_of_state: u64,
    /// Number of the catalog's state; when it changes, the list of plot types is to be read again.
    pub generation: u64,
    /// The newest run.
    pub run: Option<RunNow>,
    /// Whether there is beam.
    pub beam: Beam,
    /// The newest image.
    pub last_image: Option<LastImage>,
    /// What waits inside Hydra.
    pub pipeline: Pipeline,
}

/// What waits inside Hydra, so that an image that is late here is not taken for one that was
/// never drawn.
#[derive(Clone, Debug, Default, PartialEq, Serialize, ToSchema)]
pub struct Pipeline {
    /// Messages in all queues between ingest and the database.
    pub waiting: u64,
    /// How far the slowest stage is behind arrival, in seconds; `null` where no stage reports.
    pub lag_s: Option<f64>,
    /// Roles between ingest and the database that do not report.
    pub silent: Vec<String>,
}

/// Event `change`: cards and incidents that are not what they were.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Change {
    /// Number of the state after this event.
    pub version_of_state: u64,
    /// The cards that changed; `strip` holds what is new in it only.
    pub plot_types: Vec<PlotType>,
    /// The incidents that were raised, went on or were cleared.
    pub incidents: Vec<Incident>,
}
