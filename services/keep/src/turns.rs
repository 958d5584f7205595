//! What one of all keeps does now and then: taking turns, by a lease.

use hydra_store::{Database, StoreError, lease};
use std::{error::Error, future::Future, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Another keep takes over this long after the one whose turn it is has died.
const LEASE: Duration = Duration::from_secs(900);
/// Between two rounds.
const EVERY: Duration = Duration::from_secs(600);

/// A duty that one keep has at a time.
pub(crate) struct Duty {
    /// Its lease.
    pub name: &'static str,
    /// A new process lets the pipeline begin first.
    pub first: Duration,
}

impl Duty {
    /// Does `round` every ten minutes until `stop`, where it is the turn of this process, which is
    /// called `holder`. A round may be left at any of its waits.
    pub async fn run<T, E, F, Fut>(
        &self,
        db: &Database,
        holder: &str,
        stop: &CancellationToken,
        round: F,
    ) where
        E: Error + From<StoreError> + 'static,
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let mut wait = self.first;
        while stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_some() {
            wait = EVERY;
            let turn = async {
                if lease::acquire(db, self.name, holder, LEASE).await? {
                    round().await?;
                }
                Ok::<_, E>(())
            };
            if let Some(Err(error)) = stop.run_until_cancelled(turn).await {
                let error: &dyn Error = &error;
                warn!(duty = self.name, error, "did not finish, the next round goes on");
            }
        }
        // If it is not given back, it ends by itself.
        let _best_effort = lease::release(db, self.name, holder).await;
    }
}
