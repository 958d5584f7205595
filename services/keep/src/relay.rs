//! The promises of transactions -> published messages.
//!
//! A promise is deleted after its publication was confirmed, so it may be published twice and is
//! never lost; readers know an incident by its id. Of all keeps one relays at a time, so that
//! alarms leave in the order in which they came about.

use hydra_stage::{Destination, Health, Message, PublishError, Transport};
use hydra_store::{Database, StoreError, lease, outbox};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Promises looked at together.
const TOGETHER: u64 = 100;
/// Another keep takes over this long after the one that relays has died.
const LEASE: Duration = Duration::from_secs(15);
/// How often to look without being called: for promises of other processes.
const EVERY: Duration = Duration::from_secs(1);
/// How long to leave a queue alone that nobody has declared, or a broker that does not take it.
const REST: Duration = Duration::from_secs(10);
const NAME: &str = "relay";

/// Publishes promises until `stop`; `holder` names this process, and `promised` calls it.
pub async fn run(
    db: Database,
    transport: Arc<dyn Transport>,
    holder: String,
    promised: Arc<Notify>,
    health: Health,
    stop: CancellationToken,
) {
    loop {
        health.tick(NAME);
        let wait = match round(&db, transport.as_ref(), &holder).await {
            Ok(Round::Emptied) => EVERY,
            Ok(Round::More) => Duration::ZERO,
            Ok(Round::Refused(error)) => {
                debug!(error = &error as &dyn std::error::Error, "promises wait");
                REST
            }
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "promises cannot be read");
                EVERY
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            () = promised.notified(), if wait == EVERY => {}
            () = tokio::time::sleep(wait) => {}
        }
    }
    // If it is not given back, it ends by itself.
    let _best_effort = lease::release(&db, NAME, &holder).await;
    health.ended(NAME);
}

/// How a round ended.
#[derive(Debug)]
pub enum Round {
    /// Nothing is left, or another keep relays.
    Emptied,
    /// There may be more.
    More,
    /// The transport does not take them; they stay.
    Refused(PublishError),
}

/// Publishes the oldest promises, if this process is the one that relays.
///
/// # Errors
/// When the database does not answer.
pub async fn round(
    db: &Database,
    transport: &dyn Transport,
    holder: &str,
) -> Result<Round, StoreError> {
    if !lease::acquire(db, NAME, holder, LEASE).await? {
        return Ok(Round::Emptied);
    }
    let promises = outbox::oldest(db, TOGETHER).await?;
    let full = promises.len() as u64 == TOGETHER;
    let (mut kept, mut refused) = (Vec::new(), None);
    for promise in promises {
        let message = Message {
            id: format!("outbox/{}", promise.id),
            type_name: promise.type_name,
            headers: BTreeMap::new(),
            body: promise.body.into(),
        };
        match transport.publish(Destination::Queue(promise.queue), message).await {
            Ok(()) => kept.push(promise.id),
            Err(error) => {
                // those after it must not overtake it
                refused = Some(error);
                break;
            }
        }
    }
    if !kept.is_empty() {
        metrics::counter!("hydra_promises_published_total").increment(kept.len() as u64);
        outbox::kept(db, kept).await?;
    }
    Ok(match refused {
        Some(error) => Round::Refused(error),
        None if full => Round::More,
        None => Round::Emptied,
    })
}
