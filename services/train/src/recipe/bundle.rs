//! What was learnt -> a sealed bundle.

use super::learn::{Files, Learnt};
use hydra_model::Runtime;
use hydra_model::bundle::Bundle;
use hydra_model::import::{ImportError, ImportRequest, Source, import};
use hydra_model::manifest::{Guards, Method, Normalisation, Novelty, NoveltyKind, ScoreKind};
use hydra_normality::GUARD;
use hydra_proto::{ContentHash, Threshold};

/// Seals a model. `created_at` is RFC 3339.
///
/// # Errors
/// Where the importer refuses what was written, which would be our mistake.
pub fn bundle_of(
    learnt: &Learnt,
    created_at: &str,
    runtime: &Runtime,
) -> Result<Bundle, ImportError> {
    let mut trained: Vec<String> = learnt.trained.iter().map(ToString::to_string).collect();
    trained.sort();
    let proposed = &learnt.figures.test.thresholds;
    let thresholds = learnt
        .labels
        .iter()
        .cloned()
        .zip(proposed)
        .filter_map(|(label, value)| Some((label, Threshold::try_from(*value).ok()?)))
        .collect();
    let request = ImportRequest {
        plot_type: Some(learnt.plot_type.clone()),
        letterbox: learnt.input.letterbox,
        normalisation: Normalisation::inside(),
        scores: Some("logits".to_owned()),
        score_kind: Some(ScoreKind::Logits),
        embedding: Some("features".to_owned()),
        map: match learnt.files {
            // deviations are no maps of a convolution: the model says itself where
            Files::Network(_) if learnt.network.is_none() => {
                Some(("cam".to_owned(), Method::Model))
            }
            Files::Network(_) => Some(("cam".to_owned(), Method::GradCam)),
            Files::TrunkAndHead { .. } => None,
        },
        novelty: learnt.guard_rate.map(|rate| Novelty {
            output: GUARD.to_owned(),
            kind: NoveltyKind::PValue,
            threshold: rate as f32,
            guards: Guards::Good,
        }),
        layouts: learnt.layouts.clone(),
        conditions: learnt.conditions.clone(),
        temperature: learnt.figures.temperature as f32,
        thresholds,
        training_set: Some(ContentHash::of(trained.join("\n").as_bytes())),
        evaluation: serde_json::to_value(&learnt.figures).unwrap_or_default(),
        parent: learnt.parent.as_ref().and_then(|parent| parent.digest),
        architecture: learnt.architecture.to_owned(),
        ..ImportRequest::new(learnt.labels.clone(), created_at)
    };
    let source = match &learnt.files {
        Files::Network(file) => Source::Network(file),
        Files::TrunkAndHead { trunk, head } => Source::TrunkAndHead { trunk, head },
    };
    Ok(import(source, &request, runtime)?.bundle)
}
