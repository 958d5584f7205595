//! A queue -> work -> queues: the stage trait, the one runner around every stage, and the
//! memory transport.
//!
//! A stage author writes a [`Stage`]: a queue's name, the input message, and one method from a
//! batch of inputs to a result each. Everything else is here, once: prefetch, decoding, the
//! span from `traceparent`, the timeout, the panic fence, publishing with confirm *before* the
//! acknowledgement, retries, burial with a reason, metrics, and draining. The one place where a
//! message is settled is [`settle`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod alone;
pub mod exemplar;
mod health;
pub mod memory;
pub mod message;
mod outcome;
mod runner;
pub mod settle;
mod stage;
#[cfg(any(test, feature = "suite"))]
pub mod suite;
mod trace;
mod transport;
pub mod vitals;

pub use health::{Health, Held, Report};
pub use memory::MemoryTransport;
pub use message::{Message, Outgoing};
pub use outcome::{Done, Failure};
pub use runner::Runner;
pub use stage::{Input, Policy, Stage};
pub use trace::{KEEP_FIELD, TRAIL_FIELD, adopt, inject_current};
pub use transport::{
    Delivery, Destination, PublishError, QueueDepth, Source, Ticket, TicketLost, Transport,
    TransportError,
};
