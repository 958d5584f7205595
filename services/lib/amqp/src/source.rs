//! Consuming one queue; the session is rebuilt for as long as it takes.

use crate::{
    BrokerConfig,
    declare::Declarer,
    link::{self, Link},
    ticket::{AmqpTicket, SETTLE_TIMEOUT, requeue},
    topology, wire,
};
use anyhow::anyhow;
use futures::{FutureExt, StreamExt, future::BoxFuture};
use hydra_stage::{Delivery, Health, Source, TransportError};
use lapin::{
    Acker, Channel, Connection, Consumer, Error,
    options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, QueueDeclareOptions},
    protocol::AMQPSoftError,
    types::FieldTable,
};
use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{RwLock, mpsc},
    time::{Instant, sleep, timeout},
};
use tracing::{info, warn};

/// Between two looks at a broker that is away.
const PAUSE: Duration = Duration::from_millis(200);
/// Longest wait, at the stop, for deliveries that are on their way, and between two looks.
const ARRIVAL: Duration = Duration::from_secs(2);
const ARRIVAL_LOOK: Duration = Duration::from_millis(5);
/// Shortest and longest wait for the broker to write the last acknowledgements.
const WRITTEN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(1));
const TAG: &str = "hydra";

pub(crate) struct AmqpSource {
    link: Link,
    config: Arc<BrokerConfig>,
    declarer: Arc<Declarer>,
    queue: String,
    prefetch: u16,
    health: Health,
    /// Of the health report: one a queue, or one that is well would hide one that is not.
    component: String,
    session: Option<Session>,
    /// Deliveries of the session that have arrived and were not handed out yet.
    early: VecDeque<lapin::message::Delivery>,
    /// The end of the session's consumer, or its error, that [`Source::try_next`] came upon:
    /// lapin tells it once.
    ended: Option<Option<Error>>,
    stopped: bool,
    /// Consumers that the broker counted when this one was cancelled with deliveries in hand.
    consumers: Option<u32>,
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
    /// Deliveries that were handed out and are not settled.
    open: Arc<AtomicUsize>,
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
        let component = format!("broker: {queue}");
        let queue = queue.to_owned();
        metrics::counter!("hydra_broker_sessions_lost_total", "queue" => queue.clone())
            .increment(0);
        health.unwell(&component, "not connected yet");
        Self {
            link,
            config,
            declarer,
            queue,
            prefetch,
            health,
            component,
            session: None,
            early: VecDeque::new(),
            ended: None,
            stopped: false,
            consumers: None,
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
            if let Some(delivery) = self.early.pop_front() {
                return Ok(Some(self.hand_out(delivery)));
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
        self.health.unwell(&self.component, format!("session lost: {why}"));
        // what has arrived of it cannot be settled any more
        self.early.clear();
        if let Some(session) = self.session.take() {
            self.link.discard(&session.connection).await;
        }
    }

    /// Waits until nothing is on its way: the broker sends no more than the prefetch, and no more
    /// than there is.
    async fn all_arrived(&mut self) {
        let until = Instant::now() + ARRIVAL;
        while Instant::now() < until {
            let Some(session) = &mut self.session else { return };
            while let Some(next) = session.consumer.next().now_or_never() {
                match next {
                    Some(Ok(delivery)) => self.early.push_back(delivery),
                    other => {
                        self.ended = Some(other.and_then(Result::err));
                        return;
                    }
                }
            }
            let here = session.open.load(Ordering::SeqCst) + self.early.len();
            let options = QueueDeclareOptions { passive: true, ..Default::default() };
            let queue = self.queue.as_str().into();
            let asked = session.channel.queue_declare(queue, options, FieldTable::default());
            if here >= usize::from(self.prefetch)
                || asked.await.map_or(true, |queue| queue.message_count() == 0)
            {
                return;
            }
            sleep(ARRIVAL_LOOK).await;
        }
    }

    /// What the broker says of the queue.
    async fn asked(&self) -> Option<lapin::Queue> {
        let session = self.session.as_ref()?;
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let queue = self.queue.as_str().into();
        let asked = session.channel.queue_declare(queue, options, FieldTable::default());
        timeout(WRITTEN.1, asked).await.ok()?.ok()
    }

    /// RabbitMQ hands no more than 32 acknowledgements on to a quorum queue before the queue has
    /// written them (`rabbit_fifo_client`, the soft limit). What still waits in the channel when it
    /// closes is lost, and delivered again. A consumer that was cancelled counts as one until the
    /// queue has written its last acknowledgement (`rabbit_fifo`, `update_or_remove_sub`), so the
    /// count of consumers falls then, unless another one has come meanwhile.
    async fn let_acknowledgements_arrive(&self) {
        let begun = Instant::now();
        let Some(queue) = self.asked().await else { return };
        let Some(before) = self.consumers else {
            // nothing was in hand; what was acknowledged just before is written by now, or soon
            return sleep((20 * begun.elapsed()).clamp(WRITTEN.0, WRITTEN.1)).await;
        };
        let mut now = Some(queue.consumer_count());
        while now.is_some_and(|now| now >= before) && begun.elapsed() < WRITTEN.1 {
            sleep(ARRIVAL_LOOK).await;
            now = self.asked().await.map(|queue| queue.consumer_count());
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
                    self.health.well(&self.component);
                    return Ok(());
                }
                Err(TransportError::Other(error)) => {
                    self.health.unwell(&self.component, format!("{error:#}"));
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
        Ok(Session { connection: connection.clone(), channel, consumer, open: Arc::default() })
    }

    fn hand_out(&self, delivery: lapin::message::Delivery) -> Delivery {
        let redelivered = wire::redelivered(&delivery);
        let message = wire::message(&delivery.properties, delivery.data);
        let connection = self.session.as_ref().map(|session| session.connection.clone());
        let open = self.session.as_ref().map(|session| session.open.clone()).unwrap_or_default();
        let (drops, settling) = (self.drops.clone(), self.settling.clone());
        let ticket = AmqpTicket::new(delivery.acker, drops, settling, open, connection);
        Delivery { message, redelivered, ticket: Box::new(ticket) }
    }
}

impl Source for AmqpSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Delivery>, TransportError>> {
        Box::pin(self.pull())
    }

    fn try_next(&mut self) -> Option<Delivery> {
        if let Some(delivery) = self.early.pop_front() {
            return Some(self.hand_out(delivery));
        }
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
            let settling = self.settling.clone();
            let held = settling.write().await;
            self.all_arrived().await;
            let Some(session) = &self.session else { return };
            let cancel = session.channel.basic_cancel(TAG.into(), BasicCancelOptions::default());
            let cancelled = timeout(SETTLE_TIMEOUT, cancel).await;
            if session.open.load(Ordering::SeqCst) > 0 {
                self.consumers = self.asked().await.map(|queue| queue.consumer_count());
            }
            drop(held);
            if !matches!(cancelled, Ok(Ok(()))) {
                warn!(queue = self.queue, "the broker did not confirm the end of consuming");
                self.early.clear();
                self.session = None;
            }
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            self.let_acknowledgements_arrive().await;
            // awaited, or the last acknowledgements would come back as deliveries
            self.link.close().await;
        })
    }
}
