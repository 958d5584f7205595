//! `hydra demo`: the whole system in one process, fed by the simulated hall.

use crate::{
    cli::{Demo, Role},
    commands::{run::pages, up::open},
    config::Config,
    demo::{
        catalog,
        feed::{Sent, feed},
        follow::Follower,
        models,
        table::Table,
    },
    models::runtime_config,
    process::{Parts, Process},
    producer::Simulated,
};
use anyhow::{Context, ensure};
use hydra_boot::{EXIT_CONFIG, Telemetry};
use hydra_hall::{Hall, Moment, Trouble};
use hydra_model::{Library, Runtime};
use hydra_store::{Database, catalog::apply, read, release::By};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How often the table is drawn.
const REFRESH: Duration = Duration::from_millis(500);
/// How long the last images may take after the hall has stopped.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the demo. The last line counts images in and verdicts out; status 0 only if they agree
/// and are more than none.
///
/// # Errors
/// When a part of the system fails.
pub async fn demo(command: Demo, mut config: Config) -> anyhow::Result<ExitCode> {
    if !(0.05..=3_600.0).contains(&command.every_s) {
        eprintln!("hydra: --every-s: {} is not from 0.05 to 3600", command.every_s);
        return Ok(ExitCode::from(EXIT_CONFIG));
    }
    config.database.url = format!("sqlite:{}", command.dir.join("hydra.db").display());
    config.blobs.url = format!("file:{}", command.dir.join("blobs").display());
    config.hall.name = "Simulated hall".to_owned();
    // the terminal belongs to the table
    config.telemetry.log = "error".to_owned();
    std::fs::create_dir_all(&command.dir)
        .with_context(|| format!("making the folder {}", command.dir.display()))?;
    let telemetry = Telemetry::start(&config.telemetry, "demo")?;
    let stop = hydra_boot::stop_on_signal()?;
    let parts = open(config, stop.clone()).await?;
    let hall = learn(&command, &parts).await?;
    let mut process = Process::new(parts.clone());
    pages(&mut process).await?;
    process.start(&Role::ALL).await?;
    let outcome = watch(&command, &parts, &hall).await;
    stop.cancel();
    let ended = process.finish().await;
    telemetry.finish();
    let (images, verdicts) = outcome?;
    ended?;
    println!("demo: {images} images in, {verdicts} verdicts out");
    let agree = images > 0 && images == verdicts;
    Ok(if agree { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Declares the hall and learns what is normal, unless an earlier demo in this folder did.
async fn learn(command: &Demo, parts: &Parts) -> anyhow::Result<Arc<Hall>> {
    let hall = Arc::new(Hall::new(command.seed));
    let by = By { who: "demo".to_owned(), why: "the simulated hall".to_owned() };
    let wanted = catalog::of(&hall, command.every_s, first_shown(&hall))?;
    apply(&parts.database, wanted, false, by).await?;
    let runtime = Runtime::load(&runtime_config(&parts.config))
        .context("ONNX Runtime is needed; run scripts/setup.sh demo")?;
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "learning what is normal {bar:30} {pos}/{len} {msg} {eta} left",
    )?);
    let library = Library::new(parts.blobs.clone());
    models::prepare(hall.clone(), runtime, &library, &parts.database, &bar).await?;
    bar.finish_and_clear();
    Ok(hall)
}

/// The runs before it are those that were learnt from.
fn first_shown(hall: &Hall) -> Moment {
    Moment { run: hall.first_run() + models::TRAINING_RUNS, chunk: 1 }
}

/// Where the hall goes on: after the runs that an earlier demo in this folder showed, since the same
/// plot again would be no new image.
async fn next_shown(database: &Database, hall: &Hall) -> anyhow::Result<Moment> {
    let first = first_shown(hall);
    let newest = read::runs(database, None, 1).await?.pop();
    Ok(newest.map_or(first, |row| Moment { run: first.run.max(row.run + 1), chunk: 1 }))
}

/// Feeds and shows until the time is over, then waits for the last images.
async fn watch(command: &Demo, parts: &Parts, hall: &Hall) -> anyhow::Result<(u64, u64)> {
    let sent = Sent::default();
    let mut follower = Follower::start(parts.database.clone(), sent.truths.clone()).await?;
    let until = parts.stop.child_token();
    let from = next_shown(&parts.database, hall).await?;
    let trouble = Trouble { quiet_chunks: 5, mean_gap_chunks: 60.0, ..Trouble::default() };
    let feeding = tokio::spawn(feed(
        Simulated::new_from(command.seed, from, Some(&trouble)),
        from,
        Duration::from_secs_f64(command.every_s),
        parts.transport.clone(),
        sent.clone(),
        until.clone(),
    ));
    let mut table = Table::default();
    let end = command.seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    while !until.is_cancelled() && !feeding.is_finished() {
        follower.catch_up().await?;
        table.show(follower.rows(), &footer(&follower, &sent))?;
        sleep(REFRESH).await;
        if end.is_some_and(|end| Instant::now() >= end) {
            until.cancel();
        }
    }
    until.cancel();
    feeding.await.context("the simulated hall ended early")??;
    let patience = Instant::now() + PATIENCE;
    let images = sent.images.load(Ordering::SeqCst);
    while follower.verdicts < images && Instant::now() < patience {
        follower.catch_up().await?;
        sleep(Duration::from_millis(50)).await;
    }
    table.show(follower.rows(), &footer(&follower, &sent))?;
    println!("{}", follower.tally);
    if command.stay {
        println!("demo: the hall has stopped; the pages stay until Ctrl-C");
        parts.stop.cancelled().await;
    }
    ensure!(follower.images <= images, "more rows than images: something was counted twice");
    Ok((images, follower.verdicts))
}

fn footer(follower: &Follower, sent: &Sent) -> String {
    format!(
        "{} images in, {} verdicts out, {} for attention, {} heat maps",
        sent.images.load(Ordering::SeqCst),
        follower.verdicts,
        follower.notable,
        follower.heatmaps
    )
}
