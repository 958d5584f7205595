//! What machines measure, and what keep adds up from it in the same transactions.

use crate::{
    columns::{big, blob, bytes, double, flag, float, int, name, small, table, text},
    step::TableStep,
};
use sea_orm::DbBackend;
use sea_orm_migration::prelude::Index;

pub(crate) fn tables(backend: DbBackend) -> Vec<TableStep> {
    let mut tables = images(backend);
    tables.extend(predictions(backend));
    tables.extend(sequences(backend));
    tables.extend(sums(backend));
    tables.push(dead_letters(backend));
    tables
}

fn images(backend: DbBackend) -> Vec<TableStep> {
    vec![
        TableStep::new(
            "image",
            table("image", backend)
                .col(bytes("id", 24).primary_key()) // run, chunk, 16 bytes of hash
                .col(int("plot_type_id"))
                .col(big("run"))
                .col(big("chunk").null())
                .col(big("taken_us"))
                .col(big("arrived_us"))
                .col(big("committed_us"))
                .col(big("commit_no"))
                .col(bytes("content", 32)) // blob key of the original
                .col(bytes("thumbnail", 32).null()) // null: none was made, or retention took it
                .col(int("width"))
                .col(int("height"))
                .col(big("size_bytes"))
                .col(name("source", 255))
                .col(bytes("conditions_id", 16).null())
                .col(double("beam").null()) // beam reading out of the conditions, in their unit
                .col(flag("kept")) // chosen to stay: collect fraction, or never to be lost
                .col(flag("stored")) // the original is still in the blob store
                .col(name("no_verdict_reason", 255).null())
                .take(),
        )
        .index(&["plot_type_id", "taken_us", "id"])
        .index(&["commit_no"]),
        // Run conditions repeat from image to image, so each is stored once. The id is the run
        // and 12 bytes of the text's hash.
        TableStep::new(
            "conditions",
            table("conditions", backend)
                .col(bytes("id", 16).primary_key())
                .col(text("body")) // JSON object
                .take(),
        ),
        // The newest image of each plot type.
        TableStep::new(
            "latest",
            table("latest", backend)
                .col(int("plot_type_id").primary_key())
                .col(bytes("image_id", 24))
                .col(big("taken_us"))
                .col(big("commit_no"))
                .take(),
        ),
    ]
}

fn predictions(backend: DbBackend) -> Vec<TableStep> {
    vec![
        TableStep::new(
            "prediction",
            table("prediction", backend)
                .col(bytes("image_id", 24))
                .col(int("model_id"))
                .col(int("plot_type_id"))
                .col(small("role")) // 0 active: the verdict of the image; 1 candidate
                .col(big("taken_us"))
                .col(name("label", 48))
                .col(float("confidence"))
                .col(float("threshold"))
                .col(small("state")) // 0 confirmed, 1 unconfirmed, 2 novel
                .col(small("kind")) // 0 says nothing, 1 fine, 2 Bad, 3 unconfirmed, 4 novel
                .col(name("scores", 2048)) // JSON array in the order of model_label
                .col(double("p_value").null())
                .col(name("note", 255))
                .col(big("work_us"))
                .primary_key(Index::create().col("image_id").col("model_id"))
                .take(),
        )
        .index(&["plot_type_id", "role", "taken_us", "image_id"]),
        TableStep::new(
            "embedding",
            table("embedding", backend)
                .col(bytes("image_id", 24))
                .col(int("model_id"))
                .col(blob("features")) // float32, little-endian
                .primary_key(Index::create().col("image_id").col("model_id"))
                .take(),
        ),
        // May come before its image; there is no foreign key.
        TableStep::new(
            "heatmap",
            table("heatmap", backend)
                .col(bytes("image_id", 24))
                .col(int("model_id"))
                .col(name("label", 48))
                .col(bytes("map", 32)) // blob key of an 8-bit grey PNG
                .col(name("method", 32))
                .col(float("maximum"))
                .col(big("made_us"))
                .col(big("commit_no"))
                .primary_key(Index::create().col("image_id").col("model_id").col("label"))
                .take(),
        )
        .index(&["commit_no"]),
    ]
}

fn sequences(backend: DbBackend) -> Vec<TableStep> {
    vec![
        // Consecutive images of a plot type with the same trouble. An image is in the one whose
        // plot type and kind are its own and whose first and last enclose it, by (taken_us, id).
        TableStep::new(
            "sequence",
            table("sequence", backend)
                .col(bytes("id", 16).primary_key())
                .col(int("plot_type_id"))
                .col(small("kind")) // 2 Bad, 3 unconfirmed, 4 novel
                .col(name("label", 48)) // of its newest image
                .col(big("first_us"))
                .col(bytes("first_image", 24))
                .col(big("last_us"))
                .col(bytes("last_image", 24))
                .col(big("end_us").null()) // the first image after it that was otherwise
                .col(bytes("end_image", 24).null())
                .col(flag("open"))
                .col(big("images"))
                .col(big("commit_no")) // of its newest change
                .take(),
        )
        .index(&["plot_type_id", "kind", "first_us", "first_image"])
        .index(&["last_us", "id"])
        .index(&["open", "kind", "plot_type_id"])
        .index(&["commit_no"]),
        // The newest image that counts for each kind of sequence, whether or not it is in one.
        TableStep::new(
            "track",
            table("track", backend)
                .col(int("plot_type_id"))
                .col(small("kind"))
                .col(big("last_us"))
                .col(bytes("last_image", 24))
                .col(bytes("sequence_id", 16).null()) // the sequence with the newest first image
                .primary_key(Index::create().col("plot_type_id").col("kind"))
                .take(),
        ),
    ]
}

/// An outcome is the label of a confirmed verdict, `Unconfirmed`, `Novel` or `NoModel`.
fn sums(backend: DbBackend) -> Vec<TableStep> {
    vec![
        TableStep::new(
            "run",
            table("run", backend)
                .col(big("run").primary_key())
                .col(name("period", 64))
                .col(big("first_us"))
                .col(big("last_us"))
                .col(big("images"))
                .col(bytes("last_image", 24))
                .col(bytes("conditions_id", 16).null())
                .take(),
        )
        .index(&["last_us", "run"]),
        TableStep::new(
            "run_outcome",
            table("run_outcome", backend)
                .col(big("run"))
                .col(name("outcome", 48))
                .col(big("images"))
                .primary_key(Index::create().col("run").col("outcome"))
                .take(),
        ),
        // From arrival to commit. Bucket n counts what was below hydra_store::LATENCY_BOUNDS_MS[n].
        TableStep::new(
            "run_latency",
            table("run_latency", backend)
                .col(big("run"))
                .col(small("bucket"))
                .col(big("images"))
                .col(big("sum_us"))
                .primary_key(Index::create().col("run").col("bucket"))
                .take(),
        ),
        // By day of arrival, in days since 1970 UTC.
        TableStep::new(
            "daily",
            table("daily", backend)
                .col(int("day"))
                .col(int("plot_type_id"))
                .col(name("outcome", 48))
                .col(big("images"))
                .primary_key(Index::create().col("day").col("plot_type_id").col("outcome"))
                .take(),
        ),
    ]
}

fn dead_letters(backend: DbBackend) -> TableStep {
    TableStep::new(
        "dead_letter",
        table("dead_letter", backend)
            .col(bytes("id", 16).primary_key()) // from stage and message id
            .col(text("message_id"))
            .col(name("stage", 64))
            .col(name("event", 128))
            .col(name("reason", 64))
            .col(text("error"))
            .col(int("attempts"))
            .col(big("size_bytes"))
            .col(big("buried_us"))
            .col(int("plot_type_id").null())
            .col(big("run").null())
            .col(big("chunk").null())
            .col(bytes("image_id", 24).null())
            .col(name("handled", 32).null()) // null: waits; else "replayed" or "dropped"
            .col(big("handled_us").null())
            .col(big("commit_no"))
            .take(),
    )
    .index(&["buried_us", "id"])
    .index(&["plot_type_id", "buried_us"])
    .index(&["handled", "buried_us"])
}
