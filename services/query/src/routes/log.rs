//! The log and incidents.

use crate::{
    api,
    app::App,
    cursor::List,
    error::{Answer, ApiError},
    follow::{board::Board, card},
    params::{At, Params, limit, names, span},
};
use axum::{Json, extract::State};
use hydra_proto::PlotTypeName;
use hydra_store::{
    Kind,
    read::{self, SequenceRow, Span, Troubles},
};
use serde::Deserialize;
use std::{fmt, str::FromStr};
use utoipa::IntoParams;

/// A page costs the same however long the range is: the longest goes from 1970 to 2200.
const MOST_DAYS: i64 = 100_000;

/// Which entries.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogParams {
    /// A part of it lies after this time; a day before `to_us`, if not given.
    pub from_us: Option<i64>,
    /// It began before this time; now, if not given.
    pub to_us: Option<i64>,
    /// Only those of this detector.
    pub detector: Option<String>,
    /// Only those of this plot type.
    #[param(value_type = Option<String>)]
    pub plot_type: Option<PlotTypeName>,
    /// Only those that touch this run; its time is the range then.
    pub run: Option<u32>,
    /// `bad`, `unconfirmed`, `novel`, with commas between; all, if not given.
    pub kind: Option<String>,
    /// Entries in a page, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Sequences of Bad, Unconfirmed and Novel, by the time of their newest image, newest first.
#[utoipa::path(get, path = "/api/v1/log", tag = "log", params(LogParams),
    responses((status = 200, body = api::Page<api::LogEntry>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn list(
    State(app): State<App>,
    Params(params): Params<LogParams>,
) -> Answer<Json<api::Page<api::LogEntry>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let name = params.plot_type.as_ref().map(|name| name.as_str());
    let filters = (params.from_us, params.to_us, &params.detector, name, params.run, &params.kind);
    let list = List::new("log", filters);
    let mark = list.mark(params.cursor.as_deref())?;
    let span = range(&app, &params).await?;
    let which = Troubles {
        span,
        long: app.longs.at(&app.db, span.to_us).await?,
        plot_types: plot_types(&app, &board, &params)?,
        kinds: kinds(params.kind.as_deref())?,
    };
    let rows = read::troubles(&app.db, which, mark, limit).await?;
    let last = rows.last().filter(|_| rows.len() as u64 == limit);
    let next = last.map(|row| list.cursor(&read::mark_of_sequence(row)));
    let items = rows.iter().filter_map(|row| entry(&board, row)).collect();
    Ok(Json(api::Page { items, next }))
}

async fn range(app: &App, params: &LogParams) -> Answer<Span> {
    let Some(run) = params.run else { return span(params.from_us, params.to_us, MOST_DAYS) };
    let found = read::run(&app.db, run).await?;
    let (row, _) = found.ok_or_else(|| ApiError::not_found(format!("there is no run {run}")))?;
    let given = Span {
        from_us: params.from_us.unwrap_or(i64::MIN),
        to_us: params.to_us.unwrap_or(i64::MAX),
    };
    let from_us = row.first_us.max(given.from_us);
    let to_us = row.last_us.saturating_add(1).min(given.to_us);
    Ok(Span { from_us, to_us })
}

fn plot_types(app: &App, board: &Board, params: &LogParams) -> Answer<Option<Vec<i32>>> {
    if let Some(name) = &params.plot_type {
        return Ok(Some(vec![app.cell(board, name)?.row.id]));
    }
    let Some(detector) = &params.detector else {
        // of few kinds alone there may be little in a wide range: the store reads them one by one
        let all = || board.cells.iter().map(|cell| cell.row.id).collect();
        return Ok(params.kind.as_ref().map(|_| all()));
    };
    if !board.declared.detectors.iter().any(|row| &row.name == detector) {
        return Err(ApiError::not_found("there is no such detector"));
    }
    let cells = board.cells.iter().filter(|cell| board.detector_of(&cell.row) == detector);
    Ok(Some(cells.map(|cell| cell.row.id).collect()))
}

fn kinds(text: Option<&str>) -> Answer<Vec<Kind>> {
    let names = names(text)?;
    if names.is_empty() {
        return Ok(Kind::TROUBLES.to_vec());
    }
    let kind = |name: &String| match name.as_str() {
        "bad" => Ok(Kind::Bad),
        "unconfirmed" => Ok(Kind::Unconfirmed),
        "novel" => Ok(Kind::Novel),
        _ => Err(ApiError::bad("kind: allowed are bad, unconfirmed, novel")),
    };
    names.iter().map(kind).collect()
}

fn entry(board: &Board, row: &SequenceRow) -> Option<api::LogEntry> {
    let cell = board.by_id(row.plot_type_id)?;
    Some(api::LogEntry {
        id: hex::encode(&row.id),
        plot_type: cell.row.name.to_string(),
        detector: board.detector_of(&cell.row).to_owned(),
        kind: match row.kind {
            Kind::Bad => api::LogKind::Bad,
            Kind::Novel => api::LogKind::Novel,
            _ => api::LogKind::Unconfirmed,
        },
        label: row.label.clone(),
        first: card::mark(cell, &row.first, row.first_us),
        last: card::mark(cell, &row.last, row.last_us),
        count: row.images,
        ended_at_us: if row.open { None } else { Some(row.end_us.unwrap_or(row.last_us)) },
    })
}

/// Which incidents.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct IncidentParams {
    /// Only open ones, whenever they began, oldest first; `false`: those of a range, newest first.
    /// `true`, if not given.
    pub open: Option<bool>,
    /// Only with `open=false`: a day before `to_us`, if not given.
    pub from_us: Option<i64>,
    /// Only with `open=false`: now, if not given.
    pub to_us: Option<i64>,
    /// Entries in a page, 1 to 1000; 100 if not given.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u64>,
    /// `next` of the page before.
    pub cursor: Option<String>,
}

/// Sequences of confirmed Bad, with beam: what alarms are about.
#[utoipa::path(get, path = "/api/v1/incidents", tag = "log", params(IncidentParams),
    responses((status = 200, body = api::Page<api::Incident>), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn incidents(
    State(app): State<App>,
    Params(params): Params<IncidentParams>,
) -> Answer<Json<api::Page<api::Incident>>> {
    let board = app.board()?;
    let limit = limit(params.limit)?;
    let open = params.open.unwrap_or(true);
    let list = List::new("incidents", (open, params.from_us, params.to_us));
    let mark = list.mark(params.cursor.as_deref())?;
    if !open {
        let span = span(params.from_us, params.to_us, MOST_DAYS)?;
        let long = app.longs.at(&app.db, span.to_us).await?;
        let which = Troubles { span, plot_types: None, kinds: vec![Kind::Bad], long };
        let rows = read::troubles(&app.db, which, mark, limit).await?;
        let last = rows.last().filter(|_| rows.len() as u64 == limit);
        let next = last.map(|row| list.cursor(&read::mark_of_sequence(row)));
        let items = rows.iter().map(|row| card::incident(&board, row)).collect();
        return Ok(Json(api::Page { items, next }));
    }
    if params.from_us.is_some() || params.to_us.is_some() {
        return Err(ApiError::bad("from_us and to_us need open=false"));
    }
    let mut rows: Vec<&SequenceRow> =
        board.cells.iter().filter_map(|cell| cell.incident.as_ref()).collect();
    rows.sort_by(|a, b| (a.first_us, &a.id).cmp(&(b.first_us, &b.id)));
    if let Some(mark) = mark {
        rows.retain(|row| (row.first_us, &row.id) > (mark.at, &mark.id));
    }
    let is_more = rows.len() as u64 > limit;
    rows.truncate(limit as usize);
    let last = rows.last().filter(|_| is_more);
    let next = last.map(|row| list.cursor(&read::Mark { at: row.first_us, id: row.id.clone() }));
    let items = rows.into_iter().map(|row| card::incident(&board, row)).collect();
    Ok(Json(api::Page { items, next }))
}

/// Id of a sequence: 16 bytes.
pub struct SequenceId(Vec<u8>);

/// Text that is no id of a sequence.
#[derive(Debug)]
pub struct NoSequenceId;

impl fmt::Display for NoSequenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an incident's id is 32 hexadecimal digits")
    }
}

impl FromStr for SequenceId {
    type Err = NoSequenceId;
    fn from_str(text: &str) -> Result<Self, NoSequenceId> {
        let bytes = hex::decode(text).map_err(|_| NoSequenceId)?;
        if bytes.len() == 16 { Ok(Self(bytes)) } else { Err(NoSequenceId) }
    }
}

/// One incident.
#[utoipa::path(get, path = "/api/v1/incidents/{incident}", tag = "log",
    params(("incident" = String, Path, description = "Its id, 32 hexadecimal digits")),
    responses((status = 200, body = api::Incident), (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn incident(State(app): State<App>, id: At<SequenceId>) -> Answer<Json<api::Incident>> {
    let board = app.board()?;
    let found = read::sequence(&app.db, id.0.0).await?;
    let row = found.filter(|row| row.kind == Kind::Bad);
    let row = row.ok_or_else(|| ApiError::not_found("there is no such incident"))?;
    Ok(Json(card::incident(&board, &row)))
}
