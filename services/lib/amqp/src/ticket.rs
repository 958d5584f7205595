//! Tickets: how a delivery is settled, once, or goes back to its queue.

use crate::wire;
use futures::future::BoxFuture;
use hydra_stage::{Delivery, Ticket, TicketLost};
use lapin::{
    Acker, Channel, Connection, Error,
    message::BasicGetMessage,
    options::{BasicAckOptions, BasicGetOptions, BasicNackOptions},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{RwLock, mpsc},
    time::timeout,
};

/// Longest wait for an acknowledgement to leave.
pub(crate) const SETTLE_TIMEOUT: Duration = Duration::from_secs(10);

/// The oldest message of a queue, if there is one, on a channel of its own that ends with it.
pub(crate) async fn take_one(
    connection: &Arc<Connection>,
    queue: &str,
) -> Result<Option<Delivery>, Error> {
    let channel = connection.create_channel().await?;
    let got = channel.basic_get(queue.into(), BasicGetOptions::default()).await?;
    let Some(BasicGetMessage { delivery, .. }) = got else {
        channel.close(200, "done".into()).await?;
        return Ok(None);
    };
    let redelivered = wire::redelivered(&delivery);
    let message = wire::message(&delivery.properties, delivery.data);
    let ticket = LoneTicket { acker: delivery.acker, channel };
    Ok(Some(Delivery { message, redelivered, ticket: Box::new(ticket) }))
}

/// Of a message that was asked for. Dropped, it closes the channel, and the message goes back.
struct LoneTicket {
    acker: Acker,
    channel: Channel,
}

impl Ticket for LoneTicket {
    fn ack(self: Box<Self>) -> BoxFuture<'static, Result<(), TicketLost>> {
        Box::pin(async move {
            let acked = timeout(SETTLE_TIMEOUT, self.acker.ack(BasicAckOptions::default())).await;
            // awaited: an acknowledgement that is still on its way would be lost with the channel
            let closed = timeout(SETTLE_TIMEOUT, self.channel.close(200, "done".into())).await;
            if matches!((acked, closed), (Ok(Ok(true)), Ok(Ok(())))) {
                Ok(())
            } else {
                Err(TicketLost)
            }
        })
    }

    fn give_back(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move { requeue(&self.acker).await })
    }
}

/// Where this fails the channel is gone, and the message goes back by itself.
pub(crate) async fn requeue(acker: &Acker) {
    let options = BasicNackOptions { requeue: true, multiple: false };
    let _given_back = timeout(SETTLE_TIMEOUT, acker.nack(options)).await;
}

/// Of a message that a consumer was given.
pub(crate) struct AmqpTicket {
    /// Taken when the delivery is settled.
    acker: Option<Acker>,
    /// Takes what is dropped unsettled.
    drops: mpsc::UnboundedSender<Acker>,
    /// Read while an acknowledgement leaves.
    settling: Arc<RwLock<()>>,
    /// One more while this lives.
    open: Arc<AtomicUsize>,
    /// Keeps the connection while a ticket of it is open.
    _connection: Option<Arc<Connection>>,
}

impl AmqpTicket {
    pub(crate) fn new(
        acker: Acker,
        drops: mpsc::UnboundedSender<Acker>,
        settling: Arc<RwLock<()>>,
        open: Arc<AtomicUsize>,
        connection: Option<Arc<Connection>>,
    ) -> Self {
        open.fetch_add(1, Ordering::SeqCst);
        Self { acker: Some(acker), drops, settling, open, _connection: connection }
    }
}

impl Ticket for AmqpTicket {
    fn ack(mut self: Box<Self>) -> BoxFuture<'static, Result<(), TicketLost>> {
        Box::pin(async move {
            let settling = self.settling.clone();
            let _leaving = settling.read().await;
            let Some(acker) = self.acker.take() else { return Err(TicketLost) };
            let acked = timeout(SETTLE_TIMEOUT, acker.ack(BasicAckOptions::default())).await;
            // counted off while whoever ends consuming still waits for it
            drop(self);
            // `Ok(false)`: the channel was replaced or died, the broker delivers again
            if matches!(acked, Ok(Ok(true))) { Ok(()) } else { Err(TicketLost) }
        })
    }

    fn give_back(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let settling = self.settling.clone();
            let _leaving = settling.read().await;
            if let Some(acker) = self.acker.take() {
                requeue(&acker).await;
            }
            drop(self);
        })
    }
}

impl Drop for AmqpTicket {
    /// Without this the message would stay with a session that lives on, and its place in the
    /// prefetch with it.
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
        if let Some(acker) = self.acker.take() {
            // where the source is gone, so is its connection
            let _gone = self.drops.send(acker);
        }
    }
}
