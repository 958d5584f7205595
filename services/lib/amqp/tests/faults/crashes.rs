//! Worker processes that die, freeze or are told to end. The worker is this test's own binary,
//! started anew as a process that runs [`worker`] and nothing else.

use crate::line::{Line, PATIENCE, config, policy, transport};
use futures::future::BoxFuture;
use hydra_amqp::{AmqpTransport, BrokerConfig};
use hydra_proto::{Unreadable, events::Image};
use hydra_stage::{
    Delivery, Destination, Done, Failure, Health, Input, Message, Outgoing, Policy, PublishError,
    QueueDepth, Runner, Source, Stage, Ticket, TicketLost, Transport, TransportError, suite::Bench,
};
use hydra_testkit::{Hydra as Child, Rabbit, Signal, eventually, eventually_within};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{process::Command, sync::watch};
use tokio_util::sync::CancellationToken;

const URL: &str = "HYDRA_TEST_WORKER_URL";
/// The worker aborts instead of sending this acknowledgement, counted from 1.
const ABORT_AT_ACK: &str = "HYDRA_TEST_ABORT_AT_ACK";

fn start_worker(url: &str, abort_at_ack: u32) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["crashes::worker", "--exact", "--ignored", "--nocapture"]);
    command.env(URL, url).env(ABORT_AT_ACK, abort_at_ack.to_string());
    Child::spawn(command)
}

/// Not a test but the worker process of those below.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "the worker process of other tests"]
async fn worker() {
    let Ok(url) = std::env::var(URL) else { return };
    let abort_at = std::env::var(ABORT_AT_ACK).unwrap().parse().unwrap();
    let transport = Arc::new(Mortal { inner: transport(&url), abort_at, acks: Arc::default() });
    let (health, stop) = (Health::new(), CancellationToken::new());
    let token = stop.clone();
    let mut term =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).unwrap();
    tokio::spawn(async move {
        term.recv().await;
        token.cancel();
    });
    println!("worker up");
    Runner::new(Obeys, transport.clone(), health.clone()).run(stop).await.unwrap();
    transport.close().await;
    println!("outcomes {:?}", health.report().vitals.get("probe").map(|v| v.messages.clone()));
}

struct Text(String);

impl Input for Text {
    fn read(message: &Message) -> Result<Self, Unreadable> {
        Ok(Self(String::from_utf8_lossy(&message.body).into_owned()))
    }
    fn image(&self) -> Option<&Image> {
        None
    }
}

/// `abort` ends the process as a crash in a C++ library does, `long` takes five seconds.
struct Obeys;

impl Stage for Obeys {
    const NAME: &'static str = "probe";
    type In = Text;

    fn policy(&self) -> Policy {
        policy()
    }

    async fn handle(&self, batch: Vec<Text>) -> Vec<Result<Done, Failure>> {
        if batch.iter().any(|text| text.0.starts_with("long")) {
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        let done = batch.into_iter().map(|text| {
            if text.0.starts_with("abort") {
                std::process::abort();
            }
            let body = text.0.into_bytes().into();
            Ok(Done::with(vec![Outgoing { queue: "sink", type_name: "text", body }]))
        });
        done.collect()
    }
}

/// The transport, with a process that dies in place of one acknowledgement: what followed from
/// the message is published and confirmed by then.
struct Mortal {
    inner: Arc<AmqpTransport>,
    abort_at: u32,
    acks: Arc<AtomicU32>,
}

struct MortalSource {
    inner: Box<dyn Source>,
    abort_at: u32,
    acks: Arc<AtomicU32>,
}

struct MortalTicket {
    inner: Box<dyn Ticket>,
    abort_at: u32,
    acks: Arc<AtomicU32>,
}

impl MortalSource {
    fn wrap(&self, delivery: Delivery) -> Delivery {
        let Delivery { message, redelivered, ticket } = delivery;
        let (abort_at, acks) = (self.abort_at, self.acks.clone());
        let ticket = Box::new(MortalTicket { inner: ticket, abort_at, acks });
        Delivery { message, redelivered, ticket }
    }
}

impl Ticket for MortalTicket {
    fn ack(self: Box<Self>) -> BoxFuture<'static, Result<(), TicketLost>> {
        if self.acks.fetch_add(1, Ordering::SeqCst) + 1 == self.abort_at {
            std::process::abort();
        }
        self.inner.ack()
    }
    fn give_back(self: Box<Self>) -> BoxFuture<'static, ()> {
        self.inner.give_back()
    }
}

impl Source for MortalSource {
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

impl Transport for Mortal {
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
            let (abort_at, acks) = (self.abort_at, self.acks.clone());
            Ok(Box::new(MortalSource { inner, abort_at, acks }) as Box<dyn Source>)
        })
    }
    fn publish(
        &self,
        to: Destination,
        message: Message,
    ) -> BoxFuture<'_, Result<(), PublishError>> {
        self.inner.publish(to, message)
    }
    fn take_alone<'a>(
        &'a self,
        queue: &'a str,
    ) -> BoxFuture<'a, Result<Option<Delivery>, PublishError>> {
        self.inner.take_alone(queue)
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

/// F03: the process dies between the confirm of what follows and its own acknowledgement: the
/// next stage gets it twice, under one id.
#[tokio::test(flavor = "multi_thread")]
async fn f03_worker_crash_after_publish_before_ack() {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    line.send("pass", 40).await;
    let prefetch = usize::from(policy().prefetch());
    let mut allowed = 0;
    for ack in [1, 5, 3] {
        let mut worker = start_worker(&rabbit.url, ack);
        assert!(!worker.wait(Duration::from_secs(30)).await.success(), "it aborts");
        allowed += prefetch;
    }
    let worker = start_worker(&rabbit.url, 0);
    worker.line("worker up").await;
    let outcome = line.settle().await;
    assert_eq!(outcome.dead, 0);
    assert!((3..=allowed).contains(&outcome.repeated), "{outcome:?}");
}

/// F04: a worker that takes batches is told to end under load, fifty times: it drains and ends,
/// and nothing comes twice.
#[tokio::test(flavor = "multi_thread")]
async fn f04_sigterm_drain_of_batches() {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    line.send("pass", 1_500).await;
    // a heartbeat that is missed on a busy machine loses the session, which is another fault
    let calm = BrokerConfig { heartbeat_s: 60, ..config(&rabbit.url) };
    let worker = || Bench::start(Arc::new(AmqpTransport::new(calm.clone())), policy());
    for round in 1..=50 {
        let bench = worker().await;
        let until = (round * 20).min(1_500);
        eventually("it works", async || line.sink().await >= until).await;
        let ended = tokio::time::timeout(Duration::from_secs(20), bench.end()).await;
        ended.unwrap_or_else(|_| panic!("round {round}: not drained after 20 s"));
    }
    let bench = worker().await;
    let outcome = line.settle().await;
    assert_eq!((outcome.repeated, outcome.dead), (0, 0));
    let queue = rabbit.api.queue("probe").await.unwrap();
    let redelivered = queue["message_stats"]["redeliver"].as_u64().unwrap_or(0);
    assert_eq!(redelivered, 0, "delivered in vain");
    bench.end().await;
}

/// F05: told to end with a job that is longer than the grace time, then killed: another one does
/// that job once.
#[tokio::test(flavor = "multi_thread")]
async fn f05_sigterm_then_kill_short_grace() {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    let mut worker = start_worker(&rabbit.url, 0);
    worker.line("worker up").await;
    line.send("long", 1).await;
    eventually("it is in hand", async || line.waiting().await == 0).await;
    worker.terminate();
    tokio::time::sleep(Duration::from_secs(1)).await;
    line.send("pass", 10).await;
    assert_eq!(line.waiting().await, 10, "it takes nothing after the wish to stop");
    worker.kill9();
    worker.wait(Duration::from_secs(10)).await;
    let other = start_worker(&rabbit.url, 0);
    other.line("worker up").await;
    let outcome = line.settle().await;
    assert_eq!((outcome.repeated, outcome.dead), (0, 0));
}

/// F06: frozen for longer than the heartbeat allows: the broker gives its messages to another
/// one; thawed, it finds its acknowledgements lost, says so and works on with a new session.
#[tokio::test(flavor = "multi_thread")]
async fn f06_sigstop_30s() {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    let mut worker = start_worker(&rabbit.url, 0);
    worker.line("worker up").await;
    line.send("long", 30).await;
    eventually("work is in hand", async || line.waiting().await == 0).await;
    worker.signal(Signal::STOP);
    let bench = Bench::start(transport(&rabbit.url), policy()).await;
    eventually("the broker gives it all to the other one", async || {
        let gone = rabbit.api.consumer_prefetches("probe").await.is_ok_and(|all| all.len() == 1);
        gone && line.sink().await >= 30
    })
    .await;
    worker.signal(Signal::CONT);
    let wanted = u64::from(policy().prefetch());
    eventually("both consume, each with its prefetch", async || {
        rabbit.api.consumer_prefetches("probe").await.is_ok_and(|all| all == [wanted, wanted])
    })
    .await;
    line.send("pass", 60).await;
    assert_eq!(line.settle().await.dead, 0);
    worker.terminate();
    assert!(worker.wait(Duration::from_secs(20)).await.success());
    let outcomes = worker.line("outcomes").await;
    assert!(outcomes.contains("ack_lost"), "{outcomes}");
    bench.end().await;
}

/// F21: a message that every process dies of. Processes are started again, as Kubernetes does.
/// It is given up after four deaths, and it alone: those that were in hand beside it pass.
#[tokio::test(flavor = "multi_thread")]
async fn f21_poison_message_is_buried_after_four_deaths_and_no_neighbour_with_it() {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    line.send("pass", 30).await;
    line.send("abort", 1).await;
    line.send("pass", 30).await;
    let mut deaths = 0;
    let mut worker = start_worker(&rabbit.url, 0);
    eventually_within(PATIENCE, "it is buried and the others pass", async || {
        if worker.usage().threads == 0 {
            assert!(!worker.wait(Duration::from_secs(10)).await.success());
            deaths += 1;
            worker = start_worker(&rabbit.url, 0);
        }
        line.dead().await > 0 && line.sink().await >= 60
    })
    .await;
    assert_eq!(deaths, 4, "processes that died of one message");
    let dead = line.producer.dead_letters();
    let letters = dead.list("probe", 100).await.unwrap();
    let given_up: Vec<_> = letters.iter().map(|l| (&l.message.body[..], &*l.reason)).collect();
    assert_eq!(given_up, [(&b"abort 30"[..], "crash")]);
    dead.close().await;
    // the living worker has nothing to fear any more
    eventually("it lives", async || worker.usage().threads > 0).await;
    eventually("nothing waits", async || {
        let depth = line.producer.depth("probe").await;
        depth.is_ok_and(|depth| depth.ready == 0 && depth.alone == 0)
    })
    .await;
}

/// F21, with several at once: each of them kills four times, all others pass.
#[tokio::test(flavor = "multi_thread")]
async fn f21_three_poison_messages_take_no_neighbour_with_them() {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    for _ in 0..3 {
        line.send("pass", 20).await;
        line.send("abort", 1).await;
    }
    let mut deaths = 0;
    let mut worker = start_worker(&rabbit.url, 0);
    eventually_within(PATIENCE, "they are buried and the others pass", async || {
        if worker.usage().threads == 0 {
            assert!(!worker.wait(Duration::from_secs(10)).await.success());
            deaths += 1;
            worker = start_worker(&rabbit.url, 0);
        }
        line.dead().await >= 3 && line.sink().await >= 60
    })
    .await;
    println!("{deaths} processes died of three messages");
    assert!((4..=12).contains(&deaths), "{deaths}");
    let dead = line.producer.dead_letters();
    for letter in dead.list("probe", 100).await.unwrap() {
        assert!(letter.message.body.starts_with(b"abort"), "{:?} is innocent", letter.message.body);
        assert_eq!(letter.reason, "crash");
    }
    dead.close().await;
}
