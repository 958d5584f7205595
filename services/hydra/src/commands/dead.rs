//! `hydra dead`: look at what was given up, send it again, or throw it away.

use crate::{
    cli::{Dead, DeadChoice, Role},
    config::Config,
};
use anyhow::{Context, bail};
use hydra_amqp::{AmqpTransport, DeadLetter, DeadLetters};
use hydra_stage::{Transport, message::BURIED_AT};
use std::{path::PathBuf, process::ExitCode};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Most dead letters that `list` shows of a stage.
const LISTED: usize = 1_000;

/// Runs the command against the broker.
///
/// # Errors
/// When the broker cannot be reached, or nothing fits the choice.
pub async fn dead(command: Dead, config: Config) -> anyhow::Result<ExitCode> {
    let transport = AmqpTransport::new(config.broker);
    let letters = transport.dead_letters();
    let done = match command {
        Dead::List(which) => list(&letters, &stages(which.stage.as_deref())?).await,
        Dead::Show { id, out } => show(&letters, &id, out).await,
        Dead::Replay(choice) => settle(&letters, &choice, true).await,
        Dead::Drop(choice) => settle(&letters, &choice, false).await,
    };
    letters.close().await;
    transport.close().await;
    done.map(|()| ExitCode::SUCCESS)
}

/// The stages that have dead letters: all, or the one that is named.
fn stages(name: Option<&str>) -> anyhow::Result<Vec<&'static str>> {
    let consumers = Role::ALL.iter().filter(|role| **role != Role::Query).map(|role| role.name());
    let stages: Vec<&str> =
        consumers.filter(|stage| name.is_none_or(|name| name == *stage)).collect();
    if stages.is_empty() {
        bail!("no stage is called {:?}", name.unwrap_or_default());
    }
    Ok(stages)
}

async fn list(letters: &DeadLetters<'_>, stages: &[&str]) -> anyhow::Result<()> {
    let (mut count, mut cut) = (0, Vec::new());
    for stage in stages {
        let found = letters.list(stage, LISTED).await?;
        found.iter().for_each(|letter| println!("{}", line(letter)));
        count += found.len();
        if found.len() == LISTED {
            cut.push(*stage);
        }
    }
    println!("{count} dead letters");
    for stage in cut {
        println!("of {stage} the first {LISTED} only; there may be more");
    }
    Ok(())
}

fn line(letter: &DeadLetter) -> String {
    format!(
        "{:8}  {:14}  {}  {}  {} bytes  {}",
        letter.stage,
        letter.reason,
        buried_at(letter),
        letter.message.id,
        letter.message.body.len(),
        letter.error
    )
}

fn buried_at(letter: &DeadLetter) -> String {
    let us: Option<i128> = letter.message.headers.get(BURIED_AT).and_then(|text| text.parse().ok());
    us.and_then(|us| OffsetDateTime::from_unix_timestamp_nanos(us * 1_000).ok())
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_else(|| "-".to_owned())
}

async fn show(letters: &DeadLetters<'_>, id: &str, out: Option<PathBuf>) -> anyhow::Result<()> {
    for stage in stages(None)? {
        let found = letters.list(stage, LISTED).await?;
        let Some(letter) = found.into_iter().find(|letter| letter.message.id == id) else {
            continue;
        };
        println!("{}", line(&letter));
        println!("event    {}", letter.message.type_name);
        for (name, value) in &letter.message.headers {
            println!("header   {name}: {value}");
        }
        if let Some(path) = out {
            tokio::fs::write(&path, &letter.message.body)
                .await
                .with_context(|| format!("writing {}", path.display()))?;
            println!("saved    {}", path.display());
        }
        return Ok(());
    }
    bail!("no dead letter has the id {id:?}")
}

async fn settle(
    letters: &DeadLetters<'_>,
    choice: &DeadChoice,
    replay: bool,
) -> anyhow::Result<()> {
    let wanted = |letter: &DeadLetter| choice.id.as_ref().is_none_or(|id| *id == letter.message.id);
    let mut count = 0;
    for stage in stages(choice.stage.as_deref())? {
        let settled = match replay {
            true => letters.replay(stage, wanted).await?,
            false => letters.drop_letters(stage, wanted).await?,
        };
        for letter in &settled {
            println!("{}", line(letter));
        }
        count += settled.len();
    }
    if let (0, Some(id)) = (count, &choice.id) {
        bail!("no dead letter has the id {id:?}");
    }
    println!("{count} dead letters {}", if replay { "sent again" } else { "dropped" });
    Ok(())
}
