//! "Why did Hydra miss this?"

use super::trend::{columns, release};
use crate::{
    api,
    app::App,
    error::{Answer, ApiError},
    follow::card,
    params::{AtPlotType, Params, span},
    why,
};
use axum::{Json, extract::State};
use hydra_proto::Label;
use hydra_store::read::{self, Course, PlotTypeRow, Span};
use serde::Deserialize;
use utoipa::IntoParams;

/// How far the trend looks to either side.
const AROUND_US: i64 = 3_600_000_000;
/// Images of that trend.
const POINTS: u64 = 1_000;
/// Images with a known label that are compared.
const COMPARED: u64 = 2_000;

/// When.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WhyParams {
    /// The time that is asked about.
    pub at_us: i64,
}

/// What explains the verdicts of a plot type around a time.
#[utoipa::path(get, path = "/api/v1/plot-types/{name}/why", tag = "plot types",
    params(("name" = String, Path, description = "The plot type"), WhyParams),
    responses((status = 200, body = api::Why), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn why(
    State(app): State<App>,
    name: AtPlotType,
    Params(params): Params<WhyParams>,
) -> Answer<Json<api::Why>> {
    let board = app.board()?;
    let cell = app.cell(&board, &name.0)?;
    let row = &*cell.row;
    let at_us = params.at_us;
    let at = span(Some(at_us), Some(at_us.saturating_add(1)), 1)?;
    let around = Span { from_us: at_us.saturating_sub(AROUND_US).max(0), to_us: at_us + AROUND_US };
    let course = Course { plot_type_id: row.id, of_candidates: false, span: around };
    let points = read::course(&app.db, course, None, POINTS).await?;
    let trend = columns(&app, &board, &cell, around, points, None).await?;
    let seen = read::nearest_image(&app.db, row.id, at_us).await?;
    let in_force = read::releases(&app.db, row.id, at, 1).await?.pop();
    let said = seen.as_ref().and_then(|seen| seen.said.as_ref());
    let model_id = said.map(|s| s.model_id).or(in_force.as_ref().and_then(|r| r.model_id));
    let model = model_id.and_then(|id| board.model(id));
    let evaluation = match model {
        Some(model) => read::library_model(&app.db, model.digest).await?.and_then(|m| m.evaluation),
        None => None,
    };
    let (nearest, nearest_note) = match (&seen, said) {
        (Some(seen), Some(said)) => {
            let alike = read::alike(&app.db, seen.id, row.id, said.model_id, COMPARED).await?;
            let compare = tokio::task::spawn_blocking(move || {
                let nearest = why::nearest(&alike);
                let note = why::nothing_alike(&alike, &nearest);
                (nearest, note)
            });
            compare.await.map_err(|panic| ApiError::inside(&panic))?
        }
        _ => (Vec::new(), ""),
    };
    let person = match &seen {
        Some(seen) => read::whole(&app.db, seen.id).await?.and_then(|whole| whole.label),
        None => None,
    };
    let verdict = seen.as_ref().map(|seen| card::verdict(&board, row, seen));
    let labels = model.map(|model| model.labels.clone()).unwrap_or_default();
    let bad_labels: Vec<String> = row.spec.bad_labels.iter().map(ToString::to_string).collect();
    let trained_on = why::trained_on(evaluation.as_deref());
    let facts = why::Facts {
        verdict: verdict.as_ref(),
        distance_s: seen.as_ref().map_or(0.0, |s| s.taken_us.abs_diff(at_us) as f64 / 1e6),
        stale_after_s: card::plot_type(&board, &cell).stale_after_s,
        has_model: model_id.is_some(),
        labels: &labels,
        bad_labels: &bad_labels,
        trained_on: trained_on.clone(),
        nearest: &nearest,
        person: person.and_then(|row_label| quality(row, &row_label.label)),
    };
    let findings = why::findings(&facts, &trend);
    let saw_bad = (!trained_on.is_empty())
        .then(|| bad_labels.iter().any(|label| trained_on.get(label).is_some_and(|n| *n > 0)));
    Ok(Json(api::Why {
        plot_type: row.name.to_string(),
        at_us,
        verdict,
        release: in_force.map(|row| release(&board, row)),
        knows_labels: labels,
        trained_on,
        saw_bad,
        nearest,
        nearest_note: nearest_note.to_owned(),
        trend,
        findings,
    }))
}

fn quality(row: &PlotTypeRow, label: &str) -> Option<api::Quality> {
    if card::is_bad(row, label) {
        return Some(api::Quality::Bad);
    }
    let good = label.parse::<Label>().is_ok_and(|label| label.counts_as_good());
    good.then_some(api::Quality::Good)
}
