//! Declares what stages need, at the start and again when somebody deleted it.

use crate::{
    BrokerConfig,
    link::{self, Link},
    topology,
};
use hydra_stage::{Policy, TransportError};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::time::sleep;
use tracing::{error, warn};

/// Between two tries to declare while the broker is away.
const PAUSE: Duration = Duration::from_millis(200);

/// The topology as far as this process is answerable for it.
pub(crate) struct Declarer {
    config: Arc<BrokerConfig>,
    /// For declaring and asking; never for publishing.
    pub(crate) link: Link,
    /// What was declared here.
    stages: Mutex<HashMap<String, Policy>>,
}

impl Declarer {
    pub(crate) fn new(config: Arc<BrokerConfig>) -> Self {
        let link = Link::new(config.clone(), "ask");
        Self { config, link, stages: Mutex::default() }
    }

    fn stages(&self) -> std::sync::MutexGuard<'_, HashMap<String, Policy>> {
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Declares all that the stage `queue` needs, waiting for the broker.
    pub(crate) async fn declare(&self, queue: &str, policy: &Policy) -> Result<(), TransportError> {
        if !self.config.declare {
            return Ok(());
        }
        let mut told = String::new();
        loop {
            match self.once(queue, policy).await {
                Ok(()) => break,
                Err(TransportError::Other(error)) => {
                    let error = format!("{error:#}");
                    if error != told {
                        warn!(queue, error, "not declared yet");
                        told = error;
                    }
                    sleep(PAUSE).await;
                }
                Err(fatal) => return Err(fatal),
            }
        }
        self.stages().insert(queue.to_owned(), policy.clone());
        Ok(())
    }

    /// Declares `queue` again after the broker said that it, or its exchange, is not there. Says
    /// whether that was done: only what was declared here before.
    pub(crate) async fn mend(&self, queue: &str) -> bool {
        let policy = self.stages().get(queue).cloned();
        let Some(policy) = policy else { return false };
        let mended = self.once(queue, &policy).await;
        match &mended {
            Ok(()) => {
                error!(queue, "somebody deleted it, or a part of it; declared again");
                metrics::counter!("hydra_topology_mended_total", "queue" => queue.to_owned())
                    .increment(1);
            }
            Err(error) => warn!(queue, %error, "cannot be declared again"),
        }
        mended.is_ok()
    }

    async fn once(&self, queue: &str, policy: &Policy) -> Result<(), TransportError> {
        let connection = self.link.connection().await.map_err(link::sorted)?;
        let channel = connection
            .create_channel()
            .await
            .map_err(|error| TransportError::Other(error.into()))?;
        let declared = topology::declare(&channel, queue, policy).await;
        if declared.is_ok() {
            channel.close(200, "done".into()).await.ok();
        }
        declared
    }
}
