//! The promises of transactions -> published messages.
//!
//! A promise is deleted after its publication was confirmed, so it may be published twice and is
//! never lost; readers know an incident by its id. Of all keeps one relays at a time, so that
//! alarms leave in the order in which they came about, queue by queue: one that does not take them
//! holds up nothing but its own.

use hydra_stage::{Destination, Health, Message, PublishError, Transport};
use hydra_store::{Database, StoreError, lease, outbox};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::Notify, time::Instant};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Promises looked at together.
const TOGETHER: u64 = 100;
/// Another keep takes over this long after the one that relays has died.
const LEASE: Duration = Duration::from_secs(15);
/// How often to look without being called: for promises of other processes.
const EVERY: Duration = Duration::from_secs(1);
/// How long to leave a queue alone that nobody has declared, or a broker that is away.
const REST: Duration = Duration::from_secs(10);
const NAME: &str = "relay";

/// Queues that took no message, and until when they are left alone.
pub type Resting = BTreeMap<String, Instant>;

/// Publishes promises until `stop`; `holder` names this process, and `promised` calls it.
pub async fn run(
    db: Database,
    transport: Arc<dyn Transport>,
    holder: String,
    promised: Arc<Notify>,
    health: Health,
    stop: CancellationToken,
) {
    let mut resting = Resting::new();
    loop {
        health.tick(NAME);
        let wait = match round(&db, transport.as_ref(), &holder, &mut resting).await {
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
    /// Nothing is left but for queues that rest, or another keep relays.
    Emptied,
    /// There may be more.
    More,
    /// There is no broker; they stay.
    Refused(PublishError),
}

/// Publishes the oldest promises, if this process is the one that relays. A queue that does not
/// take one is noted in `resting`, and none of its promises overtakes another.
///
/// # Errors
/// When the database does not answer.
pub async fn round(
    db: &Database,
    transport: &dyn Transport,
    holder: &str,
    resting: &mut Resting,
) -> Result<Round, StoreError> {
    if !lease::acquire(db, NAME, holder, LEASE).await? {
        return Ok(Round::Emptied);
    }
    resting.retain(|_, until| *until > Instant::now());
    let promises = outbox::oldest(db, resting.keys().cloned().collect(), TOGETHER).await?;
    let full = promises.len() as u64 == TOGETHER;
    let (mut kept, mut refused) = (Vec::new(), None);
    for promise in promises {
        if resting.contains_key(&promise.queue) {
            continue;
        }
        let message = Message {
            id: format!("outbox/{}", promise.id),
            type_name: promise.type_name,
            headers: BTreeMap::new(),
            body: promise.body.into(),
        };
        match transport.publish(Destination::Queue(promise.queue.clone()), message).await {
            Ok(()) => kept.push(promise.id),
            Err(error @ PublishError::Disconnected(_)) => {
                refused = Some(error);
                break;
            }
            Err(error) => {
                let (queue, error) = (promise.queue, &error as &dyn std::error::Error);
                debug!(queue, error, "its promises wait");
                resting.insert(queue, Instant::now() + REST);
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
