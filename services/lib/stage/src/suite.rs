//! What every transport must pass, with the runner on top: the same checks for memory and
//! RabbitMQ. Each check takes a fresh transport (a fresh virtual host, on a broker).

#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use crate::{
    Destination, Done, Failure, Health, Input, Message, Outgoing, Policy, PublishError, Runner,
    Source, Stage, Transport,
    message::{ATTEMPT, REASON},
};
use anyhow::anyhow;
use hydra_proto::{Unreadable, events::Image};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `predicate` holds, at most half a minute.
pub async fn eventually(what: &str, mut predicate: impl AsyncFnMut() -> bool) {
    let until = tokio::time::Instant::now() + PATIENCE;
    while !predicate().await {
        assert!(tokio::time::Instant::now() < until, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A message whose body is an order to the [`Probe`].
pub struct Order(String);

impl Input for Order {
    fn read(message: &Message) -> Result<Self, Unreadable> {
        let text = String::from_utf8(message.body.to_vec())
            .map_err(|_| Unreadable::MissingField { name: "Order", field: "text" })?;
        Ok(Self(text))
    }
    fn image(&self) -> Option<&Image> {
        None
    }
}

/// What the probe saw and whether it may work; shared with the check.
#[derive(Clone, Default)]
pub struct Seen {
    pub calls: Arc<Mutex<Vec<Vec<String>>>>,
    pub away: Arc<AtomicBool>,
    pub started: Arc<AtomicU32>,
}

impl Seen {
    pub fn count(&self, order: &str) -> usize {
        self.calls.lock().unwrap().iter().flatten().filter(|seen| *seen == order).count()
    }
}

/// A stage that obeys: `pass`, `refuse`, `fail`, `panic`, `hang`, `slow`, anything else passes.
pub struct Probe {
    pub seen: Seen,
    pub policy: Policy,
}

impl Stage for Probe {
    const NAME: &'static str = "probe";
    type In = Order;

    fn policy(&self) -> Policy {
        self.policy.clone()
    }

    async fn handle(&self, batch: Vec<Order>) -> Vec<Result<Done, Failure>> {
        self.seen.started.fetch_add(1, Ordering::SeqCst);
        self.seen.calls.lock().unwrap().push(batch.iter().map(|o| o.0.clone()).collect());
        if batch.iter().any(|o| o.0.starts_with("hang")) {
            std::future::pending::<()>().await;
        }
        if batch.iter().any(|o| o.0.starts_with("slow")) {
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        assert!(!batch.iter().any(|o| o.0.starts_with("panic")), "ordered to panic");
        batch.into_iter().map(|order| self.obey(&order.0)).collect()
    }
}

impl Probe {
    fn obey(&self, order: &str) -> Result<Done, Failure> {
        if self.seen.away.load(Ordering::SeqCst) {
            return Err(Failure::Unavailable(anyhow!("the store is away")));
        }
        if order.starts_with("refuse") {
            return Err(Failure::Refused(anyhow!("ordered to refuse")));
        }
        if order.starts_with("fail") {
            return Err(Failure::Failed(anyhow!("ordered to fail")));
        }
        Ok(Done::with(vec![Outgoing {
            queue: "sink",
            type_name: "text",
            body: order.as_bytes().to_vec().into(),
        }]))
    }
}

/// Short delays, small batches.
pub fn quick() -> Policy {
    Policy {
        batch: 4,
        linger: Duration::from_millis(20),
        concurrency: 2,
        timeout: Duration::from_millis(1_000),
        attempts: 3,
        retry_delays: vec![Duration::from_millis(100), Duration::from_millis(200)],
    }
}

pub fn text(body: &str) -> Message {
    Message {
        id: format!("id-{body}"),
        type_name: "text".to_owned(),
        headers: BTreeMap::new(),
        body: body.as_bytes().to_vec().into(),
    }
}

fn to(queue: &str) -> Destination {
    Destination::Queue(queue.to_owned())
}

/// A probe that runs, and the sink behind it.
pub struct Bench {
    pub transport: Arc<dyn Transport>,
    pub seen: Seen,
    pub health: Health,
    pub stop: CancellationToken,
    pub runner: tokio::task::JoinHandle<()>,
}

impl Bench {
    pub async fn start(transport: Arc<dyn Transport>, policy: Policy) -> Self {
        let (seen, health) = (Seen::default(), Health::new());
        let stop = CancellationToken::new();
        for queue in ["sink", "keep", "probe"] {
            transport.declare(queue, &policy).await.unwrap();
        }
        let probe = Probe { seen: seen.clone(), policy };
        let runner = Runner::new(probe, transport.clone(), health.clone());
        let token = stop.clone();
        let runner = tokio::spawn(async move { runner.run(token).await.unwrap() });
        Self { transport, seen, health, stop, runner }
    }

    pub async fn send(&self, orders: &[&str]) {
        for order in orders {
            self.transport.publish(to("probe"), text(order)).await.unwrap();
        }
    }

    pub async fn sink(&self) -> u64 {
        self.transport.depth("sink").await.unwrap().ready
    }

    pub async fn dead(&self) -> u64 {
        self.transport.depth("probe").await.unwrap().dead
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.runner.await.unwrap();
        self.transport.close().await;
    }
}

async fn open(transport: &Arc<dyn Transport>, queue: &str, prefetch: u16) -> Box<dyn Source> {
    transport.consume(queue, prefetch, Health::new()).await.unwrap()
}

async fn take(source: &mut Box<dyn Source>) -> crate::Delivery {
    tokio::time::timeout(PATIENCE, source.next()).await.unwrap().unwrap().unwrap()
}

pub async fn messages_arrive_in_order_with_their_headers(transport: Arc<dyn Transport>) {
    transport.declare("sink", &quick()).await.unwrap();
    for body in ["a", "b", "c"] {
        transport.publish(to("sink"), text(body).with_header("run", "7")).await.unwrap();
    }
    let mut source = open(&transport, "sink", 10).await;
    for body in ["a", "b", "c"] {
        let delivery = take(&mut source).await;
        assert_eq!(delivery.message, text(body).with_header("run", "7"));
        assert_eq!(delivery.redelivered, 0);
        delivery.ticket.ack().await.unwrap();
    }
    source.close().await;
    assert_eq!(transport.depth("sink").await.unwrap().ready, 0);
}

pub async fn a_lost_ticket_brings_the_message_again_with_a_count(transport: Arc<dyn Transport>) {
    transport.declare("sink", &quick()).await.unwrap();
    transport.publish(to("sink"), text("a")).await.unwrap();
    let mut source = open(&transport, "sink", 1).await;
    drop(take(&mut source).await.ticket);
    source.close().await;
    let mut source = open(&transport, "sink", 1).await;
    let again = take(&mut source).await;
    assert_eq!((again.message.body.as_ref(), again.redelivered), (&b"a"[..], 1));
    again.ticket.ack().await.unwrap();
    source.close().await;
}

pub async fn publishing_to_no_queue_is_an_error(transport: Arc<dyn Transport>) {
    let error = transport.publish(to("nowhere"), text("a")).await.unwrap_err();
    assert!(matches!(error, PublishError::Unroutable(_)), "{error:?}");
}

pub async fn a_retried_message_comes_back_after_its_delay(transport: Arc<dyn Transport>) {
    transport.declare("sink", &quick()).await.unwrap();
    let delay = Duration::from_millis(200);
    let begun = tokio::time::Instant::now();
    let retry = Destination::Retry { queue: "sink".to_owned(), delay };
    transport.publish(retry, text("a").with_header(ATTEMPT, "1")).await.unwrap();
    let mut source = open(&transport, "sink", 1).await;
    let back = take(&mut source).await;
    assert!(begun.elapsed() >= delay, "{:?}", begun.elapsed());
    assert_eq!(back.message.attempt(), 1);
    back.ticket.ack().await.unwrap();
    source.close().await;
}

pub async fn each_message_of_a_batch_has_its_own_outcome(transport: Arc<dyn Transport>) {
    let bench = Bench::start(transport, quick()).await;
    bench.send(&["pass 1", "refuse 2", "pass 3", "fail 4"]).await;
    eventually("two passed, two buried", async || {
        bench.sink().await == 2 && bench.dead().await == 2
    })
    .await;
    assert_eq!(bench.seen.count("fail 4"), 3, "three attempts and no more");
    assert_eq!(bench.seen.count("refuse 2"), 1, "a refusal is never tried again");
    eventually("both burials are reported", async || {
        bench.transport.depth("keep").await.unwrap().ready == 2
    })
    .await;
    bench.end().await;
}

pub async fn a_panic_costs_only_the_message_that_caused_it(transport: Arc<dyn Transport>) {
    let bench = Bench::start(transport, quick()).await;
    bench.send(&["pass 1", "panic 2", "pass 3", "pass 4"]).await;
    eventually("three pass, one is buried", async || {
        bench.sink().await == 3 && bench.dead().await == 1
    })
    .await;
    bench.end().await;
}

pub async fn a_hang_is_ended_by_the_timeout(transport: Arc<dyn Transport>) {
    let policy = Policy { attempts: 1, ..quick() };
    let bench = Bench::start(transport, policy).await;
    bench.send(&["hang", "pass"]).await;
    eventually("one passes, one is buried", async || {
        bench.sink().await == 1 && bench.dead().await == 1
    })
    .await;
    bench.end().await;
}

/// However well the rest is: what is ready has its queue, so that a message to it has a place.
pub async fn a_role_is_ready_once_its_queue_is_there(transport: Arc<dyn Transport>) {
    let health = Health::new();
    health.well("pages");
    transport.declare("sink", &quick()).await.unwrap();
    let probe = Probe { seen: Seen::default(), policy: quick() };
    let runner = Runner::new(probe, transport.clone(), health.clone());
    let before = health.report();
    assert!(!before.is_ready(), "{before:?}");
    let stop = CancellationToken::new();
    let token = stop.clone();
    let running = tokio::spawn(async move { runner.run(token).await.unwrap() });
    eventually("it is ready", async || health.report().is_ready()).await;
    let queue = transport.depth("probe").await.unwrap();
    assert_eq!(queue.consumers, 1, "and takes from it");
    stop.cancel();
    running.await.unwrap();
}

pub async fn what_cannot_be_read_is_buried_with_its_bytes(transport: Arc<dyn Transport>) {
    let bench = Bench::start(transport, quick()).await;
    let mut broken = text("x");
    broken.body = vec![0xff, 0xfe].into();
    bench.transport.publish(to("probe"), broken).await.unwrap();
    eventually("it is buried", async || bench.dead().await == 1).await;
    assert!(bench.seen.calls.lock().unwrap().is_empty(), "the stage never saw it");
    bench.end().await;
}

pub async fn an_absence_holds_messages_and_costs_no_attempt(transport: Arc<dyn Transport>) {
    let bench = Bench::start(transport, quick()).await;
    bench.seen.away.store(true, Ordering::SeqCst);
    bench.send(&["pass 1", "pass 2"]).await;
    eventually("tried more often than the attempts", async || bench.seen.count("pass 1") > 4).await;
    assert!(!bench.health.report().is_ready(), "the role says that it cannot work");
    bench.seen.away.store(false, Ordering::SeqCst);
    eventually("both pass", async || bench.sink().await == 2).await;
    assert_eq!(bench.dead().await, 0);
    eventually("well again", async || bench.health.report().is_ready()).await;
    bench.end().await;
}

pub async fn stopping_finishes_what_was_delivered_and_takes_nothing_new(
    transport: Arc<dyn Transport>,
) {
    let policy = Policy { batch: 1, concurrency: 1, ..quick() };
    let bench = Bench::start(transport.clone(), policy).await;
    for n in 0..20 {
        bench.send(&[&format!("slow {n}")]).await;
    }
    eventually("work began", async || bench.seen.started.load(Ordering::SeqCst) > 0).await;
    bench.stop.cancel();
    bench.runner.await.unwrap();
    let done = transport.depth("sink").await.unwrap().ready;
    let left = transport.depth("probe").await.unwrap().ready;
    assert_eq!(done + left, 20, "nothing lost, nothing done twice");
    assert!(left >= 10, "it did not go on taking: {left} left");
    let mut source = open(&transport, "probe", 1).await;
    let next = take(&mut source).await;
    assert_eq!(next.redelivered, 0, "nothing that is left was ever handed out in vain");
    next.ticket.ack().await.unwrap();
    source.close().await;
    transport.close().await;
}

pub async fn announcements_reach_every_listener(transport: Arc<dyn Transport>) {
    let (mut one, mut two) = (transport.announcements(), transport.announcements());
    eventually("both hear it", async || {
        transport.announce(text("generation 2")).await.unwrap();
        let heard = |r: &mut tokio::sync::watch::Receiver<Option<Arc<Message>>>| {
            r.borrow_and_update().as_ref().is_some_and(|m| m.body == "generation 2")
        };
        heard(&mut one) && heard(&mut two)
    })
    .await;
}

/// The reason header of a buried message, for the checks of transports that can list them.
pub fn reason(message: &Message) -> &str {
    message.headers.get(REASON).map_or("", String::as_str)
}
