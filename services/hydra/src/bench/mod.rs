//! `hydra bench`: speed and cost, as a table and as JSON. Pairs are interleaved in one run;
//! figures are medians with their interval.
//!
//! It uses the broker, the database and the blob store of the configuration, which should hold
//! nothing else, and starts this same program for the roles (`scripts/bench.sh` does all that).

mod farm;
mod figure;
mod maps;
mod networks;
mod pictures;
mod plumbing;
mod rows;
mod scale;
mod scene;
mod whole;

use crate::{
    cli::{Bench, Part},
    config::Config,
};
use anyhow::Context;
use figure::Figure;
use hydra_amqp::AmqpTransport;
use hydra_stage::Transport;
use scene::Scene;
use std::process::ExitCode;

/// How much is measured.
#[derive(Clone, Copy, Debug)]
struct Settings {
    /// Repetitions of each pair.
    rounds: usize,
    /// Images of a round through InceptionV3.
    images: usize,
    /// Images of a round through the null model.
    null_images: usize,
    /// Images over which memory is watched.
    growth_images: usize,
    /// Plot types of a very large hall.
    plot_types: usize,
    /// Images in the tables at the end.
    rows: usize,
}

impl Settings {
    fn of(command: &Bench) -> Self {
        let full = Self {
            rounds: command.rounds.into(),
            images: 100,
            null_images: 4_000,
            growth_images: 100_000,
            plot_types: 10_000,
            rows: 10_000_000,
        };
        let quick = Self {
            images: 30,
            null_images: 1_000,
            growth_images: 10_000,
            plot_types: 500,
            rows: 300_000,
            ..full
        };
        let settings = if command.quick { quick } else { full };
        Self { rows: command.rows.unwrap_or(settings.rows), ..settings }
    }
}

/// Measures the parts that were asked for. Status 1 where a bar is missed.
///
/// # Errors
/// When a part cannot be measured.
pub async fn bench(command: Bench, config: Config) -> anyhow::Result<ExitCode> {
    if command.sleeping_worker {
        scale::sleeping_worker(AmqpTransport::new(config.broker)).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let settings = Settings::of(&command);
    let parts = if command.parts.is_empty() { Part::ALL.to_vec() } else { command.parts.clone() };
    let scene = Scene::open(config).await?;
    let mut figures: Vec<Figure> = Vec::new();
    for part in parts {
        eprintln!("bench: {part:?}");
        let measured = match part {
            Part::Whole => whole::run(&scene, &settings).await,
            Part::EightBits => whole::eight_bits(&scene, &settings).await,
            Part::Trunk => whole::trunk(&scene, &settings).await,
            Part::Plumbing => plumbing::run(&scene, &settings).await,
            Part::Memory => plumbing::memory(&scene, &settings).await,
            Part::PlotTypes => scale::plot_types(&scene, &settings).await,
            Part::Workers => scale::workers(&scene, &settings).await,
            Part::Pictures => pictures::run(&scene, &settings, &command.python),
            Part::Rows => rows::run(&scene, &settings).await,
            Part::Maps => maps::run(&scene, &settings).await,
        };
        let measured = measured.with_context(|| format!("measuring {part:?}"))?;
        eprint!("{}", figure::table(&measured));
        figures.extend(measured);
    }
    scene.transport.close().await;
    scene.database.close().await;
    println!("{}", figure::table(&figures));
    println!("{}", serde_json::to_string(&figures)?);
    if let Some(file) = &command.json {
        let text = serde_json::to_string_pretty(&figures)?;
        std::fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    }
    let all = figures.iter().all(Figure::holds);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
