//! `hydra model`: import, look, release.

use crate::{
    cli::{Model as Command, Pixels, Release, Scores, TrainArgs},
    commands::{
        catalog::by,
        figures,
        migrate::library,
        normal,
        replay::{self, Bench},
        train,
    },
    config::Config,
    models,
};
use anyhow::{Context, anyhow, bail};
use hydra_blobs::Blobs;
use hydra_model::{
    Library, Runtime, SigningKey,
    import::{ImportRequest, import_file},
    manifest::{Method, Normalisation, ScoreKind},
};
use hydra_proto::{Label, ModelDigest, PlotTypeName, Threshold, events::TrainingWanted};
use hydra_store::{
    Database,
    model::{self, Model},
    release::{self, Action, Thresholds},
};
use std::{collections::BTreeMap, process::ExitCode};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Runs the command.
///
/// # Errors
/// What is wrong with the file or the request; the library and the active models are as before.
pub async fn model(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    let database = library(&config).await?;
    match command {
        Command::Import {
            file,
            plot_type,
            labels,
            thresholds,
            letterbox,
            normalisation,
            size,
            scores,
            score_kind,
            embedding,
            map,
        } => {
            let plot_type: PlotTypeName = plot_type.parse()?;
            let parsed = labels.iter().map(|label| label.trim().parse());
            let labels = parsed.collect::<Result<Vec<Label>, _>>()?;
            let request = ImportRequest {
                plot_type: Some(plot_type.clone()),
                letterbox,
                thresholds: read_thresholds(&thresholds, &labels)?,
                normalisation: normalisation.into(),
                size,
                scores,
                score_kind: score_kind.map(ScoreKind::from),
                embedding,
                map: map.map(|output| (output, Method::Model)),
                ..ImportRequest::new(labels, OffsetDateTime::now_utc().format(&Rfc3339)?)
            };
            let shelf = Library::new(Blobs::open(&config.blobs).await?);
            let runtime = Runtime::load(&models::runtime_config(&config))?;
            let work = tokio::task::spawn_blocking(move || import_file(&file, &request, &runtime));
            let imported = work.await?.context("not imported")?;
            println!("{}", imported.report);
            let digest =
                hydra_train::library::add(&shelf, &database, &imported.bundle, vec![plot_type])
                    .await?;
            println!("model {digest}");
            println!("released by: hydra model activate {} --why ...", &digest.to_string()[..12]);
        }
        Command::List { plot_type } => {
            let of = plot_type.map(|name| name.parse()).transpose()?;
            let found = model::list(&database, of).await?;
            for model in &found {
                println!("{}", line(model));
            }
            println!("{} models", found.len());
        }
        Command::Show { digest } => show(&find(&database, &digest).await?),
        Command::Train(args) => train(args, &config, &database).await?,
        Command::Normal(args) => {
            let parent = match &args.parent {
                Some(digest) => Some(find(&database, digest).await?.model.digest),
                None => None,
            };
            normal::normal(args, parent, &config, &database).await?;
        }
        Command::Evaluate { digest } => {
            let model = find(&database, &digest).await?.model;
            let bench = Bench::open(&config, &database).await?;
            for plot_type in &model.plot_types {
                println!("{plot_type}");
                replay::evaluate(&bench, model.digest, plot_type).await?;
            }
        }
        Command::Compare { first, second, plot_type, all } => {
            let models =
                [find(&database, &first).await?.model, find(&database, &second).await?.model];
            let plot_type = match plot_type {
                Some(name) => name.parse()?,
                None => only_plot_type(&models[0].plot_types)?,
            };
            let bench = Bench::open(&config, &database).await?;
            let digests = [models[0].digest, models[1].digest];
            replay::compare(&bench, digests, &plot_type, all).await?;
        }
        Command::Backtest { digest, images } => {
            let model = find(&database, &digest).await?.model;
            let bench = Bench::open(&config, &database).await?;
            for plot_type in &model.plot_types {
                println!("{plot_type}");
                replay::backtest(&bench, model.digest, plot_type, images).await?;
            }
        }
        Command::Activate(wanted) => release_as(&database, &config, wanted, false).await?,
        Command::Candidate(wanted) => release_as(&database, &config, wanted, true).await?,
        Command::Sign { digest, key } => {
            let key = SigningKey::read(&key)?;
            let model = find(&database, &digest).await?.model.digest;
            Library::new(Blobs::open(&config.blobs).await?).sign(&model, &key).await?;
            println!("signed {model}");
        }
        Command::Quantise { digest, limit } => {
            let model = find(&database, &digest).await?.model;
            let name = only_plot_type(&model.plot_types)?;
            let trainer = train::trainer(&config, &database).await?;
            let (made, change) = trainer.in_eight_bits(model.digest, &name, limit).await?;
            println!("{name}: model {made}");
            println!(
                "accuracy {:.4} instead of {:.4}, {:.2} % of {} verdicts as before, {:.1} times \
                 faster",
                change.accuracy[1],
                change.accuracy[0],
                100.0 * change.same,
                change.images,
                change.faster
            );
            if change.trained > 0 {
                println!(
                    "{} of these images it was trained on: the test set is too small to tell, \
                     and unseen plots may lose more",
                    change.trained
                );
            }
            println!("released by: hydra model activate {} --why ...", &made.to_string()[..12]);
        }
        Command::Rollback { plot_type, why } => {
            let plot_type: PlotTypeName = plot_type.parse()?;
            release::release(&database, plot_type, Action::Rollback, by(why)).await?;
            println!("rolled back");
        }
    }
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

impl From<Pixels> for Normalisation {
    fn from(pixels: Pixels) -> Self {
        match pixels {
            Pixels::Unit => Self::unit(),
            Pixels::Signed => Self::signed(),
            Pixels::Imagenet => Self::imagenet(),
            Pixels::None => Self::inside(),
        }
    }
}

impl From<Scores> for ScoreKind {
    fn from(scores: Scores) -> Self {
        match scores {
            Scores::Logits => Self::Logits,
            Scores::Softmax => Self::Softmax,
            Scores::Sigmoid => Self::Sigmoid,
            Scores::SigmoidLogit => Self::SigmoidLogit,
        }
    }
}

/// `Bad=0.8` for labels that the model has.
fn read_thresholds(
    texts: &[String],
    labels: &[Label],
) -> anyhow::Result<BTreeMap<Label, Threshold>> {
    let mut thresholds = BTreeMap::new();
    for text in texts {
        let (label, value) =
            text.split_once('=').ok_or_else(|| anyhow!("{text:?} is not LABEL=NUMBER"))?;
        let label: Label = label.trim().parse()?;
        if !labels.contains(&label) {
            bail!("threshold for {label}, which is not among the labels");
        }
        let value: f32 = value.trim().parse().with_context(|| format!("threshold {text:?}"))?;
        thresholds.insert(label, Threshold::try_from(value)?);
    }
    Ok(thresholds)
}

/// The one model whose digest begins so.
async fn find(database: &Database, digest: &str) -> anyhow::Result<Model> {
    if let Ok(whole) = digest.parse::<ModelDigest>() {
        return Ok(model::show(database, whole).await?);
    }
    if digest.len() < 4 {
        bail!("{digest:?}: at least four digits of a digest are needed");
    }
    let mut found: Vec<Model> = model::list(database, None).await?;
    found.retain(|model| model.model.digest.to_string().starts_with(digest));
    match found.len() {
        0 => bail!("no model's digest begins with {digest:?}"),
        1 => Ok(found.remove(0)),
        several => bail!("{several} models begin with {digest:?}; give more digits"),
    }
}

async fn release_as(
    database: &Database,
    config: &Config,
    wanted: Release,
    candidate: bool,
) -> anyhow::Result<()> {
    let model = find(database, &wanted.digest).await?.model;
    // what the roles would refuse is refused here
    let library = config.library(Blobs::open(&config.blobs).await?)?;
    let manifest = library.manifest(&model.digest).await?;
    for plot_type in model.plot_types {
        let thresholds: Thresholds = manifest.thresholds.clone().into_iter().collect();
        let (name, action) = match candidate {
            true => ("candidate", Action::Candidate(model.digest, thresholds)),
            false => ("active", Action::Activate(model.digest, thresholds)),
        };
        release::release(database, plot_type.clone(), action, by(wanted.why.clone())).await?;
        println!("{plot_type}: {name} is {}", model.digest);
    }
    Ok(())
}

fn only_plot_type(names: &[PlotTypeName]) -> anyhow::Result<PlotTypeName> {
    match names {
        [name] => Ok(name.clone()),
        _ => bail!("the first model is of {} plot types; say which: --plot-type", names.len()),
    }
}

/// Trains here, or files the job.
async fn train(args: TrainArgs, config: &Config, database: &Database) -> anyhow::Result<()> {
    let parent = match &args.parent {
        Some(digest) => Some(find(database, digest).await?.model.digest),
        None => None,
    };
    if args.file {
        let job = train::job(args, parent, database).await?;
        let wanted = TrainingWanted {
            job_id: job.id,
            plot_types: job.plot_types.iter().map(ToString::to_string).collect(),
            recipe_json: serde_json::to_string(&job.recipe)?,
            who: job.by.who,
            why: job.by.why,
        };
        return train::file(wanted, config).await;
    }
    for made in train::train(args, parent, config, database).await? {
        println!("{}: model {}", made.learnt.plot_type, made.digest);
        for line in figures::lines(&made.learnt.figures) {
            println!("  {line}");
        }
        for line in &made.left_out {
            println!("  left out: {line}");
        }
        let digest = &made.digest.to_string()[..12];
        println!("  released by: hydra model activate {digest} --why ...");
    }
    Ok(())
}

fn line(model: &Model) -> String {
    let names: Vec<String> = model.model.plot_types.iter().map(ToString::to_string).collect();
    let aliases: Vec<String> =
        model.aliases.iter().map(|(name, alias)| format!("{} of {name}", alias.name())).collect();
    format!(
        "{}  {}  {}  {}  {}",
        &model.model.digest.to_string()[..12],
        created(model),
        model.model.architecture,
        names.join(","),
        aliases.join(", ")
    )
}

fn created(model: &Model) -> String {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(model.created_us) * 1_000)
        .ok()
        .and_then(|at| at.format(&Rfc3339).ok())
        .unwrap_or_default()
}

fn show(model: &Model) {
    println!("{}", line(model));
    println!("digest  {}", model.model.digest);
    let labels: Vec<String> = model.model.labels.iter().map(ToString::to_string).collect();
    println!("labels  {}", labels.join(", "));
    match figures::of(model) {
        Some(figures) => {
            figures::lines(&figures).iter().for_each(|line| println!("{line}"));
            if let Some(line) = figures::eight_bits(model) {
                println!("{line}");
            }
            println!("recipe  {}", figures.recipe);
        }
        None => println!("{}", model.model.manifest),
    }
}
