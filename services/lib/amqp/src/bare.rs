//! Two durable hops with lapin and nothing around it: what `hydra bench` compares the plumbing
//! with. Same queues, same confirms, same bodies; no retry, no deadline, no reconnection.

use crate::{BrokerConfig, topology};
use anyhow::{Context, ensure};
use futures::{StreamExt, stream, stream::FuturesUnordered};
use hydra_stage::Policy;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties, Consumer,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
        ConfirmSelectOptions, QueueDeleteOptions,
    },
    types::FieldTable,
};
use std::time::Instant;

const QUEUES: [&str; 2] = ["bare.first", "bare.second"];
/// Messages that a consumer holds.
const PREFETCH: u16 = 64;
/// Publishes under way at once.
const UNDER_WAY: usize = 64;
/// Of a message on the second hop: a verdict without its pixels.
const VERDICT_BYTES: usize = 300;

/// Sends `messages` of `body_bytes` through two hops: published and confirmed; taken, published
/// on and confirmed, acknowledged; taken and acknowledged. Returns seconds.
///
/// # Errors
/// When the broker does not take part.
pub async fn chain(
    config: &BrokerConfig,
    messages: usize,
    body_bytes: usize,
) -> anyhow::Result<f64> {
    let connect = || Connection::connect(&config.url, ConnectionProperties::default());
    let (feeding, consuming, publishing) = (connect().await?, connect().await?, connect().await?);
    let setting_up = feeding.create_channel().await?;
    for queue in QUEUES {
        topology::declare(&setting_up, queue, &Policy::default()).await?;
    }
    let [mut first, mut second] =
        [consumer(&consuming, QUEUES[0]).await?, consumer(&consuming, QUEUES[1]).await?];
    let feed = confirming(&feeding).await?;
    let out = confirming(&publishing).await?;
    let body = vec![7; body_bytes];
    let begun = Instant::now();
    let feeder = async {
        let mut sends = stream::iter(0..messages)
            .map(|_| publish(&feed, QUEUES[0], &body))
            .buffer_unordered(UNDER_WAY);
        while let Some(sent) = sends.next().await {
            sent?;
        }
        anyhow::Ok(())
    };
    tokio::try_join!(feeder, hop(&mut first, &out, messages), sink(&mut second, messages))?;
    let seconds = begun.elapsed().as_secs_f64();
    // with their connection: lapin cancels a consumer that is dropped before, and fails when the
    // answer crosses the end
    consuming.close(200, "done".into()).await?;
    for queue in QUEUES {
        let mut names = vec![queue.to_owned(), topology::dead_queue(queue)];
        let delays = Policy::default().retry_delays;
        let delays = delays.into_iter().chain([topology::ALONE]);
        names.extend(delays.map(|delay| topology::retry_queue(queue, delay)));
        for name in names {
            let options = QueueDeleteOptions::default();
            setting_up.queue_delete(name.as_str().into(), options).await?;
        }
    }
    for connection in [feeding, publishing] {
        connection.close(200, "done".into()).await?;
    }
    Ok(seconds)
}

async fn confirming(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

async fn consumer(connection: &Connection, queue: &str) -> lapin::Result<Consumer> {
    let channel = connection.create_channel().await?;
    channel.basic_qos(PREFETCH, BasicQosOptions::default()).await?;
    let options = BasicConsumeOptions::default();
    channel.basic_consume(queue.into(), queue.into(), options, FieldTable::default()).await
}

async fn publish(channel: &Channel, queue: &str, body: &[u8]) -> anyhow::Result<()> {
    let properties = BasicProperties::default().with_delivery_mode(2);
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    let sent =
        channel.basic_publish(topology::WORK.into(), queue.into(), options, body, properties);
    ensure!(sent.await?.await?.is_ack(), "the broker refused a message");
    Ok(())
}

async fn hop(from: &mut Consumer, out: &Channel, messages: usize) -> anyhow::Result<()> {
    let mut open = FuturesUnordered::new();
    for _ in 0..messages {
        let delivery = from.next().await.context("the consumer ended")??;
        let out = out.clone();
        open.push(tokio::spawn(async move {
            publish(&out, QUEUES[1], &[7; VERDICT_BYTES]).await?;
            anyhow::Ok(delivery.acker.ack(BasicAckOptions::default()).await?)
        }));
    }
    while let Some(done) = open.next().await {
        done??;
    }
    Ok(())
}

async fn sink(from: &mut Consumer, messages: usize) -> anyhow::Result<()> {
    for _ in 0..messages {
        let delivery = from.next().await.context("the consumer ended")??;
        delivery.acker.ack(BasicAckOptions::default()).await?;
    }
    Ok(())
}
