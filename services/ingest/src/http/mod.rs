//! `POST /v1/images`: one image as the body, or up to 1,000 as `multipart/form-data`.
//!
//! Facts are query parameters (`?plot-type=CDC_occupancy&run=80464&chunk=37`) or headers
//! (`Hydra-Plot-Type`, `Hydra-Run`, ...). In a batch they hold for all parts; headers of a part
//! come first, and what is still missing is read from its file name (`CDC_occupancy_0037.png`).
//!
//! | status | meaning |
//! |---|---|
//! | 201 | stored and announced; the body tells each id |
//! | 200 | was known before |
//! | 400, 413, 415, 422 | refused, with `application/problem+json` that names the thing; of a batch, the good ones are taken nevertheless |
//! | 408 | the request took too long to come in |
//! | 503 | broker or store is away, or too many requests at once: come again after `Retry-After` |

mod batch;
mod config;
mod facts;
mod problem;
mod serve;

pub use config::HttpConfig;
pub use serve::serve;

use crate::{Door, Offer, Taken};
use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State},
    http::{HeaderMap, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::post,
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use hydra_stage::KEEP_FIELD;
use problem::Problem;
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::sync::Semaphore;
use tracing::{Instrument, field, info_span};

/// How long a request waits for a free place before it is told to come again.
const QUEUE_TIME: Duration = Duration::from_secs(5);

/// The routes of this door.
pub fn router(door: Door, config: &HttpConfig) -> Router {
    let places = Arc::new(Semaphore::new(config.concurrency));
    let shared = Shared { door, config: config.clone(), places };
    Router::new()
        .route("/v1/images", post(post_images))
        .layer(DefaultBodyLimit::max(config.max_batch_bytes))
        .with_state(shared)
}

#[derive(Clone)]
struct Shared {
    door: Door,
    config: HttpConfig,
    /// One for each request that may hold a body in memory.
    places: Arc<Semaphore>,
}

/// What became of one image.
#[derive(Serialize)]
pub(super) struct Receipt {
    id: String,
    /// `stored` or `known`.
    status: &'static str,
}

impl Receipt {
    fn of(taken: &Taken) -> Self {
        let status = if matches!(taken, Taken::New(_)) { "stored" } else { "known" };
        Self { id: taken.id().to_string(), status }
    }
}

/// How the span around a request is called.
pub(crate) const SPAN: &str = "POST /v1/images";

async fn post_images(State(shared): State<Shared>, request: Request) -> Response {
    let span = info_span!("POST /v1/images", otel.name = SPAN, hydra.keep = field::Empty);
    facts::adopt_trace(&span, request.headers());
    let wait = tokio::time::timeout(QUEUE_TIME, shared.places.clone().acquire_owned());
    let Ok(Ok(_place)) = wait.await else {
        return Problem::busy().into_response();
    };
    let limit = Duration::from_secs(shared.config.timeout_s);
    let answered = answer(&shared, request).instrument(span.clone());
    let problem = match tokio::time::timeout(limit, answered).await {
        Ok(Ok(response)) => return response,
        Ok(Err(problem)) => problem,
        Err(_) => Problem::timeout(limit),
    };
    // the trace of an error is told whatever the sampler said
    span.record(KEEP_FIELD, true);
    problem.into_response()
}

async fn answer(shared: &Shared, request: Request) -> Result<Response, Problem> {
    let common = facts::of_request(request.uri().query(), request.headers())?;
    if is_multipart(request.headers()) {
        let traceparent = facts::traceparent(request.headers());
        let parts = Multipart::from_request(request, &())
            .await
            .map_err(|rejection| Problem::malformed(rejection.body_text()))?;
        return batch::take(shared, common, traceparent, parts).await;
    }
    let facts = crate::Facts::read(&common).map_err(Problem::refused_early)?;
    let traceparent = facts::traceparent(request.headers());
    let bytes = body(request.into_body(), shared.door.limits().size_bytes).await?;
    let taken = shared.door.take(Offer { from: "http", facts, bytes, traceparent }).await;
    let taken = taken.map_err(Problem::of)?;
    let status = match taken {
        Taken::New(_) => StatusCode::CREATED,
        Taken::Known(_) => StatusCode::OK,
    };
    Ok((status, Json(Receipt::of(&taken))).into_response())
}

/// The whole body, at most `limit` bytes of it.
async fn body(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::with_capacity(stream.size_hint().0.min(limit));
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| Problem::malformed("the body broke off".into()))?;
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::too_large("image", limit));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes.into())
}

fn is_multipart(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}
