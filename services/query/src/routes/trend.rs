//! Verdicts of one plot type over time: as columns for a chart, or as a list.

use crate::{
    api,
    app::App,
    cursor::List,
    error::Answer,
    follow::{
        board::{Board, Cell},
        card,
    },
    params::{AtPlotType, Params, limit, span, trend_limit},
};
use axum::{Json, extract::State};
use hydra_store::read::{self, Course, Point, ReleaseRow, Span};
use serde::Deserialize;
use utoipa::IntoParams;

/// Longest range of a trend.
const MOST_DAYS: i64 = 3_660;
/// Releases that are told with a trend.
const RELEASES: u64 = 200;

/// Which verdicts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrendParams {
    /// Drawn from this time on; a day before `to_us`, if not given.
    pub from_us: Option<i64>,
    /// Drawn before this time; now, if not given.
    pub to_us: Option<i64>,
    /// Images at most, 1 to 5000; 1000 if not given. Where there are more, the newest come and
    /// `next` leads to the older ones.
    #[param(minimum = 1, maximum = 5000)]
    pub limit: Option<u64>,
    /// `next` of the answer before.
    pub cursor: Option<String>,
}

/// Confidence of every class over time, with thresholds and releases, as columns.
#[utoipa::path(get, path = "/api/v1/plot-types/{name}/trend", tag = "plot types",
    params(("name" = String, Path, description = "The plot type"), TrendParams),
    responses((status = 200, body = api::Trend), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn trend(
    State(app): State<App>,
    name: AtPlotType,
    Params(params): Params<TrendParams>,
) -> Answer<Json<api::Trend>> {
    let board = app.board()?;
    let cell = app.cell(&board, &name.0)?;
    let limit = trend_limit(params.limit)?;
    let span = span(params.from_us, params.to_us, MOST_DAYS)?;
    let list = List::new("trend", (name.0.as_str(), params.from_us, params.to_us));
    let mark = list.mark(params.cursor.as_deref())?;
    let course = Course { plot_type_id: cell.row.id, of_candidates: false, span };
    let points = read::course(&app.db, course, mark, limit).await?;
    let last = points.last().filter(|_| points.len() as u64 == limit);
    let next = last.map(|point| list.cursor(&read::mark_of_point(point)));
    Ok(Json(columns(&app, &board, &cell, span, points, next).await?))
}

/// Points as columns, oldest first, with the releases of the range.
pub async fn columns(
    app: &App,
    board: &Board,
    cell: &Cell,
    span: Span,
    mut points: Vec<Point>,
    next: Option<String>,
) -> Answer<api::Trend> {
    let releases = read::releases(&app.db, cell.row.id, span, RELEASES).await?;
    points.reverse();
    let mut trend = api::Trend {
        plot_type: cell.row.name.to_string(),
        releases: releases.into_iter().map(|row| release(board, row)).collect(),
        next,
        ..api::Trend::default()
    };
    for (row, point) in points.iter().enumerate() {
        trend.taken_at_us.push(point.taken_us);
        trend.images.push(point.image.to_string());
        trend.runs.push(point.run);
        trend.chunks.push(point.chunk);
        trend.states.push(card::state_of(point.state));
        let labels = board.model(point.model_id).map(|model| model.labels.as_slice());
        for (label, probability) in labels.unwrap_or_default().iter().zip(&point.scores) {
            let at = column(&mut trend, label, row);
            if let Some(column) = trend.probabilities.get_mut(at) {
                column.push(*probability);
            }
        }
        let verdict = column(&mut trend, &point.label, row);
        trend.verdicts.push(u16::try_from(verdict).ok());
        for column in &mut trend.probabilities {
            column.resize(row + 1, None);
        }
    }
    Ok(trend)
}

/// The column of a label; a new one is empty for the rows before.
fn column(trend: &mut api::Trend, label: &str, rows: usize) -> usize {
    if let Some(at) = trend.labels.iter().position(|known| known == label) {
        return at;
    }
    trend.labels.push(label.to_owned());
    trend.probabilities.push(vec![None; rows]);
    trend.labels.len() - 1
}

/// A release in the API's words.
pub fn release(board: &Board, row: ReleaseRow) -> api::Release {
    let model = row.model_id.and_then(|id| board.model(id));
    api::Release {
        at_us: row.at_us,
        model: model.map(|model| model.digest.to_string()),
        thresholds: model.map(|model| card::thresholds(model, &row.thresholds)).unwrap_or_default(),
        who: row.who,
        why: row.why,
    }
}

/// Which predictions.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PredictionParams {
    /// Drawn from this time on; a day before `to_us`, if not given.
    pub from_us: Option<i64>,
    /// Drawn before this time; now, if not given.
    pub to_us: Option<i64>,
    /// `active` (if not given) or `candidate`.
    pub role: Option<api::ModelRole>,
    /// Entries in a page, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Predictions of one plot type with every class's probability and the threshold in force, newest
/// first.
#[utoipa::path(get, path = "/api/v1/plot-types/{name}/predictions", tag = "plot types",
    params(("name" = String, Path, description = "The plot type"), PredictionParams),
    responses((status = 200, body = api::Page<api::Prediction>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn predictions(
    State(app): State<App>,
    name: AtPlotType,
    Params(params): Params<PredictionParams>,
) -> Answer<Json<api::Page<api::Prediction>>> {
    let board = app.board()?;
    let cell = app.cell(&board, &name.0)?;
    let limit = limit(params.limit)?;
    let span = span(params.from_us, params.to_us, MOST_DAYS)?;
    let role = params.role.unwrap_or(api::ModelRole::Active);
    let list = List::new("predictions", (name.0.as_str(), params.from_us, params.to_us, role));
    let mark = list.mark(params.cursor.as_deref())?;
    let of_candidates = role == api::ModelRole::Candidate;
    let course = Course { plot_type_id: cell.row.id, of_candidates, span };
    let points = read::course(&app.db, course, mark, limit).await?;
    let last = points.last().filter(|_| points.len() as u64 == limit);
    let next = last.map(|point| list.cursor(&read::mark_of_point(point)));
    let items = points.into_iter().map(|point| prediction(&board, &cell, role, point)).collect();
    Ok(Json(api::Page { items, next }))
}

fn prediction(board: &Board, cell: &Cell, role: api::ModelRole, point: Point) -> api::Prediction {
    let model = board.model(point.model_id).map(|model| model.digest.to_string());
    api::Prediction {
        image: point.image.to_string(),
        taken_at_us: point.taken_us,
        model: model.unwrap_or_default(),
        role,
        confidence: point.confidence,
        threshold: point.threshold,
        state: card::state_of(point.state),
        p_value: point.p_value,
        note: point.note,
        scores: card::scores(
            board,
            &cell.row,
            point.model_id,
            &point.label,
            point.threshold,
            &point.scores,
        ),
        label: point.label,
    }
}
