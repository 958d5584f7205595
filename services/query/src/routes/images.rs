//! Images: lists, and one with all that is known about it.

use crate::{
    api,
    app::App,
    cursor::List,
    error::{Answer, ApiError},
    follow::{board::Board, card},
    params::{AtImage, Params, limit, span},
    routes::escaped,
};
use axum::{Json, extract::State};
use hydra_proto::{ImageId, PlotTypeName};
use hydra_store::read::{self, Order, Seen, Which};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

/// Which images.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only those of this plot type, by the time they were drawn.
    #[param(value_type = Option<String>)]
    pub plot_type: Option<PlotTypeName>,
    /// Only those of this run, by chunk. Not together with `plot_type`.
    pub run: Option<u32>,
    /// Drawn from this time on; only with `plot_type`.
    pub from_us: Option<i64>,
    /// Drawn before this time; only with `plot_type`.
    pub to_us: Option<i64>,
    /// Which end comes first; only with `plot_type`. The newest, if not given.
    pub order: Option<OrderParam>,
    /// Entries in a page, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Which end of a list comes first.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderParam {
    /// The newest.
    Newest,
    /// The oldest.
    Oldest,
}

/// Images with their verdicts. Of all plot types and runs together: in the order in which they
/// were written, newest first.
#[utoipa::path(get, path = "/api/v1/images", tag = "images", params(ListParams),
    responses((status = 200, body = api::Page<api::Verdict>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn list(
    State(app): State<App>,
    Params(params): Params<ListParams>,
) -> Answer<Json<api::Page<api::Verdict>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let which = which(&app, &board, &params)?;
    let name = params.plot_type.as_ref().map(|name| name.as_str());
    let filters = (name, params.run, params.from_us, params.to_us, params.order);
    let list = List::new("images", filters);
    let mark = list.mark(params.cursor.as_deref())?;
    let rows = read::images(&app.db, which.clone(), mark, limit).await?;
    let last = rows.last().filter(|_| rows.len() as u64 == limit);
    let next = last.map(|seen| list.cursor(&read::mark_of(&which, seen)));
    let items = rows.iter().filter_map(|seen| verdict(&board, seen)).collect();
    Ok(Json(api::Page { items, next }))
}

fn which(app: &App, board: &Board, params: &ListParams) -> Answer<Which> {
    let by_time = params.from_us.is_some() || params.to_us.is_some() || params.order.is_some();
    match (&params.plot_type, params.run) {
        (Some(_), Some(_)) => Err(ApiError::bad("give plot_type or run, not both")),
        (Some(name), None) => {
            let id = app.cell(board, name)?.row.id;
            // Without a range all of them: a page costs the same.
            let span = span(params.from_us.or(Some(0)), params.to_us, 100_000)?;
            let order = match params.order {
                Some(OrderParam::Oldest) => Order::Oldest,
                _ => Order::Newest,
            };
            Ok(Which::PlotType { id, span, order })
        }
        _ if by_time => Err(ApiError::bad("from_us, to_us and order need plot_type")),
        (None, Some(run)) => Ok(Which::Run(run)),
        (None, None) => Ok(Which::All),
    }
}

/// A plot type that was discovered this very moment is left out until the board knows it.
fn verdict(board: &Board, seen: &Seen) -> Option<api::Verdict> {
    board.by_id(seen.plot_type_id).map(|cell| card::verdict(board, &cell.row, seen))
}

/// An image with everything that is known about it.
#[utoipa::path(get, path = "/api/v1/images/{image}", tag = "images",
    params(("image" = String, Path, description = "Its id, 48 hexadecimal digits")),
    responses((status = 200, body = api::ImageDetail), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn one(State(app): State<App>, image: AtImage) -> Answer<Json<api::ImageDetail>> {
    let board = app.board()?;
    let id = image.0;
    let whole = read::whole(&app.db, id).await?.ok_or_else(|| missing(&id))?;
    let cell = board.by_id(whole.seen.plot_type_id).ok_or_else(|| missing(&id))?;
    let digest = |model_id| board.model(model_id).map(|model| model.digest.to_string());
    let predictions = whole.said.iter().map(|said| api::Prediction {
        image: id.to_string(),
        taken_at_us: whole.seen.taken_us,
        model: digest(said.model_id).unwrap_or_default(),
        role: if said.is_active { api::ModelRole::Active } else { api::ModelRole::Candidate },
        label: said.label.clone(),
        confidence: said.confidence,
        threshold: said.threshold,
        state: card::state_of(said.state),
        p_value: said.p_value,
        note: said.note.clone(),
        scores: card::scores(
            &board,
            &cell.row,
            said.model_id,
            &said.label,
            said.threshold,
            &said.scores,
        ),
    });
    let heatmaps = whole.heatmaps.iter().filter_map(|map| {
        let model = digest(map.model_id)?;
        let (label, v) = (escaped(&map.label), map.map);
        let href = format!("/api/v1/images/{id}/heatmap?model={model}&label={label}&v={v}");
        Some(api::Heatmap { model, label: map.label.clone(), method: map.method.clone(), href })
    });
    Ok(Json(api::ImageDetail {
        verdict: card::verdict(&board, &cell.row, &whole.seen),
        run_period: whole.period.clone(),
        source: whole.seen.source.clone(),
        size_bytes: whole.seen.size_bytes,
        conditions: card::object(&whole.conditions),
        predictions: predictions.collect(),
        heatmaps: heatmaps.collect(),
        labels: whole
            .label
            .into_iter()
            .map(|row| api::GivenLabel { label: row.label, who: row.who, at_us: row.at_us })
            .collect(),
    }))
}

/// What is told of an image that is not there.
pub fn missing(image: &ImageId) -> ApiError {
    ApiError::not_found(format!("there is no image {image}"))
}
