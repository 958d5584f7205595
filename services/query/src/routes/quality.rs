//! Quality intervals of a run.

use crate::{
    api,
    app::App,
    error::{Answer, ApiError},
    params::Params,
    quality::{csv, intervals},
};
use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use hydra_store::read::{self, Span};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Images of a run that are looked at; 35 days of 80 plots every 5 minutes.
const MOST_IMAGES: u64 = 800_000;

/// Which intervals.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QualityParams {
    /// The run.
    pub run: u32,
    /// Only this detector.
    pub detector: Option<String>,
    /// `json` (if not given) or `csv`.
    pub format: Option<Format>,
}

/// Forms of an answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// A list of objects.
    Json,
    /// A table (RFC 4180).
    Csv,
}

/// Which time of which detector analysis can trust, for one run. The intervals of a detector cover
/// the run without hole; gaps are said as `unknown`.
#[utoipa::path(get, path = "/api/v1/quality", tag = "quality", params(QualityParams),
    responses((status = 200, content((Vec<api::QualityInterval> = "application/json"), (String = "text/csv"))),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn quality(
    State(app): State<App>,
    Params(params): Params<QualityParams>,
) -> Answer<Response> {
    let all = of_run(&app, params.run, params.detector.as_deref()).await?;
    if params.format == Some(Format::Csv) {
        let name = format!("attachment; filename=\"quality_{}.csv\"", params.run);
        let headers = [
            (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
            (header::CONTENT_DISPOSITION, name),
        ];
        return Ok((headers, csv(&all)).into_response());
    }
    Ok(Json(all).into_response())
}

/// The intervals of a run, of one detector or of all.
pub async fn of_run(
    app: &App,
    run: u32,
    detector: Option<&str>,
) -> Answer<Vec<api::QualityInterval>> {
    let board = app.board()?;
    if let Some(name) = detector
        && !board.declared.detectors.iter().any(|row| row.name == name)
    {
        return Err(ApiError::not_found("there is no such detector"));
    }
    let found = read::run(&app.db, run).await?;
    let (row, _) = found.ok_or_else(|| ApiError::not_found(format!("there is no run {run}")))?;
    let mentions = read::mentions(&app.db, run, MOST_IMAGES).await?;
    let span = Span { from_us: row.first_us, to_us: row.last_us.max(row.first_us + 1) };
    let declared = board.declared.clone();
    let made = tokio::task::spawn_blocking(move || intervals(run, span, &declared, &mentions));
    let mut all = made.await.map_err(|panic| ApiError::inside(&panic))?;
    if let Some(name) = detector {
        all.retain(|interval| interval.detector == name);
    }
    Ok(all)
}
