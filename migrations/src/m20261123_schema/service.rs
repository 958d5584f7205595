//! What the service needs to run itself.

use crate::{
    columns::{big, blob, bytes, counted_big, document, flag, int, name, small, table, text},
    step::TableStep,
};
use sea_orm::DbBackend;
use sea_orm_migration::prelude::Index;

pub(crate) fn tables(backend: DbBackend) -> Vec<TableStep> {
    vec![
        // Two counters live here. `generation` grows with every change of catalog, release or
        // threshold. `commits` grows with every transaction of keep, which holds its row from
        // the first statement to the commit: numbers become visible in order, none is skipped.
        TableStep::new(
            "counter",
            table("counter", backend).col(name("name", 64).primary_key()).col(big("value")).take(),
        ),
        // Facts about the hall as a whole, from the catalog, JSON.
        TableStep::new(
            "setting",
            table("setting", backend).col(name("name", 64).primary_key()).col(text("value")).take(),
        ),
        TableStep::new(
            "heartbeat",
            table("heartbeat", backend)
                .col(name("instance", 128))
                .col(name("role", 32))
                .col(name("version", 64))
                .col(big("started_us"))
                .col(big("beat_us"))
                .col(flag("ready"))
                .col(document("body", backend)) // JSON: queue depth, lag, histograms
                .primary_key(Index::create().col("instance").col("role"))
                .take(),
        )
        .index(&["role", "beat_us"]),
        // Messages that a transaction promises; the relay publishes and then deletes them.
        TableStep::new(
            "outbox",
            table("outbox", backend)
                .col(counted_big("id", backend))
                .col(name("queue", 64))
                .col(name("type_name", 128))
                .col(blob("body"))
                .col(big("at_us"))
                .take(),
        ),
        // Who does what only one may do at a time, until when by the database's clock.
        TableStep::new(
            "lease",
            table("lease", backend)
                .col(name("name", 64).primary_key())
                .col(name("holder", 128))
                .col(big("until_us"))
                .take(),
        ),
        // How far retention has looked, so that no cycle reads again what an earlier one did.
        TableStep::new(
            "retention_mark",
            table("retention_mark", backend)
                .col(int("plot_type_id"))
                .col(small("what")) // 0 not chosen, 1 originals, 2 thumbnails, 3 rows
                .col(big("until_us"))
                .col(bytes("until_image", 24))
                .col(big("begun_us"))
                .primary_key(Index::create().col("plot_type_id").col("what"))
                .take(),
        ),
        // Blobs that no longer serve the image they were kept for; the sweep deletes those that
        // serve no other one.
        TableStep::new(
            "garbage",
            table("garbage", backend)
                .col(bytes("hash", 32).primary_key())
                .col(big("since_us"))
                .take(),
        )
        .index(&["since_us"]),
    ]
}

/// The counters, at zero.
pub(crate) fn rows(backend: DbBackend) -> Vec<String> {
    let (insert, conflict) = match backend {
        DbBackend::MySql => ("insert ignore into", ""),
        _ => ("insert into", " on conflict do nothing"),
    };
    ["generation", "commits"]
        .map(|name| format!("{insert} counter (name, value) values ('{name}', 0){conflict}"))
        .to_vec()
}
