//! Facts -> rows.

use crate::{
    decide::{beam, has_beam, kept, kind},
    fact::{Map, Said, Seen, clean},
    known::Known,
};
use hydra_proto::{
    PlotTypeName,
    events::{MessageBuried, ModelRole},
};
use hydra_store::{
    ROLE_ACTIVE, ROLE_CANDIDATE, StoreError,
    entity::{conditions, dead_letter, embedding, heatmap, image, prediction},
    id, json,
    keeping::{NewImage, PlotTypeFacts},
    now_us,
};

/// Longest text of scores; beyond it (about 150 classes) a model is not one of plots.
const SCORES_MAX: usize = 2_048;

/// Longest conditions that are stored; an image with longer ones is stored without.
const CONDITIONS_MAX_BYTES: usize = 60_000;

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn model_of<'a>(
    known: &'a Known,
    model: &hydra_proto::ModelDigest,
) -> Result<&'a (i32, Vec<String>), StoreError> {
    known.models.get(model).ok_or_else(|| StoreError::Missing(format!("model {model}")))
}

/// An image with all that was said of it.
pub(crate) fn image(seen: &Seen, known: &Known) -> Result<NewImage, StoreError> {
    let plot_type = known.plot_types.get(&seen.plot_type);
    let plot_type =
        plot_type.ok_or_else(|| StoreError::Missing(format!("plot type {}", seen.plot_type)))?;
    let parsed = serde_json::from_str::<serde_json::Value>(&seen.image.conditions_json).ok();
    let conditions = parsed.filter(serde_json::Value::is_object).map(|facts| {
        let body = facts.to_string();
        (facts, conditions::Model { id: id::conditions(seen.image.run, &body), body })
    });
    let conditions = conditions.filter(|(_, row)| row.body.len() <= CONDITIONS_MAX_BYTES);
    let beam = beam(conditions.as_ref().map(|(facts, _)| facts), &known.hall);
    let verdict = seen.said.iter().find(|said| said.prediction.role() == ModelRole::Active);
    let judged = verdict.map(|said| (&said.prediction, &said.label));
    let reason = clean(&seen.event.no_verdict_reason, 255);
    let reason = if reason.is_empty() { "no model".to_owned() } else { reason };
    let row = image::Model {
        id: seen.id.as_bytes().to_vec(),
        plot_type_id: plot_type.id,
        run: seen.image.run.into(),
        chunk: seen.image.chunk.map(i64::from),
        taken_us: seen.taken_us,
        arrived_us: seen.arrived_us,
        committed_us: 0,
        commit_no: 0,
        content: seen.content.as_bytes().to_vec(),
        thumbnail: seen.thumbnail.map(|hash| hash.as_bytes().to_vec()),
        width: i32::try_from(seen.event.width).unwrap_or(i32::MAX),
        height: i32::try_from(seen.event.height).unwrap_or(i32::MAX),
        size_bytes: signed(seen.image.size_bytes),
        source: clean(&seen.image.source, 255),
        conditions_id: conditions.as_ref().map(|(_, row)| row.id.clone()),
        beam,
        kept: kept(&seen.id, judged, &plot_type.spec),
        stored: true,
        no_verdict_reason: verdict.is_none().then_some(reason),
    };
    let (mut predictions, mut embeddings) = (Vec::new(), Vec::new());
    for said in &seen.said {
        let prediction = prediction(seen, said, plot_type, known, beam)?;
        // a model speaks once of an image
        if predictions.iter().any(|p: &prediction::Model| p.model_id == prediction.model_id) {
            continue;
        }
        if !said.prediction.embedding.is_empty() {
            embeddings.push(embedding::Model {
                image_id: row.id.clone(),
                model_id: prediction.model_id,
                features: said.prediction.embedding.to_vec(),
            });
        }
        predictions.push(prediction);
    }
    Ok(NewImage {
        image: row,
        period: clean(&seen.image.run_period, 64),
        conditions: conditions.map(|(_, row)| row),
        predictions,
        embeddings,
        wire: seen.image.clone(),
        data: data(&seen.event.data),
        may_be_stuck: !plot_type.spec.may_repeat && has_beam(&plot_type.spec, &known.hall, beam),
        unfamiliar: verdict
            .map(|said| clean(&said.prediction.unfamiliar, 150))
            .filter(|told| !told.is_empty()),
    })
}

/// A fingerprint; one of another length than ours would say nothing.
fn data(field: &[u8]) -> Vec<u8> {
    const BYTES: usize = 8;
    if field.len() == BYTES { field.to_vec() } else { Vec::new() }
}

fn prediction(
    seen: &Seen,
    said: &Said,
    plot_type: &PlotTypeFacts,
    known: &Known,
    beam: Option<f64>,
) -> Result<prediction::Model, StoreError> {
    let (model_id, labels) = model_of(known, &said.model)?;
    let message = &said.prediction;
    // in the library's order of labels, which is the one that readers go by
    let score = |label: &String| {
        let found = message.scores.iter().find(|score| score.label == *label);
        found.map(|score| score.probability)
    };
    let scores: Vec<Option<f32>> = labels.iter().map(score).collect();
    let scores = json::write("scores", &scores)?;
    if scores.len() > SCORES_MAX {
        return Err(StoreError::Refused(format!("{} classes are too many", labels.len())));
    }
    let kind = kind(message, &said.label, &plot_type.spec, &known.hall, beam);
    Ok(prediction::Model {
        image_id: seen.id.as_bytes().to_vec(),
        model_id: *model_id,
        plot_type_id: plot_type.id,
        role: match message.role() {
            ModelRole::Active => ROLE_ACTIVE,
            ModelRole::Candidate => ROLE_CANDIDATE,
        },
        taken_us: seen.taken_us,
        label: said.label.to_string(),
        confidence: message.confidence,
        threshold: message.threshold,
        // by way of the enum: an unknown number of a later version counts as confirmed
        state: message.state() as i16,
        kind: kind as i16,
        scores,
        p_value: message.p_value,
        note: clean(&message.note, 255),
        work_us: message.work_us.into(),
    })
}

/// A heat map.
pub(crate) fn heatmap(map: &Map, known: &Known) -> Result<heatmap::Model, StoreError> {
    Ok(heatmap::Model {
        image_id: map.image.as_bytes().to_vec(),
        model_id: model_of(known, &map.model)?.0,
        label: map.label.to_string(),
        map: map.map.as_bytes().to_vec(),
        method: clean(&map.event.method, 32),
        maximum: map.event.maximum,
        made_us: 0,
        commit_no: 0,
    })
}

/// A dead letter. It is shown whatever is wrong with it.
pub(crate) fn dead_letter(buried: &MessageBuried, known: &Known) -> dead_letter::Model {
    let image = buried.image.as_ref();
    let name = image.and_then(|image| image.plot_type.parse::<PlotTypeName>().ok());
    dead_letter::Model {
        id: id::dead_letter(&buried.stage, &buried.message_id),
        message_id: clean(&buried.message_id, 1_000),
        stage: clean(&buried.stage, 64),
        event: clean(&buried.event, 128),
        reason: clean(&buried.reason, 64),
        error: clean(&buried.error, 10_000),
        attempts: i32::try_from(buried.attempts).unwrap_or(i32::MAX),
        size_bytes: signed(buried.size_bytes),
        buried_us: if buried.buried_at_us > 0 { buried.buried_at_us } else { now_us() },
        plot_type_id: name.and_then(|name| known.plot_types.get(&name)).map(|facts| facts.id),
        run: image.map(|image| image.run.into()),
        chunk: image.and_then(|image| image.chunk).map(i64::from),
        image_id: image.map(|image| image.id.to_vec()).filter(|id| id.len() == 24),
        handled: None,
        handled_us: None,
        commit_no: 0,
    }
}
