//! Publishing with confirms on a connection of its own.
//!
//! On a shared channel lapin hands a returned message to any of the confirms that arrive in one
//! frame, so a message that nobody takes could be told to the publisher of another one, and be
//! lost as confirmed. So a channel carries one message, or one group of messages that go the same
//! way ([`Groups`]); a group in which anything is not plainly confirmed says nothing of its
//! messages, and each of them is published again with a channel to itself.

use crate::{
    BrokerConfig,
    group::{Group, Groups, Waiting},
    link::Link,
    topology::{self, ALONE, DEAD, REGISTRY, RETRY, WORK, retry_key},
    wire,
};
use anyhow::anyhow;
use hydra_stage::{Destination, Message, PublishError};
use lapin::{
    Channel, Confirmation, Connection, Error, PublisherConfirm,
    options::{BasicPublishOptions, ConfirmSelectOptions},
    protocol::AMQPSoftError,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{
    sync::{Semaphore, oneshot},
    time::{Instant, sleep, sleep_until, timeout_at},
};
use tracing::warn;

/// Most messages that are in flight alone; a channel costs the broker some 30 KB.
const LANES: usize = 128;
/// Between two looks at a connection that the broker blocks.
const BLOCKED_PAUSE: Duration = Duration::from_millis(50);

/// Publishes many messages at once.
pub(crate) struct Publisher {
    link: Link,
    config: Arc<BrokerConfig>,
    groups: Groups,
    /// For messages that are in flight alone.
    places: Semaphore,
    idle: Mutex<Vec<Lane>>,
}

/// A channel in confirm mode; there is no way to get one that is not. Dropped with a message in
/// flight, it closes.
pub(crate) struct Lane {
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

/// Where messages go. What goes the same way is taken, or not, for the same reasons.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Way {
    exchange: &'static str,
    key: String,
    mandatory: bool,
}

impl Way {
    pub(crate) fn new(exchange: &'static str, key: &str, mandatory: bool) -> Self {
        Self { exchange, key: key.to_owned(), mandatory }
    }

    /// For people.
    fn to(&self) -> String {
        if self.key.is_empty() { self.exchange.to_owned() } else { self.key.clone() }
    }
}

impl Publisher {
    pub(crate) fn new(config: Arc<BrokerConfig>) -> Self {
        let link = Link::new(config.clone(), "publish");
        Self {
            link,
            config,
            groups: Groups::default(),
            places: Semaphore::new(LANES),
            idle: Mutex::default(),
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

    /// Publishes to any exchange, in a group with what waits for the same way now.
    pub(crate) async fn send(
        &self,
        exchange: &'static str,
        key: &str,
        message: &Message,
        mandatory: bool,
    ) -> Result<(), PublishError> {
        let way = Way::new(exchange, key, mandatory);
        let until = Instant::now() + self.config.confirm_timeout();
        let (told, mut confirmed) = oneshot::channel();
        self.groups.join(&way, Waiting { message: message.clone(), told });
        let mut taken = false;
        loop {
            tokio::select! {
                biased;
                confirmed = &mut confirmed => match confirmed {
                    Ok(()) => return Ok(()),
                    // its group says nothing of it
                    Err(_) => return self.send_alone(until, &way, message).await,
                },
                group = self.groups.lead(&way), if !taken => {
                    taken = group.members.is_empty();
                    self.send_group(until, &way, group).await;
                }
                () = sleep_until(until) => return Err(self.deadline(&way)),
            }
        }
    }

    /// Publishes a group and tells those whose message is confirmed beyond doubt.
    async fn send_group(&self, until: Instant, way: &Way, group: Group<'_>) {
        let members = &group.members;
        if members.len() < 2 {
            return;
        }
        let Ok(Ok(lane)) = timeout_at(until, self.lane()).await else { return };
        if lane.connection.status().blocked() {
            return self.park(lane);
        }
        let all = async {
            let mut confirms = Vec::with_capacity(members.len());
            for member in members {
                confirms.push(publish(&lane.channel, way, &member.message).await?);
            }
            let mut plain = true;
            for confirm in confirms {
                plain &= matches!(confirm.await?, Confirmation::Ack(None));
            }
            Ok::<_, Error>(plain)
        };
        match timeout_at(until, all).await {
            Ok(Ok(true)) => {
                self.park(lane);
                group.members.into_iter().for_each(Waiting::tell);
            }
            // publishing alone will find out what is wrong with which, and tell it
            Ok(_) => {}
            Err(_) if lane.connection.status().blocked() => {}
            // the peer may be gone without a word
            Err(_) => self.link.discard(&lane.connection).await,
        }
    }

    async fn send_alone(
        &self,
        until: Instant,
        way: &Way,
        message: &Message,
    ) -> Result<(), PublishError> {
        let Ok(place) = timeout_at(until, self.places.acquire()).await else {
            return Err(self.deadline(way));
        };
        let sent = self.send_before(until, way, message).await;
        drop(place);
        sent
    }

    async fn send_before(
        &self,
        until: Instant,
        way: &Way,
        message: &Message,
    ) -> Result<(), PublishError> {
        let lane = match timeout_at(until, self.lane()).await {
            Ok(lane) => lane.map_err(PublishError::Disconnected)?,
            Err(_) => return Err(self.deadline(way)),
        };
        if !unblocked(&lane.connection, until).await {
            self.park(lane);
            return Err(blocked(way));
        }
        let confirmed = async { publish(&lane.channel, way, message).await?.await };
        match timeout_at(until, confirmed).await {
            Ok(Ok(confirmation)) => {
                // a channel that a full queue refused may stay refused after there is room again
                if !matches!(confirmation, Confirmation::Nack(_)) {
                    self.park(lane);
                }
                judge(confirmation, way)
            }
            Ok(Err(error)) => match topology::soft(&error) {
                // the channel is closed, the connection is not
                Some(AMQPSoftError::NOTFOUND) => Err(PublishError::Unroutable(way.to())),
                Some(_) => Err(PublishError::Refused(way.to())),
                None => {
                    self.link.discard(&lane.connection).await;
                    Err(PublishError::Disconnected(error.into()))
                }
            },
            // it is with lapin and leaves when the alarm ends; the repetition is absorbed later
            Err(_) if lane.connection.status().blocked() => Err(blocked(way)),
            Err(_) => {
                // the peer may be gone without a word: start anew
                self.link.discard(&lane.connection).await;
                Err(self.deadline(way))
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

    fn deadline(&self, way: &Way) -> PublishError {
        let waited_s = self.config.confirm_timeout().as_secs_f32();
        PublishError::Deadline { to: way.to(), waited_s }
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

async fn publish(
    channel: &Channel,
    way: &Way,
    message: &Message,
) -> Result<PublisherConfirm, Error> {
    let options = BasicPublishOptions { mandatory: way.mandatory, ..Default::default() };
    let properties = wire::properties(message);
    let (exchange, key) = (way.exchange.into(), way.key.as_str().into());
    channel.basic_publish(exchange, key, options, &message.body, properties).await
}

fn judge(confirmation: Confirmation, way: &Way) -> Result<(), PublishError> {
    match confirmation {
        Confirmation::Ack(None) => Ok(()),
        Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
            Err(PublishError::Unroutable(way.to()))
        }
        Confirmation::Nack(None) => Err(PublishError::Refused(way.to())),
        Confirmation::NotRequested => {
            Err(PublishError::Disconnected(anyhow!("the channel is not in confirm mode")))
        }
    }
}

fn blocked(way: &Way) -> PublishError {
    let reason = "it is in alarm (memory or disk) and takes no messages";
    PublishError::Refused(format!("{}: {reason}", way.to()))
}
