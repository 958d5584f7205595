//! Signs of life of every role in this process, through the database to the status page.

use crate::cli::Role;
use hydra_stage::{Health, Transport, vitals};
use hydra_store::{
    Database,
    heartbeat::{self, Beat, Body, HeldModel, Histogram, Queue, Vitals},
    now_us,
};
use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio_util::sync::CancellationToken;
use tracing::debug;

/// Between two signs of life.
const EVERY: Duration = Duration::from_secs(5);

/// Names this process among all of the hall.
pub fn instance() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "host".to_owned());
    format!("{host}-{}", std::process::id())
}

/// Writes a sign of life for each role until `stop`. A database that is away costs nothing but
/// the signs; the page then says so itself.
pub async fn beat(
    roles: Vec<Role>,
    database: Database,
    transport: Option<Arc<dyn Transport>>,
    health: Health,
    stop: CancellationToken,
) {
    let started_us = now_us();
    let process = instance();
    loop {
        for role in &roles {
            let beat = Beat {
                instance: format!("{}-{process}", role.name()),
                role: role.name().to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                started_us,
                ready: health.report().is_ready(),
                body: body(*role, transport.as_ref(), &health).await,
            };
            if let Err(error) = heartbeat::beat(&database, beat).await {
                debug!(error = &error as &dyn std::error::Error, "no sign of life written");
            }
        }
        if stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_none() {
            return;
        }
    }
}

async fn body(role: Role, transport: Option<&Arc<dyn Transport>>, health: &Health) -> Body {
    let report = health.report();
    let name = role.name();
    let models = health.held(name).into_iter().map(held).collect();
    let mut body = Body { components: report.components, models, ..Body::default() };
    if let Some(vitals) = report.vitals.get(name) {
        body.stages.insert(name.to_owned(), translate(vitals));
    }
    let asked = match transport {
        Some(transport) if role != Role::Query => transport.depth(name).await.ok(),
        _ => None,
    };
    if let Some(depth) = asked {
        let queue = Queue { ready: depth.ready, dead: depth.dead, consumers: depth.consumers };
        body.queues.insert(name.to_owned(), queue);
    }
    body
}

fn held(of: hydra_stage::Held) -> HeldModel {
    let since = of.since.duration_since(UNIX_EPOCH).unwrap_or_default();
    HeldModel {
        model: of.model,
        bytes: of.bytes,
        shared_bytes: of.shared_bytes,
        since_us: i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
    }
}

fn translate(of: &vitals::Vitals) -> Vitals {
    let histogram =
        |h: &vitals::Histogram| Histogram { counts: h.counts.to_vec(), sum_us: h.sum_us };
    Vitals { messages: of.messages.clone(), work: histogram(&of.work), lag: histogram(&of.lag) }
}
