//! Runs.

use crate::{
    api,
    app::App,
    cursor::List,
    error::{Answer, ApiError},
    follow::card,
    params::{At, PageParams, Params, limit},
};
use axum::{Json, extract::State};
use hydra_store::read::{self, Mark, RunRow};

fn run_of(row: RunRow) -> api::Run {
    api::Run {
        run: row.run,
        run_period: row.period,
        first_at_us: row.first_us,
        last_at_us: row.last_us,
        images: row.images,
        conditions: card::object(&row.conditions),
    }
}

/// Runs, highest number first.
#[utoipa::path(get, path = "/api/v1/runs", tag = "runs", params(PageParams),
    responses((status = 200, body = api::Page<api::Run>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn list(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Answer<Json<api::Page<api::Run>>> {
    let limit = limit(params.limit)?;
    let list = List::new("runs", ());
    let before = list.mark(params.cursor.as_deref())?;
    let before = before.map(|mark| u32::try_from(mark.at).unwrap_or(0));
    let rows = read::runs(&app.db, before, limit).await?;
    let last = rows.last().filter(|_| rows.len() as u64 == limit);
    let next = last.map(|row| list.cursor(&Mark { at: row.run.into(), id: Vec::new() }));
    Ok(Json(api::Page { items: rows.into_iter().map(run_of).collect(), next }))
}

/// A run with its verdicts counted.
#[utoipa::path(get, path = "/api/v1/runs/{run}", tag = "runs",
    params(("run" = u32, Path, description = "Its number")),
    responses((status = 200, body = api::RunDetail), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn one(State(app): State<App>, run: At<u32>) -> Answer<Json<api::RunDetail>> {
    let found = read::run(&app.db, run.0).await?;
    let (row, verdicts) =
        found.ok_or_else(|| ApiError::not_found(format!("there is no run {}", run.0)))?;
    Ok(Json(api::RunDetail { run: run_of(row), verdicts }))
}
