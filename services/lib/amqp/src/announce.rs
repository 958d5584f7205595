//! Announcements: a fan-out exchange, a private queue a process, the newest message only.

use crate::{link::Link, topology::REGISTRY, wire};
use futures::StreamExt;
use hydra_stage::Message;
use lapin::{
    Consumer, Error, ExchangeKind,
    options::{BasicConsumeOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions},
    types::FieldTable,
};
use std::{sync::Arc, time::Duration};
use tokio::{sync::watch, time::sleep};
use tracing::debug;

/// Between two tries; readers look by themselves too, so an announcement missed costs seconds.
const PAUSE: Duration = Duration::from_secs(1);

/// Listens until every receiver is gone. With `declare` the exchange is made where it is missing.
pub(crate) async fn listen(link: Link, declare: bool, heard: watch::Sender<Option<Arc<Message>>>) {
    loop {
        let ended = tokio::select! {
            () = heard.closed() => break,
            ended = session(&link, declare, &heard) => ended,
        };
        if let Err(error) = ended {
            debug!(error = format!("{error:#}"), "not listening to announcements");
        }
        tokio::select! { () = heard.closed() => break, () = sleep(PAUSE) => {} }
    }
    link.close().await;
}

async fn session(
    link: &Link,
    declare: bool,
    heard: &watch::Sender<Option<Arc<Message>>>,
) -> anyhow::Result<()> {
    let connection = link.connection().await?;
    let result = async {
        let channel = connection.create_channel().await?;
        let mut consumer = subscribe(&channel, declare).await?;
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery?;
            let message = wire::message(&delivery.properties, delivery.data);
            heard.send_replace(Some(Arc::new(message)));
        }
        Ok::<(), Error>(())
    };
    let ended = result.await;
    link.discard(&connection).await;
    Ok(ended?)
}

async fn subscribe(channel: &lapin::Channel, declare: bool) -> Result<Consumer, Error> {
    if declare {
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let arguments = FieldTable::default();
        channel.exchange_declare(REGISTRY.into(), ExchangeKind::Fanout, options, arguments).await?;
    }
    let private = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    let queue = channel.queue_declare("".into(), private, FieldTable::default()).await?;
    let name = queue.name().clone();
    channel
        .queue_bind(
            name.clone(),
            REGISTRY.into(),
            "".into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    channel.basic_consume(name, "".into(), options, FieldTable::default()).await
}
