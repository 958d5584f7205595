//! Bytes, plot type, run, chunk -> stored original, `ImageIngested`.
//!
//! One [`Door`] does the work and three ways lead to it: messages of any AMQP client
//! ([`AmqpDoor`]), `POST /v1/images` ([`http`]), and watched folders ([`folder`]). Whoever brings
//! an image is answered only after its original is stored and its event confirmed, so what was
//! answered is never lost. The same image again changes nothing. A plot type that nobody
//! declared passes: it is discovered downstream and shown, never dropped.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod amqp;
mod door;
mod facts;
pub mod folder;
pub mod http;
mod refusal;

pub use amqp::{AmqpDoor, RawImage};
pub use door::{Door, Offer, Taken, announced};
pub use facts::{Facts, NAMES as FACT_NAMES};
pub use refusal::{NotTaken, Refusal};
