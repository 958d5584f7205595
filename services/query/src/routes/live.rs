//! The live stream: server-sent events (WHATWG HTML, 9.2). All pages get the same bytes.

use crate::{
    api,
    app::App,
    error::{Answer, ApiError},
};
use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, stream};
use std::convert::Infallible;
use tokio_stream::wrappers::BroadcastStream;

/// Verdicts as they come. Event `tick` once a second, event `change` when cards or incidents
/// changed, event `again` when the service has read everything anew and cannot say what changed: read it
/// anew too. A client that is too slow is cut off and connects again, as browsers do by themselves.
#[utoipa::path(get, path = "/api/v1/live", tag = "hall",
    responses((status = 200, content_type = "text/event-stream", body = String,
            description = "Data of `tick` is a Tick, of `change` a Change."),
        (status = "default", content_type = "application/problem+json", body = api::Problem)))]
pub async fn live(State(app): State<App>) -> Answer<Response> {
    let permit = app.streams.clone().try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::busy("too many live streams; try again"))?;
    metrics::gauge!("hydra_query_streams").increment(1);
    let gauge = Gauge;
    // First the subscription, then the state: nothing falls between.
    let frames = BroadcastStream::new(app.now.frames());
    let first = if app.now.is_read() { Some(app.now.tick()) } else { None };
    let first = stream::iter([Some(Bytes::from_static(b"retry: 1000\n\n")), first])
        .filter_map(|frame| async { frame });
    // A page that lagged has lost frames: its stream ends, and it begins anew.
    let rest = frames
        .take_while(|frame| std::future::ready(frame.is_ok()))
        .filter_map(|frame| async { frame.ok() });
    let frames = first.chain(rest).take_until(app.stop.cancelled_owned()).map(move |frame| {
        let _held = (&permit, &gauge);
        Ok::<_, Infallible>(frame)
    });
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // Proxies (nginx) must not wait for more.
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::from_stream(frames)).into_response())
}

/// Counts an open stream for as long as it lives.
struct Gauge;

impl Drop for Gauge {
    fn drop(&mut self) {
        metrics::gauge!("hydra_query_streams").decrement(1);
    }
}
