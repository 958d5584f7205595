//! What people decide: events that are only ever appended, and the state that follows from them.

use crate::{
    columns::{big, bytes, counted, counted_big, document, int, name, small, table, text},
    step::TableStep,
};
use sea_orm::DbBackend;
use sea_orm_migration::prelude::Index;

pub(crate) fn tables(backend: DbBackend) -> Vec<TableStep> {
    let mut tables = catalog(backend);
    tables.extend(models(backend));
    tables.extend(labels(backend));
    tables
}

fn catalog(backend: DbBackend) -> Vec<TableStep> {
    vec![
        TableStep::new(
            "detector",
            table("detector", backend)
                .col(counted("id"))
                .col(name("name", 128))
                .col(int("position")) // in the order of the pages
                .col(text("contact"))
                .col(text("guidance"))
                .take(),
        )
        .unique(&["name"]),
        TableStep::new(
            "plot_type",
            table("plot_type", backend)
                .col(counted("id"))
                .col(name("name", 128))
                .col(int("detector_id").null())
                .col(small("state")) // 0 declared, 1 discovered, 2 disabled
                .col(int("position"))
                .col(document("spec", backend)) // JSON, see hydra_store::catalog::Spec
                .col(big("created_us"))
                .col(big("updated_us"))
                .take(),
        )
        .unique(&["name"]),
        TableStep::new(
            "news",
            table("news", backend)
                .col(counted("id"))
                .col(int("position"))
                .col(text("text"))
                .col(big("since_us").null())
                .take(),
        ),
        TableStep::new(
            "catalog_event",
            table("catalog_event", backend)
                .col(counted_big("id", backend))
                .col(big("at_us"))
                .col(name("who", 128))
                .col(text("why"))
                .col(name("subject", 192)) // e.g. "plot type CDC_occupancy"
                .col(document("before", backend).null()) // JSON
                .col(document("after", backend).null()) // JSON
                .take(),
        )
        .index(&["subject", "id"]),
    ]
}

fn models(backend: DbBackend) -> Vec<TableStep> {
    vec![
        // One row a bundle of the library. The bundle itself is in the blob store.
        TableStep::new(
            "model",
            table("model", backend)
                .col(counted("id"))
                .col(bytes("digest", 32))
                .col(name("architecture", 64))
                .col(bytes("parent", 32).null())
                .col(text("inputs")) // JSON: [{"width", "height", "channels", "letterbox"}]
                .col(document("manifest", backend)) // JSON
                .col(document("evaluation", backend).null()) // JSON
                .col(big("created_us"))
                .take(),
        )
        .unique(&["digest"]),
        // The order in which predictions list their scores.
        TableStep::new(
            "model_label",
            table("model_label", backend)
                .col(int("model_id"))
                .col(small("position"))
                .col(name("label", 48))
                .primary_key(Index::create().col("model_id").col("position"))
                .take(),
        ),
        TableStep::new(
            "model_plot_type",
            table("model_plot_type", backend)
                .col(int("model_id"))
                .col(int("plot_type_id"))
                .primary_key(Index::create().col("model_id").col("plot_type_id"))
                .take(),
        )
        .index(&["plot_type_id", "model_id"]),
        TableStep::new(
            "release_event",
            table("release_event", backend)
                .col(counted_big("id", backend))
                .col(big("at_us"))
                .col(name("who", 128))
                .col(text("why"))
                .col(int("plot_type_id"))
                .col(name("action", 16)) // activate candidate rollback withdraw threshold
                .col(int("model_id").null()) // active afterwards; of `candidate` the candidate
                .col(text("thresholds")) // JSON by label, in force afterwards
                .take(),
        )
        .index(&["plot_type_id", "at_us", "id"]),
        TableStep::new(
            "alias",
            table("alias", backend)
                .col(int("plot_type_id"))
                .col(name("alias", 16)) // active candidate previous
                .col(int("model_id"))
                .col(text("thresholds")) // JSON by label
                .col(big("release_event_id"))
                .col(big("since_us"))
                .primary_key(Index::create().col("plot_type_id").col("alias"))
                .take(),
        )
        .index(&["model_id"]),
    ]
}

fn labels(backend: DbBackend) -> Vec<TableStep> {
    vec![
        TableStep::new(
            "label_event",
            table("label_event", backend)
                .col(counted_big("id", backend))
                .col(bytes("image_id", 24))
                .col(int("plot_type_id"))
                .col(name("label", 48).null()) // null: the label was taken away
                .col(name("who", 128))
                .col(text("why"))
                .col(big("at_us"))
                .take(),
        )
        .index(&["image_id", "id"])
        .index(&["plot_type_id", "id"]),
        TableStep::new(
            "label",
            table("label", backend)
                .col(bytes("image_id", 24).primary_key())
                .col(int("plot_type_id"))
                .col(name("label", 48))
                .col(big("taken_us"))
                .col(name("who", 128))
                .col(big("at_us"))
                .col(big("label_event_id"))
                .take(),
        )
        .index(&["plot_type_id", "label", "taken_us"]),
        // Images that retention must leave alone beside labelled ones: training and test sets.
        TableStep::new(
            "pin",
            table("pin", backend)
                .col(bytes("image_id", 24))
                .col(name("reason", 128))
                .col(big("at_us"))
                .primary_key(Index::create().col("image_id").col("reason"))
                .take(),
        ),
    ]
}
