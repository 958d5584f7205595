//! A line of production: a producer, a worker whose network may be bad, a sink; and the ledger.

use hydra_amqp::{AmqpTransport, BrokerConfig};
use hydra_stage::{Destination, Health, Policy, Transport, suite};
use hydra_testkit::{Ledger, eventually_within};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// How long a line may take to come clean after the fault's end. Generous: two cores, many tests.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Short deadlines, so that faults show soon.
pub fn config(url: &str) -> BrokerConfig {
    BrokerConfig {
        url: url.to_owned(),
        ca_file: None,
        heartbeat_s: 2,
        connect_timeout_s: 3,
        confirm_timeout_s: 2,
        declare: true,
    }
}

pub fn transport(url: &str) -> Arc<AmqpTransport> {
    Arc::new(AmqpTransport::new(config(url)))
}

/// Many at once, as in life.
pub fn policy() -> Policy {
    Policy { batch: 8, concurrency: 4, timeout: Duration::from_secs(30), ..suite::quick() }
}

/// How much of a fault is tried: `HYDRA_FAULTS_FULL=1` for all of it.
pub fn sized(standard: usize, full: usize) -> usize {
    if std::env::var_os("HYDRA_FAULTS_FULL").is_some() { full } else { standard }
}

/// What came out at the end.
#[derive(Debug)]
pub struct Outcome {
    /// Messages in the sink above one for each order. Each has the id of the first.
    pub repeated: usize,
    /// Given up.
    pub dead: u64,
}

/// A producer and a ledger. Workers are added by the tests.
pub struct Line {
    pub producer: Arc<AmqpTransport>,
    ledger: Arc<Ledger<String>>,
    next: AtomicU32,
}

impl Line {
    /// Declares the queues by way of a network without faults.
    pub async fn open(url: &str) -> Self {
        let producer = transport(url);
        for queue in ["sink", "keep", "probe"] {
            producer.declare(queue, &policy()).await.unwrap();
        }
        Self { producer, ledger: Arc::default(), next: AtomicU32::new(0) }
    }

    /// Sends `count` orders of this kind, each until it is confirmed, twenty at a time.
    pub async fn send(&self, kind: &str, count: usize) {
        let mut sending = tokio::task::JoinSet::new();
        for _ in 0..count {
            let order = format!("{kind} {}", self.next.fetch_add(1, Ordering::SeqCst));
            let (producer, ledger) = (self.producer.clone(), self.ledger.clone());
            ledger.attempt(order.clone());
            sending.spawn(async move {
                let to = || Destination::Queue("probe".to_owned());
                while producer.publish(to(), suite::text(&order)).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                ledger.confirm(order);
            });
            if sending.len() >= 20 {
                sending.join_next().await.unwrap().unwrap();
            }
        }
        while let Some(sent) = sending.join_next().await {
            sent.unwrap();
        }
    }

    pub async fn sink(&self) -> u64 {
        self.producer.depth("sink").await.map_or(0, |depth| depth.ready)
    }

    pub async fn waiting(&self) -> u64 {
        self.producer.depth("probe").await.map_or(u64::MAX, |depth| depth.ready)
    }

    pub async fn consumers(&self) -> u32 {
        self.producer.depth("probe").await.map_or(0, |depth| depth.consumers)
    }

    pub async fn dead(&self) -> u64 {
        self.producer.depth("probe").await.map_or(0, |depth| depth.dead)
    }

    /// Waits until every order is in the sink or among the dead, then balances the ledger.
    pub async fn settle(&self) -> Outcome {
        let mut rows = BTreeMap::<String, (usize, String)>::new();
        let mut source = self.producer.consume("sink", 200, Health::new()).await.expect("a source");
        let wanted = self.ledger.confirmed();
        let (mut dead, mut told) = (0, usize::MAX);
        eventually_within(PATIENCE, "every order comes out", async || {
            let quiet = Duration::from_millis(300);
            while let Ok(got) = tokio::time::timeout(quiet, source.next()).await {
                let delivery = got.unwrap().unwrap();
                let body = String::from_utf8(delivery.message.body.to_vec()).unwrap();
                let row = rows.entry(body).or_insert((0, delivery.message.id.clone()));
                row.0 += 1;
                assert_eq!(row.1, delivery.message.id, "a repetition has the id of the first");
                delivery.ticket.ack().await.unwrap();
            }
            dead = self.dead().await;
            if rows.len() != told {
                told = rows.len();
                println!("{told} of {wanted} orders are out, {dead} dead");
            }
            rows.len() as u64 + dead >= wanted as u64 && self.waiting().await == 0
        })
        .await;
        source.stop().await;
        source.close().await;
        if dead == 0 {
            self.ledger.balance(rows.keys().cloned()).assert_clean();
        }
        let repeated = rows.values().map(|(count, _)| count - 1).sum();
        Outcome { repeated, dead }
    }
}
