//! `hydra publish DIR`: the plots of a folder to RabbitMQ, as a producer sends them.

use crate::{
    cli::{Layout, Publish},
    commands::simulate::style,
    config::Config,
};
use anyhow::{Context, bail};
use bytes::Bytes;
use hydra_amqp::AmqpTransport;
use hydra_ingest::{
    Facts,
    folder::{FolderConfig, Grammar, Once},
};
use hydra_stage::{Message, Transport};
use indicatif::ProgressBar;
use std::process::ExitCode;

/// Plots that are published side by side.
const AT_ONCE: usize = 32;

/// Publishes every plot below the folder, each confirmed. Status 1 when a file was left out.
///
/// # Errors
/// When the folder cannot be read or the broker not be reached.
pub async fn publish(command: Publish, config: Config) -> anyhow::Result<ExitCode> {
    let grammar = match command.layout {
        Layout::Rsai => Grammar::Rsai,
        Layout::Mon12 => Grammar::Mon12,
        Layout::Panguin => Grammar::Panguin,
    };
    let scratch = tempfile::tempdir().context("making a folder for the numbers of sets")?;
    let mut folder = FolderConfig::new(&command.dir, grammar);
    folder.source.clone_from(&command.source);
    let reading = || format!("reading {}", command.dir.display());
    let once = Once::open(folder, &scratch.path().join("journal")).with_context(reading)?;
    let files = once.paths().with_context(reading)?;
    let transport = AmqpTransport::new(config.broker);
    let bar = ProgressBar::new(files.len() as u64).with_style(style()?);
    let (mut sent, mut left_out) = (0_u64, 0_u64);
    let mut messages = Vec::with_capacity(AT_ONCE);
    for some in files.chunks(AT_ONCE) {
        for path in some {
            match once.read(path) {
                None => {}
                Some(Ok((facts, body))) => messages.push(message(&facts, body)),
                Some(Err(why)) => {
                    bar.suspend(|| eprintln!("left out {}: {why}", path.display()));
                    left_out += 1;
                }
            }
        }
        sent += messages.len() as u64;
        let publishing = messages.drain(..).map(|message| transport.publish_image(message));
        futures::future::try_join_all(publishing)
            .await
            .context("publishing; does `hydra run ingest` run, so that its queue exists?")?;
        bar.inc(some.len() as u64);
    }
    transport.close().await;
    bar.finish_and_clear();
    println!("{sent} plots published, {left_out} left out");
    if sent + left_out == 0 {
        bail!("no plots below {}", command.dir.display());
    }
    Ok(if left_out == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn message(facts: &Facts, body: Bytes) -> Message {
    Message { id: String::new(), type_name: String::new(), headers: facts.texts(), body }
}
