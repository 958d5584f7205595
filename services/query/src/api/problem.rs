//! What a client is told when something is wrong (RFC 9457).

use serde::Serialize;
use utoipa::ToSchema;

/// A problem document, sent as `application/problem+json`.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The status in words.
    #[schema(example = "Bad Request")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 400)]
    pub status: u16,
    /// What exactly was wrong and what is allowed; of a failure inside, only its number in the log.
    #[schema(example = "limit is 0; allowed are 1 to 1000")]
    pub detail: String,
}
