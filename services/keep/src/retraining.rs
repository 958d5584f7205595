//! The catalog's retraining policies -> training jobs, each with its reason.
//!
//! A job's model becomes a candidate, which predicts in the shadow; people release it or not.

use hydra_stage::{Destination, Outgoing, Transport};
use hydra_store::{Database, StoreError, lease, now_us, retraining};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Of all keeps one looks; another takes over this long after it has died.
const LEASE: Duration = Duration::from_secs(900);
/// Between two rounds.
const EVERY: Duration = Duration::from_secs(600);
/// A new process lets the pipeline begin first.
const FIRST: Duration = Duration::from_secs(90);
const NAME: &str = "retraining";

/// Files what is due until `stop`; `holder` names this process.
pub async fn run(
    db: Database,
    transport: Arc<dyn Transport>,
    holder: String,
    stop: CancellationToken,
) {
    let mut wait = FIRST;
    while stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
        wait = EVERY;
        let round = async {
            if lease::acquire(&db, NAME, &holder, LEASE).await? {
                round(&db, transport.as_ref(), now_us()).await?;
            }
            Ok::<_, StoreError>(())
        };
        if let Some(Err(error)) = stop.run_until_cancelled(round).await {
            let error: &dyn std::error::Error = &error;
            warn!(error, "retraining policies wait for the database");
        }
    }
    // If it is not given back, it ends by itself.
    let _best_effort = lease::release(&db, NAME, &holder).await;
}

/// Publishes the jobs that are due. One that the transport does not take, because no `train` role
/// ever ran, is due again in the next round.
///
/// # Errors
/// When the database does not answer.
pub async fn round(
    db: &Database,
    transport: &dyn Transport,
    now_us: i64,
) -> Result<(), StoreError> {
    for job in retraining::due(db, now_us).await? {
        let (names, why) = (job.wanted.plot_types.join(", "), job.wanted.why.clone());
        let (queue, message) = Outgoing::of(&job.wanted).caused_by(&job.wanted.job_id, 0);
        match transport.publish(Destination::Queue(queue.to_owned()), message).await {
            Ok(()) => {
                info!(plot_type = names, why, "a training job was filed");
                retraining::filed(db, &job, now_us).await?;
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(plot_type = names, why, error, "a training job could not be filed");
            }
        }
    }
    Ok(())
}
