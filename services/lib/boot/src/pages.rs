//! `/live`, `/ready` and `/metrics` of a process.

use crate::openmetrics;
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hydra_stage::{Health, exemplar::BUCKETS_S};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use serde::Serialize;
use std::{collections::BTreeMap, time::Duration};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// A loop that did not come round for so long is not alive.
const STUCK: Duration = Duration::from_secs(60);

/// Installs the metrics recorder of this process, with buckets for durations and batch sizes.
///
/// # Errors
/// When a recorder is installed already.
pub fn metrics_buckets() -> Result<PrometheusHandle, BuildError> {
    use metrics_exporter_prometheus::Matcher::Suffix;
    PrometheusBuilder::new()
        .set_buckets_for_metric(Suffix("_seconds".to_owned()), &BUCKETS_S)?
        .set_buckets_for_metric(
            Suffix("batch_messages".to_owned()),
            &[1.0, 2.0, 4.0, 8.0, 16.0, 64.0, 256.0, 1024.0],
        )?
        .install_recorder()
}

#[derive(Clone)]
struct Pages {
    health: Health,
    metrics: PrometheusHandle,
}

#[derive(Serialize)]
struct Answer {
    ready: bool,
    /// By component: what is wrong, `null` if nothing is.
    components: BTreeMap<String, Option<String>>,
}

/// Serves the pages on `listener` until `stop`.
///
/// # Errors
/// When the socket fails.
pub async fn serve_pages(
    listener: TcpListener,
    health: Health,
    metrics: PrometheusHandle,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let upkeep = metrics.clone();
    let ticker = stop.clone();
    tokio::spawn(async move {
        while ticker.run_until_cancelled(tokio::time::sleep(Duration::from_secs(5))).await.is_some()
        {
            upkeep.run_upkeep();
        }
    });
    let router = Router::new()
        .route("/live", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(scrape))
        .with_state(Pages { health, metrics });
    axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
}

async fn live(State(pages): State<Pages>) -> Response {
    let oldest = pages.health.report().oldest_tick;
    if oldest < STUCK {
        return "alive\n".into_response();
    }
    let text = format!("a loop has not come round for {} s\n", oldest.as_secs());
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

async fn ready(State(pages): State<Pages>) -> Response {
    let report = pages.health.report();
    let ready = report.is_ready();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Answer { ready, components: report.components })).into_response()
}

/// Prometheus' text format; with exemplars, in OpenMetrics, for who reads that.
async fn scrape(State(pages): State<Pages>, headers: HeaderMap) -> Response {
    let text = pages.metrics.render();
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(openmetrics::is_read_by) {
        let kind = [(header::CONTENT_TYPE, openmetrics::CONTENT_TYPE)];
        return (kind, openmetrics::render(&text, &pages.health.exemplars())).into_response();
    }
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, text).into_response()
}
