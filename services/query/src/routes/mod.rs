//! Handlers of `/api/v1`, one file a resource. Every one reads; there is no other kind.

pub mod hall;
pub mod images;
pub mod live;
pub mod log;
pub mod models;
pub mod pictures;
pub mod plot_types;
pub mod quality;
pub mod runs;
pub mod status;
pub mod trend;
pub mod why;

use crate::{app::App, error::ApiError};
use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

/// All resources that answer and end.
pub fn api() -> Router<App> {
    Router::new()
        .route("/hall", get(hall::hall))
        .route("/plot-types", get(plot_types::list))
        .route("/plot-types/{name}", get(plot_types::one))
        .route("/plot-types/{name}/trend", get(trend::trend))
        .route("/plot-types/{name}/predictions", get(trend::predictions))
        .route("/plot-types/{name}/why", get(why::why))
        .route("/detectors", get(plot_types::detectors))
        .route("/groups", get(plot_types::groups))
        .route("/runs", get(runs::list))
        .route("/runs/{run}", get(runs::one))
        .route("/images", get(images::list))
        .route("/images/{image}", get(images::one))
        .route("/images/{image}/thumbnail", get(pictures::thumbnail))
        .route("/images/{image}/original", get(pictures::original))
        .route("/images/{image}/heatmap", get(pictures::heatmap))
        .route("/log", get(log::list))
        .route("/incidents", get(log::incidents))
        .route("/incidents/{incident}", get(log::incident))
        .route("/models", get(models::list))
        .route("/models/{digest}", get(models::one))
        .route("/labels", get(models::labels))
        .route("/quality", get(quality::quality))
        .route("/status", get(status::status))
        .route("/status/latency", get(status::latency))
        .route("/status/calendar", get(status::calendar))
        .route("/dead-letters", get(status::dead_letters))
        .route("/openapi.json", get(openapi))
        .fallback(unknown)
        .method_not_allowed_fallback(only_get)
}

async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], crate::openapi::document()).into_response()
}

async fn unknown() -> ApiError {
    ApiError::not_found("there is no such resource; /api/v1/openapi.json names them all")
}

/// Answers everything but GET and HEAD.
pub async fn only_get() -> Response {
    let refused = ApiError::with(StatusCode::METHOD_NOT_ALLOWED, "this service only reads: GET");
    ([(header::ALLOW, "GET, HEAD")], refused).into_response()
}

/// A name inside an address: letters and digits stay, all else becomes `%xx` (RFC 3986).
pub fn escaped(name: &str) -> String {
    let one = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    name.bytes().map(one).collect()
}
