//! The JSON of REST -> messages. Field by field; nothing is computed here.

use crate::api;
use hydra_proto::query as pb;

fn json(object: &serde_json::Map<String, serde_json::Value>) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

fn state(state: api::VerdictState) -> i32 {
    let state = match state {
        api::VerdictState::Confirmed => pb::VerdictState::Confirmed,
        api::VerdictState::Unconfirmed => pb::VerdictState::Unconfirmed,
        api::VerdictState::Novel => pb::VerdictState::Novel,
        api::VerdictState::NoVerdict => pb::VerdictState::NoVerdict,
    };
    state.into()
}

pub fn hall(hall: api::Hall) -> pb::GetHallResponse {
    let beam = match hall.beam.state {
        api::BeamState::On => pb::BeamState::On,
        api::BeamState::Off => pb::BeamState::Off,
        api::BeamState::Unknown => pb::BeamState::Unknown,
    };
    pb::GetHallResponse {
        name: hall.name,
        server_time_us: hall.server_time_us,
        run: hall.run.as_ref().map(|run| run.run),
        chunk: hall.run.as_ref().and_then(|run| run.chunk),
        beam: beam.into(),
        beam_reading: hall.beam.reading,
        last_image: hall.last_image.map(|image| image.id),
        conditions_json: hall.run.map(|run| json(&run.conditions)).unwrap_or_default(),
        version_of_state: hall.version_of_state,
    }
}

pub fn plot_type(plot: api::PlotType) -> pb::PlotType {
    pb::PlotType {
        name: plot.name,
        detector: plot.detector,
        group: plot.group,
        cadence_s: plot.cadence_s,
        stale_after_s: plot.stale_after_s,
        disabled: plot.disabled,
        discovered: plot.discovered,
        model: plot.model.map(|model| model.digest),
        latest: plot.latest.map(verdict),
        incident: plot.incident.map(|incident| incident.id),
    }
}

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
    }
}

pub fn prediction(prediction: api::Prediction) -> pb::Prediction {
    let scores = prediction.scores.into_iter().map(|score| pb::LabelScore {
        label: score.label,
        probability: score.probability,
        threshold: score.threshold,
    });
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
        scores: scores.collect(),
    }
}

/// As the log's parameter names a kind.
pub fn log_kind_name(kind: pb::LogKind) -> Option<&'static str> {
    match kind {
        pb::LogKind::Unspecified => None,
        pb::LogKind::Bad => Some("bad"),
        pb::LogKind::Unconfirmed => Some("unconfirmed"),
        pb::LogKind::Novel => Some("novel"),
    }
}

fn mark(mark: api::LogMark) -> pb::Mark {
    pb::Mark { image: mark.image, run: mark.run, chunk: mark.chunk, at_us: mark.at_us }
}

pub fn log_entry(entry: api::LogEntry) -> pb::LogEntry {
    let kind = match entry.kind {
        api::LogKind::Bad => pb::LogKind::Bad,
        api::LogKind::Unconfirmed => pb::LogKind::Unconfirmed,
        api::LogKind::Novel => pb::LogKind::Novel,
    };
    pb::LogEntry {
        id: entry.id,
        plot_type: entry.plot_type,
        detector: entry.detector,
        kind: kind.into(),
        label: entry.label,
        first: Some(mark(entry.first)),
        last: Some(mark(entry.last)),
        count: entry.count,
        ended_at_us: entry.ended_at_us,
    }
}

pub fn incident(incident: api::Incident) -> pb::Incident {
    pb::Incident {
        id: incident.id,
        plot_type: incident.plot_type,
        detector: incident.detector,
        label: incident.label,
        confidence: incident.confidence,
        first: Some(mark(incident.first)),
        last: Some(mark(incident.last)),
        count: incident.count,
        cleared_at_us: incident.cleared_at_us,
    }
}

pub fn run(run: api::Run) -> pb::Run {
    pb::Run {
        run: run.run,
        run_period: run.run_period,
        first_at_us: run.first_at_us,
        last_at_us: run.last_at_us,
        images: run.images,
        conditions_json: json(&run.conditions),
    }
}

pub fn quality_interval(interval: api::QualityInterval) -> pb::QualityInterval {
    let verdict = match interval.verdict {
        api::Quality::Good => pb::Quality::Good,
        api::Quality::Unknown => pb::Quality::Unknown,
        api::Quality::Bad => pb::Quality::Bad,
    };
    let source = match interval.source {
        api::QualitySource::None => pb::QualitySource::None,
        api::QualitySource::Model => pb::QualitySource::Model,
        api::QualitySource::Person => pb::QualitySource::Person,
    };
    pb::QualityInterval {
        detector: interval.detector,
        run: interval.run,
        from_us: interval.from_us,
        to_us: interval.to_us,
        verdict: verdict.into(),
        source: source.into(),
        plot_types: interval.plot_types,
    }
}

fn health(health: api::Health) -> i32 {
    let health = match health {
        api::Health::Well => pb::Health::Well,
        api::Health::Idle => pb::Health::Idle,
        api::Health::Slow => pb::Health::Slow,
        api::Health::Down => pb::Health::Down,
        api::Health::Never => pb::Health::Never,
        api::Health::Unknown => pb::Health::Unknown,
    };
    health.into()
}

fn histogram(of: api::Histogram) -> pb::Histogram {
    pb::Histogram { edges_ms: of.edges_ms, counts: of.counts, mean_ms: of.mean_ms }
}

fn instance(of: api::Instance) -> pb::Instance {
    let models = of.models.into_iter().map(|held| pb::LoadedModel {
        model: held.model,
        memory_bytes: held.memory_bytes,
        shared_bytes: held.shared_bytes,
        since_us: held.since_us,
    });
    pb::Instance {
        instance: of.instance,
        version: of.version,
        started_at_us: of.started_at_us,
        heartbeat_at_us: of.heartbeat_at_us,
        alive: of.alive,
        models: models.collect(),
    }
}

pub fn status(status: api::Status) -> pb::GetStatusResponse {
    let role = |role: api::RoleHealth| pb::RoleHealth {
        role: role.role,
        health: health(role.health),
        meaning: role.meaning,
        advice: role.advice,
        heartbeat_at_us: role.heartbeat_at_us,
        queue_depth: role.queue_depth,
        lag_s: role.lag_s,
        purpose: role.purpose,
        alive_since_us: role.alive_since_us,
        images_per_s: role.images_per_s,
        work: role.work.map(histogram),
        instances: role.instances.into_iter().map(instance).collect(),
    };
    let part = |part: api::PartHealth| pb::PartHealth {
        part: part.part,
        health: health(part.health),
        meaning: part.meaning,
        advice: part.advice,
    };
    pb::GetStatusResponse {
        server_time_us: status.server_time_us,
        roles: status.roles.into_iter().map(role).collect(),
        dead_letters: status.dead_letters,
        parts: status.parts.into_iter().map(part).collect(),
        models_active: status.models_active,
    }
}

pub fn detector(of: api::Detector) -> pb::Detector {
    pb::Detector {
        name: of.name,
        contact: of.contact,
        guidance: of.guidance,
        plot_types: of.plot_types,
    }
}

pub fn group(of: api::Group) -> pb::Group {
    pb::Group { name: of.name, plot_types: of.plot_types }
}

pub fn model(of: api::Model) -> pb::Model {
    let alias = |of: api::Alias| pb::Alias { plot_type: of.plot_type, alias: of.alias };
    pb::Model {
        digest: of.digest,
        plot_types: of.plot_types,
        labels: of.labels,
        created_at_us: of.created_at_us,
        parent: of.parent,
        aliases: of.aliases.into_iter().map(alias).collect(),
        evaluation_json: of.evaluation.map(|value| value.to_string()).unwrap_or_default(),
    }
}

pub fn label_statistics(of: api::LabelStatistics) -> pb::LabelStatistics {
    pb::LabelStatistics { plot_type: of.plot_type, labels: of.labels.into_iter().collect() }
}

pub fn run_latency(of: api::RunLatency) -> pb::RunLatency {
    pb::RunLatency { run: of.run, images: of.images, latency: Some(histogram(of.latency)) }
}

pub fn day(of: api::Day) -> pb::Day {
    pb::Day { day: of.day, images: of.images }
}

pub fn dead_letter(of: api::DeadLetter) -> pb::DeadLetter {
    pb::DeadLetter {
        id: of.id,
        at_us: of.at_us,
        stage: of.stage,
        event: of.event,
        reason: of.reason,
        error: of.error,
        attempts: of.attempts,
        plot_type: of.plot_type,
        run: of.run,
        chunk: of.chunk,
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
        model_since_us: of.release.map(|release| release.at_us),
        knows_labels: of.knows_labels,
        trained_on: of.trained_on.into_iter().collect(),
        saw_bad: of.saw_bad,
        nearest: nearest.collect(),
        nearest_note: of.nearest_note,
        findings: of.findings,
    }
}
