//! Whether Hydra itself is well.

use crate::{
    api,
    app::App,
    cursor::List,
    error::Answer,
    health,
    params::{PageParams, Params, limit},
};
use axum::{Json, extract::State};
use hydra_proto::ContentHash;
use hydra_store::{
    StoreError, dead, now_us,
    read::{self, Mark},
};
use std::time::{Duration, Instant};

/// The blob store is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Dead letters are counted so far.
const MOST_DEAD: u64 = 100_000;

/// Health of every role, and of what they stand on.
#[utoipa::path(get, path = "/api/v1/status", tag = "status",
    responses((status = 200, body = api::Status), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn status(State(app): State<App>) -> Answer<Json<api::Status>> {
    let board = app.board()?;
    let now = now_us();
    let heard = app.now.heard();
    let database = app.database_health(now);
    let is_away = database.health == api::Health::Down;
    let mut roles = health::roles(&heard, &app.now.lags(), now);
    if is_away {
        let others = roles.iter_mut().filter(|role| role.role != health::QUERY);
        others.for_each(health::unknown);
    }
    let parts = vec![
        database,
        health::broker(&heard, now),
        health::blob_store(look_into_store(&app).await),
    ];
    let active = board.cells.iter().filter(|cell| cell.row.releases.contains_key("active"));
    Ok(Json(api::Status {
        server_time_us: now,
        roles,
        parts,
        dead_letters: match read::dead_count(&app.db, MOST_DEAD).await {
            Ok(count) => Some(count),
            // a database that is away is a part of the answer
            Err(StoreError::Away { .. } | StoreError::Deadline(_)) => None,
            Err(error) => return Err(error.into()),
        },
        models_active: active.count() as u64,
    }))
}

/// Asks for the newest original: that is what pages need of the store.
async fn look_into_store(app: &App) -> Result<Duration, String> {
    let board = app.now.board();
    let blob = board.last.as_ref().map_or(ContentHash::of(b""), |seen| seen.content);
    let begun = Instant::now();
    match tokio::time::timeout(PATIENCE, app.blobs.exists(&blob)).await {
        Ok(Ok(_)) => Ok(begun.elapsed()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
    }
}

/// Time from arrival to verdict, by run, newest run first.
#[utoipa::path(get, path = "/api/v1/status/latency", tag = "status", params(PageParams),
    responses((status = 200, body = api::Page<api::RunLatency>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn latency(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Answer<Json<api::Page<api::RunLatency>>> {
    let limit = limit(params.limit)?;
    let list = List::new("latency", ());
    let before = list.mark(params.cursor.as_deref())?;
    let before = before.map(|mark| u32::try_from(mark.at).unwrap_or(0));
    let runs = read::runs(&app.db, before, limit).await?;
    let numbers = runs.iter().map(|row| row.run).collect();
    let mut latencies = read::latencies(&app.db, numbers).await?;
    let last = runs.last().filter(|_| runs.len() as u64 == limit);
    let next = last.map(|row| list.cursor(&Mark { at: row.run.into(), id: Vec::new() }));
    let items = runs
        .into_iter()
        .map(|row| {
            let latency = latencies.remove(&row.run).unwrap_or_default();
            let images = latency.counts.iter().sum();
            let latency = health::histogram(latency.counts.to_vec(), latency.sum_us);
            api::RunLatency { run: row.run, images, latency }
        })
        .collect();
    Ok(Json(api::Page { items, next }))
}

/// Images a day (UTC), newest first; days without an image are left out. The last 1000 days.
#[utoipa::path(get, path = "/api/v1/status/calendar", tag = "status", params(PageParams),
    responses((status = 200, body = api::Page<api::Day>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn calendar(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Answer<Json<api::Page<api::Day>>> {
    let limit = limit(params.limit)?;
    let list = List::new("calendar", ());
    let before = list.mark(params.cursor.as_deref())?;
    let before = before.and_then(|mark| i32::try_from(mark.at).ok());
    let days = app.days.newest(&app.db, before, limit as usize).await?;
    let last = days.last().filter(|_| days.len() as u64 == limit);
    let next = last.map(|(day, _)| list.cursor(&Mark { at: (*day).into(), id: Vec::new() }));
    let items = days.into_iter().map(|(day, images)| api::Day { day: date(day), images });
    Ok(Json(api::Page { items: items.collect(), next }))
}

/// A day since 1970 as `2026-11-23`.
fn date(day: i32) -> String {
    const EPOCH: i32 = 2_440_588; // Julian day of 1970-01-01
    time::Date::from_julian_day(EPOCH.saturating_add(day))
        .map(|date| date.to_string())
        .unwrap_or_default()
}

/// Messages that were given up and not dealt with, newest first.
#[utoipa::path(get, path = "/api/v1/dead-letters", tag = "status", params(PageParams),
    responses((status = 200, body = api::Page<api::DeadLetter>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn dead_letters(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Answer<Json<api::Page<api::DeadLetter>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let list = List::new("dead-letters", ());
    let before = list.mark(params.cursor.as_deref())?.map(|mark| (mark.at, mark.id));
    let rows = dead::waiting(&app.db, before, limit).await?;
    let last = rows.last().filter(|_| rows.len() as u64 == limit);
    let next = last.map(|row| list.cursor(&Mark { at: row.buried_us, id: row.id.clone() }));
    let number = |wide: Option<i64>| wide.and_then(|n| u32::try_from(n).ok());
    let name = |id: Option<i32>| board.by_id(id?).map(|cell| cell.row.name.to_string());
    let items = rows
        .into_iter()
        .map(|row| api::DeadLetter {
            id: hex::encode(&row.id),
            at_us: row.buried_us,
            plot_type: name(row.plot_type_id),
            run: number(row.run),
            chunk: number(row.chunk),
            attempts: u32::try_from(row.attempts).unwrap_or(0),
            stage: row.stage,
            event: row.event,
            reason: row.reason,
            error: row.error,
        })
        .collect();
    Ok(Json(api::Page { items, next }))
}

#[cfg(test)]
mod tests {
    #[test]
    fn days_count_from_1970() {
        assert_eq!(super::date(0), "1970-01-01");
        assert_eq!(super::date(20_780), "2026-11-23");
    }
}
