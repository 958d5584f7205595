//! Messages -> RabbitMQ -> messages: the transport for many processes.
//!
//! The only crate that knows RabbitMQ. Its promises:
//! - a publish counts only with a positive confirm and without a returned message, and each
//!   message has its channel to itself until then (see `publish.rs` for what goes wrong else);
//! - publishing and consuming never share a connection, since a broker in alarm stops reading
//!   from connections that publish, acknowledgements included;
//! - lapin's own recovery is off: at any trouble the whole session (connection, channel,
//!   prefetch, consumer) is dropped and built anew, for as long as the broker is away;
//! - every argument of every queue is stated, see [`topology`].

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod announce;
pub mod bare;
mod config;
mod dead;
mod declare;
mod link;
mod publish;
mod source;
mod ticket;
pub mod topology;
mod transport;
mod wire;

pub use config::BrokerConfig;
pub use dead::{DeadLetter, DeadLetters};
pub use transport::AmqpTransport;
