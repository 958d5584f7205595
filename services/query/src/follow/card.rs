//! Rows -> what the API says of plot types, verdicts and incidents.

use super::board::{Board, Cell};
use crate::api;
use hydra_proto::{ContentHash, ImageId, Threshold, events::VerdictState};
use hydra_store::{
    PlotTypeState,
    read::{ModelRow, PlotTypeRow, Said, Seen, SequenceRow},
};
use std::collections::BTreeMap;

/// A stale plot is one and a half cadences and a quarter of a minute old.
const STALE_CADENCES: f64 = 1.5;
const STALE_GRACE_S: f64 = 15.0;
/// Of a plot that comes in chunks whose pace neither the catalog nor its last images tell: three
/// chunks of five minutes.
const STALE_UNPACED_S: f64 = 900.0;
/// Of a plot that is drawn once a run: longer than a run lasts. Nothing stays green for ever.
const STALE_ONCE_A_RUN_S: f64 = 10_800.0;

/// The card of a plot type.
pub fn plot_type(board: &Board, cell: &Cell) -> api::PlotType {
    let row = &*cell.row;
    let cadence_s = row.spec.cadence_s.map(hydra_store::catalog::Seconds::get);
    let pace_s = cadence_s.or_else(|| observed_cadence_s(&cell.strip));
    api::PlotType {
        name: row.name.to_string(),
        detector: board.detector_of(row).to_owned(),
        group: row.spec.group.clone(),
        cadence_s,
        stale_after_s: Some(stale_after_s(pace_s, cell)),
        disabled: row.state == PlotTypeState::Disabled,
        discovered: Board::is_discovered(row),
        model: row.releases.get("active").and_then(|alias| {
            let model = board.model(alias.model_id)?;
            Some(api::ActiveModel {
                digest: model.digest.to_string(),
                since_us: Some(alias.since_us),
                thresholds: thresholds(model, &alias.thresholds),
            })
        }),
        latest: cell.latest().map(|seen| verdict(board, row, seen)),
        strip: cell.strip.iter().map(|seen| strip_item(row, seen)).collect(),
        incident: cell.incident.as_ref().map(|incident| api::OpenIncident {
            id: hex::encode(&incident.id),
            label: incident.label.clone(),
            since_us: incident.first_us,
            count: incident.images,
        }),
        buried: cell.buried.as_ref().map(|mark| api::BuriedMessage {
            at_us: mark.buried_us,
            stage: mark.stage.clone(),
            reason: mark.reason.clone(),
        }),
    }
}

/// From which age on, in seconds, the newest image of a plot type is stale.
fn stale_after_s(pace_s: Option<f64>, cell: &Cell) -> f64 {
    let once_a_run = cell.latest().is_some_and(|seen| seen.chunk.is_none());
    match pace_s {
        Some(pace_s) => pace_s * STALE_CADENCES + STALE_GRACE_S,
        None if once_a_run => STALE_ONCE_A_RUN_S,
        None => STALE_UNPACED_S,
    }
}

/// What each label of a model is confirmed from, named by the release or not.
pub fn thresholds(model: &ModelRow, named: &BTreeMap<String, f32>) -> BTreeMap<String, f32> {
    let of = |label: &String| named.get(label).copied().unwrap_or(Threshold::DEFAULT.get());
    model.labels.iter().map(|label| (label.clone(), of(label))).collect()
}

/// The median distance of images that follow each other in a run, where chunks say that a run has
/// several. A run that has just begun, or broke off after a few, is judged by the one before.
fn observed_cadence_s(strip: &[std::sync::Arc<Seen>]) -> Option<f64> {
    let follows = |pair: &&[std::sync::Arc<Seen>]| {
        pair[0].run == pair[1].run && pair[0].chunk.is_some() && pair[1].chunk.is_some()
    };
    let mut gaps_us: Vec<i64> =
        strip.windows(2).filter(follows).map(|pair| pair[1].taken_us - pair[0].taken_us).collect();
    if gaps_us.len() < 3 {
        return None;
    }
    gaps_us.sort_unstable();
    let median_s = gaps_us.get(gaps_us.len() / 2).map(|us| *us as f64 / 1e6)?;
    (median_s > 0.0).then_some(median_s)
}

/// How sure a verdict is, in the API's words.
pub fn state(said: Option<&Said>) -> api::VerdictState {
    said.map_or(api::VerdictState::NoVerdict, |said| state_of(said.state))
}

/// How sure a verdict is, in the API's words.
pub fn state_of(state: VerdictState) -> api::VerdictState {
    match state {
        VerdictState::Confirmed => api::VerdictState::Confirmed,
        VerdictState::Unconfirmed => api::VerdictState::Unconfirmed,
        VerdictState::Novel => api::VerdictState::Novel,
    }
}

/// Whether a label means trouble of this plot type.
pub fn is_bad(row: &PlotTypeRow, label: &str) -> bool {
    row.spec.bad_labels.iter().any(|bad| bad.as_str() == label)
}

fn strip_item(row: &PlotTypeRow, seen: &Seen) -> api::StripItem {
    let said = seen.said.as_ref();
    api::StripItem {
        image: seen.id.to_string(),
        taken_at_us: seen.taken_us,
        label: said.map(|said| said.label.clone()),
        is_bad: said.is_some_and(|said| is_bad(row, &said.label)),
        state: state(said),
        confidence: said.map(|said| said.confidence),
    }
}

/// An image with its verdict.
pub fn verdict(board: &Board, row: &PlotTypeRow, seen: &Seen) -> api::Verdict {
    let said = seen.said.as_ref();
    api::Verdict {
        image: seen.id.to_string(),
        plot_type: row.name.to_string(),
        run: seen.run,
        chunk: seen.chunk,
        taken_at_us: seen.taken_us,
        arrived_at_us: seen.arrived_us,
        decided_at_us: seen.committed_us,
        label: said.map(|said| said.label.clone()),
        confidence: said.map(|said| said.confidence),
        threshold: said.map(|said| said.threshold),
        is_bad: said.is_some_and(|said| is_bad(row, &said.label)),
        state: state(said),
        reason: if said.is_some() { String::new() } else { no_verdict(&seen.reason) },
        note: said.map(|said| said.note.clone()).unwrap_or_default(),
        model: said.and_then(|s| board.model(s.model_id)).map(|model| model.digest.to_string()),
        heatmap: seen.heatmap.map(|map| heatmap(&seen.id, &map)),
        kept: seen.stored,
        width: seen.width,
        height: seen.height,
    }
}

/// Where the heat map of an image's verdict is: the address holds the hash of what is behind it,
/// so that it may be kept for ever, and a map that is drawn anew has another one.
fn heatmap(image: &ImageId, map: &ContentHash) -> String {
    format!("/api/v1/images/{image}/heatmap?v={map}")
}

/// A reason as a sentence.
fn no_verdict(reason: &str) -> String {
    match reason {
        "" | "no model" => "No model is active for this plot type.".to_owned(),
        reason => reason.to_owned(),
    }
}

/// Every class's probability in one prediction, with the thresholds of the release in force now
/// and, of the likeliest, the one that was in force then.
pub fn scores(
    board: &Board,
    row: &PlotTypeRow,
    model_id: i32,
    label: &str,
    threshold: f32,
    scores: &[Option<f32>],
) -> Vec<api::LabelScore> {
    let model = board.model(model_id);
    let labels = model.map(|model| model.labels.as_slice()).unwrap_or_default();
    let release = row.releases.values().find(|alias| alias.model_id == model_id);
    let now = model.zip(release).map(|(model, alias)| thresholds(model, &alias.thresholds));
    let threshold_of = |name: &String| {
        if name == label {
            return Some(threshold);
        }
        now.as_ref().and_then(|now| now.get(name).copied())
    };
    let scored = labels.iter().zip(scores).filter_map(|(name, score)| Some((name, (*score)?)));
    scored
        .map(|(name, probability)| api::LabelScore {
            label: name.clone(),
            probability,
            threshold: threshold_of(name),
        })
        .collect()
}

/// One end of a sequence. An id says its run and chunk; whether a chunk 0 is one, the plot type's
/// newest image says.
pub fn mark(cell: &Cell, image: &ImageId, at_us: i64) -> api::LogMark {
    let [a, b, c, d, e, f, g, h, ..] = *image.as_bytes();
    let chunk = u32::from_be_bytes([e, f, g, h]);
    let has_chunks = cell.latest().is_none_or(|seen| seen.chunk.is_some());
    api::LogMark {
        image: image.to_string(),
        run: u32::from_be_bytes([a, b, c, d]),
        chunk: (chunk > 0 || has_chunks).then_some(chunk),
        at_us,
    }
}

/// An incident as pages list it.
pub fn incident(board: &Board, row: &SequenceRow) -> api::Incident {
    let cell = board.by_id(row.plot_type_id);
    let seen = cell.and_then(|cell| cell.strip.iter().find(|seen| seen.id == row.last));
    let said = seen.and_then(|seen| seen.said.as_ref());
    let mark_of = |image: &ImageId, at_us| match cell {
        Some(cell) => mark(cell, image, at_us),
        None => api::LogMark { image: image.to_string(), run: 0, chunk: None, at_us },
    };
    api::Incident {
        id: hex::encode(&row.id),
        plot_type: cell.map(|cell| cell.row.name.to_string()).unwrap_or_default(),
        detector: cell.map(|c| board.detector_of(&c.row).to_owned()).unwrap_or_default(),
        label: row.label.clone(),
        confidence: said.map(|said| said.confidence),
        state: said.map_or(api::VerdictState::Confirmed, |said| state_of(said.state)),
        first: mark_of(&row.first, row.first_us),
        last: mark_of(&row.last, row.last_us),
        count: row.images,
        cleared_at_us: if row.open { None } else { Some(row.end_us.unwrap_or(row.last_us)) },
    }
}

/// The hall as the head of a page shows it: run, beam, newest image.
pub fn tick(board: &Board, read_at_us: i64, now_us: i64) -> api::Tick {
    api::Tick {
        server_time_us: now_us,
        read_at_us,
        version_of_state: board.version(),
        generation: u64::try_from(board.progress.generation).unwrap_or(0),
        run: board.run.as_ref().map(|run| api::RunNow {
            run: run.run,
            run_period: run.period.clone(),
            since_us: run.first_us,
            chunk: newest_chunk(board, run.run),
            conditions: object(&run.conditions),
        }),
        beam: beam(board),
        last_image: board.last.as_ref().and_then(|seen| {
            Some(api::LastImage {
                id: seen.id.to_string(),
                plot_type: board.by_id(seen.plot_type_id)?.row.name.to_string(),
                arrived_at_us: seen.arrived_us,
                decided_at_us: seen.committed_us,
            })
        }),
        pipeline: board.pipeline.clone(),
    }
}

fn newest_chunk(board: &Board, run: u32) -> Option<u32> {
    let latest = board.cells.iter().filter_map(|cell| cell.latest());
    latest.filter(|seen| seen.run == run).filter_map(|seen| seen.chunk).max()
}

/// Whether there is beam, as the newest image with a reading says.
pub fn beam(board: &Board) -> api::Beam {
    let limit = board.declared.hall.beam.as_ref();
    let seen = board.beam.as_ref();
    let reading = seen.and_then(|seen| seen.beam);
    let state = match (limit, reading) {
        (Some(limit), Some(reading)) if reading >= limit.min => api::BeamState::On,
        (Some(_), Some(_)) => api::BeamState::Off,
        _ => api::BeamState::Unknown,
    };
    api::Beam {
        state,
        condition: limit.map(|limit| limit.condition.clone()),
        reading,
        min: limit.map(|limit| limit.min),
        at_us: seen.map(|seen| seen.taken_us),
    }
}

/// A JSON object as a producer wrote it; what is none is empty.
pub fn object(text: &str) -> serde_json::Map<String, serde_json::Value> {
    serde_json::from_str(text).unwrap_or_default()
}
