//! The transport that stages and doors see.

use crate::{
    BrokerConfig, DeadLetters, announce,
    declare::Declarer,
    link::Link,
    publish::Publisher,
    source::AmqpSource,
    ticket,
    topology::{self, ALONE},
};
use anyhow::Context;
use futures::future::BoxFuture;
use hydra_stage::{
    Delivery, Destination, Health, Message, Policy, PublishError, QueueDepth, Source, Transport,
    TransportError,
};
use lapin::{Connection, Queue, options::QueueDeclareOptions, types::FieldTable};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// RabbitMQ, for one process.
pub struct AmqpTransport {
    config: Arc<BrokerConfig>,
    publisher: Publisher,
    declarer: Arc<Declarer>,
    /// Filled by a task that runs from the first listener on.
    announced: Mutex<Option<watch::Receiver<Option<Arc<Message>>>>>,
}

impl AmqpTransport {
    /// A transport to the configured broker. Connects when first used.
    pub fn new(config: BrokerConfig) -> Self {
        let config = Arc::new(config);
        Self {
            publisher: Publisher::new(config.clone()),
            declarer: Arc::new(Declarer::new(config.clone())),
            announced: Mutex::new(None),
            config,
        }
    }

    /// The dead letters.
    pub fn dead_letters(&self) -> DeadLetters<'_> {
        DeadLetters::new(Link::new(self.config.clone(), "dead letters"), &self.publisher)
    }

    /// Publishes as a producer of plots does: to the exchange `hydra.images`.
    ///
    /// # Errors
    /// As [`Transport::publish`].
    pub async fn publish_image(&self, message: Message) -> Result<(), PublishError> {
        self.publisher.send(topology::IMAGES, "", &message, true).await
    }

    /// Whether the broker answers now.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn check(&self) -> anyhow::Result<()> {
        self.declarer.link.connection().await.map(drop)
    }

    /// Publishes; where the way to a stage of this process is broken, mends it and tries again.
    async fn publish_mending(&self, to: Destination, message: Message) -> Result<(), PublishError> {
        let unroutable = match self.publisher.publish(&to, &message).await {
            Err(error @ PublishError::Unroutable(_)) => error,
            other => return other,
        };
        let (Destination::Queue(queue)
        | Destination::Retry { queue, .. }
        | Destination::Dead(queue)
        | Destination::Alone(queue)) = &to;
        if !self.declarer.mend(queue).await {
            return Err(unroutable);
        }
        self.publisher.publish(&to, &message).await
    }

    async fn ask_depth(&self, queue: &str) -> anyhow::Result<QueueDepth> {
        let connection = self.declarer.link.connection().await?;
        let work = passive(&connection, queue).await.with_context(|| format!("queue {queue}"))?;
        let dead = passive(&connection, &topology::dead_queue(queue)).await?;
        // not there where somebody else declares and is of an earlier version
        let alone = passive(&connection, &topology::retry_queue(queue, ALONE)).await;
        Ok(QueueDepth {
            ready: work.message_count().into(),
            dead: dead.message_count().into(),
            alone: alone.map_or(0, |alone| alone.message_count().into()),
            consumers: work.consumer_count(),
        })
    }
}

/// Asks for a queue on a channel of its own, since asking for a missing one closes the channel.
async fn passive(connection: &Connection, queue: &str) -> lapin::Result<Queue> {
    let channel = connection.create_channel().await?;
    let options = QueueDeclareOptions { passive: true, ..Default::default() };
    let asked = channel.queue_declare(queue.into(), options, FieldTable::default()).await;
    if asked.is_ok() {
        channel.close(200, "done".into()).await.ok();
    }
    asked
}

impl Transport for AmqpTransport {
    fn declare<'a>(
        &'a self,
        queue: &'a str,
        policy: &'a Policy,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        Box::pin(self.declarer.declare(queue, policy))
    }

    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        health: Health,
    ) -> BoxFuture<'a, Result<Box<dyn Source>, TransportError>> {
        let source =
            AmqpSource::new(self.config.clone(), self.declarer.clone(), queue, prefetch, health);
        Box::pin(async { Ok(Box::new(source) as Box<dyn Source>) })
    }

    fn publish(
        &self,
        to: Destination,
        message: Message,
    ) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(self.publish_mending(to, message))
    }

    fn take_alone<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<Delivery>, PublishError>> {
        Box::pin(async move {
            let connection = self.declarer.link.connection().await;
            let connection = connection.map_err(PublishError::Disconnected)?;
            ticket::take_one(&connection, &topology::retry_queue(queue, ALONE))
                .await
                .map_err(|error| PublishError::Disconnected(error.into()))
        })
    }

    fn depth<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<QueueDepth, PublishError>> {
        Box::pin(async move { self.ask_depth(queue).await.map_err(PublishError::Disconnected) })
    }

    fn announce(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async move { self.publisher.announce(&message).await })
    }

    fn announcements(&self) -> watch::Receiver<Option<Arc<Message>>> {
        let mut announced = self.announced.lock().unwrap_or_else(PoisonError::into_inner);
        announced
            .get_or_insert_with(|| {
                let (sender, receiver) = watch::channel(None);
                let link = Link::new(self.config.clone(), "announcements");
                tokio::spawn(announce::listen(link, self.config.declare, sender));
                receiver
            })
            .clone()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.publisher.close().await;
            self.declarer.link.close().await;
        })
    }
}
