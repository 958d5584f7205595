//! Refusals as `application/problem+json` (RFC 9457). They name the thing and tell nothing of
//! ours: no path, no address, no library's words.

use crate::{NotTaken, Refusal, door::count_refusal};
use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hydra_vision::Refused;
use serde::Serialize;
use std::time::Duration;
use tracing::warn;

/// An answer that is not a success.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    /// A word for programs, e.g. `bad_fact`.
    kind: &'static str,
    /// The status' own words.
    title: &'static str,
    status: u16,
    /// A sentence for people.
    detail: String,
    /// The fact that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    fact: Option<&'static str>,
    /// Of a batch: what became of each part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<serde_json::Value>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, detail: String) -> Self {
        Self {
            kind,
            title: status.canonical_reason().unwrap_or("Problem"),
            status: status.as_u16(),
            detail,
            fact: None,
            images: None,
            retry_after_s: None,
        }
    }

    /// What the door said.
    pub fn of(not_taken: NotTaken) -> Self {
        match not_taken {
            NotTaken::Refused(refusal) => Self::refused(&refusal),
            NotTaken::Away { what, source } => {
                let error = format!("{:#}", anyhow::Error::from_boxed(source));
                warn!(door = "http", what, error, "cannot take images now");
                let detail = format!("the {what} is away; nothing is lost if you send it again");
                let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "away", detail);
                problem.retry_after_s = Some(5);
                problem
            }
        }
    }

    /// A refusal before the image came to the door, which therefore did not count it.
    pub fn refused_early(refusal: Refusal) -> Self {
        count_refusal("http", &refusal);
        Self::refused(&refusal)
    }

    fn refused(refusal: &Refusal) -> Self {
        let status = match refusal {
            Refusal::Missing { .. } | Refusal::BadFact { .. } | Refusal::UnknownFact { .. } => {
                StatusCode::BAD_REQUEST
            }
            Refusal::Image(Refused::TooManyBytes { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::Image(Refused::OtherFormat { .. } | Refused::Unsupported { .. }) => {
                StatusCode::UNSUPPORTED_MEDIA_TYPE
            }
            Refusal::Image(_) | Refusal::NotAPlainFile { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut problem = Self::new(status, refusal.kind(), refusal.to_string());
        problem.fact = refusal.fact();
        problem
    }

    /// A request that HTTP itself forbids.
    pub fn malformed(detail: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// More than may come in.
    pub fn too_large(what: &'static str, limit: usize) -> Self {
        let detail = format!("the {what} has more than the {limit} bytes that are allowed");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_bytes", detail)
    }

    /// A batch of more bytes than may come in.
    pub fn batch_too_large() -> Self {
        let detail = "the request is larger than a batch may be; send less at once".to_owned();
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_bytes", detail)
    }

    /// More parts than may come in.
    pub fn too_many(limit: usize) -> Self {
        let detail = format!("more than {limit} images; send the rest in another request");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_many_images", detail)
    }

    /// It took too long to come in.
    pub fn timeout(limit: Duration) -> Self {
        let detail = format!("the request took more than {} s", limit.as_secs());
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", detail)
    }

    /// Too many requests at once.
    pub fn busy() -> Self {
        let detail = "too many requests at once".to_owned();
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
        problem.retry_after_s = Some(1);
        problem
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry_after_s = self.retry_after_s;
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        if let Some(wait_s) = retry_after_s {
            headers.insert(header::RETRY_AFTER, wait_s.into());
        }
        response
    }
}
