//! The runner on a transport that fails by a seed: publishes that do not arrive, confirms and
//! acknowledgements that are lost, processes that die at any await point, stages that fail, panic,
//! hang and wait. Whatever happens, each message comes out, or is given up with its reason.
//!
//! Decisions follow from the seed; time is real, with delays of milliseconds, and many seeds run
//! at once. `HYDRA_TEST_SEEDS=10000` tries more of them.

#![allow(clippy::unwrap_used)]

use futures::future::BoxFuture;
use hydra_proto::{
    Event, Unreadable,
    events::{Image, MessageBuried},
};
use hydra_stage::{
    Delivery, Destination, Done, Failure, Health, Input, MemoryTransport, Message, Outgoing,
    Policy, PublishError, QueueDepth, Runner, Source, Stage, Ticket, TicketLost, Transport,
    TransportError, message::REASON,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::{sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;

const ORDERS: usize = 24;

type Dice = Arc<Mutex<StdRng>>;

fn happens(dice: &Dice, probability: f64) -> bool {
    dice.lock().unwrap().random_bool(probability)
}

/// What a message does to the stage.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Temper {
    Passes,
    /// So many times, then it passes.
    Fails(u32),
    Panics(u32),
    Hangs(u32),
    Waits(u32),
    Refused,
    /// Until it is given up.
    Hopeless,
}

impl Temper {
    fn random(dice: &Dice) -> Self {
        let mut dice = dice.lock().unwrap();
        let times = dice.random_range(1..3);
        match dice.random_range(0..20) {
            0..11 => Self::Passes,
            11..13 => Self::Fails(times),
            13 => Self::Panics(times),
            14 => Self::Hangs(1),
            15..17 => Self::Waits(times),
            17..19 => Self::Refused,
            _ => Self::Hopeless,
        }
    }

    /// The reasons for which it may be given up, beside the deaths of processes.
    fn end(self) -> Option<&'static str> {
        match self {
            Self::Refused => Some("refused"),
            Self::Hopeless => Some("attempts"),
            _ => None,
        }
    }
}

struct Order(usize);

impl Input for Order {
    fn read(message: &Message) -> Result<Self, Unreadable> {
        let text = String::from_utf8_lossy(&message.body);
        text.parse().map(Self).map_err(|_| Unreadable::MissingField { name: "Order", field: "n" })
    }
    fn image(&self) -> Option<&Image> {
        None
    }
}

#[derive(Clone)]
struct Moody {
    tempers: Arc<Vec<Temper>>,
    /// Failed calls by order.
    calls: Arc<Mutex<BTreeMap<usize, u32>>>,
    policy: Policy,
    dice: Dice,
}

impl Moody {
    /// Whether this is one of the first `times` calls.
    fn again(&self, order: usize, times: u32) -> bool {
        let mut calls = self.calls.lock().unwrap();
        let count = calls.entry(order).or_default();
        *count += 1;
        *count <= times
    }

    fn obey(&self, order: usize) -> Result<Done, Failure> {
        let pass = || {
            let body = order.to_string().into_bytes().into();
            Ok(Done::with(vec![Outgoing { queue: "sink", type_name: "text", body }]))
        };
        match self.tempers[order] {
            Temper::Fails(times) if self.again(order, times) => {
                Err(Failure::Failed(anyhow::anyhow!("not now")))
            }
            Temper::Panics(times) => {
                assert!(!self.again(order, times), "as ordered");
                pass()
            }
            Temper::Waits(times) if self.again(order, times) => {
                Err(Failure::Unavailable(anyhow::anyhow!("away")))
            }
            Temper::Refused => Err(Failure::Refused(anyhow::anyhow!("never"))),
            Temper::Hopeless => Err(Failure::Failed(anyhow::anyhow!("never well"))),
            _ => pass(),
        }
    }
}

impl Stage for Moody {
    const NAME: &'static str = "probe";
    type In = Order;

    fn policy(&self) -> Policy {
        self.policy.clone()
    }

    async fn handle(&self, batch: Vec<Order>) -> Vec<Result<Done, Failure>> {
        if happens(&self.dice, 0.5) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for order in &batch {
            if let Temper::Hangs(times) = self.tempers[order.0]
                && self.again(order.0, times)
            {
                std::future::pending::<()>().await;
            }
        }
        batch.into_iter().map(|order| self.obey(order.0)).collect()
    }
}

/// Memory with faults.
struct Faulty {
    inner: MemoryTransport,
    dice: Dice,
    /// Where delayed messages wait: not in the process that dies.
    outside: tokio::runtime::Handle,
}

impl Transport for Faulty {
    fn declare<'a>(
        &'a self,
        queue: &'a str,
        policy: &'a Policy,
    ) -> BoxFuture<'a, Result<(), TransportError>> {
        self.inner.declare(queue, policy)
    }
    fn consume<'a>(
        &'a self,
        queue: &'a str,
        prefetch: u16,
        health: Health,
    ) -> BoxFuture<'a, Result<Box<dyn Source>, TransportError>> {
        Box::pin(async move {
            let inner = self.inner.consume(queue, prefetch, health).await?;
            let dice = self.dice.clone();
            Ok(Box::new(FaultySource { inner, dice }) as Box<dyn Source>)
        })
    }
    fn publish(
        &self,
        to: Destination,
        message: Message,
    ) -> BoxFuture<'_, Result<(), PublishError>> {
        Box::pin(async move {
            let lost = || Err(PublishError::Refused("lost".to_owned()));
            if happens(&self.dice, 0.04) {
                return lost();
            }
            tokio::task::yield_now().await;
            let publishing = {
                let _outside = self.outside.enter();
                self.inner.publish(to, message)
            };
            publishing.await?;
            tokio::task::yield_now().await;
            // it arrived, the word about it did not
            if happens(&self.dice, 0.04) { lost() } else { Ok(()) }
        })
    }
    fn take_alone<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<Delivery>, PublishError>> {
        Box::pin(async move {
            let dice = self.dice.clone();
            Ok(self.inner.take_alone(queue).await?.map(|delivery| {
                let ticket = Box::new(FaultyTicket { inner: delivery.ticket, dice });
                Delivery { ticket, ..delivery }
            }))
        })
    }
    fn depth<'a>(&'a self, queue: &'a str) -> BoxFuture<'a, Result<QueueDepth, PublishError>> {
        self.inner.depth(queue)
    }
    fn announce(&self, message: Message) -> BoxFuture<'_, Result<(), PublishError>> {
        self.inner.announce(message)
    }
    fn announcements(&self) -> watch::Receiver<Option<Arc<Message>>> {
        self.inner.announcements()
    }
    fn close(&self) -> BoxFuture<'_, ()> {
        self.inner.close()
    }
}

struct FaultySource {
    inner: Box<dyn Source>,
    dice: Dice,
}

impl FaultySource {
    fn wrap(&self, delivery: Delivery) -> Delivery {
        let ticket = Box::new(FaultyTicket { inner: delivery.ticket, dice: self.dice.clone() });
        Delivery { ticket, ..delivery }
    }
}

impl Source for FaultySource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<Delivery>, TransportError>> {
        Box::pin(async {
            let next = self.inner.next().await?;
            Ok(next.map(|delivery| self.wrap(delivery)))
        })
    }
    fn try_next(&mut self) -> Option<Delivery> {
        let next = self.inner.try_next()?;
        Some(self.wrap(next))
    }
    fn stop(&mut self) -> BoxFuture<'_, ()> {
        self.inner.stop()
    }
    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.inner.close()
    }
}

struct FaultyTicket {
    inner: Box<dyn Ticket>,
    dice: Dice,
}

impl Ticket for FaultyTicket {
    fn ack(self: Box<Self>) -> BoxFuture<'static, Result<(), TicketLost>> {
        // dropped unsettled: delivered again
        if happens(&self.dice, 0.03) {
            return Box::pin(async { Err(TicketLost) });
        }
        self.inner.ack()
    }
    fn give_back(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.inner.give_back()
    }
}

/// All messages that wait in a queue.
async fn drained(memory: &MemoryTransport, queue: &str) -> Vec<Message> {
    let mut source = memory.consume(queue, u16::MAX, Health::new()).await.unwrap();
    let mut all = Vec::new();
    while let Some(delivery) = source.try_next() {
        all.push(delivery.message);
        delivery.ticket.ack().await.unwrap();
    }
    all
}

fn number(message: &Message) -> usize {
    String::from_utf8_lossy(&message.body).parse().unwrap()
}

async fn simulate(seed: u64) {
    let dice: Dice = Arc::new(Mutex::new(StdRng::seed_from_u64(seed)));
    let memory = MemoryTransport::default();
    let transport = Arc::new(Faulty {
        inner: memory.clone(),
        dice: dice.clone(),
        outside: tokio::runtime::Handle::current(),
    });
    let ms = Duration::from_millis;
    // each lock of its own statement: a guard lives until the end of its statement
    let batch = dice.lock().unwrap().random_range(1..6);
    let linger = ms(dice.lock().unwrap().random_range(0..3));
    let concurrency = dice.lock().unwrap().random_range(1..4);
    let policy = Policy {
        batch,
        linger,
        concurrency,
        timeout: ms(60),
        attempts: 4,
        retry_delays: vec![ms(2), ms(5)],
    };
    let tempers: Arc<Vec<Temper>> = Arc::new((0..ORDERS).map(|_| Temper::random(&dice)).collect());
    let stage = Moody {
        tempers: tempers.clone(),
        calls: Arc::default(),
        policy: policy.clone(),
        dice: dice.clone(),
    };
    for queue in ["probe", "sink", "keep"] {
        memory.declare(queue, &policy).await.unwrap();
    }
    for order in 0..ORDERS {
        let message = Message {
            id: format!("order {order}"),
            body: order.to_string().into_bytes().into(),
            ..Message::default()
        };
        memory.publish(Destination::Queue("probe".into()), message).await.unwrap();
    }
    let deaths = dice.lock().unwrap().random_range(0..4);
    for _ in 0..deaths {
        // dropped at whatever await point it has come to, with all its tasks
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let runner = Runner::new(stage.clone(), transport.clone(), Health::new());
        let life = Duration::from_micros(dice.lock().unwrap().random_range(0..30_000));
        let lived = tokio::task::spawn_blocking(move || {
            let run = runner.run(CancellationToken::new());
            let _cut_off =
                runtime.block_on(async { tokio::time::timeout(life, run).await.is_ok() });
            runtime.shutdown_background();
        });
        lived.await.unwrap();
    }
    let stop = CancellationToken::new();
    let runner = Runner::new(stage, transport, Health::new());
    let running = tokio::spawn(runner.run(stop.clone()));
    let mut passed = BTreeMap::new();
    settle(&memory, &mut passed, seed).await;
    stop.cancel();
    running.await.unwrap().unwrap();
    collect(&memory, &mut passed).await;
    judge(&memory, &passed, &tempers, seed).await;
}

/// Ids under which each order came to the sink.
type Passed = BTreeMap<usize, BTreeSet<String>>;

async fn collect(memory: &MemoryTransport, passed: &mut Passed) {
    for message in drained(memory, "sink").await {
        passed.entry(number(&message)).or_default().insert(message.id);
    }
}

/// Waits until every order is in the sink or among the dead.
async fn settle(memory: &MemoryTransport, passed: &mut Passed, seed: u64) {
    let begun = Instant::now();
    loop {
        collect(memory, passed).await;
        let dead: BTreeSet<usize> = memory.dead("probe").iter().map(number).collect();
        let missing: Vec<usize> =
            (0..ORDERS).filter(|n| !passed.contains_key(n) && !dead.contains(n)).collect();
        if missing.is_empty() {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "seed {seed}: lost {missing:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn judge(memory: &MemoryTransport, passed: &Passed, tempers: &[Temper], seed: u64) {
    let mut reasons = BTreeMap::<usize, BTreeSet<String>>::new();
    for message in memory.dead("probe") {
        reasons.entry(number(&message)).or_default().insert(message.headers[REASON].clone());
    }
    for (order, temper) in tempers.iter().enumerate() {
        let what = format!("seed {seed}, order {order}, {temper:?}");
        let ids = passed.get(&order);
        assert!(ids.is_none_or(|ids| ids.len() == 1), "{what}: repeated under {ids:?}");
        if temper.end().is_some() {
            assert!(ids.is_none(), "{what}: passed");
        }
        for reason in reasons.get(&order).into_iter().flatten() {
            let allowed = reason == "crash" || temper.end() == Some(reason.as_str());
            assert!(allowed, "{what}: given up as {reason}");
        }
    }
    let reports = drained(memory, "keep").await;
    assert!(reports.iter().all(|report| report.type_name == MessageBuried::NAME), "seed {seed}");
    assert!(reports.len() >= reasons.len(), "seed {seed}: every burial is reported");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_fails_nothing_is_lost_and_every_end_has_its_reason() {
    let wanted = std::env::var("HYDRA_TEST_SEEDS").ok().and_then(|text| text.parse().ok());
    let seeds = 0..wanted.unwrap_or(120_u64);
    let mut running = JoinSet::new();
    for seed in seeds {
        running.spawn(simulate(seed));
        if running.len() >= 64 {
            running.join_next().await.unwrap().unwrap();
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}
