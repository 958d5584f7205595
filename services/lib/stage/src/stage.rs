//! What a stage author writes.

use crate::{Done, Failure, Message};
use hydra_proto::{Event, Unreadable, events::Image};
use std::{future::Future, time::Duration};

/// A message type that a stage reads. Every [`Event`] is one; a stage that reads several
/// events from its queue, or foreign messages, implements this on an enum or struct of its own.
pub trait Input: Sized + Send + Sync + 'static {
    /// Reads the wire form.
    ///
    /// # Errors
    /// [`Unreadable`]: the message is buried, never retried.
    fn read(message: &Message) -> Result<Self, Unreadable>;

    /// The plot image that this is about, where there is one.
    fn image(&self) -> Option<&Image>;
}

impl<E: Event> Input for E {
    fn read(message: &Message) -> Result<Self, Unreadable> {
        hydra_proto::event::decode(&message.type_name, message.body.clone())
    }

    fn image(&self) -> Option<&Image> {
        Event::image(self)
    }
}

/// One step of the pipeline: takes messages from the queue of its name.
pub trait Stage: Send + Sync + 'static {
    /// The queue, the metrics label and the role.
    const NAME: &'static str;
    /// What it reads.
    type In: Input;

    /// How it wants to be run.
    fn policy(&self) -> Policy {
        Policy::default()
    }

    /// Does the work for a batch, at least one and at most [`Policy::batch`] messages, and
    /// returns a result for each, in order. May be called again with the same messages.
    fn handle(
        &self,
        batch: Vec<Self::In>,
    ) -> impl Future<Output = Vec<Result<Done, Failure>>> + Send;
}

/// How a stage is run. Limits are written down, not implied.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Most messages in one call of [`Stage::handle`].
    pub batch: usize,
    /// How long to wait for a batch to fill after its first message. Zero takes what is there.
    pub linger: Duration,
    /// Calls of [`Stage::handle`] at the same time.
    pub concurrency: usize,
    /// Longest time for one call.
    pub timeout: Duration,
    /// Tries of one message, the first included, before it is buried.
    pub attempts: u32,
    /// Wait before each retry; the last entry serves for all further ones. A transport may
    /// need a queue for each distinct delay.
    pub retry_delays: Vec<Duration>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            batch: 1,
            linger: Duration::ZERO,
            concurrency: 1,
            timeout: Duration::from_secs(60),
            attempts: 4,
            retry_delays: vec![
                Duration::from_secs(1),
                Duration::from_secs(10),
                Duration::from_secs(60),
            ],
        }
    }
}

impl Policy {
    /// Messages that the runner may hold: all that are worked on, and as many again in wait
    /// so that no worker idles for the length of a round trip.
    pub fn prefetch(&self) -> u16 {
        u16::try_from(2 * self.batch * self.concurrency).unwrap_or(u16::MAX)
    }

    /// The wait before the retry after failed try number `attempt` (from 1).
    pub fn retry_delay(&self, attempt: u32) -> Duration {
        let index =
            (attempt.saturating_sub(1) as usize).min(self.retry_delays.len().saturating_sub(1));
        self.retry_delays.get(index).copied().unwrap_or(Duration::from_secs(1))
    }
}
