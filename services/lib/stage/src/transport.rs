//! What a transport must offer; the memory and the RabbitMQ transport pass the same suite.

use crate::{Health, Message, Policy};
use futures::future::BoxFuture;
use std::{sync::Arc, time::Duration};

/// Where a message is published to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    /// The queue of a stage.
    Queue(String),
    /// Back to the queue of a stage, after a wait.
    Retry {
        /// The stage's queue.
        queue: String,
        /// One of the policy's delays.
        delay: Duration,
    },
    /// The dead-letter queue of a stage.
    Dead(String),
    /// To be worked on alone, see [`Transport::take_alone`].
    Alone(String),
}

/// Why a publish did not succeed. In each case the message may or may not have arrived, so the
/// publisher repeats it and the reader absorbs the repetition.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Nobody has a queue for it: the message came back.
    #[error("no queue takes messages for {0}")]
    Unroutable(String),
    /// The queue is full or the broker refused.
    #[error("the broker refused a message for {0}")]
    Refused(String),
    /// No confirm in time.
    #[error("no confirm for {to} within {waited_s} s")]
    Deadline {
        /// The destination.
        to: String,
        /// How long was waited.
        waited_s: f32,
    },
    /// There is no session with the broker now.
    #[error("no connection to the broker")]
    Disconnected(#[source] anyhow::Error),
}

/// A transport that cannot serve a queue, for good.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The queue exists with other arguments; waiting does not help.
    #[error("queue {queue} exists with other arguments")]
    Mismatch {
        /// Its name.
        queue: String,
        /// What the broker says.
        #[source]
        source: anyhow::Error,
    },
    /// The address or the credentials are wrong.
    #[error("the broker refuses us")]
    Denied(#[source] anyhow::Error),
    /// Anything else that a restart might mend.
    #[error("transport failed")]
    Other(#[source] anyhow::Error),
}

/// The acknowledgement did not reach the broker; the message will come again.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the delivery's session is gone, it will be delivered again")]
pub struct TicketLost;

/// Holds one delivery open. Dropped without [`Ticket::ack`], the message is delivered again.
pub trait Ticket: Send {
    /// Settles the delivery: the message is gone for good.
    fn ack(self: Box<Self>) -> BoxFuture<'static, Result<(), TicketLost>>;
    /// Gives the delivery back now, unchanged.
    fn give_back(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// One message and the ticket that settles it.
pub struct Delivery {
    /// The message.
    pub message: Message,
    /// How often the transport delivered it before without a settlement: a process died, or a
    /// connection.
    pub redelivered: u32,
    /// Settles it.
    pub ticket: Box<dyn Ticket>,
}

/// A consumer of one queue. Rebuilds its own session as often as needed.
pub trait Source: Send {
    /// The next delivery. `None` after [`Source::stop`], once all that had been delivered was
    /// handed out. An error is final: the process should end and say so.
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Delivery>, TransportError>>;
    /// A delivery that is already here, if any; never waits.
    fn try_next(&mut self) -> Option<Delivery>;
    /// Takes no new deliveries from now on.
    fn stop(&mut self) -> BoxFuture<'_, ()>;
    /// Ends the session after the last ticket was settled.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}

/// How full a queue is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Waiting.
    pub ready: u64,
    /// In the dead-letter queue.
    pub dead: u64,
    /// Waiting to be worked on alone.
    pub alone: u64,
    /// Consumers now.
    pub consumers: u32,
}

/// Carries messages between stages.
pub trait Transport: Send + Sync + 'static {
    /// Makes the queues of a stage ready, if that is this process's task. Idempotent.
    fn declare<'a>(
        &'a self,
        queue: &'a str,
        policy: &'a Policy,
    ) -> BoxFuture<'a, Result<(), TransportError>>;

    /// Consumes `queue` with at most `prefetch` unsettled deliveries; session troubles are told
    /// to `health` as component `broker`.
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        health: Health,
    ) -> BoxFuture<'a, Result<Box<dyn Source>, TransportError>>;

    /// Publishes durably: `Ok` means the transport has it and will deliver it.
    fn publish(&self, to: Destination, message: Message)
    -> BoxFuture<'_, Result<(), PublishError>>;

    /// The oldest of the messages that wait to be worked on alone, if there is one. The caller
    /// settles it before it takes another.
    fn take_alone<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<Delivery>, PublishError>>;

    /// How full the queue is.
    fn depth<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<QueueDepth, PublishError>>;

    /// Tells every process that the registry has a new generation. Best effort: readers also
    /// look by themselves.
    fn announce(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>>;

    /// Receives announcements, bounded; a slow reader misses old ones, never the newest.
    fn announcements(&self) -> tokio::sync::watch::Receiver<Option<Arc<Message>>>;

    /// Ends publishing, after all confirms.
    fn close(&self) -> BoxFuture<'_, ()>;
}
