//! The hall as a whole: what the head of every page shows.

use super::Pipeline;
use serde::Serialize;
use utoipa::ToSchema;

/// The hall now.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Hall {
    /// The hall's name, from the configuration.
    #[schema(example = "Hall B")]
    pub name: String,
    /// Version of the query service that answers.
    pub version: String,
    /// The server's clock. Ages are counted from it, never from the viewer's own.
    pub server_time_us: i64,
    /// The newest run, if any image ever came.
    pub run: Option<RunNow>,
    /// Whether there is beam.
    pub beam: Beam,
    /// The newest image of any plot type.
    pub last_image: Option<LastImage>,
    /// What the hall wants its crew to know.
    pub news: Vec<News>,
    /// What waits inside Hydra.
    pub pipeline: Pipeline,
    /// Number of the catalog's state.
    pub generation: u64,
    /// Number of the state that this answer shows; live events with a number at or below it are
    /// already in it.
    pub version_of_state: u64,
}

/// The newest run.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct RunNow {
    /// Run number.
    pub run: u32,
    /// Run period, may be empty.
    pub run_period: String,
    /// When its first image was drawn.
    pub since_us: i64,
    /// The newest chunk, where the hall draws chunks.
    pub chunk: Option<u32>,
    /// The conditions that came with the newest image, as the producer wrote them.
    pub conditions: serde_json::Map<String, serde_json::Value>,
}

/// Beam on the target, as the newest image that carried a reading says.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Beam {
    /// On at or above the threshold; `unknown` where no image carries a reading.
    pub state: BeamState,
    /// The number among an image's conditions that is the reading, with its unit if the name has
    /// one, e.g. `beam_current_nA`; `null` where the catalog names none.
    pub condition: Option<String>,
    /// The newest reading.
    pub reading: Option<f64>,
    /// From this reading on there is beam.
    pub min: Option<f64>,
    /// When the reading was taken.
    pub at_us: Option<i64>,
}

/// Whether there is beam.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BeamState {
    /// At or above the threshold.
    On,
    /// Below it.
    Off,
    /// No reading.
    Unknown,
}

/// The newest image of any plot type.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct LastImage {
    /// Its id.
    pub id: String,
    /// Its plot type.
    pub plot_type: String,
    /// When ingest took it.
    pub arrived_at_us: i64,
    /// When its verdict was committed.
    pub decided_at_us: i64,
}

/// A line of news.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct News {
    /// Plain text.
    pub text: String,
    /// Since when it is shown, if the catalog says.
    pub since_us: Option<i64>,
}
