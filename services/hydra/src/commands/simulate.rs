//! `hydra simulate`: the simulated hall as files, or as a producer on RabbitMQ.

use crate::{
    cli::{Layout, Simulate},
    config::Config,
    producer::{self, Simulated},
};
use anyhow::Context;
use hydra_amqp::AmqpTransport;
use hydra_boot::EXIT_CONFIG;
use hydra_hall::{Grammar, Moment, Trouble, TruthFiles, Writer};
use hydra_stage::Transport;
use indicatif::{ProgressBar, ProgressStyle};
use std::{process::ExitCode, time::Duration};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, sleep_until};

/// Draws the chunks that were asked for.
///
/// # Errors
/// When a file cannot be written or the broker not be reached.
pub async fn simulate(command: Simulate, config: Config) -> anyhow::Result<ExitCode> {
    let every = match command.every_s {
        None => None,
        Some(seconds) if (0.05..=3_600.0).contains(&seconds) => {
            Some(Duration::from_secs_f64(seconds))
        }
        Some(seconds) => {
            eprintln!("hydra: --every-s: {seconds} is not from 0.05 to 3600");
            return Ok(ExitCode::from(EXIT_CONFIG));
        }
    };
    let mut pace = Pace { every, next: Instant::now() };
    let trouble = Trouble::default();
    let mut simulated = Simulated::new(command.seed, (!command.healthy).then_some(&trouble));
    let moments = moments(&simulated, &command);
    let plots = moments.len() * simulated.hall.plot_types().len();
    let bar = ProgressBar::new(plots as u64).with_style(style()?);
    match &command.out {
        Some(root) => {
            let grammar = match command.layout {
                Layout::Rsai => Grammar::Rsai,
                Layout::Mon12 => Grammar::Mon12,
                Layout::Panguin => anyhow::bail!("--layout panguin can be read, not drawn"),
            };
            let truth = if command.truth { TruthFiles::Beside } else { TruthFiles::Off };
            let writer = Writer { root: root.clone(), grammar, truth };
            for at in moments {
                writer.write_metadata(&simulated.hall, at)?;
                pace.wait().await;
                for drawn in simulated.chunk(at)? {
                    writer.write(&simulated.hall, &drawn)?;
                    bar.inc(1);
                }
            }
        }
        None => {
            let transport = AmqpTransport::new(config.broker);
            for at in moments {
                pace.wait().await;
                for drawn in simulated.chunk(at)? {
                    let taken_at = match every {
                        None => drawn.truth.taken_at.clone(),
                        Some(_) => OffsetDateTime::now_utc().format(&Rfc3339)?,
                    };
                    let message = producer::message(&simulated.hall, drawn, taken_at)?;
                    transport.publish_image(message).await.context(
                        "publishing; does `hydra run ingest` run, so that its queue exists?",
                    )?;
                    bar.inc(1);
                }
            }
            transport.close().await;
        }
    }
    bar.finish_and_clear();
    println!("{plots} plots drawn");
    Ok(ExitCode::SUCCESS)
}

/// Chunk after chunk in time.
struct Pace {
    every: Option<Duration>,
    next: Instant,
}

impl Pace {
    /// Waits until it is time for the next chunk.
    async fn wait(&mut self) {
        if let Some(every) = self.every {
            sleep_until(self.next).await;
            self.next += every;
        }
    }
}

/// The chunks of the runs that were asked for.
fn moments(simulated: &Simulated, command: &Simulate) -> Vec<Moment> {
    let first = simulated.hall.first_run();
    let mut moments = Vec::new();
    for run in first..first.saturating_add(command.runs) {
        let chunks = simulated.hall.chunks(run).min(command.chunks.unwrap_or(u32::MAX));
        moments.extend((1..=chunks).map(|chunk| Moment { run, chunk }));
    }
    moments
}

/// How progress looks in every command.
///
/// # Errors
/// Never, but for a mistake in the template.
pub fn style() -> anyhow::Result<ProgressStyle> {
    Ok(ProgressStyle::with_template("{bar:40} {pos}/{len} plots, {per_sec}, {eta} left")?)
}
