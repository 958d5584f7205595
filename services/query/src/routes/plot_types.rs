//! Plot types, detectors, groups: all from memory.

use crate::{
    api,
    app::App,
    cursor::List,
    error::Answer,
    follow::{board::Board, card},
    params::{AtPlotType, PageParams, Params, limit},
};
use axum::{Json, extract::State};
use hydra_store::read::Mark;
use serde::Deserialize;
use utoipa::IntoParams;

/// Which plot types.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Only those of this detector.
    pub detector: Option<String>,
    /// Only those of this group of the catalog.
    pub group: Option<String>,
    /// Entries in a page, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Plot types with their newest verdicts, in the order of the pages.
#[utoipa::path(get, path = "/api/v1/plot-types", tag = "plot types", params(ListParams),
    responses((status = 200, body = api::Page<api::PlotType>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn list(
    State(app): State<App>,
    Params(params): Params<ListParams>,
) -> Answer<Json<api::Page<api::PlotType>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let list = List::new("plot-types", (&params.detector, &params.group));
    let wanted = board.cells.iter().filter(|cell| {
        params.detector.as_deref().is_none_or(|name| board.detector_of(&cell.row) == name)
            && params.group.as_deref().is_none_or(|name| cell.row.spec.group == name)
    });
    let wanted: Vec<_> = wanted.collect();
    let start = start(&list, params.cursor.as_deref(), |id| {
        wanted.iter().position(|cell| i64::from(cell.row.id) == id)
    })?;
    let page: Vec<_> = wanted.iter().skip(start).take(limit as usize).collect();
    let next = (start + page.len() < wanted.len())
        .then(|| page.last().map(|cell| list.cursor(&mark(cell.row.id.into()))))
        .flatten();
    let items = page.into_iter().map(|cell| card::plot_type(&board, cell)).collect();
    Ok(Json(api::Page { items, next }))
}

fn mark(at: i64) -> Mark {
    Mark { at, id: Vec::new() }
}

/// Where a page begins. The entry that a cursor names may have gone: then there is nothing more.
fn start(list: &List, cursor: Option<&str>, place: impl Fn(i64) -> Option<usize>) -> Answer<usize> {
    Ok(match list.mark(cursor)? {
        None => 0,
        Some(mark) => place(mark.at).map_or(usize::MAX, |at| at + 1),
    })
}

/// One plot type with what people know about it.
#[utoipa::path(get, path = "/api/v1/plot-types/{name}", tag = "plot types",
    params(("name" = String, Path, description = "Its name")),
    responses((status = 200, body = api::PlotTypeDetail), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn one(State(app): State<App>, name: AtPlotType) -> Answer<Json<api::PlotTypeDetail>> {
    let board = app.board()?;
    let cell = app.cell(&board, &name.0)?;
    let row = &*cell.row;
    let model = row.releases.get("active").and_then(|alias| board.model(alias.model_id));
    let mut labels: Vec<String> = row.spec.labels.iter().map(ToString::to_string).collect();
    for label in model.map(|model| model.labels.as_slice()).unwrap_or_default() {
        if !labels.contains(label) {
            labels.push(label.clone());
        }
    }
    let said = cell.latest().and_then(|seen| seen.said.as_ref());
    let detector = board.declared.detectors.iter().find(|d| Some(d.id) == row.detector_id);
    // What a plot type does not say, its detector may.
    let or_detectors = |own: &str, of: fn(&hydra_store::read::DetectorRow) -> &str| {
        let text = if own.is_empty() { detector.map_or("", of) } else { own };
        text.to_owned()
    };
    Ok(Json(api::PlotTypeDetail {
        plot_type: card::plot_type(&board, &cell),
        labels,
        guidance: or_detectors(&row.spec.guidance, |d| &d.guidance),
        contact: or_detectors(&row.spec.contact, |d| &d.contact),
        reference: row.spec.reference.map(|image| image.to_string()),
        scores: said.map_or_else(Vec::new, |said| {
            card::scores(&board, row, said.model_id, &said.label, said.threshold, &said.scores)
        }),
        expected_a_day: row.spec.cadence_s.map(|cadence| 86_400.0 / cadence.get()),
        collect_fraction: Some(row.spec.collect_fraction.get()),
    }))
}

/// Detectors, in the order of the pages.
#[utoipa::path(get, path = "/api/v1/detectors", tag = "plot types", params(PageParams),
    responses((status = 200, body = api::Page<api::Detector>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn detectors(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Answer<Json<api::Page<api::Detector>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let list = List::new("detectors", ());
    let rows = &board.declared.detectors;
    let start = start(&list, params.cursor.as_deref(), |id| {
        rows.iter().position(|row| i64::from(row.id) == id)
    })?;
    let page: Vec<_> = rows.iter().skip(start).take(limit as usize).collect();
    let next = (start + page.len() < rows.len())
        .then(|| page.last().map(|row| list.cursor(&mark(row.id.into()))))
        .flatten();
    let items = page
        .into_iter()
        .map(|row| api::Detector {
            name: row.name.clone(),
            contact: row.contact.clone(),
            guidance: row.guidance.clone(),
            plot_types: names(&board, |other| other.detector_id == Some(row.id)),
        })
        .collect();
    Ok(Json(api::Page { items, next }))
}

fn names(board: &Board, is_in: impl Fn(&hydra_store::read::PlotTypeRow) -> bool) -> Vec<String> {
    let cells = board.cells.iter().filter(|cell| is_in(&cell.row));
    cells.map(|cell| cell.row.name.to_string()).collect()
}

/// Groups of the catalog, in the order in which they first occur.
#[utoipa::path(get, path = "/api/v1/groups", tag = "plot types", params(PageParams),
    responses((status = 200, body = api::Page<api::Group>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn groups(
    State(app): State<App>,
    Params(params): Params<PageParams>,
) -> Answer<Json<api::Page<api::Group>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let list = List::new("groups", ());
    let mut found: Vec<&str> = Vec::new();
    for cell in &board.cells {
        let group = cell.row.spec.group.as_str();
        if !group.is_empty() && !found.contains(&group) {
            found.push(group);
        }
    }
    let start = start(&list, params.cursor.as_deref(), |at| usize::try_from(at).ok())?;
    let page: Vec<&str> = found.iter().skip(start).take(limit as usize).copied().collect();
    let next = (start + page.len() < found.len())
        .then(|| list.cursor(&mark((start + page.len()) as i64 - 1)));
    let items = page
        .into_iter()
        .map(|name| api::Group {
            name: name.to_owned(),
            plot_types: names(&board, |row| row.spec.group == name),
        })
        .collect();
    Ok(Json(api::Page { items, next }))
}
