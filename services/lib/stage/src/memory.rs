//! The transport of one process: the same promises as RabbitMQ's but for the life of the process.
//!
//! A ticket that is dropped without an acknowledgement puts its message back to the front of the
//! queue, with one more redelivery on its count. Full queues refuse, so producers feel the
//! back-pressure. What must survive the process is in the blob store before it is published.

use crate::{
    Delivery, Destination, Health, Message, Policy, PublishError, QueueDepth, Source, Ticket,
    TicketLost, Transport, TransportError,
};
use futures::future::BoxFuture;
use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{Notify, watch};

/// Messages that a queue holds before it refuses more. 268 KB of pixels compress to 10-70 KB,
/// so a full queue of them stays below 300 MB.
pub const CAPACITY: usize = 4_096;

/// Queues in memory; cheap to clone.
#[derive(Clone)]
pub struct MemoryTransport {
    shared: Arc<Shared>,
}

struct Shared {
    queues: Mutex<HashMap<String, Queue>>,
    capacity: usize,
    /// Woken whenever any queue gained a message.
    arrived: Notify,
    announced: watch::Sender<Option<Arc<Message>>>,
}

#[derive(Default)]
struct Queue {
    ready: VecDeque<(Message, u32)>,
    dead: Vec<Message>,
    consumers: u32,
}

/// The queue beside `queue` of what is worked on alone.
fn alone(queue: &str) -> String {
    format!("{queue}.alone")
}

impl Default for MemoryTransport {
    fn default() -> Self {
        Self::with_capacity(CAPACITY)
    }
}

impl MemoryTransport {
    /// A transport whose queues refuse more than `capacity` waiting messages each.
    pub fn with_capacity(capacity: usize) -> Self {
        Self {
            shared: Arc::new(Shared {
                queues: Mutex::default(),
                capacity,
                arrived: Notify::new(),
                announced: watch::Sender::new(None),
            }),
        }
    }

    /// The dead letters of a queue, oldest first.
    pub fn dead(&self, queue: &str) -> Vec<Message> {
        self.shared.queues().get(queue).map(|q| q.dead.clone()).unwrap_or_default()
    }

    /// Takes the dead letters for which `wanted` holds out of a queue.
    pub fn take_dead(&self, queue: &str, wanted: impl Fn(&Message) -> bool) -> Vec<Message> {
        let mut queues = self.shared.queues();
        let Some(queue) = queues.get_mut(queue) else { return Vec::new() };
        let (taken, kept) = std::mem::take(&mut queue.dead).into_iter().partition(wanted);
        queue.dead = kept;
        taken
    }
}

impl Shared {
    fn queues(&self) -> MutexGuard<'_, HashMap<String, Queue>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, queue: &str, message: Message) -> Result<(), PublishError> {
        let mut queues = self.queues();
        let Some(q) = queues.get_mut(queue) else {
            return Err(PublishError::Unroutable(queue.to_owned()));
        };
        if q.ready.len() >= self.capacity {
            return Err(PublishError::Refused(queue.to_owned()));
        }
        q.ready.push_back((message, 0));
        drop(queues);
        self.arrived.notify_waiters();
        Ok(())
    }

    /// Hands out the first message of a queue; `open` counts it until it is settled.
    fn take(self: &Arc<Self>, queue: &str, open: &Arc<AtomicUsize>) -> Option<Delivery> {
        let (message, redelivered) = self.queues().get_mut(queue)?.ready.pop_front()?;
        open.fetch_add(1, Ordering::SeqCst);
        let ticket = MemoryTicket {
            shared: self.clone(),
            queue: queue.to_owned(),
            count: open.clone(),
            open: Some((message.clone(), redelivered)),
        };
        Some(Delivery { message, redelivered, ticket: Box::new(ticket) })
    }

    /// Puts a delivered message back where it was taken from.
    fn put_back(&self, queue: &str, message: Message, redelivered: u32) {
        if let Some(q) = self.queues().get_mut(queue) {
            q.ready.push_front((message, redelivered));
        }
        self.arrived.notify_waiters();
    }

    fn bury(&self, queue: &str, message: Message) -> Result<(), PublishError> {
        match self.queues().get_mut(queue) {
            Some(q) => {
                q.dead.push(message);
                Ok(())
            }
            None => Err(PublishError::Unroutable(queue.to_owned())),
        }
    }
}

impl Transport for MemoryTransport {
    fn declare<'a>(
        &'a self,
        queue: &'a str,
        _policy: &'a Policy,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        let mut queues = self.shared.queues();
        queues.entry(queue.to_owned()).or_default();
        queues.entry(alone(queue)).or_default();
        Box::pin(async { Ok(()) })
    }

    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        health: Health,
    ) -> BoxFuture<'a, Result<Box<dyn Source>, TransportError>> {
        if let Some(q) = self.shared.queues().get_mut(queue) {
            q.consumers += 1;
        }
        health.well(&format!("broker: {queue}"));
        let source = MemorySource {
            shared: self.shared.clone(),
            queue: queue.to_owned(),
            prefetch: prefetch.into(),
            open: Arc::default(),
            stopped: false,
        };
        Box::pin(async { Ok(Box::new(source) as Box<dyn Source>) })
    }

    fn publish(
        &self,
        to: Destination,
        message: Message,
    ) -> BoxFuture<'_, Result<(), PublishError>> {
        let result = match to {
            Destination::Queue(queue) => self.shared.push(&queue, message),
            Destination::Dead(queue) => self.shared.bury(&queue, message),
            Destination::Alone(queue) => self.shared.push(&alone(&queue), message),
            Destination::Retry { queue, delay } => {
                let shared = self.shared.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(delay).await;
                    // past its wait a message is owed a place, however full the queue is
                    shared.put_back(&queue, message, 0);
                });
                Ok(())
            }
        };
        Box::pin(async { result })
    }

    fn take_alone<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<Delivery>, PublishError>> {
        let taken = self.shared.take(&alone(queue), &Arc::default());
        Box::pin(async move { Ok(taken) })
    }

    fn depth<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<QueueDepth, PublishError>> {
        let queues = self.shared.queues();
        let alone = queues.get(&alone(queue)).map_or(0, |q| q.ready.len() as u64);
        let depth = queues.get(queue).map_or_else(QueueDepth::default, |q| QueueDepth {
            ready: q.ready.len() as u64,
            dead: q.dead.len() as u64,
            alone,
            consumers: q.consumers,
        });
        drop(queues);
        Box::pin(async move { Ok(depth) })
    }

    fn announce(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        self.shared.announced.send_replace(Some(Arc::new(message)));
        Box::pin(async { Ok(()) })
    }

    fn announcements(&self) -> watch::Receiver<Option<Arc<Message>>> {
        self.shared.announced.subscribe()
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

struct MemorySource {
    shared: Arc<Shared>,
    queue: String,
    prefetch: usize,
    /// Deliveries of this consumer that are not settled.
    open: Arc<AtomicUsize>,
    stopped: bool,
}

impl MemorySource {
    fn take(&self) -> Option<Delivery> {
        if self.stopped || self.open.load(Ordering::SeqCst) >= self.prefetch {
            return None;
        }
        self.shared.take(&self.queue, &self.open)
    }
}

impl Source for MemorySource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Delivery>, TransportError>> {
        Box::pin(async move {
            loop {
                let shared = self.shared.clone();
                let mut arrived = std::pin::pin!(shared.arrived.notified());
                // registered before the look, so that an arrival in between is not missed
                arrived.as_mut().enable();
                if self.stopped {
                    return Ok(None);
                }
                if let Some(delivery) = self.take() {
                    return Ok(Some(delivery));
                }
                arrived.await;
            }
        })
    }

    fn try_next(&mut self) -> Option<Delivery> {
        self.take()
    }

    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.stopped = true;
        Box::pin(async {})
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

impl Drop for MemorySource {
    fn drop(&mut self) {
        if let Some(q) = self.shared.queues().get_mut(&self.queue) {
            q.consumers = q.consumers.saturating_sub(1);
        }
    }
}

struct MemoryTicket {
    shared: Arc<Shared>,
    queue: String,
    count: Arc<AtomicUsize>,
    /// Taken at settlement; still there at drop means that nobody settled it.
    open: Option<(Message, u32)>,
}

impl Ticket for MemoryTicket {
    fn ack(mut self: Box<Self>) -> BoxFuture<'static, Result<(), TicketLost>> {
        self.open = None;
        Box::pin(async { Ok(()) })
    }

    fn give_back(mut self: Box<Self>) -> BoxFuture<'static, ()> {
        if let Some((message, redelivered)) = self.open.take() {
            self.shared.put_back(&self.queue, message, redelivered);
        }
        Box::pin(async {})
    }
}

impl Drop for MemoryTicket {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::SeqCst);
        if let Some((message, redelivered)) = self.open.take() {
            self.shared.put_back(&self.queue, message, redelivered + 1);
        }
        // there is room for another delivery
        self.shared.arrived.notify_waiters();
    }
}
