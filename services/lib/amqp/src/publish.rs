//! Publishing with confirms on a connection of its own.
//!
//! Each message has a channel to itself until it is confirmed. On a shared channel lapin hands a
//! returned message to any of the confirms that arrive in one frame, so a message that nobody
//! takes could be told to the publisher of another one, and be lost as confirmed.

use crate::{
    BrokerConfig,
    link::Link,
    topology::{self, ALONE, DEAD, REGISTRY, RETRY, WORK, retry_key},
    wire,
};
use anyhow::anyhow;
use hydra_stage::{Destination, Message, PublishError};
use lapin::{
    Channel, Confirmation, Connection, Error,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    protocol::AMQPSoftError,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout_at},
};
use tracing::warn;

/// Most messages in flight at once; a channel costs the broker some 30 KB.
const LANES: usize = 128;
/// Between two looks at a connection that the broker blocks.
const BLOCKED_PAUSE: Duration = Duration::from_millis(50);

/// Publishes many messages at once, each on a channel of its own.
pub(crate) struct Publisher {
    link: Link,
    config: Arc<BrokerConfig>,
    places: Semaphore,
    idle: Mutex<Vec<Lane>>,
    /// When the broker last answered a publish.
    heard: Mutex<Option<Instant>>,
}

/// A channel in confirm mode; there is no way to get one that is not. Dropped with a message in
/// flight, it closes.
struct Lane {
    connection: Arc<Connection>,
    channel: Channel,
}

impl Lane {
    fn lives(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    async fn open(connection: Arc<Connection>) -> Result<Self, Error> {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        Ok(Self { connection, channel })
    }
}

/// One message on its way.
struct Parcel<'a> {
    exchange: &'a str,
    key: &'a str,
    message: &'a Message,
    mandatory: bool,
}

impl Parcel<'_> {
    /// For people.
    fn to(&self) -> String {
        (if self.key.is_empty() { self.exchange } else { self.key }).to_owned()
    }
}

impl Publisher {
    pub(crate) fn new(config: Arc<BrokerConfig>) -> Self {
        metrics::counter!("hydra_broker_blocked_total").increment(0);
        let link = Link::new(config.clone(), "publish");
        Self {
            link,
            config,
            places: Semaphore::new(LANES),
            idle: Mutex::default(),
            heard: Mutex::default(),
        }
    }

    /// Publishes to a stage's queue, its retry queue or its dead letters.
    pub(crate) async fn publish(
        &self,
        to: &Destination,
        message: &Message,
    ) -> Result<(), PublishError> {
        match to {
            Destination::Queue(queue) => self.send(WORK, queue, message, true).await,
            Destination::Dead(queue) => self.send(DEAD, queue, message, true).await,
            Destination::Alone(queue) => {
                self.send(RETRY, &retry_key(queue, ALONE), message, true).await
            }
            Destination::Retry { queue, delay } => {
                self.send(RETRY, &retry_key(queue, *delay), message, true).await
            }
        }
    }

    /// Tells everybody; nobody listening is no error.
    pub(crate) async fn announce(&self, message: &Message) -> Result<(), PublishError> {
        self.send(REGISTRY, "", message, false).await
    }

    /// Publishes to any exchange.
    pub(crate) async fn send(
        &self,
        exchange: &str,
        key: &str,
        message: &Message,
        mandatory: bool,
    ) -> Result<(), PublishError> {
        let parcel = Parcel { exchange, key, message, mandatory };
        let until = Instant::now() + self.config.confirm_timeout();
        let Ok(place) = timeout_at(until, self.places.acquire()).await else {
            return Err(self.deadline(&parcel));
        };
        let sent = self.send_before(until, &parcel).await;
        drop(place);
        sent
    }

    async fn send_before(&self, until: Instant, parcel: &Parcel<'_>) -> Result<(), PublishError> {
        let lane = match timeout_at(until, self.lane()).await {
            Ok(lane) => lane.map_err(PublishError::Disconnected)?,
            Err(_) => return Err(self.deadline(parcel)),
        };
        if !unblocked(&lane.connection, until).await {
            self.park(lane);
            return Err(blocked(parcel));
        }
        let begun = Instant::now();
        match timeout_at(until, confirm(&lane.channel, parcel)).await {
            Ok(Ok(confirmation)) => {
                *self.heard() = Some(Instant::now());
                // a channel that a full queue refused may stay refused after there is room again
                if !matches!(confirmation, Confirmation::Nack(_)) {
                    self.park(lane);
                }
                judge(confirmation, parcel)
            }
            Ok(Err(error)) => match topology::soft(&error) {
                // the channel is closed, the connection is not
                Some(AMQPSoftError::NOTFOUND) => Err(PublishError::Unroutable(parcel.to())),
                Some(_) => Err(PublishError::Refused(parcel.to())),
                None => {
                    self.link.discard(&lane.connection).await;
                    Err(PublishError::Disconnected(error.into()))
                }
            },
            // it is with lapin and leaves when the alarm ends; the repetition is absorbed later
            Err(_) if lane.connection.status().blocked() => Err(blocked(parcel)),
            // this queue has no leader, perhaps; that is no reason to cut others off
            Err(_) if self.heard().is_some_and(|heard| heard > begun) => Err(self.deadline(parcel)),
            Err(_) => {
                // the peer may be gone without a word: start anew
                self.link.discard(&lane.connection).await;
                Err(self.deadline(parcel))
            }
        }
    }

    /// Waits for nothing: each publish awaited its confirm. Says good-bye.
    pub(crate) async fn close(&self) {
        self.idle().clear();
        self.link.close().await;
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Lane>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn heard(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the last lane that was used, so that few are in use where few are needed.
    async fn lane(&self) -> anyhow::Result<Lane> {
        loop {
            let parked = self.idle().pop();
            match parked {
                Some(lane) if lane.lives() => return Ok(lane),
                Some(_) => continue,
                None => break,
            }
        }
        let connection = self.link.connection().await?;
        match Lane::open(connection.clone()).await {
            Ok(lane) => Ok(lane),
            Err(error) => {
                self.link.discard(&connection).await;
                Err(error.into())
            }
        }
    }

    fn park(&self, lane: Lane) {
        if lane.lives() {
            self.idle().push(lane);
        }
    }

    fn deadline(&self, parcel: &Parcel<'_>) -> PublishError {
        let waited_s = self.config.confirm_timeout().as_secs_f32();
        PublishError::Deadline { to: parcel.to(), waited_s }
    }
}

/// Waits while the broker, in alarm, reads nothing from this connection. What is handed to lapin
/// meanwhile would pile up in this process. The connection itself is kept: each new one would
/// cost the broker memory of which it has too little.
async fn unblocked(connection: &Connection, until: Instant) -> bool {
    if !connection.status().blocked() {
        return true;
    }
    warn!("the broker is in alarm and takes no messages");
    metrics::counter!("hydra_broker_blocked_total").increment(1);
    while Instant::now() < until {
        sleep(BLOCKED_PAUSE).await;
        if !connection.status().blocked() {
            return true;
        }
    }
    false
}

async fn confirm(channel: &Channel, parcel: &Parcel<'_>) -> Result<Confirmation, Error> {
    let options = BasicPublishOptions { mandatory: parcel.mandatory, ..Default::default() };
    let properties = wire::properties(parcel.message);
    let (exchange, key) = (parcel.exchange.into(), parcel.key.into());
    let body = &parcel.message.body;
    channel.basic_publish(exchange, key, options, body, properties).await?.await
}

fn judge(confirmation: Confirmation, parcel: &Parcel<'_>) -> Result<(), PublishError> {
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
            Err(PublishError::Unroutable(parcel.to()))
        }
        Confirmation::Nack(None) => Err(PublishError::Refused(parcel.to())),
        Confirmation::NotRequested => {
            Err(PublishError::Disconnected(anyhow!("the channel is not in confirm mode")))
        }
    }
}

fn blocked(parcel: &Parcel<'_>) -> PublishError {
    let reason = "it is in alarm (memory or disk) and takes no messages";
    PublishError::Refused(format!("{}: {reason}", parcel.to()))
}
