//! The one binary: roles and commands. The composition root: only here services meet.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod bench;
mod cli;
mod commands;
mod config;
mod demo;
mod heartbeats;
mod models;
mod process;
mod producer;
mod roles;
mod sandbox;

use clap::Parser;
use cli::{Cli, Command};
use config::Config;
use hydra_boot::Bounds;
use std::any::Any;
use std::panic;
use std::process::ExitCode;

/// Whether a panic says that nobody reads what we print any more (`hydra model show ... | head`).
fn nobody_reads(panic: &(dyn Any + Send)) -> bool {
    let told = panic.downcast_ref::<String>();
    told.is_some_and(|text| text.starts_with("failed printing to stdout: Broken pipe"))
}

fn main() -> ExitCode {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if !nobody_reads(panic.payload()) {
            usual(panic);
        }
    }));
    let cli = Cli::parse();
    let config = match Config::load(cli.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("hydra: {error}");
            return ExitCode::from(hydra_boot::EXIT_CONFIG);
        }
    };
    // no thread has been started yet
    let bounds = match &cli.command {
        Command::Run { roles } => sandbox::enter(roles, &config),
        _ => Ok(None),
    };
    let bounds = match bounds {
        Ok(bounds) => bounds,
        Err(error) => {
            let error = anyhow::Error::new(error);
            eprintln!("hydra: no sandbox: {error:#}; `work.sandbox = false` runs without");
            return ExitCode::FAILURE;
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("hydra: no threads to run on: {error}");
            return ExitCode::FAILURE;
        }
    };
    let work = || runtime.block_on(dispatch(cli.command, config, bounds));
    let ended = match panic::catch_unwind(panic::AssertUnwindSafe(work)) {
        Ok(ended) => ended,
        Err(panic) if nobody_reads(&*panic) => Ok(ExitCode::SUCCESS),
        Err(panic) => panic::resume_unwind(panic),
    };
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("hydra: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(
    command: Command,
    config: Config,
    bounds: Option<Bounds>,
) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run { roles } => commands::run(&roles, config, bounds).await,
        Command::Up => commands::up(config).await,
        Command::Demo(demo) => commands::demo(demo, config).await,
        Command::Topology => commands::topology(config).await,
        Command::Migrate(migrate) => commands::migrate(migrate, config).await,
        Command::Publish(publish) => commands::publish(publish, config).await,
        Command::Simulate(simulate) => commands::simulate(simulate, config).await,
        Command::Model(model) => commands::model(model, config).await,
        Command::Label(label) => commands::label(label, config).await,
        Command::Catalog(catalog) => commands::catalog(catalog, config).await,
        Command::Dead(dead) => commands::dead(dead, config).await,
        Command::Bench(command) => bench::bench(command, config).await,
        Command::Doctor(doctor) => commands::doctor(doctor, config).await,
        Command::Settings => {
            print!("{}", config::DEFAULTS);
            Ok(ExitCode::SUCCESS)
        }
    }
}
