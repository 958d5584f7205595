//! Consuming one queue; the session is rebuilt for as long as it takes.

use crate::{
    BrokerConfig,
    declare::Declarer,
    link::{self, Link},
    topology, wire,
};
use anyhow::anyhow;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use hydra_stage::{Delivery, Health, Source, Ticket, TicketLost, TransportError};
use lapin::{
    Acker, Channel, Connection, Consumer, Error,
    options::{
        BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions,
    },
    protocol::AMQPSoftError,
    types::FieldTable,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{RwLock, mpsc},
    time::{sleep, timeout},
};
use tracing::{info, warn};

/// The component of the health report.
const COMPONENT: &str = "broker";
/// Between two looks at a broker that is away.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest wait for an acknowledgement to leave.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);
/// A delivery that the broker has sent arrives within this time.
const ARRIVAL: Duration = Duration::from_millis(50);
const TAG: &str = "hydra";

pub(crate) struct AmqpSource {
    link: Link,
    config: Arc<BrokerConfig>,
    declarer: Arc<Declarer>,
    queue: String,
    prefetch: u16,
    health: Health,
    session: Option<Session>,
    /// The end of the session's consumer, or its error, that [`Source::try_next`] came upon:
    /// lapin tells it once.
    ended: Option<Option<Error>>,
    stopped: bool,
    /// Read while an acknowledgement leaves, written while consuming ends.
    settling: Arc<RwLock<()>>,
    /// Tickets that were dropped unsettled; their messages are given back at the next call.
    dropped: mpsc::UnboundedReceiver<Acker>,
    drops: mpsc::UnboundedSender<Acker>,
}

struct Session {
    connection: Arc<Connection>,
    channel: Channel,
    consumer: Consumer,
}

impl AmqpSource {
    pub(crate) fn new(
        config: Arc<BrokerConfig>,
        declarer: Arc<Declarer>,
        queue: &str,
        prefetch: u16,
        health: Health,
    ) -> Self {
        let (drops, dropped) = mpsc::unbounded_channel();
        let link = Link::new(config.clone(), format!("consume {queue}"));
        health.unwell(COMPONENT, "not connected yet");
        Self {
            link,
            config,
            declarer,
            queue: queue.to_owned(),
            prefetch,
            health,
            session: None,
            ended: None,
            stopped: false,
            settling: Arc::default(),
            dropped,
            drops,
        }
    }

    async fn pull(&mut self) -> Result<Option<Delivery>, TransportError> {
        loop {
            if self.session.is_none() {
                if self.stopped {
                    return Ok(None);
                }
                self.rebuild().await?;
            }
            let Some(session) = self.session.as_mut() else { continue };
            let next = match self.ended.take() {
                Some(ended) => ended.map(Err),
                None => tokio::select! {
                    biased;
                    Some(acker) = self.dropped.recv() => {
                        requeue(&acker).await;
                        continue;
                    }
                    next = session.consumer.next() => next,
                },
            };
            match next {
                Some(Ok(delivery)) => return Ok(Some(self.hand_out(delivery))),
                None if self.stopped => return Ok(None),
                Some(Err(error)) => self.lose(format!("{:#}", anyhow::Error::new(error))).await,
                None => self.lose("the broker ended the consumer".to_owned()).await,
            }
        }
    }

    /// Gives the session up; open tickets of it are lost and will be delivered again.
    async fn lose(&mut self, why: String) {
        warn!(queue = self.queue, why, "session lost");
        metrics::counter!("hydra_broker_sessions_lost_total", "queue" => self.queue.clone())
            .increment(1);
        self.health.unwell(COMPONENT, format!("session lost: {why}"));
        if let Some(session) = self.session.take() {
            self.link.discard(&session.connection).await;
        }
    }

    /// Builds connection, channel, prefetch and consumer, trying until it works.
    async fn rebuild(&mut self) -> Result<(), TransportError> {
        loop {
            match self.build().await {
                Ok(session) => {
                    info!(queue = self.queue, prefetch = self.prefetch, "consuming");
                    self.session = Some(session);
                    self.ended = None;
                    self.health.well(COMPONENT);
                    return Ok(());
                }
                Err(TransportError::Other(error)) => {
                    self.health.unwell(COMPONENT, format!("{error:#}"));
                    self.health.tick(&self.queue);
                    sleep(PAUSE).await;
                }
                Err(fatal) => return Err(fatal),
            }
        }
    }

    async fn build(&self) -> Result<Session, TransportError> {
        let connection = self.link.connection().await.map_err(link::sorted)?;
        let building = timeout(self.config.connect_timeout(), self.subscribe(&connection));
        match building.await {
            Ok(Ok(session)) => Ok(session),
            Ok(Err(error)) => {
                self.link.discard(&connection).await;
                match topology::soft(&error) {
                    Some(AMQPSoftError::NOTFOUND) => {
                        self.declarer.mend(&self.queue).await;
                        Err(TransportError::Other(error.into()))
                    }
                    // a queue that is deleted may come back; one that differs does not
                    Some(AMQPSoftError::ACCESSREFUSED | AMQPSoftError::PRECONDITIONFAILED) => {
                        Err(topology::explain(&self.queue, error))
                    }
                    _ => Err(TransportError::Other(error.into())),
                }
            }
            Err(_) => {
                self.link.discard(&connection).await;
                Err(TransportError::Other(anyhow!("the broker does not answer")))
            }
        }
    }

    async fn subscribe(&self, connection: &Arc<Connection>) -> Result<Session, Error> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let consumer = channel
            .basic_consume(
                self.queue.as_str().into(),
                TAG.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        Ok(Session { connection: connection.clone(), channel, consumer })
    }

    fn hand_out(&self, delivery: lapin::message::Delivery) -> Delivery {
        let redelivered = wire::redelivered(&delivery);
        let message = wire::message(&delivery.properties, delivery.data);
        let connection = self.session.as_ref().map(|session| session.connection.clone());
        let settling = self.settling.clone();
        let drops = self.drops.clone();
        let acker = Some(delivery.acker);
        let ticket = AmqpTicket { acker, drops, settling, _connection: connection };
        Delivery { message, redelivered, ticket: Box::new(ticket) }
    }
}

impl Source for AmqpSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Delivery>, TransportError>> {
        Box::pin(self.pull())
    }

    fn try_next(&mut self) -> Option<Delivery> {
        let session = self.session.as_mut()?;
        if self.ended.is_some() {
            return None;
        }
        match session.consumer.next().now_or_never()? {
            Some(Ok(delivery)) => Some(self.hand_out(delivery)),
            Some(Err(error)) => {
                self.ended = Some(Some(error));
                None
            }
            None => {
                self.ended = Some(None);
                None
            }
        }
    }

    /// RabbitMQ gives a message back, and counts it as delivered, when it reaches the channel of
    /// a consumer that was cancelled meanwhile. So that nothing is on its way at that moment,
    /// acknowledgements (which make room for more) are held while the last deliveries arrive.
    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.stopped = true;
        Box::pin(async move {
            let Some(session) = &self.session else { return };
            let held = self.settling.write().await;
            sleep(ARRIVAL).await;
            let cancel = session.channel.basic_cancel(TAG.into(), BasicCancelOptions::default());
            let cancelled = timeout(SETTLE_TIMEOUT, cancel).await;
            drop(held);
            if !matches!(cancelled, Ok(Ok(()))) {
                warn!(queue = self.queue, "the broker did not confirm the end of consuming");
                self.session = None;
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // awaited, or the last acknowledgements would come back as deliveries
            self.link.close().await;
        })
    }
}

/// Where this fails the channel is gone, and the message goes back by itself.
async fn requeue(acker: &Acker) {
    let options = BasicNackOptions { requeue: true, multiple: false };
    let _given_back = timeout(SETTLE_TIMEOUT, acker.nack(options)).await;
}

struct AmqpTicket {
    /// Taken when the delivery is settled.
    acker: Option<Acker>,
    drops: mpsc::UnboundedSender<Acker>,
    settling: Arc<RwLock<()>>,
    /// Keeps the connection while a ticket of it is open.
    _connection: Option<Arc<Connection>>,
}

impl Ticket for AmqpTicket {
    fn ack(mut self: Box<Self>) -> BoxFuture<'static, Result<(), TicketLost>> {
        Box::pin(async move {
            let _leaving = self.settling.read().await;
            let Some(acker) = self.acker.take() else { return Err(TicketLost) };
            match timeout(SETTLE_TIMEOUT, acker.ack(BasicAckOptions::default())).await {
                Ok(Ok(true)) => Ok(()),
                // `Ok(false)`: the channel was replaced or died, the broker delivers again
                _ => Err(TicketLost),
            }
        })
    }

    fn give_back(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let _leaving = self.settling.read().await;
            if let Some(acker) = self.acker.take() {
                requeue(&acker).await;
            }
        })
    }
}

impl Drop for AmqpTicket {
    /// Without this the message would stay with a session that lives on, and its place in the
    /// prefetch with it.
    fn drop(&mut self) {
        if let Some(acker) = self.acker.take() {
            // where the source is gone, so is its connection
            let _gone = self.drops.send(acker);
        }
    }
}
