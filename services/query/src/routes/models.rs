//! Models and labels.

use crate::{
    api,
    app::App,
    cursor::List,
    error::{Answer, ApiError},
    follow::board::Board,
    params::{At, PageParams, Params, limit},
};
use axum::{Json, extract::State};
use hydra_proto::{ModelDigest, PlotTypeName};
use hydra_store::read::{self, LibraryRow, Mark, WhichModels};
use serde::Deserialize;
use utoipa::IntoParams;

/// Which models.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only those made for this plot type.
    #[param(value_type = Option<String>)]
    pub plot_type: Option<PlotTypeName>,
    /// Only those that are active or candidate somewhere.
    pub released: Option<bool>,
    /// Entries in a page, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Models of the library with their evaluations, newest first.
#[utoipa::path(get, path = "/api/v1/models", tag = "models", params(ListParams),
    responses((status = 200, body = api::Page<api::Model>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn list(
    State(app): State<App>,
    Params(params): Params<ListParams>,
) -> Answer<Json<api::Page<api::Model>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let plot_type_id = match &params.plot_type {
        Some(name) => Some(app.cell(&board, name)?.row.id),
        None => None,
    };
    let released = params.released.unwrap_or(false);
    let list = List::new("models", (plot_type_id, released));
    let before = list.mark(params.cursor.as_deref())?;
    let before = before.map(|mark| i32::try_from(mark.at).unwrap_or(0));
    let which = WhichModels { plot_type_id, released };
    let rows = read::models(&app.db, which, before, limit).await?;
    let last = rows.last().filter(|_| rows.len() as u64 == limit);
    let next = last.map(|row| list.cursor(&Mark { at: row.id.into(), id: Vec::new() }));
    let items = rows.into_iter().map(|row| model(&board, row)).collect();
    Ok(Json(api::Page { items, next }))
}

fn model(board: &Board, row: LibraryRow) -> api::Model {
    let name = |id: i32| board.by_id(id).map(|cell| cell.row.name.to_string());
    let known = board.model(row.id);
    api::Model {
        digest: row.digest.to_string(),
        plot_types: row.plot_types.iter().filter_map(|id| name(*id)).collect(),
        labels: known.map(|known| known.labels.clone()).unwrap_or_default(),
        created_at_us: row.created_us,
        parent: row.parent.map(|parent| parent.to_string()),
        aliases: row
            .aliases
            .into_iter()
            .filter_map(|(id, alias)| Some(api::Alias { plot_type: name(id)?, alias }))
            .collect(),
        evaluation: row.evaluation.and_then(|text| serde_json::from_str(&text).ok()),
    }
}

/// One model.
#[utoipa::path(get, path = "/api/v1/models/{digest}", tag = "models",
    params(("digest" = String, Path, description = "Digest of its bundle, 64 hexadecimal digits")),
    responses((status = 200, body = api::Model), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn one(State(app): State<App>, digest: At<ModelDigest>) -> Answer<Json<api::Model>> {
    let board = app.board()?;
    let found = read::library_model(&app.db, digest.0).await?;
    let row = found.ok_or_else(|| ApiError::not_found("there is no such model"))?;
    Ok(Json(model(&board, row)))
}

/// How many labels people gave, by plot type, in the order of the pages.
#[utoipa::path(get, path = "/api/v1/labels", tag = "models", params(PageParams),
    responses((status = 200, body = api::Page<api::LabelStatistics>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn labels(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Answer<Json<api::Page<api::LabelStatistics>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let list = List::new("labels", ());
    let mut counts = read::label_counts(&app.db).await?;
    let mut cells: Vec<_> =
        board.cells.iter().filter(|cell| counts.contains_key(&cell.row.id)).collect();
    if let Some(mark) = list.mark(params.cursor.as_deref())? {
        let at = cells.iter().position(|cell| i64::from(cell.row.id) == mark.at);
        cells.drain(..at.map_or(cells.len(), |at| at + 1));
    }
    let is_more = cells.len() as u64 > limit;
    cells.truncate(limit as usize);
    let last = cells.last().filter(|_| is_more);
    let next = last.map(|cell| list.cursor(&Mark { at: cell.row.id.into(), id: Vec::new() }));
    let items = cells.into_iter().map(|cell| api::LabelStatistics {
        plot_type: cell.row.name.to_string(),
        labels: counts.remove(&cell.row.id).unwrap_or_default(),
    });
    Ok(Json(api::Page { items: items.collect(), next }))
}
