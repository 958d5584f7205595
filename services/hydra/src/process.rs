//! One process with its parts, and the roles that run in it.

use crate::{cli::Role, config::Config, heartbeats, roles};
use anyhow::Context;
use hydra_blobs::Blobs;
use hydra_boot::PrometheusHandle;
use hydra_proto::registry::Registry;
use hydra_stage::{Health, Transport};
use hydra_store::Database;
use std::{future::Future, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// How often the registry is looked at without an announcement.
const REGISTRY_EVERY: Duration = Duration::from_secs(2);

/// The component of the health report that is well once every role has started.
const STARTING: &str = "start";

/// What the roles of a process share.
#[derive(Clone)]
pub struct Parts {
    /// The configuration.
    pub config: Arc<Config>,
    /// Memory or RabbitMQ.
    pub transport: Arc<dyn Transport>,
    /// Originals, thumbnails, maps, models.
    pub blobs: Blobs,
    /// Rows.
    pub database: Database,
    /// Told by every part.
    pub health: Health,
    /// What was counted. Taken before anything else, so that counters that begin at nought are seen.
    pub metrics: PrometheusHandle,
    /// Cancelled at the end.
    pub stop: CancellationToken,
}

/// The roles that run, until they end or one of them fails.
pub struct Process {
    parts: Parts,
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
}

impl Process {
    /// A process in which nothing runs yet.
    pub fn new(parts: Parts) -> Self {
        Self { parts, tasks: JoinSet::new() }
    }

    /// Runs `work` as a part of the process, under `name`.
    pub fn spawn(
        &mut self,
        name: &'static str,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, work.await) });
    }

    /// Starts the roles, and what every process has: health pages and signs of life.
    ///
    /// # Errors
    /// When a role cannot start.
    pub async fn start(&mut self, roles: &[Role]) -> anyhow::Result<()> {
        // what one role is ready for, the next may not have begun yet
        self.parts.health.unwell(STARTING, "it waits for the database, or for a role to start");
        let registry = self.registry(roles).await?;
        for role in roles {
            roles::start(*role, self, registry.clone())
                .await
                .with_context(|| format!("the role {} cannot start", role.name()))?;
        }
        let Parts { config, database, transport, health, stop, .. } = self.parts.clone();
        health.well(STARTING);
        // who may only read leaves no sign of life, and does not try to
        let is_mute = |role: &Role| *role == Role::Query && config.database.read_only;
        let signing = roles.iter().copied().filter(|role| !is_mute(role)).collect();
        let beats = heartbeats::beat(signing, database, Some(transport), health, stop);
        self.spawn("signs of life", async move {
            beats.await;
            Ok(())
        });
        Ok(())
    }

    /// Waits until every part has ended. The first failure stops the others.
    ///
    /// # Errors
    /// The first failure, or that the grace time was not enough.
    pub async fn finish(mut self) -> anyhow::Result<()> {
        let stop = self.parts.stop.clone();
        let grace = self.parts.config.shutdown.grace();
        let tasks = &mut self.tasks;
        let ended = hydra_boot::finish(wait(tasks, stop.clone()), &stop, grace).await;
        self.parts.transport.close().await;
        self.parts.database.close().await;
        match ended {
            Some(first) => first,
            None => anyhow::bail!("not finished within {} s of the wish to stop", grace.as_secs()),
        }
    }

    /// The shared parts.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// Roles that judge need the registry; the others start without a database.
    async fn registry(&self, roles: &[Role]) -> anyhow::Result<watch::Receiver<Arc<Registry>>> {
        let judging = [Role::Resize, Role::Infer, Role::Gradcam];
        if !roles.iter().any(|role| judging.contains(role)) {
            return Ok(watch::channel(Arc::default()).1);
        }
        let Parts { database, transport, stop, .. } = self.parts.clone();
        let heard = transport.announcements();
        hydra_store::watch_registry(database, REGISTRY_EVERY, heard, stop)
            .await
            .context("stopped before the registry was read")
    }
}

async fn wait(
    tasks: &mut JoinSet<(&'static str, anyhow::Result<()>)>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let mut first = Ok(());
    while let Some(ended) = tasks.join_next().await {
        let failure = match ended {
            Ok((name, Ok(()))) => {
                info!(part = name, "ended");
                continue;
            }
            Ok((name, Err(failure))) => failure.context(name),
            Err(panic) => anyhow::anyhow!("a part panicked: {panic}"),
        };
        error!(error = format!("{failure:#}"), "a part failed, the others are stopped");
        stop.cancel();
        if first.is_ok() {
            first = Err(failure);
        }
    }
    first
}

/// A listener on the configured address; the address is printed, port 0 takes a free one.
///
/// # Errors
/// When the address is taken.
pub async fn listen(what: &str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(address).await;
    let listener = bound.with_context(|| format!("{what}: cannot listen on {address}"))?;
    println!("{what}: http://{}", listener.local_addr()?);
    Ok(listener)
}
