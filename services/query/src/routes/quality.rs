//! Quality intervals of a run.

use crate::{
    api,
    app::App,
    cursor::List,
    error::{Answer, ApiError},
    params::{Params, limit},
    quality::{Basis, csv, intervals},
    routes::escaped,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use hydra_store::read::{self, Mark, Span};
use serde::Deserialize;
use std::sync::Arc;
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
    /// Entries in a page, 1 to 1000; 100 if not given. A `csv` for which neither this nor `cursor` is
    /// given is the whole run in one file.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// `next` of the page before; of a `csv` it is in the header `link`.
    pub cursor: Option<String>,
}

impl QualityParams {
    fn asks_for(&self, one: &api::QualityInterval) -> bool {
        self.detector.as_ref().is_none_or(|name| one.detector == *name)
    }
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

/// Which time of which detector analysis can trust, for one run, in the order of the detectors, then
/// of time. The intervals of a detector cover the run without hole; gaps are said as `unknown`, and so
/// is a run in which a plot type that a model was to watch did not come.
#[utoipa::path(get, path = "/api/v1/quality", tag = "quality", params(QualityParams),
    responses((status = 200, content((api::Page<api::QualityInterval> = "application/json"), (String = "text/csv"))),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn quality(
    State(app): State<App>,
    Params(params): Params<QualityParams>,
) -> Answer<Response> {
    if params.format != Some(Format::Csv) {
        return Ok(Json(page(&app, &params).await?).into_response());
    }
    let is_whole = params.limit.is_none() && params.cursor.is_none();
    let page = if is_whole {
        let all = of_run(&app, params.run, params.detector.as_deref()).await?;
        let items = all.iter().filter(|one| params.asks_for(one)).cloned().collect();
        api::Page { items, next: None }
    } else {
        page(&app, &params).await?
    };
    let name = format!("attachment; filename=\"quality_{}.csv\"", params.run);
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    let mut answer = (headers, csv(&page.items)).into_response();
    if let Some(next) = page.next.and_then(|next| link(&params, &next)) {
        answer.headers_mut().insert(header::LINK, next);
    }
    Ok(answer)
}

/// Where the next page of a table is (RFC 8288).
fn link(params: &QualityParams, next: &str) -> Option<HeaderValue> {
    let limit = params.limit.map(|limit| format!("&limit={limit}")).unwrap_or_default();
    let detector = params.detector.as_ref().map(|name| format!("&detector={}", escaped(name)));
    let detector = detector.unwrap_or_default();
    let run = params.run;
    let link = format!(
        "</api/v1/quality?run={run}{detector}&format=csv{limit}&cursor={next}>; rel=\"next\""
    );
    HeaderValue::from_str(&link).ok()
}

/// One page of the intervals.
///
/// # Errors
/// A problem when the run, the detector or the cursor mean nothing.
pub async fn page(app: &App, params: &QualityParams) -> Answer<api::Page<api::QualityInterval>> {
    let limit = limit(params.limit)? as usize;
    let list = List::new("quality", (params.run, &params.detector));
    let mark = list.mark(params.cursor.as_deref())?;
    let all = of_run(app, params.run, params.detector.as_deref()).await?;
    let mut rest: Vec<_> = all.iter().filter(|one| params.asks_for(one)).collect();
    if let Some(Mark { at, id }) = mark {
        // of the detector where the page before ended what begins later, then all other detectors;
        // one that has gone since leaves nothing more to read
        let is_its = |one: &api::QualityInterval| one.detector.as_bytes() == id;
        let from = rest.iter().position(|one| is_its(one)).unwrap_or(rest.len());
        rest.drain(..from);
        rest.retain(|one| !is_its(one) || one.from_us > at);
    }
    let is_more = rest.len() > limit;
    rest.truncate(limit);
    let last = rest.last().filter(|_| is_more);
    let place =
        |one: &api::QualityInterval| Mark { at: one.from_us, id: one.detector.clone().into() };
    let next = last.map(|one| list.cursor(&place(one)));
    Ok(api::Page { items: rest.into_iter().cloned().collect(), next })
}

/// The intervals of a run, of all detectors; `detector` must be one of them.
async fn of_run(
    app: &App,
    run: u32,
    detector: Option<&str>,
) -> Answer<Arc<Vec<api::QualityInterval>>> {
    let board = app.board()?;
    if let Some(name) = detector
        && !board.declared.detectors.iter().any(|row| row.name == name)
    {
        return Err(ApiError::not_found("there is no such detector"));
    }
    let found = read::run(&app.db, run).await?;
    let (row, _) = found.ok_or_else(|| ApiError::not_found(format!("there is no run {run}")))?;
    let span = Span { from_us: row.first_us, to_us: row.last_us.max(row.first_us + 1) };
    let basis = Basis {
        span,
        marks: read::run_marks(&app.db, run).await?,
        watched: read::judged_in(&app.db, span).await?,
        declared: board.declared.clone(),
    };
    let made = make(app, run, basis.clone());
    app.qualities.of_run(run, basis, made).await
}

async fn make(app: &App, run: u32, basis: Basis) -> Answer<Vec<api::QualityInterval>> {
    let mentions = read::mentions(&app.db, run, MOST_IMAGES).await?;
    let made = tokio::task::spawn_blocking(move || {
        intervals(run, basis.span, &basis.declared, &mentions, &basis.watched)
    });
    made.await.map_err(|panic| ApiError::inside(&panic))
}
