//! Whether Hydra itself can be trusted right now.

use serde::Serialize;
use utoipa::ToSchema;

/// Health of every role, and of what they stand on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Status {
    /// The server's clock.
    pub server_time_us: i64,
    /// One entry for every role, whether or not it has ever started.
    pub roles: Vec<RoleHealth>,
    /// Database, broker, blob store.
    pub parts: Vec<PartHealth>,
    /// Messages that were given up and not dealt with.
    pub dead_letters: Option<u64>,
    /// Models that are released.
    pub models_active: u64,
}

/// How well something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// As it should be.
    Well,
    /// Not running, and nothing needs it now.
    Idle,
    /// Works, but somebody should look.
    Slow,
    /// Does not work.
    Down,
    /// Has never reported.
    Never,
    /// Not known now, since the database through which roles report does not answer.
    Unknown,
}

/// One role.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RoleHealth {
    /// Its name, e.g. `infer`.
    pub role: String,
    /// What it is for, in one sentence.
    pub purpose: String,
    /// How it is.
    pub health: Health,
    /// What that means and what to do; empty while all is well.
    pub meaning: String,
    /// What to do about it; empty while all is well.
    pub advice: String,
    /// When the oldest instance that is alive started.
    pub alive_since_us: Option<i64>,
    /// The newest heartbeat.
    pub heartbeat_at_us: Option<i64>,
    /// Instances that have reported within the last week.
    pub instances: Vec<Instance>,
    /// Messages waiting in its queue.
    pub queue_depth: Option<u64>,
    /// How long after their arrival it took the images of the last minute, mean in seconds.
    pub lag_s: Option<f64>,
    /// Images a second that it took in the last minute, all instances together; `null` until an
    /// instance has reported twice.
    pub images_per_s: Option<f64>,
    /// Time for one image, added up over the instances that are alive, since each started.
    pub work: Option<Histogram>,
}

/// One process that plays a role.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Instance {
    /// Its name.
    pub instance: String,
    /// Its version.
    pub version: String,
    /// When it started.
    pub started_at_us: i64,
    /// Its newest heartbeat.
    pub heartbeat_at_us: i64,
    /// Whether it still reports.
    pub alive: bool,
    /// The models that it has in memory; none where the role works without.
    pub models: Vec<LoadedModel>,
}

/// A model in the memory of a process.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LoadedModel {
    /// Its digest.
    pub model: String,
    /// Estimated memory of its graphs; what models share is counted with each.
    pub memory_bytes: u64,
    /// Of these, what other models of the process share.
    pub shared_bytes: u64,
    /// Since when it is in memory.
    pub since_us: i64,
}

/// Something that the roles stand on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PartHealth {
    /// Database, broker or blob store.
    pub part: String,
    /// How it is.
    pub health: Health,
    /// What was measured, and what it means.
    pub meaning: String,
    /// What to do about it; empty while all is well.
    pub advice: String,
}

/// Counts by upper edge.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Histogram {
    /// Upper edges in milliseconds, growing; the last bin has none.
    pub edges_ms: Vec<f64>,
    /// One count a bin: one more than edges.
    pub counts: Vec<u64>,
    /// Mean in milliseconds.
    pub mean_ms: f64,
}

/// Time from arrival to verdict in one run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RunLatency {
    /// Run number.
    pub run: u32,
    /// Images.
    pub images: u64,
    /// From the arrival at ingest to the committed verdict.
    pub latency: Histogram,
}

/// Images of one day (UTC).
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Day {
    /// As `2026-11-23`.
    pub day: String,
    /// Images that arrived.
    pub images: u64,
}

/// A message that was given up.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DeadLetter {
    /// Its id.
    pub id: String,
    /// When it was given up.
    pub at_us: i64,
    /// The stage that gave it up.
    pub stage: String,
    /// What it was.
    pub event: String,
    /// Why, in one word.
    pub reason: String,
    /// Why, in full.
    pub error: String,
    /// How often it was tried.
    pub attempts: u32,
    /// Its plot type, where it could be read.
    pub plot_type: Option<String>,
    /// Its run, where it could be read.
    pub run: Option<u32>,
    /// Its chunk, where it could be read.
    pub chunk: Option<u32>,
}
