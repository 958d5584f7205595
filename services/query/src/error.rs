//! What goes wrong -> a problem document that says what the client can mend, and nothing else.

use crate::api::Problem;
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hydra_blobs::BlobError;
use hydra_store::StoreError;
use std::{
    error::Error,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

/// Why a request gets no answer.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    detail: String,
}

/// What a client is told whose answer was not there in time.
pub const TOO_LONG: &str = "This took too long; ask for less, or try again.";

/// What handlers return.
pub type Answer<T> = Result<T, ApiError>;

impl ApiError {
    /// The client asked for what means nothing.
    pub fn bad(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, detail: detail.into() }
    }

    /// What was asked for is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::NOT_FOUND, detail: detail.into() }
    }

    /// Too much is going on.
    pub fn busy(detail: impl Into<String>) -> Self {
        Self { status: StatusCode::SERVICE_UNAVAILABLE, detail: detail.into() }
    }

    /// With another status than the named ones.
    pub fn with(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }

    /// A failure inside: its chain goes to the log under a number, the number to the client.
    pub fn inside(error: &(dyn Error + 'static)) -> Self {
        let number = failure_number();
        tracing::error!(number, error, "request failed");
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            detail: format!("This failed here; the log says why under {number}."),
        }
    }

    /// The status to be sent.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the client is told.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

/// Unique enough to be found in a log: the time, and a count within this process.
fn failure_number() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    format!("{seconds:x}-{:x}", COUNT.fetch_add(1, Ordering::Relaxed))
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        if error.is_transient() {
            let number = failure_number();
            tracing::warn!(number, error = &error as &dyn Error, "the database did not answer");
            return Self::busy(format!(
                "The database does not answer now; try again. The log says why under {number}."
            ));
        }
        match error {
            StoreError::Refused(detail) => Self::bad(detail),
            StoreError::Missing(what) => Self::not_found(format!("there is no {what}")),
            error => Self::inside(&error),
        }
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        match error {
            BlobError::NotFound(_) => Self::not_found("The picture is no longer stored."),
            error if error.is_transient() => {
                let number = failure_number();
                tracing::warn!(number, error = &error as &dyn Error, "the store did not answer");
                Self::busy(format!(
                    "The blob store does not answer now; the log says why under {number}."
                ))
            }
            error => Self::inside(&error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = Problem {
            kind: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail,
        };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        let json = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, json);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_inside_is_told_by_its_number_alone() {
        let inner =
            "select secret from image: password hunter2, /var/lib/hydra, panicked at x.rs:1";
        let response = ApiError::inside(&std::io::Error::other(inner)).into_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let body = axum::body::to_bytes(response.into_body(), 4096).await.unwrap();
        let told: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let detail = told["detail"].as_str().unwrap();
        let (_, number) = detail.rsplit_once("under ").unwrap();
        let plain = |c: char| c.is_ascii_hexdigit() || c == '-' || c == '.';
        assert!(detail.starts_with("This failed here") && number.chars().all(plain), "{detail}");
        for word in inner.split_whitespace().filter(|word| word.len() > 4) {
            assert!(!String::from_utf8_lossy(&body).contains(word), "{word}");
        }
    }
}
