//! Images, what was said of them, and what explains it.

use super::{json, state};
use crate::api;
use hydra_proto::query as pb;

pub fn verdict(verdict: api::Verdict) -> pb::Verdict {
    pb::Verdict {
        image: verdict.image,
        plot_type: verdict.plot_type,
        run: verdict.run,
        chunk: verdict.chunk,
        taken_at_us: verdict.taken_at_us,
        arrived_at_us: verdict.arrived_at_us,
        decided_at_us: verdict.decided_at_us,
        label: verdict.label,
        confidence: verdict.confidence,
        threshold: verdict.threshold,
        is_bad: verdict.is_bad,
        state: state(verdict.state),
        reason: verdict.reason,
        note: verdict.note,
        model: verdict.model,
        has_heatmap: verdict.heatmap.is_some(),
        kept: verdict.kept,
        width: verdict.width,
        height: verdict.height,
        heatmap: verdict.heatmap,
    }
}

pub fn score(score: api::LabelScore) -> pb::LabelScore {
    pb::LabelScore {
        label: score.label,
        probability: score.probability,
        threshold: score.threshold,
    }
}

pub fn prediction(prediction: api::Prediction) -> pb::Prediction {
    pb::Prediction {
        image: prediction.image,
        taken_at_us: prediction.taken_at_us,
        model: prediction.model,
        label: prediction.label,
        confidence: prediction.confidence,
        threshold: prediction.threshold,
        state: state(prediction.state),
        p_value: prediction.p_value,
        note: prediction.note,
        scores: prediction.scores.into_iter().map(score).collect(),
        of_candidate: prediction.role == api::ModelRole::Candidate,
    }
}

pub fn image(of: api::ImageDetail) -> pb::GetImageResponse {
    let heatmap = |of: api::Heatmap| pb::Heatmap {
        model: of.model,
        label: of.label,
        method: of.method,
        href: of.href,
    };
    let label =
        |of: api::GivenLabel| pb::GivenLabel { label: of.label, who: of.who, at_us: of.at_us };
    pb::GetImageResponse {
        verdict: Some(verdict(of.verdict)),
        run_period: of.run_period,
        source: of.source,
        size_bytes: of.size_bytes,
        conditions_json: json(&of.conditions),
        predictions: of.predictions.into_iter().map(prediction).collect(),
        heatmaps: of.heatmaps.into_iter().map(heatmap).collect(),
        labels: of.labels.into_iter().map(label).collect(),
    }
}

fn release(of: api::Release) -> pb::Release {
    pb::Release {
        at_us: of.at_us,
        model: of.model,
        thresholds: of.thresholds.into_iter().collect(),
        who: of.who,
        why: of.why,
    }
}

/// Columns -> points: messages have no lists with gaps.
pub fn trend(of: api::Trend) -> pb::Trend {
    let label = |at: &Option<u16>| of.labels.get(usize::from((*at)?)).cloned();
    let probabilities = |row: usize| {
        let columns = of.labels.iter().zip(&of.probabilities);
        let known = columns.filter_map(move |(label, column)| {
            let probability = column.get(row).copied().flatten()?;
            Some(pb::ClassProbability { label: label.clone(), probability })
        });
        known.collect()
    };
    let images = of.images.into_iter().zip(&of.taken_at_us).zip(of.runs.iter().zip(&of.chunks));
    let said = of.states.iter().zip(&of.verdicts);
    let points = images.zip(said).enumerate().map(
        |(row, (((image, taken_at_us), (run, chunk)), (said, verdict)))| pb::TrendPoint {
            image,
            taken_at_us: *taken_at_us,
            run: *run,
            chunk: *chunk,
            state: state(*said),
            label: label(verdict),
            probabilities: probabilities(row),
        },
    );
    pb::Trend {
        points: points.collect(),
        plot_type: of.plot_type,
        labels: of.labels,
        releases: of.releases.into_iter().map(release).collect(),
    }
}

pub fn why(of: api::Why) -> pb::ExplainVerdictResponse {
    let nearest = of.nearest.into_iter().map(|near| pb::Neighbour {
        image: near.image,
        label: near.label,
        similarity: near.similarity,
        in_training: near.in_training,
    });
    pb::ExplainVerdictResponse {
        verdict: of.verdict.map(verdict),
        model: of.release.as_ref().and_then(|release| release.model.clone()),
        model_since_us: of.release.as_ref().map(|release| release.at_us),
        knows_labels: of.knows_labels,
        trained_on: of.trained_on.into_iter().collect(),
        saw_bad: of.saw_bad,
        nearest: nearest.collect(),
        nearest_note: of.nearest_note,
        findings: of.findings,
        plot_type: of.plot_type,
        at_us: of.at_us,
        release: of.release.map(release),
        trend: Some(trend(of.trend)),
    }
}
