//! How each role is put together.

use crate::heartbeats::instance;
use crate::models::runtime_config;
use crate::{
    cli::Role,
    process::{Parts, Process, listen},
};
use hydra_gradcam::Gradcam;
use hydra_infer::{Infer, InferConfig};
use hydra_ingest::{
    AmqpDoor, Door,
    folder::FolderDoor,
    http::{self, HttpConfig},
};
use hydra_keep::{Keep, freshness, relay, retention, retraining};
use hydra_model::{Held, Models, Runtime};
use hydra_proto::registry::Registry;
use hydra_query::QueryConfig;
use hydra_resize::Resize;
use hydra_stage::{Runner, Stage};
use std::sync::Arc;
use tokio::sync::watch;

/// Starts one role in the process.
///
/// # Errors
/// When it cannot start.
pub async fn start(
    role: Role,
    process: &mut Process,
    registry: watch::Receiver<Arc<Registry>>,
) -> anyhow::Result<()> {
    let parts = process.parts().clone();
    let threads = parts.config.work.threads();
    match role {
        Role::Ingest => ingest(process, parts).await?,
        Role::Infer => infer(process, parts, registry)?,
        Role::Resize => stage(process, Resize::new(parts.blobs.clone(), registry, threads)),
        Role::Gradcam => gradcam(process, parts)?,
        Role::Keep => keep(process, parts),
        Role::Query => query(process, parts).await?,
        Role::Train => train(process, parts).await?,
    }
    Ok(())
}

/// Runs a stage as a part of the process.
fn stage<S: Stage>(process: &mut Process, stage: S) {
    let Parts { transport, health, stop, .. } = process.parts().clone();
    let runner = Runner::new(stage, transport, health);
    process.spawn(S::NAME, async move { runner.run(stop).await.map_err(Into::into) });
}

async fn ingest(process: &mut Process, parts: Parts) -> anyhow::Result<()> {
    let Parts { config, blobs, transport, health, stop, .. } = parts;
    let door = Door::new(blobs, transport);
    let listener = listen("ingest", config.ingest.address).await?;
    let http = HttpConfig { listen: listener.local_addr()?, ..HttpConfig::default() };
    let router = http::router(door.clone(), &http);
    let token = stop.clone();
    process.spawn("http door", async move {
        http::serve(listener, router, &http, token).await.map_err(Into::into)
    });
    for folder in &config.ingest.folders {
        let journals = &config.ingest.journals;
        let watching = FolderDoor::open(folder.clone(), journals, door.clone(), health.clone())?;
        let token = stop.clone();
        process.spawn("watched folder", async move {
            watching.run(token).await;
            Ok(())
        });
    }
    stage(process, AmqpDoor::new(door));
    Ok(())
}

/// The stage, and what one of all keeps does: publishing promised alarms, retention.
fn keep(process: &mut Process, parts: Parts) {
    let Parts { blobs, database, transport, health, stop, .. } = parts;
    let (keep, holder) = (Keep::new(database.clone()), instance());
    let (promised, token) = (keep.promised(), stop.clone());
    let alarms =
        relay::run(database.clone(), transport.clone(), holder.clone(), promised, health, token);
    process.spawn("relay", async move {
        alarms.await;
        Ok(())
    });
    let gauges = freshness::run(database.clone(), stop.clone());
    process.spawn("freshness", async move {
        gauges.await;
        Ok(())
    });
    let jobs = retraining::run(database.clone(), transport, holder.clone(), stop.clone());
    process.spawn("retraining", async move {
        jobs.await;
        Ok(())
    });
    process.spawn("retention", async move {
        retention::run(database, blobs, holder, stop).await;
        Ok(())
    });
    stage(process, keep);
}

async fn train(process: &mut Process, parts: Parts) -> anyhow::Result<()> {
    let trainer = crate::commands::train::trainer(&parts.config, &parts.database).await?;
    stage(process, hydra_train::job::Train::new(trainer));
    Ok(())
}

async fn query(process: &mut Process, parts: Parts) -> anyhow::Result<()> {
    let Parts { config, blobs, database, health, stop, .. } = parts;
    let listener = listen("pages", config.query.address).await?;
    let settings = QueryConfig::new(config.hall.name.clone());
    health.unwell("pages", "the hall has not been read from the database yet");
    let (has_read, token) = (settings.has_read.clone(), stop.clone());
    process.spawn("query's first reading", async move {
        if token.run_until_cancelled(has_read.cancelled()).await.is_some() {
            health.well("pages");
        }
        Ok(())
    });
    process.spawn("query", async move {
        hydra_query::serve(listener, settings, database, blobs, stop).await.map_err(Into::into)
    });
    Ok(())
}

fn infer(
    process: &mut Process,
    parts: Parts,
    registry: watch::Receiver<Arc<Registry>>,
) -> anyhow::Result<()> {
    let runtime = Runtime::load(&runtime_config(&parts.config))?;
    let library = parts.config.library(parts.blobs.clone())?;
    let work = &parts.config.work;
    let config = InferConfig {
        threads: work.threads(),
        models_memory_mb: work.models_memory_mb,
        ..InferConfig::default()
    };
    let infer = Infer::with_config(library, &runtime, registry, config, parts.health.clone())?;
    parts.health.holds(Infer::NAME, inventory(infer.models()));
    let (lost, keep_up, stop) = (infer.gave_up(), infer.keep_up(), parts.stop.clone());
    process.spawn("infer watch", async move {
        tokio::select! {
            threads = lost => anyhow::bail!("{threads} threads hang in a network; a new process is needed"),
            () = keep_up => Ok(()),
            () = stop.cancelled() => Ok(()),
        }
    });
    stage(process, infer);
    Ok(())
}

fn gradcam(process: &mut Process, parts: Parts) -> anyhow::Result<()> {
    let runtime = Runtime::load(&runtime_config(&parts.config))?;
    let library = parts.config.library(parts.blobs.clone())?;
    let gradcam = Gradcam::new(library, &runtime, parts.config.work.threads())?;
    parts.health.holds(Gradcam::NAME, inventory(gradcam.models()));
    let (lost, stop) = (gradcam.gave_up(), parts.stop.clone());
    process.spawn("gradcam watch", async move {
        tokio::select! {
            threads = lost => anyhow::bail!("{threads} threads hang in a network; a new process is needed"),
            () = stop.cancelled() => Ok(()),
        }
    });
    stage(process, gradcam);
    Ok(())
}

/// What the status page is told of the models in memory.
fn inventory(models: Arc<Models>) -> impl Fn() -> Vec<hydra_stage::Held> + Send + Sync + 'static {
    move || {
        let told = models.held().into_iter();
        let told = told.map(|Held { model, bytes, shared_bytes, since }| hydra_stage::Held {
            model: model.to_string(),
            bytes,
            shared_bytes,
            since,
        });
        told.collect()
    }
}
