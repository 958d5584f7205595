//! Models on images that are already there: evaluation, comparison, backtest.

use crate::{commands::figures, config::Config, models::runtime_config};
use anyhow::{Context, anyhow, bail, ensure};
use hydra_blobs::Blobs;
use hydra_model::{
    Library, Manifest, Model, Models, ModelsConfig, Purpose, Runtime, Stopper, Tensor, prepare,
    score,
};
use hydra_proto::{ModelDigest, PlotTypeName};
use hydra_store::{Database, registry, training};
use hydra_train::{
    data::{Dataset, Example, class_of},
    eval::{Scored, report::evaluate as figures_of},
    job::Stored,
};
use indicatif::{ProgressBar, ProgressStyle};
use std::{sync::Arc, time::Duration};

/// Lines of changed verdicts that are shown.
const SHOWN: usize = 50;
/// Memory for the models that are looked at.
const BUDGET_BYTES: u64 = 4 << 30;

/// What two models are compared on.
pub struct Bench<'a> {
    config: &'a Config,
    database: &'a Database,
    blobs: Blobs,
    runtime: Runtime,
    models: Models,
}

impl<'a> Bench<'a> {
    /// Opens library and runtime.
    ///
    /// # Errors
    /// When one of them is not there.
    pub async fn open(config: &'a Config, database: &'a Database) -> anyhow::Result<Self> {
        let blobs = Blobs::open(&config.blobs).await?;
        let runtime = Runtime::load(&runtime_config(config))?;
        let settings = ModelsConfig {
            purpose: Purpose::Judge,
            sessions: 1,
            budget_bytes: BUDGET_BYTES,
            retry_after: Duration::from_secs(1),
        };
        let models = Models::new(Library::new(blobs.clone()), runtime.clone(), settings);
        Ok(Self { config, database, blobs, runtime, models })
    }

    async fn model(&self, digest: ModelDigest) -> anyhow::Result<Arc<Model>> {
        Ok(self.models.get(&digest).await?)
    }

    async fn pixels(
        &self,
        rows: &[training::LabelledImage],
        model: &Model,
    ) -> anyhow::Result<Stored> {
        let folder = self.config.train.folder.join("replay");
        let shape = model.manifest.input.shape();
        let stored = Stored::open(&self.blobs, rows.to_vec(), shape, &folder, None).await?;
        // open files live on without their name
        let _kept_only_while_read = std::fs::remove_dir_all(&folder);
        for line in &stored.left_out {
            println!("left out: {line}");
        }
        Ok(stored)
    }

    /// What a model says of every image.
    async fn said(
        &self,
        model: Arc<Model>,
        stored: Stored,
    ) -> anyhow::Result<(Vec<Example>, Vec<Vec<f32>>)> {
        let runtime = self.runtime.clone();
        let style = "{bar:30} {pos}/{len} images, {per_sec}, {eta} left";
        let bar = ProgressBar::new(stored.examples().len() as u64)
            .with_style(ProgressStyle::with_template(style)?);
        let work = tokio::task::spawn_blocking(move || {
            let stopper = Stopper::new(&runtime)?;
            let shape = model.manifest.input.shape();
            let mut said = Vec::with_capacity(stored.examples().len());
            for index in 0..stored.examples().len() {
                let pixels = stored.pixels(index, shape)?;
                said.push(probabilities(&model, &pixels, &stopper)?);
                bar.inc(1);
            }
            bar.finish_and_clear();
            anyhow::Ok((stored.examples().to_vec(), said))
        });
        work.await?
    }
}

/// Calibrated probabilities of one image.
fn probabilities(model: &Model, pixels: &[u8], stopper: &Stopper) -> anyhow::Result<Vec<f32>> {
    let Manifest { input, output, .. } = &model.manifest;
    let mut values = Vec::new();
    let wrong = |wanted| anyhow!("{} bytes of pixels, {wanted} are wanted", pixels.len());
    prepare::append(input, pixels, &mut values).map_err(wrong)?;
    let shape = input.dims(1);
    let pixels = Tensor { name: &input.name, shape: &shape, values: &values };
    let scores = match &model.head {
        None => model.body.run(&[pixels], &[output.scores.as_str()], stopper)?,
        Some(head) => {
            let wanted: Vec<&str> = head.inputs.iter().map(String::as_str).collect();
            let made = model.body.run(&[pixels], &wanted, stopper)?;
            let read: Vec<Tensor<'_>> = wanted
                .iter()
                .zip(&made)
                .map(|(name, made)| Tensor { name, shape: &made.shape, values: &made.values })
                .collect();
            head.slot.run(&read, &[output.scores.as_str()], stopper)?
        }
    };
    let scores = scores.first().context("a network without scores")?;
    Ok(score::probabilities(&model.manifest, &scores.values)?)
}

/// Scores of the images whose label the model knows.
fn scored(model: &Model, examples: &[Example], said: &[Vec<f32>]) -> Vec<Scored> {
    let labels = &model.manifest.labels;
    let one = |(example, said): (&Example, &Vec<f32>)| {
        let class = class_of(&example.label)?;
        Some(Scored {
            image: example.image,
            run: example.run,
            condition: example.condition.clone(),
            truth: labels.iter().position(|label| *label == class)?,
            probabilities: said.clone(),
        })
    };
    examples.iter().zip(said).filter_map(one).collect()
}

fn thresholds(model: &Model) -> Vec<f32> {
    let of = |label| model.manifest.thresholds.get(label).map_or(0.5, |t| t.get());
    model.manifest.labels.iter().map(of).collect()
}

/// The frozen test set; without one all labelled images that were never trained on.
async fn judges(
    database: &Database,
    plot_type: &PlotTypeName,
    all: bool,
) -> anyhow::Result<Vec<training::LabelledImage>> {
    let mut rows = training::labelled(database, plot_type.clone()).await?;
    let fixed = training::fixed(database, plot_type).await?;
    if !all {
        match fixed.test.is_empty() {
            true => rows.retain(|row| !fixed.trained.contains(&row.image)),
            false => rows.retain(|row| fixed.test.contains(&row.image)),
        }
    }
    ensure!(!rows.is_empty(), "{plot_type} has no labelled images to judge on");
    Ok(rows)
}

/// `hydra model evaluate`.
///
/// # Errors
/// When there is nothing to judge on, or the model cannot be run.
pub async fn evaluate(
    bench: &Bench<'_>,
    digest: ModelDigest,
    plot_type: &PlotTypeName,
) -> anyhow::Result<()> {
    let model = bench.model(digest).await?;
    let rows = judges(bench.database, plot_type, false).await?;
    let stored = bench.pixels(&rows, &model).await?;
    let (examples, said) = bench.said(model.clone(), stored).await?;
    let scored = scored(&model, &examples, &said);
    if scored.len() < examples.len() {
        let unknown = examples.len() - scored.len();
        println!("{unknown} images have a label that the model does not know");
    }
    ensure!(!scored.is_empty(), "no image has a label that the model knows");
    let test = figures_of(&scored, &model.manifest.labels, &thresholds(&model), 1);
    for line in figures::judged(&test, "the bundle") {
        println!("{line}");
    }
    println!("calibration error  {:.3}", test.calibration_error);
    Ok(())
}

/// `hydra model compare`.
///
/// # Errors
/// When there is nothing to judge on, or a model cannot be run.
pub async fn compare(
    bench: &Bench<'_>,
    [first, second]: [ModelDigest; 2],
    plot_type: &PlotTypeName,
    all: bool,
) -> anyhow::Result<()> {
    let rows = judges(bench.database, plot_type, all).await?;
    differences(bench, [first, second], &rows).await
}

/// `hydra model backtest`.
///
/// # Errors
/// When no model is active, or a model cannot be run.
pub async fn backtest(
    bench: &Bench<'_>,
    digest: ModelDigest,
    plot_type: &PlotTypeName,
    images: u64,
) -> anyhow::Result<()> {
    let registry = registry(bench.database).await?;
    let active = registry.plot_types.get(plot_type).and_then(|p| p.active.as_ref());
    let Some(active) = active.map(|release| release.model) else {
        bail!("{plot_type} has no active model to compare with");
    };
    let rows = training::newest(bench.database, plot_type.clone(), images).await?;
    ensure!(!rows.is_empty(), "{plot_type} has no stored images");
    differences(bench, [active, digest], &rows).await
}

/// Runs both models and lists changed verdicts.
async fn differences(
    bench: &Bench<'_>,
    digests: [ModelDigest; 2],
    rows: &[training::LabelledImage],
) -> anyhow::Result<()> {
    let mut verdicts: Vec<Vec<(String, f32, bool)>> = Vec::new();
    let mut seen: Vec<Example> = Vec::new();
    for digest in digests {
        let model = bench.model(digest).await?;
        let stored = bench.pixels(rows, &model).await?;
        let (examples, said) = bench.said(model.clone(), stored).await?;
        let bounds = thresholds(&model);
        let verdict = |said: &Vec<f32>| {
            let top = (0..said.len()).max_by(|a, b| said[*a].total_cmp(&said[*b])).unwrap_or(0);
            (model.manifest.labels[top].to_string(), said[top], said[top] >= bounds[top])
        };
        verdicts.push(said.iter().map(verdict).collect());
        seen = examples;
    }
    let text = |(label, confidence, confirmed): &(String, f32, bool)| {
        let doubt = if *confirmed { "" } else { "?" };
        format!("{label}{doubt} {confidence:.2}")
    };
    let (mut changed, mut right) = (0usize, [0usize; 2]);
    let mut judged = 0usize;
    for (index, example) in seen.iter().enumerate() {
        let (a, b) = (&verdicts[0][index], &verdicts[1][index]);
        let class = class_of(&example.label).map(|label| label.to_string());
        if let Some(class) = &class {
            judged += 1;
            right[0] += usize::from(a.0 == *class);
            right[1] += usize::from(b.0 == *class);
        }
        if (&a.0, a.2) != (&b.0, b.2) {
            changed += 1;
            if changed <= SHOWN {
                let chunk = example.chunk.map_or_else(String::new, |c| format!(".{c}"));
                let label = class.unwrap_or_else(|| "no label".to_owned());
                println!("{}{chunk}  {} -> {}  ({label})", example.run, text(a), text(b));
            }
        }
    }
    if changed > SHOWN {
        println!("... and {} more", changed - SHOWN);
    }
    println!("{changed} of {} verdicts differ", seen.len());
    if judged > 0 {
        println!("right: {} and {} of {judged} labelled images", right[0], right[1]);
    }
    Ok(())
}
