//! The one way in: check, store, announce, remember, and only then answer.

use crate::{Facts, NotTaken, Refusal};
use bytes::Bytes;
use hydra_blobs::{BlobError, Blobs};
use hydra_proto::{
    ContentHash, ImageId,
    events::{Image, ImageIngested},
};
use hydra_stage::{Destination, Outgoing, Transport, inject_current, message::TRACEPARENT};
use hydra_vision::{Limits, Refused, probe};
use prost::Message;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};
use tracing::warn;

/// Above this, hashing and looking take long enough to disturb the async runtime.
const INLINE_BYTES: usize = 256 << 10;

/// Takes images; cheap to clone.
#[derive(Clone)]
pub struct Door {
    blobs: Blobs,
    transport: Arc<dyn Transport>,
    limits: Limits,
}

/// An image at the door.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The way it came, for metrics and logs: `amqp`, `http` or `folder`.
    pub from: &'static str,
    /// What is known of it.
    pub facts: Facts,
    /// The image as its producer wrote it.
    pub bytes: Bytes,
    /// The producer's W3C trace context, handed on where this process traces nothing itself.
    pub traceparent: Option<String>,
}

/// An image that is safe with us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Stored and announced just now.
    New(ImageId),
    /// Stored and announced before.
    Known(ImageId),
}

impl Taken {
    /// Which image.
    pub fn id(&self) -> ImageId {
        let (Self::New(id) | Self::Known(id)) = self;
        *id
    }
}

impl Door {
    /// A door that stores in `blobs` and announces over `transport`.
    pub fn new(blobs: Blobs, transport: Arc<dyn Transport>) -> Self {
        // counters that begin with the first image would hide that none comes
        for from in ["amqp", "http", "folder"] {
            metrics::counter!("hydra_ingest_images_total", "door" => from, "outcome" => "new")
                .increment(0);
        }
        Self { blobs, transport, limits: Limits::default() }
    }

    /// What an image may measure.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Takes an image. The trace of the current span goes on with its event.
    ///
    /// # Errors
    /// [`NotTaken`]; the image may then have been stored, but bringing it again does no harm.
    pub async fn take(&self, offer: Offer) -> Result<Taken, NotTaken> {
        let (from, size_bytes) = (offer.from, offer.bytes.len());
        let result = self.admit(offer).await;
        match &result {
            Ok(taken) => {
                let outcome = if matches!(taken, Taken::New(_)) { "new" } else { "known" };
                count(from, outcome);
                metrics::counter!("hydra_ingest_bytes_total", "door" => from)
                    .increment(size_bytes as u64);
            }
            Err(NotTaken::Refused(refusal)) => count_refusal(from, refusal),
            Err(NotTaken::Away { .. }) => count(from, "away"),
        }
        result
    }

    async fn admit(&self, offer: Offer) -> Result<Taken, NotTaken> {
        let begun = SystemTime::now();
        let Offer { from, facts, bytes, traceparent } = offer;
        let content = self.check(&bytes).await.map_err(Refusal::from)?;
        let id = ImageId::of(&facts.plot_type, facts.run, facts.chunk, &content);
        if self.blobs.get_marker(&id).await.map_err(store_away)?.is_some() {
            return Ok(Taken::Known(id));
        }
        let event = announcement(facts, &id, &content, bytes.len() as u64);
        self.blobs.put_as(&content, bytes).await.map_err(store_away)?;
        self.announce(&id, &event, traceparent, (span_name(from), begun)).await?;
        // The image is safe already; without its marker it would only be announced once more. Its
        // note is the announcement, for a transport that forgets (see `announced`).
        if let Err(error) = self.blobs.put_marker(&id, event.encode_to_vec().into()).await {
            warn!(image = %id, error = format!("{:#}", anyhow::Error::new(error)), "cannot mark an image as known");
        }
        Ok(Taken::New(id))
    }

    /// Looks at the structure and hashes, off the runtime where that takes long.
    async fn check(&self, bytes: &Bytes) -> Result<ContentHash, Refused> {
        let (shared, limits) = (bytes.clone(), self.limits);
        let look = move || probe(&shared, &limits).map(|_| ContentHash::of(&shared));
        if bytes.len() <= INLINE_BYTES {
            return look();
        }
        match tokio::task::spawn_blocking(look).await {
            Ok(checked) => checked,
            // Only a runtime that is shutting down refuses the task.
            Err(_) => probe(bytes, &self.limits).map(|_| ContentHash::of(bytes)),
        }
    }

    async fn announce(
        &self,
        id: &ImageId,
        event: &ImageIngested,
        traceparent: Option<String>,
        (span, begun): (&str, SystemTime),
    ) -> Result<(), NotTaken> {
        let (queue, mut message) = Outgoing::of(event).caused_by(&id.to_string(), 0);
        if let Some(parent) = traceparent {
            message.headers.insert(TRACEPARENT.to_owned(), parent);
        }
        inject_current(&mut message, span, begun);
        let sent = self.transport.publish(Destination::Queue(queue.to_owned()), message).await;
        sent.map_err(|error| NotTaken::Away { what: "broker", source: error.into() })
    }
}

/// The announcement that the note of a marker holds; nothing of a marker of version 0.1.
pub fn announced(note: &[u8]) -> Option<ImageIngested> {
    ImageIngested::decode(note).ok().filter(|event| event.image.is_some())
}

/// What a door calls the span around an image.
fn span_name(door: &str) -> &str {
    match door {
        "amqp" => "ingest",
        "http" => crate::http::SPAN,
        other => other,
    }
}

fn announcement(
    facts: Facts,
    id: &ImageId,
    content: &ContentHash,
    size_bytes: u64,
) -> ImageIngested {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let arrived_at_us = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
    let image = Image {
        id: id.to_field(),
        plot_type: facts.plot_type.into(),
        run: facts.run,
        chunk: facts.chunk,
        run_period: facts.run_period,
        taken_at_us: facts.taken_at_us.unwrap_or(arrived_at_us),
        arrived_at_us,
        content: content.to_field(),
        size_bytes,
        source: facts.source,
        conditions_json: facts.conditions_json,
    };
    ImageIngested { image: Some(image) }
}

fn store_away(error: BlobError) -> NotTaken {
    NotTaken::Away { what: "blob store", source: error.into() }
}

fn count(from: &'static str, outcome: &'static str) {
    metrics::counter!("hydra_ingest_images_total", "door" => from, "outcome" => outcome)
        .increment(1);
}

/// Counts and logs an image that is refused at `from`, here or before it came to the door.
pub(crate) fn count_refusal(from: &'static str, refusal: &Refusal) {
    count(from, "refused");
    let reason = refusal.kind();
    metrics::counter!("hydra_ingest_refused_total", "door" => from, "reason" => reason)
        .increment(1);
    warn!(door = from, reason, why = shown_long(refusal), "refused an image");
}

/// A refusal for the log: foreign text in it is escaped where it came in, the rest is ours.
fn shown_long(refusal: &Refusal) -> String {
    refusal.to_string().chars().map(|c| if c.is_control() { '?' } else { c }).take(400).collect()
}
