//! Signs of life: what a role in a process tells the status page through the database.

use crate::{Database, StoreError, entity::heartbeat, json, now_us};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One sign of life.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beat {
    /// Name of the process, unique in the hall.
    pub instance: String,
    /// The role it plays.
    pub role: String,
    /// Version of the program.
    pub version: String,
    /// When it started.
    pub started_us: i64,
    /// Whether it can work right now.
    pub ready: bool,
    /// What else it knows about itself.
    pub body: Body,
}

/// What a role knows about itself. Unknown fields of other versions are passed over.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Body {
    /// By component: `null` is well, else what is wrong and what to do.
    pub components: BTreeMap<String, Option<String>>,
    /// By queue.
    pub queues: BTreeMap<String, Queue>,
    /// By stage, since the start of the process.
    pub stages: BTreeMap<String, Vitals>,
    /// The models that it has in memory.
    pub models: Vec<HeldModel>,
}

/// A model in memory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HeldModel {
    /// Its digest.
    pub model: String,
    /// Estimated memory; what models share is counted with each.
    pub bytes: u64,
    /// Of these, what others in memory share.
    pub shared_bytes: u64,
    /// Since when, microseconds since 1970 UTC.
    pub since_us: i64,
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Queue {
    /// Waiting.
    pub ready: u64,
    /// In the dead-letter queue.
    pub dead: u64,
    /// Consumers now.
    pub consumers: u32,
}

/// What a stage did; as `hydra_stage::vitals::Vitals` writes it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Vitals {
    /// Messages by outcome.
    pub messages: BTreeMap<String, u64>,
    /// Work time a message.
    pub work: Histogram,
    /// From the arrival of the image to the moment when this stage took it.
    pub lag: Histogram,
}

/// Counts of durations between [`crate::LATENCY_BOUNDS_MS`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Histogram {
    /// One count a bin; the last is above every bound.
    pub counts: Vec<u64>,
    /// Sum of all durations, microseconds.
    pub sum_us: u64,
}

/// Writes a sign of life over the one before.
///
/// # Errors
/// When the database does not answer.
pub async fn beat(db: &Database, beat: Beat) -> Result<(), StoreError> {
    let row = heartbeat::ActiveModel {
        instance: Set(beat.instance),
        role: Set(beat.role),
        version: Set(beat.version),
        started_us: Set(beat.started_us),
        beat_us: Set(now_us()),
        ready: Set(beat.ready),
        body: Set(json::write("a heartbeat", &beat.body)?),
    };
    use heartbeat::Column as C;
    let newest = OnConflict::columns([C::Instance, C::Role])
        .update_columns([C::Version, C::StartedUs, C::BeatUs, C::Ready, C::Body])
        .to_owned();
    db.run(|pool| async move {
        heartbeat::Entity::insert(row).on_conflict(newest).exec_without_returning(&pool).await
    })
    .await
    .map(|_| ())
}
