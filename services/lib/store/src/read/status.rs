//! Whether Hydra itself is well: heartbeats, times, dead letters, images a day.

use crate::{
    Database, LATENCY_BOUNDS_MS, StoreError,
    dead::DeadLetter,
    entity::{daily, dead_letter, heartbeat, run_latency},
    heartbeat::{Beat, Body},
    json,
    keeping::listed,
};
use sea_orm::{
    ColumnTrait, DbBackend, EntityTrait, FromQueryResult, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
    sea_query::{Expr, ExprTrait},
};
use std::collections::HashMap;

/// A sign of life and when it was given.
#[derive(Clone, Debug, PartialEq)]
pub struct Heard {
    /// What was said.
    pub beat: Beat,
    /// When, by the clock of the process.
    pub beat_us: i64,
}

/// Every sign of life since a time.
///
/// # Errors
/// When the database does not answer.
pub async fn heartbeats(db: &Database, since_us: i64) -> Result<Vec<Heard>, StoreError> {
    db.run(move |pool| async move {
        let rows = heartbeat::Entity::find()
            .filter(heartbeat::Column::BeatUs.gte(since_us))
            .order_by_asc(heartbeat::Column::Role)
            .order_by_asc(heartbeat::Column::Instance)
            .all(&pool)
            .await?;
        Ok::<_, StoreError>(rows.into_iter().map(heard).collect())
    })
    .await
}

/// A program of another version may say what this one cannot read: it lives nevertheless.
fn heard(row: heartbeat::Model) -> Heard {
    let body: Body = json::read("a heartbeat", &row.body).unwrap_or_default();
    Heard {
        beat: Beat {
            instance: row.instance,
            role: row.role,
            version: row.version,
            started_us: row.started_us,
            ready: row.ready,
            body,
        },
        beat_us: row.beat_us,
    }
}

/// Time from arrival to verdict in one run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// One count a bin of [`LATENCY_BOUNDS_MS`]; the last is above every bound.
    pub counts: [u64; LATENCY_BOUNDS_MS.len() + 1],
    /// Sum of all, microseconds.
    pub sum_us: u64,
}

/// Times from arrival to verdict of some runs.
///
/// # Errors
/// When the database does not answer.
pub async fn latencies(db: &Database, runs: Vec<u32>) -> Result<HashMap<u32, Latency>, StoreError> {
    db.run(move |pool| async move {
        let rows = run_latency::Entity::find()
            .filter(
                run_latency::Column::Run.is_in(listed(runs.into_iter().map(i64::from).collect())),
            )
            .all(&pool)
            .await?;
        let mut latencies: HashMap<u32, Latency> = HashMap::new();
        for row in rows {
            let latency = latencies.entry(super::images::number(row.run)).or_default();
            let bin = usize::try_from(row.bucket).ok();
            if let Some(count) = bin.and_then(|bin| latency.counts.get_mut(bin)) {
                *count += u64::try_from(row.images).unwrap_or(0);
            }
            latency.sum_us += u64::try_from(row.sum_us).unwrap_or(0);
        }
        Ok::<_, StoreError>(latencies)
    })
    .await
}

#[derive(FromQueryResult)]
struct DayCount {
    day: i32,
    images: i64,
}

/// Images a day (days since 1970 UTC) from day `from` up to but not including `to`, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn days(db: &Database, from: i32, to: i32) -> Result<Vec<(i32, u64)>, StoreError> {
    // A sum has a type of its own in each engine.
    let whole = if db.backend() == DbBackend::MySql { "signed" } else { "bigint" };
    db.run(move |pool| async move {
        let rows = daily::Entity::find()
            .select_only()
            .column(daily::Column::Day)
            .column_as(Expr::col(daily::Column::Images).sum().cast_as(whole), "images")
            .filter(daily::Column::Day.gte(from))
            .filter(daily::Column::Day.lt(to))
            .group_by(daily::Column::Day)
            .order_by_asc(daily::Column::Day)
            .into_model::<DayCount>()
            .all(&pool)
            .await?;
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        Ok::<_, StoreError>(rows.into_iter().map(|row| (row.day, count(row.images))).collect())
    })
    .await
}

/// How many messages were given up and not dealt with; counted up to `most`.
///
/// # Errors
/// When the database does not answer.
pub async fn dead_count(db: &Database, most: u64) -> Result<u64, StoreError> {
    db.run(move |pool| async move {
        dead_letter::Entity::find()
            .filter(dead_letter::Column::Handled.is_null())
            .limit(most)
            .count(&pool)
            .await
    })
    .await
}

/// A dead letter by its id, if it is there.
///
/// # Errors
/// When the database does not answer.
pub async fn dead_letter(db: &Database, id: Vec<u8>) -> Result<Option<DeadLetter>, StoreError> {
    db.run(move |pool| async move { dead_letter::Entity::find_by_id(id).one(&pool).await }).await
}
