//! `hydra model train`: a job on this machine, with its progress, or filed for a `train` role.

use crate::{cli::TrainArgs, commands::catalog::by, config::Config, models::runtime_config};
use anyhow::{Context, bail};
use hydra_amqp::AmqpTransport;
use hydra_blobs::Blobs;
use hydra_model::Runtime;
use hydra_proto::{
    ContentHash, ModelDigest, PlotTypeName, events::TrainingWanted, registry::InputShape,
};
use hydra_stage::{Destination, Outgoing, Transport};
use hydra_store::Database;
use hydra_train::{
    align::Shown,
    eval::thresholds::ThresholdRule,
    fit::{Control, Progress, Report},
    graph::Architecture,
    job::{Job, Made, Trainer, material},
    recipe::{Kind, Recipe},
    weights::{Weights, read_torch},
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// What a process needs to train.
///
/// # Errors
/// When the runtime or the store cannot be opened.
pub async fn trainer(config: &Config, database: &Database) -> anyhow::Result<Trainer> {
    Ok(Trainer {
        database: database.clone(),
        blobs: Blobs::open(&config.blobs).await?,
        runtime: Runtime::load(&runtime_config(config))?,
        folder: config.train.folder.clone(),
        device: hydra_train::device(),
    })
}

/// Files a job for a `train` role; asked for twice it is one job.
///
/// # Errors
/// When the broker does not take it.
pub async fn file(wanted: TrainingWanted, config: &Config) -> anyhow::Result<()> {
    let transport = AmqpTransport::new(config.broker.clone());
    let (queue, message) = Outgoing::of(&wanted).caused_by(&wanted.job_id, 0);
    let sent = transport.publish(Destination::Queue(queue.to_owned()), message).await;
    transport.close().await;
    sent?;
    println!("filed; a train role makes the model a candidate");
    Ok(())
}

/// Trains here until it is done; Ctrl-C ends it after the step under way, and the same command
/// goes on from there.
///
/// # Errors
/// Why there is no model.
pub async fn train(
    args: TrainArgs,
    parent: Option<ModelDigest>,
    config: &Config,
    database: &Database,
) -> anyhow::Result<Vec<Made>> {
    let job = job(args, parent, database).await?;
    println!("{}", plan(&job.recipe));
    let trainer = trainer(config, database).await?;
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template("{msg}")?);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.set_message("reading and decoding labelled plots");
    let cancel = Arc::new(AtomicBool::new(false));
    let told = bar.clone();
    let report: Report = Arc::new(move |progress: &Progress| told.set_message(line(progress)));
    let control =
        Control { cancel: Some(cancel.clone()), report: Some(report), ..Control::default() };
    let stop = hydra_boot::stop_on_signal()?;
    let work = trainer.run(&job, control);
    tokio::pin!(work);
    let made = tokio::select! {
        made = &mut work => made,
        () = stop.cancelled() => {
            cancel.store(true, Ordering::Relaxed);
            work.await
        }
    };
    bar.finish_and_clear();
    Ok(made?)
}

/// What is going to be trained.
fn plan(recipe: &Recipe) -> String {
    let InputShape { width, height, channels, .. } = recipe.input;
    let kind = match recipe.kind {
        Kind::Transfer => return "a head on the parent's trunk".to_owned(),
        Kind::Deviations => {
            return format!(
                "a head on deviations from what is normal, {width}x{height}x{channels}"
            );
        }
        Kind::Full => "a network",
        Kind::Trunk => "a trunk with heads",
    };
    let synthetic = match recipe.synthetic {
        0 => String::new(),
        count => format!(", {count} synthetic Bad images a plot type"),
    };
    format!(
        "{kind} ({}) for {width}x{height}x{channels}, shown {}, at most {} epochs{synthetic}",
        recipe.architecture.name(),
        recipe.shown.name(),
        recipe.fit.epochs
    )
}

fn line(progress: &Progress) -> String {
    let left = Duration::from_secs(progress.left_s.min(1e9) as u64);
    let validation =
        progress.validation_loss.map_or_else(String::new, |l| format!(", validation {l:.4}"));
    format!(
        "epoch {}/{}: {} of {} images, {:.0} a second, at most {} min {} s left; loss {:.4}{validation}",
        progress.epoch,
        progress.epochs,
        progress.images,
        progress.images_wanted,
        progress.images_per_s,
        left.as_secs() / 60,
        left.as_secs() % 60,
        progress.training_loss,
    )
}

/// The job that the command line asks for, with settings that suit the labels that there are. Its
/// id follows from what is asked, so that the same command goes on where it was left.
///
/// # Errors
/// What is wrong with a setting; unknown plot types.
pub async fn job(
    args: TrainArgs,
    parent: Option<ModelDigest>,
    database: &Database,
) -> anyhow::Result<Job> {
    let plot_types: Vec<PlotTypeName> =
        args.plot_type.iter().map(|name| name.trim().parse()).collect::<Result<_, _>>()?;
    let mut recipe = match &args.settings {
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("reading {}", path.display()))?;
            serde_json::from_str(&text).with_context(|| format!("{}", path.display()))?
        }
        None => {
            let material = material(database, &plot_types).await?;
            let kind = match args.recipe {
                Some(crate::cli::RecipeKind::Transfer) => Kind::Transfer,
                Some(crate::cli::RecipeKind::Full) => Kind::Full,
                Some(crate::cli::RecipeKind::Trunk) => Kind::Trunk,
                Some(crate::cli::RecipeKind::Deviations) => Kind::Deviations,
                None if args.wants_network() || plot_types.len() > 1 => Kind::Full,
                None => Kind::suited(&material),
            };
            Recipe::suited(kind, &material, args.synthetic)
        }
    };
    recipe.parent = parent.or(recipe.parent);
    if let Some(name) = &args.architecture {
        let found = Architecture::ALL.into_iter().find(|a| a.name() == name);
        let known = Architecture::ALL.map(Architecture::name).join(", ");
        recipe.architecture = found.with_context(|| format!("{name:?} is none of {known}"))?;
    }
    if let Some((width, height)) = args.input {
        let channels = if args.grey { 1 } else { 3 };
        recipe.input = InputShape { width, height, channels, letterbox: false };
    }
    if let Some(name) = &args.shown {
        let found = Shown::ALL.into_iter().find(|shown| shown.name() == name);
        let known = Shown::ALL.map(Shown::name).join(", ");
        recipe.shown = found.with_context(|| format!("{name:?} is none of {known}"))?;
    }
    if args.synthetic > 0 {
        recipe.synthetic = args.synthetic;
    }
    recipe.split.within_runs |= args.within_runs;
    if let Some(epochs) = args.epochs {
        recipe.fit.epochs = epochs;
    }
    if let Some(seed) = args.seed {
        (recipe.fit.seed, recipe.split.seed) = (seed, seed);
    }
    if let Some(per_week) = args.false_alarms {
        anyhow::ensure!(per_week > 0.0 && args.plots_a_week > 0.0, "--false-alarms is above 0");
        recipe.thresholds =
            ThresholdRule::FalseAlarms { per_week, images_per_week: args.plots_a_week };
    }
    let start =
        args.weights.as_deref().map(|path| weights(path, &mut recipe, &args)).transpose()?;
    if recipe.kind == Kind::Transfer && recipe.parent.is_none() {
        bail!("a transfer takes the trunk of a model that was trained here: --parent DIGEST");
    }
    let outside = args.weights.as_deref().map(std::fs::read).transpose()?;
    let outside = outside.map(|bytes| ContentHash::of(&bytes).to_string()).unwrap_or_default();
    let asked = format!("{plot_types:?} {} {outside}", serde_json::to_string(&recipe)?);
    let id = ContentHash::of(asked.as_bytes()).to_string();
    Ok(Job { id, plot_types, recipe, start, candidate: args.candidate, by: by(args.why) })
}

/// Tensors of torchvision, if they are of the network that is asked for. It sees plots as they
/// are, as the network did that they come from, where nobody asks for something else.
fn weights(path: &Path, recipe: &mut Recipe, args: &TrainArgs) -> anyhow::Result<Weights> {
    if !matches!(recipe.kind, Kind::Full | Kind::Trunk) {
        bail!("--weights are for recipes that train a network: --recipe full or trunk");
    }
    if args.shown.is_none() {
        recipe.shown = Shown::Pixels;
    }
    let weights = read_torch(path)?;
    let graph = recipe.architecture.graph(recipe.input, 1)?;
    let graph = graph.reading(recipe.shown.planes(recipe.input.channels));
    let refused = || format!("{} is not of {}", path.display(), recipe.architecture.name());
    Weights::random(&graph, 0).adopt(&graph, &weights, false).with_context(refused)?;
    Ok(weights)
}
