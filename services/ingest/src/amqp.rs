//! Images that any AMQP client publishes to the exchange `hydra.images`: the bytes as the body,
//! the facts as headers.

use crate::{Door, Facts, NotTaken, Refusal, door::Offer, door::count_refusal};
use bytes::Bytes;
use futures::future::join_all;
use hydra_proto::{Unreadable, events::Image};
use hydra_stage::{Done, Failure, Input, Message, Policy, Stage, message::TRACEPARENT};
use std::{collections::BTreeMap, time::Duration};

/// Images at the door at once: each waits mostly for a disk and a confirm.
const CONCURRENCY: usize = 16;

/// A message of a foreign producer, before anybody trusts it.
#[derive(Clone, Debug)]
pub struct RawImage {
    headers: BTreeMap<String, String>,
    body: Bytes,
}

impl Input for RawImage {
    /// Takes everything: what is wrong with it is said with the reason of a refusal.
    fn read(message: &Message) -> Result<Self, Unreadable> {
        Ok(Self { headers: message.headers.clone(), body: message.body.clone() })
    }

    fn image(&self) -> Option<&Image> {
        None
    }
}

/// The stage `ingest`.
pub struct AmqpDoor(Door);

impl AmqpDoor {
    /// The stage before `door`.
    pub fn new(door: Door) -> Self {
        Self(door)
    }

    async fn take(&self, raw: RawImage) -> Result<Done, Failure> {
        let facts = Facts::read(&raw.headers).map_err(|refusal| {
            count_refusal("amqp", &refusal);
            refused(refusal)
        })?;
        let traceparent = raw.headers.get(TRACEPARENT).cloned();
        let offer = Offer { from: "amqp", facts, bytes: raw.body, traceparent };
        match self.0.take(offer).await {
            Ok(crate::Taken::New(_)) => Ok(Done::nothing()),
            Ok(crate::Taken::Known(_)) => Ok(Done::duplicate()),
            Err(NotTaken::Refused(refusal)) => Err(refused(refusal)),
            Err(away @ NotTaken::Away { .. }) => Err(Failure::Unavailable(away.into())),
        }
    }
}

fn refused(refusal: Refusal) -> Failure {
    Failure::Refused(refusal.into())
}

impl Stage for AmqpDoor {
    const NAME: &'static str = "ingest";
    type In = RawImage;

    fn policy(&self) -> Policy {
        let timeout = Duration::from_secs(60);
        Policy { concurrency: CONCURRENCY, timeout, ..Policy::default() }
    }

    async fn handle(&self, batch: Vec<RawImage>) -> Vec<Result<Done, Failure>> {
        join_all(batch.into_iter().map(|raw| self.take(raw))).await
    }
}
