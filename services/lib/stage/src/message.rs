//! A message as it lies on the wire, before anybody trusts it.

use bytes::Bytes;
use hydra_proto::Event;
use std::collections::BTreeMap;

/// Header that counts how often this message was tried before and failed on its own account.
pub const ATTEMPT: &str = "hydra-attempt";
/// Header with the short reason of a burial.
pub const REASON: &str = "hydra-reason";
/// Header with the error chain of a burial.
pub const ERROR: &str = "hydra-error";
/// Header with the time of a burial, microseconds since 1970 UTC.
pub const BURIED_AT: &str = "hydra-buried-at-us";
/// W3C trace context.
pub const TRACEPARENT: &str = "traceparent";

/// Bytes with the few facts that travel beside them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Names the message over all its redeliveries and retries. Follows from the message that
    /// caused it, so that work done twice publishes the same id twice.
    pub id: String,
    /// The event's name, see [`Event::NAME`]; empty for raw images of foreign producers.
    pub type_name: String,
    /// Text headers; a transport turns its other header types into text.
    pub headers: BTreeMap<String, String>,
    /// The encoded event, or the raw bytes.
    pub body: Bytes,
}

impl Message {
    /// Failed tries so far, zero at first.
    pub fn attempt(&self) -> u32 {
        self.headers.get(ATTEMPT).and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Adds or replaces a header.
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.insert(name.to_owned(), value.into());
        self
    }
}

/// An event on its way to the queue that takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// The queue's name.
    pub queue: &'static str,
    /// Name on the wire.
    pub type_name: &'static str,
    /// The encoded event.
    pub body: Bytes,
}

impl Outgoing {
    /// `event`, addressed to its queue.
    pub fn of<E: Event>(event: &E) -> Self {
        Self { queue: E::QUEUE, type_name: E::NAME, body: event.encode_to_vec().into() }
    }

    /// The wire form, as the `index`-th output of the message `cause`.
    pub fn caused_by(self, cause: &str, index: usize) -> (&'static str, Message) {
        let id = match index {
            0 => format!("{cause}/{}", self.queue),
            _ => format!("{cause}/{}{index}", self.queue),
        };
        let message = Message {
            id,
            type_name: self.type_name.to_owned(),
            headers: BTreeMap::new(),
            body: self.body,
        };
        (self.queue, message)
    }
}
