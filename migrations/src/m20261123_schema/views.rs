//! Views for people with an SQL prompt and for Grafana. Hydra itself does not read them.

use sea_orm::DbBackend;

pub(crate) const NAMES: &[&str] = &["score", "verdict", "release_mark"];

/// Drops and creates each view, in the dialect of the database.
pub(crate) fn create(backend: DbBackend) -> Vec<String> {
    // The n-th number of the JSON array `scores`, where n is `l.position`.
    let probability = match backend {
        DbBackend::Postgres => "(p.scores::jsonb ->> l.position)::double precision",
        DbBackend::Sqlite => "json_extract(p.scores, '$[' || l.position || ']')",
        _ => "json_value(p.scores, concat('$[', l.position, ']')) + 0e0",
    };
    // One row a class of a prediction. Filter by plot_type_id, role and taken_us: they lead the
    // index.
    let score = format!(
        "create view score as \
         select t.name as plot_type, p.plot_type_id, p.role, p.taken_us, p.image_id, p.model_id, \
                l.label, {probability} as probability \
         from prediction p \
         join model_label l on l.model_id = p.model_id \
         join plot_type t on t.id = p.plot_type_id"
    );
    let verdict = "create view verdict as \
         select t.name as plot_type, i.plot_type_id, i.run, i.chunk, i.taken_us, i.arrived_us, \
                i.committed_us, i.id as image_id, p.label, p.confidence, p.threshold, p.state, \
                p.kind, p.note, i.no_verdict_reason \
         from image i \
         join plot_type t on t.id = i.plot_type_id \
         left join prediction p on p.image_id = i.id and p.role = 0";
    let release_mark = "create view release_mark as \
         select t.name as plot_type, r.plot_type_id, r.at_us, r.action, r.who, r.why, \
                r.model_id, r.thresholds \
         from release_event r join plot_type t on t.id = r.plot_type_id";
    let drops = NAMES.iter().map(|name| format!("drop view if exists {name}"));
    drops.chain([score, verdict.to_owned(), release_mark.to_owned()]).collect()
}
