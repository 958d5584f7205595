//! The parts of a `multipart/form-data` request, each an image of its own.

use super::{Receipt, Shared, facts, facts::Texts, problem::Problem};
use crate::{Facts, NotTaken, Offer, Refusal, Taken, door::count_refusal, folder::Grammar};
use axum::{
    Json,
    extract::{
        Multipart,
        multipart::{Field, MultipartError},
    },
    http::StatusCode,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use futures::{StreamExt, future::BoxFuture, stream::FuturesOrdered};
use serde_json::{Value, json};
use std::path::Path;

/// Images of one request at the door at once, and how many bytes they may have together.
const AT_ONCE: usize = 16;
const BYTES_AT_ONCE: usize = 32 << 20;

/// What became of one part; the door's answer comes with its size, which is free again.
type Outcome = (usize, Result<Taken, NotTaken>);

/// Takes every part that is good and says of each what became of it.
pub(super) async fn take(
    shared: &Shared,
    common: Texts,
    traceparent: Option<String>,
    mut parts: Multipart,
) -> Result<Response, Problem> {
    let mut pending: FuturesOrdered<BoxFuture<'_, Outcome>> = FuturesOrdered::new();
    let (mut summary, mut held) = (Summary::default(), 0);
    while let Some(part) = parts.next_field().await.map_err(broken)? {
        if summary.results.len() + pending.len() == shared.config.max_batch {
            return Err(Problem::too_many(shared.config.max_batch));
        }
        let facts = facts_of(&common, &part);
        let bytes = read(part, shared.door.limits().size_bytes).await?;
        let size = bytes.len();
        while pending.len() >= AT_ONCE || (held + size > BYTES_AT_ONCE && !pending.is_empty()) {
            held -= summary.add(pending.next().await)?;
        }
        held += size;
        let traceparent = traceparent.clone();
        pending.push_back(Box::pin(async move {
            let taken = match facts {
                Ok(facts) => {
                    shared.door.take(Offer { from: "http", facts, bytes, traceparent }).await
                }
                Err(refusal) => {
                    count_refusal("http", &refusal);
                    Err(refusal.into())
                }
            };
            (size, taken)
        }));
    }
    while !pending.is_empty() {
        summary.add(pending.next().await)?;
    }
    summary.answer()
}

/// Common facts, over them the part's own headers, and from the file name what is missing.
fn facts_of(common: &Texts, part: &Field<'_>) -> Result<Facts, Refusal> {
    let mut texts = common.clone();
    texts.extend(facts::of_headers(part.headers())?);
    if !texts.contains_key("plot-type")
        && let Some(name) = part.file_name()
        && let Some(place) = Grammar::Rsai.read(Path::new(name))?
    {
        texts.insert("plot-type".into(), place.plot_type.into());
        if let Some(chunk) = place.chunk {
            texts.entry("chunk".into()).or_insert_with(|| chunk.to_string());
        }
    }
    Facts::read(&texts)
}

/// A part's bytes. One that is too large is not taken in further than to see that; the door says
/// so of the part, and the parts after it are read on.
async fn read(mut part: Field<'_>, limit: usize) -> Result<Bytes, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = part.chunk().await.map_err(broken)? {
        let room = (limit + 1).saturating_sub(bytes.len());
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
    }
    Ok(bytes.into())
}

fn broken(error: MultipartError) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::batch_too_large(),
        _ => Problem::malformed("the parts cannot be told apart".into()),
    }
}

/// What became of the parts so far, in their order.
#[derive(Default)]
struct Summary {
    results: Vec<Value>,
    new: usize,
    /// The first refusal: its status is the answer's.
    refused: Option<Problem>,
}

impl Summary {
    /// Adds what became of the next part; returns how many bytes it held. A store or broker that
    /// is away ends the request: what was taken before is safe, and sending all again is too.
    fn add(&mut self, outcome: Option<Outcome>) -> Result<usize, Problem> {
        let Some((size, taken)) = outcome else { return Ok(0) };
        match taken {
            Ok(taken) => {
                self.new += usize::from(matches!(taken, Taken::New(_)));
                self.results.push(json!(Receipt::of(&taken)));
            }
            Err(away @ NotTaken::Away { .. }) => return Err(Problem::of(away)),
            Err(refused) => {
                let problem = Problem::of(refused);
                self.results.push(json!({ "status": "refused", "problem": problem }));
                self.refused.get_or_insert(problem);
            }
        }
        Ok(size)
    }

    fn answer(self) -> Result<Response, Problem> {
        if self.results.is_empty() {
            return Err(Problem::malformed("the request has no parts".into()));
        }
        if let Some(mut problem) = self.refused {
            problem.images = Some(self.results.into());
            return Err(problem);
        }
        let status = if self.new > 0 { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, Json(json!({ "images": self.results }))).into_response())
    }
}
