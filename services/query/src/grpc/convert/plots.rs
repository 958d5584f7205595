//! The hall, plot types, detectors and groups.

use super::{json, log, state, verdict};
use crate::api;
use hydra_proto::query as pb;

pub fn hall(hall: api::Hall) -> pb::GetHallResponse {
    let beam = match hall.beam.state {
        api::BeamState::On => pb::BeamState::On,
        api::BeamState::Off => pb::BeamState::Off,
        api::BeamState::Unknown => pb::BeamState::Unknown,
    };
    let run = hall.run.as_ref();
    let newest_image = hall.last_image.map(|image| pb::LastImage {
        id: image.id,
        plot_type: image.plot_type,
        arrived_at_us: image.arrived_at_us,
        decided_at_us: image.decided_at_us,
    });
    let news = |of: api::News| pb::News { text: of.text, since_us: of.since_us };
    pb::GetHallResponse {
        name: hall.name,
        server_time_us: hall.server_time_us,
        run: run.map(|run| run.run),
        chunk: run.and_then(|run| run.chunk),
        beam: beam.into(),
        beam_reading: hall.beam.reading,
        last_image: newest_image.as_ref().map(|image| image.id.clone()),
        conditions_json: run.map(|run| json(&run.conditions)).unwrap_or_default(),
        version_of_state: hall.version_of_state,
        run_period: run.map(|run| run.run_period.clone()).unwrap_or_default(),
        run_since_us: run.map(|run| run.since_us),
        beam_condition: hall.beam.condition,
        beam_min: hall.beam.min,
        beam_at_us: hall.beam.at_us,
        newest_image,
        news: hall.news.into_iter().map(news).collect(),
        pipeline: Some(pb::Pipeline {
            waiting: hall.pipeline.waiting,
            lag_s: hall.pipeline.lag_s,
            silent: hall.pipeline.silent,
        }),
        generation: hall.generation,
        version: hall.version,
    }
}

pub fn plot_type(plot: api::PlotType) -> pb::PlotType {
    let strip = plot.strip.into_iter().map(|item| pb::StripItem {
        image: item.image,
        taken_at_us: item.taken_at_us,
        label: item.label,
        is_bad: item.is_bad,
        state: state(item.state),
        confidence: item.confidence,
    });
    let model = plot.model.as_ref();
    pb::PlotType {
        name: plot.name,
        detector: plot.detector,
        group: plot.group,
        cadence_s: plot.cadence_s,
        stale_after_s: plot.stale_after_s,
        disabled: plot.disabled,
        discovered: plot.discovered,
        model_since_us: model.and_then(|model| model.since_us),
        model: model.map(|model| model.digest.clone()),
        thresholds: plot.model.into_iter().flat_map(|model| model.thresholds).collect(),
        latest: plot.latest.map(verdict),
        strip: strip.collect(),
        incident: plot.incident.as_ref().map(|incident| incident.id.clone()),
        open_incident: plot.incident.map(log::open_incident),
        buried: plot.buried.map(|message| pb::BuriedMessage {
            at_us: message.at_us,
            stage: message.stage,
            reason: message.reason,
        }),
    }
}

pub fn plot_type_detail(of: api::PlotTypeDetail) -> pb::GetPlotTypeResponse {
    pb::GetPlotTypeResponse {
        plot_type: Some(plot_type(of.plot_type)),
        labels: of.labels,
        guidance: of.guidance,
        contact: of.contact,
        reference: of.reference,
        scores: of.scores.into_iter().map(super::score).collect(),
        expected_a_day: of.expected_a_day,
        collect_fraction: of.collect_fraction,
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
