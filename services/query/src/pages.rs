//! The pages, built by `npm run build` in `services/web` and embedded here.

use crate::error::ApiError;
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};

#[derive(RustEmbed)]
#[folder = "../web/dist"]
#[allow_missing = true]
struct Files;

/// What the browser may load: only what this server sends, no markup from text, no frame.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; \
     style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; worker-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'";

const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Hydra</title>\
     <h1>The pages are not built</h1><p>This binary was compiled without them. Run \
     <code>make pages</code>, then compile again. Programs find everything under \
     <a href=/api/v1/openapi.json>/api/v1</a>.</p></html>";

/// A file of the pages; every address without a dot is the pages' own.
pub async fn page(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        let refused = ApiError::not_found("there is no such resource; the API is under /api/v1");
        return refused.into_response();
    }
    if let Some(file) = Files::get(path) {
        return send(path, &file, &headers);
    }
    let is_file = path.rsplit('/').next().is_some_and(|name| name.contains('.'));
    // Names of plot types may hold dots.
    if is_file && !path.starts_with("plot/") {
        return (StatusCode::NOT_FOUND, "There is no such file.").into_response();
    }
    match Files::get("index.html") {
        Some(index) => send("index.html", &index, &headers),
        None => html(NOT_BUILT.into()),
    }
}

fn html(body: Body) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, body).into_response()
}

fn send(path: &str, file: &EmbeddedFile, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(file.metadata.sha256_hash()));
    let known = asked.get(header::IF_NONE_MATCH).is_some_and(|value| value == tag.as_str());
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data.clone().into_owned()).into_response()
    };
    // Names under assets/ hold the hash of what is in them.
    let cache = if path.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let fixed = [
        (header::CONTENT_TYPE, kind(path)),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, cache),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

fn kind(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str) -> Response {
        page(path.parse().unwrap(), HeaderMap::new()).await
    }

    #[tokio::test]
    async fn every_page_is_answered_under_a_policy_without_inline_code() {
        for path in ["/", "/log", "/plot/CDC_occupancy", "/plot/a.b", "/nowhere"] {
            let response = get(path).await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
        }
    }

    #[tokio::test]
    async fn a_file_that_is_not_there_is_not_the_first_page() {
        for path in [
            "/api",
            "/api/",
            "/api/v1",
            "/api/v2/hall",
            "/assets/x.js",
            "/favicon.ico",
            "/..%2f..%2fetc/passwd.txt",
            "/.env",
        ] {
            assert_eq!(get(path).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }
}
