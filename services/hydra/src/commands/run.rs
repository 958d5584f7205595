//! `hydra run ROLE...`: roles as consumers on RabbitMQ.

use crate::{
    cli::Role,
    config::Config,
    process::{Parts, Process, listen},
};
use anyhow::Context;
use hydra_amqp::AmqpTransport;
use hydra_blobs::Blobs;
use hydra_boot::{Bounds, EXIT_CONFIG, Telemetry};
use hydra_stage::Health;
use hydra_store::Database;
use std::{process::ExitCode, sync::Arc};
use tracing::{info, warn};

/// Longest time for a statement of a process that only answers questions.
const STATEMENT_TIMEOUT_S: u64 = 10;

/// Runs the roles until SIGTERM, then finishes what is in hand; `bounds` are those of the sandbox
/// that the process is in.
///
/// # Errors
/// When a role cannot start, or fails for good.
pub async fn run(
    roles: &[Role],
    mut config: Config,
    bounds: Option<Bounds>,
) -> anyhow::Result<ExitCode> {
    let names: Vec<&str> = roles.iter().map(|role| role.name()).collect();
    let telemetry = match Telemetry::start(&config.telemetry, &names.join(",")) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            eprintln!("hydra: {error}");
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    match bounds {
        Some(Bounds::All) => info!("in a sandbox: files, ports and programs are bounded"),
        Some(bounds) => warn!(?bounds, "in half a sandbox: this kernel lacks parts of Landlock"),
        None => {}
    }
    if roles == [Role::Query] {
        // its user should not be able to write either; this holds where it is
        config.database.read_only = true;
        if config.database.statement_timeout_s == 0 {
            config.database.statement_timeout_s = STATEMENT_TIMEOUT_S;
        }
    }
    let stop = hydra_boot::stop_on_signal()?;
    let metrics = hydra_boot::metrics_buckets().context("metrics")?;
    let transport = Arc::new(AmqpTransport::new(config.broker.clone()));
    let parts = Parts {
        transport,
        blobs: Blobs::open(&config.blobs).await?,
        database: Database::connect(&config.database).await?,
        health: Health::new(),
        metrics,
        stop,
        config: Arc::new(config),
    };
    let mut process = Process::new(parts);
    pages(&mut process).await?;
    process.start(roles).await?;
    let ended = process.finish().await;
    telemetry.finish();
    ended.map(|()| ExitCode::SUCCESS)
}

/// Health pages and metrics of the process.
///
/// # Errors
/// When the address is taken.
pub async fn pages(process: &mut Process) -> anyhow::Result<()> {
    let Parts { config, health, metrics, stop, .. } = process.parts().clone();
    let listener = listen("health", config.health.address).await?;
    process.spawn("health pages", async move {
        hydra_boot::serve_pages(listener, health, metrics, stop).await.map_err(Into::into)
    });
    Ok(())
}
