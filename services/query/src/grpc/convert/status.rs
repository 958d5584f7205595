//! Whether Hydra itself is well; models and labels.

use crate::api;
use hydra_proto::query as pb;

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
