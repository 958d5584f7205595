//! The catalog's retraining policies -> training jobs, each with its reason.
//!
//! A job's model becomes a candidate, which predicts in the shadow; people release it or not.

use crate::turns::Duty;
use hydra_stage::{Destination, Outgoing, Transport};
use hydra_store::{Database, StoreError, now_us, retraining};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

const DUTY: Duty = Duty { name: "retraining", first: Duration::from_secs(90) };

/// Files what is due until `stop`; `holder` names this process.
pub async fn run(
    db: Database,
    transport: Arc<dyn Transport>,
    holder: String,
    stop: CancellationToken,
) {
    DUTY.run(&db, &holder, &stop, || round(&db, transport.as_ref(), now_us())).await;
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
