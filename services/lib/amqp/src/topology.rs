//! Exchanges and queues, with every argument stated.
//!
//! For a stage `infer`: the quorum queue `infer`; a queue `infer.retry.<ms>` for each delay,
//! whose messages return by TTL; `infer.retry.0`, whose messages are taken one at a time by the
//! stage itself, after processes died with them in hand; and `infer.dead`. Publishers address exchanges, never queues,
//! so that a user's rights can be stated by exchange and routing key:
//!
//! | exchange | kind | who writes | key |
//! |---|---|---|---|
//! | `hydra.images` | fanout | producers | any |
//! | `hydra.work` | topic | stages | the stage's name |
//! | `hydra.retry` | topic | stages | `<stage>.<ms>`, `<stage>.0` |
//! | `hydra.dead` | topic | stages and the broker | the stage's name |
//! | `hydra.registry` | fanout | whoever changes the registry | |

use hydra_stage::{Policy, TransportError};
use lapin::{
    Channel, Error, ErrorKind, ExchangeKind,
    options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    protocol::{AMQPErrorKind, AMQPSoftError},
    types::{AMQPValue, FieldTable, ShortString},
};
use std::{collections::BTreeSet, time::Duration};

/// Where producers of plots publish.
pub const IMAGES: &str = "hydra.images";
/// From stage to stage.
pub const WORK: &str = "hydra.work";
/// Into the waiting queues.
pub const RETRY: &str = "hydra.retry";
/// Into the dead letters.
pub const DEAD: &str = "hydra.dead";
/// To everybody who caches the registry.
pub const REGISTRY: &str = "hydra.registry";
/// The queue that the images of producers go to.
pub const INGEST: &str = "ingest";

/// Deliveries without a settlement after which the broker itself buries a message. A back-stop
/// only: the runner buries a message with which processes keep dying after four.
pub const DELIVERY_LIMIT: u32 = 20;

/// In place of a delay: the queue of messages that wait to be worked on alone. It never returns
/// them, so it shares a namespace, and the rights to it, with those that do.
pub const ALONE: Duration = Duration::ZERO;

/// Declares all that the stage `queue` needs. Idempotent.
pub(crate) async fn declare(
    channel: &Channel,
    queue: &str,
    policy: &Policy,
) -> Result<(), TransportError> {
    for (exchange, kind) in [
        (WORK, ExchangeKind::Topic),
        (RETRY, ExchangeKind::Topic),
        (DEAD, ExchangeKind::Topic),
        (REGISTRY, ExchangeKind::Fanout),
    ] {
        declare_exchange(channel, exchange, kind).await?;
    }
    let dead = dead_queue(queue);
    declare_queue(channel, &dead, dead_arguments()).await?;
    bind(channel, &dead, DEAD, queue).await?;
    declare_queue(channel, queue, work_arguments(queue)).await?;
    bind(channel, queue, WORK, queue).await?;
    if queue == INGEST {
        declare_exchange(channel, IMAGES, ExchangeKind::Fanout).await?;
        bind(channel, queue, IMAGES, "").await?;
    }
    let tries = 1..=u32::try_from(policy.retry_delays.len()).unwrap_or(u32::MAX).max(1);
    let delays: BTreeSet<Duration> = tries.map(|attempt| policy.retry_delay(attempt)).collect();
    for delay in delays {
        let waiting = retry_queue(queue, delay);
        declare_queue(channel, &waiting, retry_arguments(queue, delay)).await?;
        bind(channel, &waiting, RETRY, &retry_key(queue, delay)).await?;
    }
    let alone = retry_queue(queue, ALONE);
    declare_queue(channel, &alone, work_arguments(queue)).await?;
    bind(channel, &alone, RETRY, &retry_key(queue, ALONE)).await
}

/// The queue of what was given up.
pub fn dead_queue(queue: &str) -> String {
    format!("{queue}.dead")
}

/// The queue of what waits for `delay`.
pub fn retry_queue(queue: &str, delay: Duration) -> String {
    format!("{queue}.retry.{}", delay.as_millis())
}

/// The routing key into [`retry_queue`].
pub(crate) fn retry_key(queue: &str, delay: Duration) -> String {
    format!("{queue}.{}", delay.as_millis())
}

/// From RabbitMQ 4.0 on a quorum queue without a limit of its own drops a message after 20
/// returns, and a look at the dead letters returns them. Of the values that mean "never", -1 is
/// understood from 4.0 on only; before, it means "at once".
const NEVER: u32 = 1_000_000_000;

fn quorum(delivery_limit: u32) -> FieldTable {
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongUInt(delivery_limit));
    arguments
}

/// No dead letter is ever refused or dropped.
fn dead_arguments() -> FieldTable {
    let mut arguments = quorum(NEVER);
    arguments.insert("x-overflow".into(), text("reject-publish"));
    arguments
}

fn work_arguments(queue: &str) -> FieldTable {
    let mut arguments = quorum(DELIVERY_LIMIT);
    dead_letter_to(&mut arguments, DEAD, queue);
    arguments
}

fn retry_arguments(queue: &str, delay: Duration) -> FieldTable {
    let mut arguments = quorum(NEVER);
    let ms = u32::try_from(delay.as_millis()).unwrap_or(u32::MAX);
    arguments.insert("x-message-ttl".into(), AMQPValue::LongUInt(ms));
    dead_letter_to(&mut arguments, WORK, queue);
    arguments
}

/// At-least-once dead-lettering needs `reject-publish`. No length is set here: it only refuses where
/// a policy of the broker's operator sets one.
fn dead_letter_to(arguments: &mut FieldTable, exchange: &str, key: &str) {
    arguments.insert("x-dead-letter-exchange".into(), text(exchange));
    arguments.insert("x-dead-letter-routing-key".into(), text(key));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

async fn declare_exchange(
    channel: &Channel,
    exchange: &str,
    kind: ExchangeKind,
) -> Result<(), TransportError> {
    let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
    channel
        .exchange_declare(exchange.into(), kind, options, FieldTable::default())
        .await
        .map_err(|error| explain(exchange, error))
}

async fn declare_queue(
    channel: &Channel,
    queue: &str,
    arguments: FieldTable,
) -> Result<(), TransportError> {
    let options = QueueDeclareOptions { durable: true, ..Default::default() };
    channel
        .queue_declare(queue.into(), options, arguments)
        .await
        .map(drop)
        .map_err(|error| explain(queue, error))
}

async fn bind(
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
) -> Result<(), TransportError> {
    let key: ShortString = key.into();
    channel
        .queue_bind(
            queue.into(),
            exchange.into(),
            key,
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await
        .map_err(|error| explain(queue, error))
}

/// Sorts an error of the broker by whether waiting can help.
pub(crate) fn explain(queue: &str, error: Error) -> TransportError {
    match soft(&error) {
        Some(AMQPSoftError::PRECONDITIONFAILED) => {
            TransportError::Mismatch { queue: queue.to_owned(), source: error.into() }
        }
        Some(AMQPSoftError::ACCESSREFUSED) => TransportError::Denied(error.into()),
        _ => TransportError::Other(error.into()),
    }
}

pub(crate) fn soft(error: &Error) -> Option<AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(protocol) => match protocol.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}
