//! Scores -> calibrated probabilities -> a verdict, under the thresholds in force.

use crate::chunk::Raw;
use hydra_model::{
    Manifest,
    manifest::{Guards, PlotLayout},
    score::{self, BadScores},
};
use hydra_proto::{
    Label, Threshold,
    events::{ImageResized, ModelRole, Prediction, Score, VerdictState},
    registry::Release,
};

/// Longest embedding that is sent on. What a network calls so may be its last maps, flattened:
/// megabytes a message, and more than a row holds.
const MOST_FEATURES: usize = 4_096;

/// What is otherwise than in training, whatever the pixels say.
#[derive(Debug, Default)]
pub(crate) struct Strange {
    /// How the plot is laid out.
    layout: Option<String>,
    /// The run's conditions.
    conditions: Option<String>,
}

impl Strange {
    /// Compares an image with what the model was trained on.
    pub fn to(manifest: &Manifest, event: &ImageResized) -> Self {
        let seen =
            event.sight.as_ref().map(|sight| PlotLayout::seen(event.width, event.height, sight));
        let conditions = event.image.as_ref().map(|image| image.conditions_json.as_str());
        Self {
            layout: seen.and_then(|seen| PlotLayout::change(&manifest.layouts, &seen)),
            conditions: conditions.and_then(|told| manifest.conditions.unfamiliar(told)),
        }
    }
}

/// The prediction of one model for one image: arg-max over calibrated probabilities, confirmed
/// from the label's threshold on, novel when the model's guard says so or the plot is laid out as
/// none in training. A fault that is known and sure keeps its name.
///
/// # Errors
/// [`BadScores`] when the network gave no numbers that can be probabilities.
pub(crate) fn of(
    manifest: &Manifest,
    release: &Release,
    role: ModelRole,
    raw: &Raw,
    strange: Strange,
    embeddings: bool,
) -> Result<Prediction, BadScores> {
    let probabilities = score::probabilities(manifest, &raw.scores)?;
    let best = probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    // a manifest has at least one label, and one probability for each
    let (best, confidence) = best.map_or((0, 0.0), |(index, p)| (index, *p));
    let label = &manifest.labels[best];
    let threshold = release.thresholds.get(label).copied().unwrap_or(Threshold::DEFAULT).get();
    let guard = match (&manifest.novelty, &raw.novelty) {
        (Some(spec), Some(value)) => Some(score::novelty(spec, value)?),
        _ => None,
    };
    let sure = confidence >= threshold;
    let known_fault = sure && !label.counts_as_good();
    let overruled = manifest.novelty.as_ref().zip(guard).is_some_and(|(spec, guard)| {
        guard.novel && (spec.guards != Guards::Good || label.counts_as_good())
    });
    let state = match strange.layout {
        Some(_) if !known_fault => VerdictState::Novel,
        _ if overruled => VerdictState::Novel,
        _ if sure => VerdictState::Confirmed,
        _ => VerdictState::Unconfirmed,
    };
    let score = |(label, probability): (&Label, &f32)| Score {
        label: label.to_string(),
        probability: *probability,
    };
    let sent = embeddings && raw.embedding.len() <= MOST_FEATURES;
    let embedding = if sent { &raw.embedding[..] } else { &[] };
    score::all_finite(embedding)?;
    Ok(Prediction {
        model: release.model.to_field(),
        role: role.into(),
        scores: manifest.labels.iter().zip(&probabilities).map(score).collect(),
        label: label.to_string(),
        confidence,
        threshold,
        state: state.into(),
        p_value: guard.and_then(|guard| guard.p_value),
        work_us: u32::try_from(raw.work.as_micros()).unwrap_or(u32::MAX),
        note: strange.layout.unwrap_or_default(),
        unfamiliar: strange.conditions.unwrap_or_default(),
        embedding: embedding.iter().flat_map(|value| value.to_le_bytes()).collect(),
    })
}

/// Whether this is what the shift is alarmed by.
pub(crate) fn alarms(prediction: &Prediction, bad_labels: &[Label]) -> bool {
    prediction.role() == ModelRole::Active
        && prediction.state() == VerdictState::Confirmed
        && bad_labels.iter().any(|label| label.as_str() == prediction.label)
}

/// Whether people will want to see why: for what alarms, is unsure or is new, if the model can say.
pub(crate) fn wants_a_map(manifest: &Manifest, prediction: &Prediction, alarms: bool) -> bool {
    let unsettled =
        prediction.role() == ModelRole::Active && prediction.state() != VerdictState::Confirmed;
    (alarms || unsettled) && manifest.explain.method().is_some()
}
