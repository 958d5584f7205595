//! The log, incidents, runs and their quality.

use super::{json, state};
use crate::api;
use hydra_proto::query as pb;

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
        state: state(incident.state),
    }
}

pub fn open_incident(of: api::OpenIncident) -> pb::OpenIncident {
    pb::OpenIncident { id: of.id, label: of.label, since_us: of.since_us, count: of.count }
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

pub fn run_detail(of: api::RunDetail) -> pb::GetRunResponse {
    pb::GetRunResponse { run: Some(run(of.run)), verdicts: of.verdicts.into_iter().collect() }
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
