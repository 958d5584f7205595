//! A model of the library -> the same in 8 bits, with what it costs in accuracy; or a refusal.

use super::{JobError, Stored, Trainer};
use crate::data::{Dataset, class_of};
use crate::library;
use crate::quantise::quantise;
use crate::runner::Runner;
use hydra_model::import::{ImportError, ImportRequest, Source, import};
use hydra_model::manifest::{Explain, Graphs, Manifest};
use hydra_model::{Library, Runtime};
use hydra_proto::{ModelDigest, PlotTypeName};
use hydra_store::training;
use serde::{Deserialize, Serialize};
use std::time::Instant;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Images that ranges are learnt from.
const CALIBRATION: usize = 200;

/// What 8 bits change, on labelled images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Images that both were asked about: the frozen test set, or all where it is small.
    pub images: usize,
    /// Share that is right in float32 and in 8 bits.
    pub accuracy: [f64; 2],
    /// Share with the same verdict.
    pub same: f64,
    /// How many times faster, one image at a time on one thread.
    pub faster: f64,
}

/// Fewest test images that tell a change of accuracy.
const FEWEST: usize = 300;

impl Trainer {
    /// Makes an 8-bit model of one with a network of its own. `limit` is the largest loss of
    /// accuracy.
    ///
    /// # Errors
    /// See [`JobError`]; the library is as before.
    pub async fn in_eight_bits(
        &self,
        digest: ModelDigest,
        plot_type: &PlotTypeName,
        limit: f64,
    ) -> Result<(ModelDigest, Change), JobError> {
        let shelf = Library::new(self.blobs.clone());
        let manifest = shelf.manifest(&digest).await?;
        let Graphs::Network(file) = manifest.graphs else { return Err(JobError::Shared(digest)) };
        let file = shelf.graph(&digest, &file).await?;
        let rows = training::labelled(&self.database, plot_type.clone()).await?;
        let fixed = training::fixed(&self.database, plot_type).await?;
        let folder = self.folder.join(format!("eight-{digest}"));
        let stored = Stored::open(&self.blobs, rows, manifest.input.shape(), &folder, None).await?;
        let (runtime, plain) = (self.runtime.clone(), manifest.clone());
        let work = tokio::task::spawn_blocking(move || {
            let trained = |i: &usize| fixed.trained.contains(&stored.examples()[*i].image);
            let all: Vec<usize> = (0..stored.examples().len()).collect();
            let seen: Vec<usize> = all.iter().copied().filter(trained).collect();
            let from = if seen.is_empty() { &all } else { &seen };
            let step = from.len().div_ceil(CALIBRATION).max(1);
            let shape = plain.input.shape();
            let images = from.iter().step_by(step).map(|i| stored.pixels(*i, shape));
            let images =
                images.collect::<Result<Vec<_>, _>>().map_err(crate::recipe::LearnError::from)?;
            let small = quantise(&file, shape, &images, &runtime)?;
            let test = |i: &usize| fixed.test.contains(&stored.examples()[*i].image);
            let mut judges: Vec<usize> = all.iter().copied().filter(test).collect();
            if judges.len() < FEWEST {
                judges = all;
            }
            let change = compared([&file, &small], &plain, &stored, &judges, &runtime)?;
            Ok::<_, JobError>((small, change))
        });
        let result = work.await?;
        // open files live on without their name
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
            tracing::warn!(%error, folder = %folder.display(), "a finished job's folder stays");
        }
        let (small, change) = result?;
        if change.accuracy[0] - change.accuracy[1] > limit {
            return Err(JobError::Costs { change, limit });
        }
        let request = request(digest, &manifest, &change);
        let runtime = self.runtime.clone();
        let sealing = tokio::task::spawn_blocking(move || {
            Ok::<_, ImportError>(import(Source::Network(&small), &request, &runtime)?.bundle)
        });
        let bundle = sealing.await??;
        let made = library::add(&shelf, &self.database, &bundle, vec![plot_type.clone()]).await?;
        Ok((made, change))
    }
}

/// What the new bundle says of itself: what the old one did, and the change.
fn request(digest: ModelDigest, manifest: &Manifest, change: &Change) -> ImportRequest {
    let mut evaluation = manifest.evaluation.clone();
    if let Some(fields) = evaluation.as_object_mut() {
        let value = serde_json::to_value(change).unwrap_or_default();
        fields.insert("eight_bits".into(), value);
    }
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    ImportRequest {
        plot_type: manifest.plot_type.clone(),
        letterbox: manifest.input.letterbox,
        normalisation: manifest.input.normalisation.clone(),
        scores: Some(manifest.output.scores.clone()),
        score_kind: Some(manifest.output.kind),
        embedding: manifest.output.embedding.clone(),
        map: match &manifest.explain {
            Explain::Output { method, output } => Some((output.clone(), *method)),
            _ => None,
        },
        novelty: manifest.novelty.clone(),
        temperature: manifest.temperature,
        thresholds: manifest.thresholds.clone(),
        training_set: manifest.training_set,
        evaluation,
        parent: Some(digest),
        architecture: format!("{} int8", manifest.architecture),
        ..ImportRequest::new(manifest.labels.clone(), now)
    }
}

/// Runs both files on the same images, one after the other.
fn compared(
    files: [&[u8]; 2],
    manifest: &Manifest,
    stored: &Stored,
    judges: &[usize],
    runtime: &Runtime,
) -> Result<Change, JobError> {
    let shape = manifest.input.shape();
    let open = |file| Runner::open(runtime, file, shape).map_err(crate::recipe::LearnError::from);
    let mut runners = [open(files[0])?, open(files[1])?];
    let (mut right, mut took) = ([0usize; 2], [0.0f64; 2]);
    let (mut same, mut images) = (0usize, 0usize);
    for index in judges {
        let example = &stored.examples()[*index];
        let truth = class_of(&example.label)
            .and_then(|class| manifest.labels.iter().position(|label| *label == class));
        let Some(truth) = truth else { continue };
        let pixels = stored.pixels(*index, shape).map_err(crate::recipe::LearnError::from)?;
        let mut said = [0usize; 2];
        for (at, runner) in runners.iter_mut().enumerate() {
            let begun = Instant::now();
            let scores = runner.run(&pixels, &[&manifest.output.scores]);
            let scores = scores.map_err(crate::recipe::LearnError::from)?.remove(0).values;
            took[at] += begun.elapsed().as_secs_f64();
            said[at] =
                (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b])).unwrap_or(0);
            right[at] += usize::from(said[at] == truth);
        }
        same += usize::from(said[0] == said[1]);
        images += 1;
    }
    let share = |count: usize| count as f64 / images.max(1) as f64;
    Ok(Change {
        images,
        accuracy: right.map(share),
        same: share(same),
        faster: took[0] / took[1].max(1e-12),
    })
}
