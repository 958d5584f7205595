//! Rows a second, and what a row costs as the tables grow.

use super::{
    Settings,
    figure::{Bar, Figure, median},
    scene::{Scene, names},
};
use anyhow::anyhow;
use hydra_keep::{Keep, KeepIn};
use hydra_proto::{
    ContentHash, ImageId, ModelDigest, PlotTypeName,
    events::{Image, ImageInferred, Prediction, Score, VerdictState},
};
use hydra_stage::Stage;
use hydra_store::now_us;
use std::time::Instant;

/// Plot types of the hall.
const HALL: usize = 80;
/// Messages of a transaction, as many as keep takes.
const BATCH: usize = 500;
/// Images written one a transaction.
const SINGLE: usize = 400;
/// Images written in batches, a round.
const BATCHED: usize = 10_000;
/// Images in the tables when the comparison begins.
const FIRST: usize = 100_000;

/// Batches against single commits; the cost of an insert in large tables.
///
/// # Errors
/// When the database does not take the rows.
pub async fn run(scene: &Scene, settings: &Settings) -> anyhow::Result<Vec<Figure>> {
    let keep = Keep::new(scene.database.clone());
    let names = names("bench_rows", HALL)?;
    let model = model(scene, &names).await?;
    let writer = Writer { scene, keep, names, model };
    writer.write(BATCHED, BATCH).await?;
    let (mut ratio, mut batched, mut single) = (vec![], vec![], vec![]);
    for _ in 0..settings.rounds {
        let one = SINGLE as f64 / writer.write(SINGLE, 1).await?;
        let many = BATCHED as f64 / writer.write(BATCHED, BATCH).await?;
        ratio.push(many / one);
        batched.push(many);
        single.push(one);
    }
    let mut figures = vec![
        Figure::new(
            "keep, images a second in batches of 500 against one a commit",
            "",
            Bar::AtLeast(20.0),
            &ratio,
        )
        .of(format!("({:.0} / {:.0} images/s)", median(&batched), median(&single))),
    ];
    let written = BATCHED * (settings.rounds + 1) + SINGLE * settings.rounds;
    writer.write(FIRST.saturating_sub(written), BATCH).await?;
    let mut small = Vec::new();
    for _ in 0..settings.rounds {
        small.push(writer.write(BATCHED, BATCH).await?);
    }
    let filled = FIRST + BATCHED * settings.rounds;
    writer.write(settings.rows.saturating_sub(filled), BATCH).await?;
    let mut large = Vec::new();
    for _ in 0..settings.rounds {
        large.push(writer.write(BATCHED, BATCH).await?);
    }
    let base = median(&small);
    let ratios: Vec<f64> = large.iter().map(|seconds| seconds / base).collect();
    let what = format!("insert at {} images against {FIRST}, cost of one", settings.rows);
    let per_image = |seconds: &[f64]| median(seconds) / BATCHED as f64 * 1e6;
    figures.push(Figure::new(what, "", Bar::AtMost(1.10), &ratios).of(format!(
        "({:.0} -> {:.0} us)",
        per_image(&small),
        per_image(&large)
    )));
    Ok(figures)
}

/// A model of the bench, whose verdicts the rows tell.
async fn model(scene: &Scene, names: &[PlotTypeName]) -> anyhow::Result<ModelDigest> {
    let runtime = hydra_model::Runtime::load(&crate::models::runtime_config(&scene.config))?;
    let bundle = super::networks::small(&runtime, 1)?.remove(0);
    let digest = bundle.digest;
    let pairs: Vec<_> = names.iter().map(|name| (name.clone(), bundle.clone())).collect();
    scene.release(&pairs).await?;
    Ok(digest)
}

struct Writer<'a> {
    scene: &'a Scene,
    keep: Keep,
    names: Vec<PlotTypeName>,
    model: ModelDigest,
}

impl Writer<'_> {
    /// Writes `count` images, `batch` a transaction, run after run as a hall does. Returns seconds.
    async fn write(&self, count: usize, batch: usize) -> anyhow::Result<f64> {
        let mut seconds = 0.0;
        let (mut run, mut chunk) = (self.scene.run(), 0);
        let mut left = count;
        while left > 0 {
            let now = left.min(batch);
            left -= now;
            let mut messages = Vec::with_capacity(now);
            for at in 0..now {
                let name = &self.names[(count - left + at) % self.names.len()];
                chunk += 1;
                messages.push(KeepIn::Inferred(Box::new(self.inferred(name, run, chunk))));
            }
            if chunk >= 8_000 {
                (run, chunk) = (self.scene.run(), 0);
            }
            let begun = Instant::now();
            for outcome in self.keep.handle(messages).await {
                outcome.map_err(|failure| anyhow!("a row was not written: {failure:?}"))?;
            }
            seconds += begun.elapsed().as_secs_f64();
        }
        Ok(seconds)
    }

    fn inferred(&self, name: &PlotTypeName, run: u32, chunk: u32) -> ImageInferred {
        let content = ContentHash::of(&[run.to_be_bytes(), chunk.to_be_bytes()].concat());
        let score = |label: &str, probability| Score { label: label.to_owned(), probability };
        let prediction = Prediction {
            model: self.model.to_field(),
            scores: vec![score("Good", 0.96), score("Cosmic", 0.03), score("LED", 0.01)],
            label: "Good".to_owned(),
            confidence: 0.96,
            threshold: 0.5,
            state: VerdictState::Confirmed.into(),
            work_us: 50_000,
            ..Prediction::default()
        };
        let image = Image {
            id: ImageId::of(name, run, Some(chunk), &content).to_field(),
            plot_type: name.to_string(),
            run,
            chunk: Some(chunk),
            taken_at_us: now_us(),
            arrived_at_us: now_us(),
            content: content.to_field(),
            size_bytes: 50_000,
            source: "bench".to_owned(),
            ..Image::default()
        };
        ImageInferred {
            image: Some(image),
            width: 1380,
            height: 640,
            thumbnail: content.to_field(),
            predictions: vec![prediction],
            ..ImageInferred::default()
        }
    }
}
