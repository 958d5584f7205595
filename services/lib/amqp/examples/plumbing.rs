//! What the runner and the transport cost over a bare lapin chain of the same durable hops.
//!
//!     cargo run --release -p hydra-amqp --example plumbing -- [MESSAGES] [ROUNDS]
//!
//! Both chains read `first`, publish to `second` with a confirm, acknowledge, read `second` and
//! acknowledge; 50 KB bodies, the same prefetch. Rounds alternate; medians are printed. Needs a
//! broker on the standard port (`scripts/services.sh start`).

use anyhow::Result;
use futures::StreamExt;
use hydra_amqp::{AmqpTransport, BrokerConfig};
use hydra_proto::{Unreadable, events::Image};
use hydra_stage::{
    Destination, Done, Failure, Health, Input, Message, Outgoing, Policy, Runner, Stage, Transport,
};
use hydra_testkit::Rabbit;
use lapin::{BasicProperties, Connection, ConnectionProperties, options::*, types::FieldTable};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

const BODY_BYTES: usize = 50_000;
const PREFETCH: u16 = 64;

struct Raw(bytes::Bytes);

impl Input for Raw {
    fn read(message: &Message) -> Result<Self, Unreadable> {
        Ok(Self(message.body.clone()))
    }
    fn image(&self) -> Option<&Image> {
        None
    }
}

fn policy() -> Policy {
    Policy { batch: 8, concurrency: 4, ..Policy::default() }
}

struct First;
impl Stage for First {
    const NAME: &'static str = "first";
    type In = Raw;
    fn policy(&self) -> Policy {
        policy()
    }
    async fn handle(&self, batch: Vec<Raw>) -> Vec<Result<Done, Failure>> {
        let pass = |raw: Raw| {
            Ok(Done::with(vec![Outgoing { queue: "second", type_name: "raw", body: raw.0 }]))
        };
        batch.into_iter().map(pass).collect()
    }
}

struct Second(Arc<AtomicUsize>);
impl Stage for Second {
    const NAME: &'static str = "second";
    type In = Raw;
    fn policy(&self) -> Policy {
        policy()
    }
    async fn handle(&self, batch: Vec<Raw>) -> Vec<Result<Done, Failure>> {
        self.0.fetch_add(batch.len(), Ordering::SeqCst);
        batch.into_iter().map(|_| Ok(Done::nothing())).collect()
    }
}

/// Seconds from the first message taken to the last acknowledged.
async fn ours(url: &str, messages: usize) -> Result<f64> {
    let config = BrokerConfig {
        url: url.to_owned(),
        ca_file: None,
        heartbeat_s: 10,
        connect_timeout_s: 5,
        confirm_timeout_s: 30,
        declare: true,
    };
    let transport = Arc::new(AmqpTransport::new(config));
    for queue in ["first", "second"] {
        transport.declare(queue, &policy()).await?;
    }
    let seen = Arc::new(AtomicUsize::new(0));
    fill(transport.clone(), messages).await?;
    let stop = CancellationToken::new();
    let begun = Instant::now();
    let first = Runner::new(First, transport.clone(), Health::new()).run(stop.clone());
    let second = Runner::new(Second(seen.clone()), transport.clone(), Health::new());
    let tasks = (tokio::spawn(first), tokio::spawn(second.run(stop.clone())));
    while seen.load(Ordering::SeqCst) < messages {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let seconds = begun.elapsed().as_secs_f64();
    stop.cancel();
    tasks.0.await??;
    tasks.1.await??;
    transport.close().await;
    Ok(seconds)
}

async fn fill(transport: Arc<AmqpTransport>, messages: usize) -> Result<()> {
    let body = bytes::Bytes::from(vec![7; BODY_BYTES]);
    let sends = (0..messages).map(|n| {
        let (transport, body) = (transport.clone(), body.clone());
        async move {
            let message = Message {
                id: n.to_string(),
                type_name: "raw".into(),
                headers: BTreeMap::new(),
                body,
            };
            transport.publish(Destination::Queue("first".into()), message).await
        }
    });
    let mut sends = futures::stream::iter(sends).buffer_unordered(256);
    while let Some(sent) = sends.next().await {
        sent?;
    }
    Ok(())
}

/// The same with nothing but lapin: two connections, confirms, one task a message.
async fn bare(url: &str, messages: usize) -> Result<f64> {
    let transport = Arc::new(AmqpTransport::new(BrokerConfig {
        url: url.to_owned(),
        ca_file: None,
        heartbeat_s: 10,
        connect_timeout_s: 5,
        confirm_timeout_s: 30,
        declare: true,
    }));
    for queue in ["first", "second"] {
        transport.declare(queue, &policy()).await?;
    }
    fill(transport.clone(), messages).await?;
    transport.close().await;
    let consuming = Connection::connect(url, ConnectionProperties::default()).await?;
    let publishing = Connection::connect(url, ConnectionProperties::default()).await?;
    let out = publishing.create_channel().await?;
    out.confirm_select(ConfirmSelectOptions::default()).await?;
    let begun = Instant::now();
    let hop = async {
        let channel = consuming.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let mut consumer = channel
            .basic_consume("first".into(), "a".into(), options, FieldTable::default())
            .await?;
        let mut open = futures::stream::FuturesUnordered::new();
        for _ in 0..messages {
            let Some(delivery) = consumer.next().await else { break };
            let (delivery, out) = (delivery?, out.clone());
            open.push(tokio::spawn(async move {
                let properties = BasicProperties::default().with_delivery_mode(2);
                let options = BasicPublishOptions { mandatory: true, ..Default::default() };
                out.basic_publish(
                    "hydra.work".into(),
                    "second".into(),
                    options,
                    &delivery.data,
                    properties,
                )
                .await?
                .await?;
                delivery.acker.ack(BasicAckOptions::default()).await
            }));
        }
        while let Some(done) = open.next().await {
            done??;
        }
        Ok::<(), anyhow::Error>(())
    };
    let sink = async {
        let channel = consuming.create_channel().await?;
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
        let options = BasicConsumeOptions::default();
        let mut consumer = channel
            .basic_consume("second".into(), "b".into(), options, FieldTable::default())
            .await?;
        for _ in 0..messages {
            let Some(delivery) = consumer.next().await else { break };
            delivery?.acker.ack(BasicAckOptions::default()).await?;
        }
        Ok::<(), anyhow::Error>(())
    };
    tokio::try_join!(hop, sink)?;
    let seconds = begun.elapsed().as_secs_f64();
    consuming.close(200, "done".into()).await?;
    publishing.close(200, "done".into()).await?;
    Ok(seconds)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let messages = arguments.next().transpose()?.unwrap_or(3_000);
    let rounds = arguments.next().transpose()?.unwrap_or(5);
    let (mut our_rates, mut bare_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        // a virtual host each, so that no round meets what another left behind
        let host = Rabbit::start().await;
        let bare_rate = messages as f64 / bare(&host.url, messages).await?;
        let host = Rabbit::start().await;
        let our_rate = messages as f64 / ours(&host.url, messages).await?;
        ratios.push(our_rate / bare_rate);
        our_rates.push(our_rate);
        bare_rates.push(bare_rate);
    }
    println!(
        "plumbing: {:.0} messages/s, bare lapin {:.0} messages/s, ratio {:.2} (medians of {rounds})",
        median(our_rates),
        median(bare_rates),
        median(ratios)
    );
    Ok(())
}
