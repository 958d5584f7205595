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
        has_heatmap: verdict.has_heatmap,
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

pub fn status(status: api::Status) -> pb::GetStatusResponse {
    let role = |role: api::RoleHealth| pb::RoleHealth {
        role: role.role,
        health: match role.health {
            api::Health::Well => pb::Health::Well,
            api::Health::Idle => pb::Health::Idle,
            api::Health::Slow => pb::Health::Slow,
            api::Health::Down => pb::Health::Down,
            api::Health::Never => pb::Health::Never,
        }
        .into(),
        meaning: role.meaning,
        advice: role.advice,
        heartbeat_at_us: role.heartbeat_at_us,
        queue_depth: role.queue_depth,
        lag_s: role.lag_s,
    };
    pb::GetStatusResponse {
        server_time_us: status.server_time_us,
        roles: status.roles.into_iter().map(role).collect(),
        dead_letters: status.dead_letters,
    }
}
