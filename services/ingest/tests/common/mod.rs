//! A door on a store in memory and queues in memory.

#![allow(dead_code)]

use hydra_blobs::Blobs;
use hydra_ingest::{Door, Facts};
use hydra_proto::{
    Event,
    event::decode,
    events::{Image, ImageIngested},
};
use hydra_stage::{Health, MemoryTransport, Message, Policy, Source, Transport};
use std::{collections::BTreeMap, sync::Arc};

pub struct Hall {
    pub blobs: Blobs,
    pub transport: MemoryTransport,
    pub door: Door,
}

impl Hall {
    /// With the queue that the door announces to.
    pub async fn open() -> Self {
        let hall = Self::without_broker(Blobs::in_memory());
        hall.broker_comes().await;
        hall
    }

    /// Every publish fails until [`Self::broker_comes`].
    pub fn without_broker(blobs: Blobs) -> Self {
        let transport = MemoryTransport::default();
        let door = Door::new(blobs.clone(), Arc::new(transport.clone()));
        Self { blobs, transport, door }
    }

    pub async fn broker_comes(&self) {
        self.transport.declare(ImageIngested::QUEUE, &Policy::default()).await.unwrap();
    }

    /// How many images were announced and not yet read by [`Self::announced`].
    pub async fn count(&self) -> u64 {
        self.transport.depth(ImageIngested::QUEUE).await.unwrap().ready
    }

    /// Takes what was announced out of the queue.
    pub async fn announced(&self) -> Vec<(Message, Image)> {
        let mut source: Box<dyn Source> =
            self.transport.consume(ImageIngested::QUEUE, u16::MAX, Health::new()).await.unwrap();
        let mut images = Vec::new();
        while let Some(delivery) = source.try_next() {
            let event: ImageIngested =
                decode(&delivery.message.type_name, delivery.message.body.clone()).unwrap();
            images.push((delivery.message, event.image.unwrap()));
            delivery.ticket.ack().await.unwrap();
        }
        images
    }
}

/// A small PNG that no other seed gives.
pub fn png(seed: u32) -> Vec<u8> {
    let [a, b, c, d] = seed.to_be_bytes();
    hydra_vision::write_rgb_png(2, 2, &[a, b, c, d, 0, 0, 9, 9, 9, 1, 2, 3])
}

pub fn facts(plot_type: &str, run: u32, chunk: u32) -> Facts {
    let texts = [
        ("plot-type", plot_type.to_owned()),
        ("run", run.to_string()),
        ("chunk", chunk.to_string()),
    ];
    Facts::read(&BTreeMap::from(texts.map(|(k, v)| (k.to_owned(), v)))).unwrap()
}
