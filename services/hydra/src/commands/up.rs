//! `hydra up`: all roles in one process, with memory instead of a broker.

use crate::{
    cli::Role,
    commands::{migrate::make_folder, resume::resume_until_done, run::pages},
    config::Config,
    process::{Parts, Process},
};
use anyhow::Context;
use hydra_blobs::Blobs;
use hydra_boot::{EXIT_CONFIG, Telemetry};
use hydra_stage::{Health, MemoryTransport};
use hydra_store::Database;
use std::{process::ExitCode, sync::Arc, time::SystemTime};
use tokio_util::sync::CancellationToken;

/// Runs every role until SIGTERM or Ctrl-C.
///
/// # Errors
/// When a role cannot start, or fails for good.
pub async fn up(config: Config) -> anyhow::Result<ExitCode> {
    let telemetry = match Telemetry::start(&config.telemetry, "up") {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("hydra: {error}");
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    let since = SystemTime::now();
    let parts = open(config, hydra_boot::stop_on_signal()?).await?;
    let mut process = Process::new(parts.clone());
    pages(&mut process).await?;
    process.start(&Role::ALL).await?;
    // beside the work: what was on its way when the last process ended
    process.spawn("images of before", async move {
        resume_until_done(&parts, since).await;
        Ok(())
    });
    let ended = process.finish().await;
    telemetry.finish();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Database (brought to the schema of this version), blob store and memory transport.
///
/// # Errors
/// When the database or the folder cannot be used.
pub async fn open(config: Config, stop: CancellationToken) -> anyhow::Result<Parts> {
    let metrics = hydra_boot::metrics_buckets().context("metrics")?;
    make_folder(&config.database)?;
    let database = Database::connect(&config.database).await?;
    database.migrate().await?;
    Ok(Parts {
        transport: Arc::new(MemoryTransport::default()),
        blobs: Blobs::open(&config.blobs).await?,
        database,
        health: Health::new(),
        metrics,
        stop,
        config: Arc::new(config),
    })
}
