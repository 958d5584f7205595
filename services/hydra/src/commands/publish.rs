//! `hydra publish DIR`: the plots of a folder to RabbitMQ, as a producer sends them.

use crate::{
    cli::{Layout, Publish},
    commands::simulate::style,
    config::Config,
};
use anyhow::{Context, bail};
use hydra_amqp::AmqpTransport;
use hydra_ingest::folder::{Grammar, Place};
use hydra_stage::{Message, Transport};
use indicatif::ProgressBar;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

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
    let mut files = Vec::new();
    walk(&command.dir, &mut files)?;
    files.sort();
    let transport = AmqpTransport::new(config.broker);
    let bar = ProgressBar::new(files.len() as u64).with_style(style()?);
    let (mut sent, mut left_out) = (0_u64, 0_u64);
    for path in &files {
        bar.inc(1);
        let below = path.strip_prefix(&command.dir).unwrap_or(path);
        match grammar.read(below) {
            Ok(None) => {}
            Ok(Some(place)) => {
                let message = message(path, place, &command.source)?;
                transport.publish_image(message).await.context(
                    "publishing; does `hydra run ingest` run, so that its queue exists?",
                )?;
                sent += 1;
            }
            Err(refusal) => {
                bar.suspend(|| eprintln!("left out {}: {refusal}", below.display()));
                left_out += 1;
            }
        }
    }
    transport.close().await;
    bar.finish_and_clear();
    println!("{sent} plots published, {left_out} left out");
    if sent + left_out == 0 {
        bail!("no plots below {}", command.dir.display());
    }
    Ok(if left_out == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every plain file below `folder`; links are not followed.
fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder);
    for entry in entries.with_context(|| format!("reading {}", folder.display()))? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            walk(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn message(path: &Path, place: Place, source: &str) -> anyhow::Result<Message> {
    let body = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let mut fact = |name: &str, value: Option<String>| {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            headers.insert(name.to_owned(), value);
        }
    };
    fact("plot-type", Some(place.plot_type.to_string()));
    fact("run", place.run.map(|run| run.to_string()));
    fact("chunk", place.chunk.map(|chunk| chunk.to_string()));
    fact("run-period", Some(place.run_period.clone().unwrap_or_default()));
    fact("source", Some(source.to_owned()));
    Ok(Message { id: String::new(), type_name: String::new(), headers, body: body.into() })
}
