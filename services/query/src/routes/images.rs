//! Images: lists, one with all that is known about it, and its pictures.

use crate::{
    api,
    app::App,
    cursor::List,
    error::{Answer, ApiError},
    follow::{board::Board, card},
    params::{AtImage, Params, limit, span},
    pictures::{self, Keep},
    routes::escaped,
};
use axum::{Json, extract::State, http::HeaderMap, response::Response};
use hydra_proto::{ContentHash, ImageId, ModelDigest, PlotTypeName};
use hydra_store::read::{self, Order, Seen, Which};
use serde::Deserialize;
use std::sync::Arc;
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

fn missing(image: &ImageId) -> ApiError {
    ApiError::not_found(format!("there is no image {image}"))
}

/// An image on a card is known already; any other one is looked up.
async fn seen(app: &App, id: ImageId) -> Answer<Arc<Seen>> {
    let board = app.board()?;
    let on_cards = board.cells.iter().flat_map(|cell| &cell.strip);
    if let Some(seen) = on_cards.into_iter().find(|seen| seen.id == id) {
        return Ok(seen.clone());
    }
    let found = read::images_by_id(&app.db, vec![id]).await?.pop();
    found.map(Arc::new).ok_or_else(|| missing(&id))
}

fn file_name(app: &App, seen: &Seen) -> String {
    let board = app.now.board();
    let name = board.by_id(seen.plot_type_id).map(|cell| cell.row.name.to_string());
    let chunk = seen.chunk.map(|chunk| format!("_{chunk:04}")).unwrap_or_default();
    format!("{}_{}{chunk}", name.unwrap_or_default(), seen.run)
}

/// The picture of a card, PNG, at most 320 pixels wide. An image's id holds the hash of its content,
/// and its row is written once: the address is its identity.
#[utoipa::path(get, path = "/api/v1/images/{image}/thumbnail", tag = "images",
    params(("image" = String, Path, description = "Its id")),
    responses((status = 200, content_type = "image/png", body = [u8]), (status = 304, description = "The client has it"),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn thumbnail(
    State(app): State<App>,
    image: AtImage,
    headers: HeaderMap,
) -> Answer<Response> {
    let seen = seen(&app, image.0).await?;
    // Hydra drew the thumbnail itself; where there is none, the original stands in.
    match seen.thumbnail {
        Some(blob) => {
            let tag = pictures::tag("thumbnail", &blob);
            let name = file_name(&app, &seen);
            if pictures::is_known(&headers, &tag) {
                return Ok(pictures::send(None, &tag, &name, Keep::ForEver));
            }
            Ok(pictures::send(Some(app.blobs.get(&blob).await?), &tag, &name, Keep::ForEver))
        }
        None => plot(&app, &seen, &headers).await,
    }
}

/// The plot in full, PNG, encoded anew.
#[utoipa::path(get, path = "/api/v1/images/{image}/original", tag = "images",
    params(("image" = String, Path, description = "Its id")),
    responses((status = 200, content_type = "image/png", body = [u8]), (status = 304, description = "The client has it"),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn original(
    State(app): State<App>,
    image: AtImage,
    headers: HeaderMap,
) -> Answer<Response> {
    let seen = seen(&app, image.0).await?;
    plot(&app, &seen, &headers).await
}

async fn plot(app: &App, seen: &Seen, headers: &HeaderMap) -> Answer<Response> {
    let tag = pictures::tag("plot", &seen.content);
    let name = file_name(app, seen);
    if pictures::is_known(headers, &tag) {
        return Ok(pictures::send(None, &tag, &name, Keep::ForEver));
    }
    let bytes = app.blobs.get(&seen.content).await?;
    Ok(pictures::send(Some(app.painter.plot(bytes).await?), &tag, &name, Keep::ForEver))
}

/// Which heat map.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct HeatmapParams {
    /// The class to explain; that of the verdict, if not given.
    label: Option<String>,
    /// Digest of the model; that of the verdict, if not given.
    #[param(value_type = Option<String>)]
    model: Option<ModelDigest>,
    /// Hash of the map, as in the addresses that lists give: with it the answer may be kept for
    /// ever, without it one asks again each time.
    #[param(value_type = Option<String>)]
    v: Option<ContentHash>,
}

/// A heat map, PNG: coloured (inferno), its weight as opacity, to be laid over the plot.
#[utoipa::path(get, path = "/api/v1/images/{image}/heatmap", tag = "images",
    params(("image" = String, Path, description = "Its id"), HeatmapParams),
    responses((status = 200, content_type = "image/png", body = [u8]), (status = 304, description = "The client has it"),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn heatmap(
    State(app): State<App>,
    image: AtImage,
    Params(params): Params<HeatmapParams>,
    headers: HeaderMap,
) -> Answer<Response> {
    let seen = seen(&app, image.0).await?;
    let blob = heatmap_blob(&app, &seen, &params).await?;
    let tag = pictures::tag("heatmap", &blob);
    let name = format!("{}_heatmap", file_name(&app, &seen));
    // Without its hash, or with that of a map that was drawn anew since, the address is no identity.
    let keep = if params.v == Some(blob) { Keep::ForEver } else { Keep::Ask };
    if pictures::is_known(&headers, &tag) {
        return Ok(pictures::send(None, &tag, &name, keep));
    }
    let bytes = app.blobs.get(&blob).await?;
    Ok(pictures::send(Some(app.painter.heatmap(bytes).await?), &tag, &name, keep))
}

async fn heatmap_blob(app: &App, seen: &Seen, params: &HeatmapParams) -> Answer<ContentHash> {
    let board = app.board()?;
    let said = seen.said.as_ref();
    let label = params.label.as_deref().or(said.map(|said| said.label.as_str()));
    let model = match params.model {
        Some(digest) => {
            let models = board.declared.models.iter();
            models.clone().find(|(_, row)| row.digest == digest).map(|(id, _)| *id)
        }
        None => said.map(|said| said.model_id),
    };
    let maps = read::heatmaps(&app.db, seen.id).await?;
    let map = maps.iter().find(|map| Some(map.model_id) == model && Some(&*map.label) == label);
    map.map(|map| map.map).ok_or_else(|| ApiError::not_found("there is no such heat map"))
}
