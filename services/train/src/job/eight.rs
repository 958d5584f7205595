//! A model of the library -> the same in 8 bits, with what it costs in accuracy; or a refusal.

use super::{JobError, Stored, Trainer};
use crate::data::{Dataset, class_of};
use crate::library;
use crate::quantise::{QuantiseError, quantise};
use crate::recipe::{MOST_FEATURES, MOST_TAUGHT};
use crate::runner::Runner;
use hydra_model::import::{ImportError, ImportRequest, Source, import};
use hydra_model::manifest::{Explain, Graphs, Manifest};
use hydra_model::{Library, Runtime};
use hydra_proto::{ImageId, ModelDigest, PlotTypeName};
use hydra_store::training::{self, Taught};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Instant;
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Images that ranges are learnt from.
const CALIBRATION: usize = 200;

/// What 8 bits change, on labelled images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Images that both were asked about: the frozen test set, or all where it is small.
    pub images: usize,
    /// Those of them that the model was trained on, which tell less.
    #[serde(default)]
    pub trained: usize,
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
        if manifest.architecture == crate::recipe::DEVIATIONS {
            return Err(QuantiseError::NoConvolution.into());
        }
        let rows = training::labelled(&self.database, plot_type.clone()).await?;
        let fixed = training::fixed(&self.database, plot_type).await?;
        let folder = self.folder.join(format!("eight-{digest}"));
        let stored = Stored::open(&self.blobs, rows, manifest.input.shape(), &folder, None).await?;
        let (runtime, plain) = (self.runtime.clone(), manifest.clone());
        let work = tokio::task::spawn_blocking(move || {
            let validation = validation_of(&plain);
            let of = |i: &usize| stored.examples()[*i].image;
            let trained = |i: &usize| fixed.trained.contains(&of(i));
            let all: Vec<usize> = (0..stored.examples().len()).collect();
            let seen: Vec<usize> = all.iter().copied().filter(trained).collect();
            let held: Vec<usize> =
                all.iter().copied().filter(|i| validation.contains(&of(i))).collect();
            // of an imported model nobody knows what it was trained on
            let from = [&held, &seen, &all].into_iter().find(|some| !some.is_empty());
            let from = from.unwrap_or(&all);
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
            let mut change = compared([&file, &small], &plain, &stored, &judges, &runtime)?;
            change.trained = judges.iter().filter(|i| trained(i)).count();
            let taught = taught(&small, &plain, &stored, &seen, &runtime)?;
            Ok::<_, JobError>((small, change, taught))
        });
        let result = work.await?;
        // open files live on without their name
        if let Err(error) = tokio::fs::remove_dir_all(&folder).await {
            tracing::warn!(%error, folder = %folder.display(), "a finished job's folder stays");
        }
        let (small, change, taught) = result?;
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
        training::remember(&self.database, made, plot_type, taught).await?;
        Ok((made, change))
    }
}

/// The images that chose its temperature and thresholds, where it was trained here.
fn validation_of(manifest: &Manifest) -> HashSet<ImageId> {
    let scores = manifest.evaluation["validation_scores"].as_array();
    let id = |one: &serde_json::Value| one["image"].as_str()?.parse().ok();
    scores.into_iter().flatten().filter_map(id).collect()
}

/// What the model was taught, as it sees it in 8 bits.
fn taught(
    file: &[u8],
    manifest: &Manifest,
    stored: &Stored,
    seen: &[usize],
    runtime: &Runtime,
) -> Result<Vec<Taught>, JobError> {
    let Some(embedding) = &manifest.output.embedding else { return Ok(Vec::new()) };
    let shape = manifest.input.shape();
    let learn = crate::recipe::LearnError::from;
    let mut runner = Runner::open(runtime, file, shape).map_err(learn)?;
    let step = seen.len().div_ceil(MOST_TAUGHT).max(1);
    let mut all = Vec::new();
    for index in seen.iter().step_by(step) {
        let example = &stored.examples()[*index];
        let Some(class) = class_of(&example.label) else { continue };
        let pixels = stored.pixels(*index, shape).map_err(crate::recipe::LearnError::from)?;
        let features = runner.run(&pixels, &[embedding]).map_err(learn)?.remove(0).values;
        if features.len() > MOST_FEATURES {
            return Ok(Vec::new());
        }
        all.push(Taught { image: example.image, label: class.to_string(), features });
    }
    Ok(all)
}

/// What the new bundle says of itself: what the old one did, and the change.
fn request(digest: ModelDigest, manifest: &Manifest, change: &Change) -> ImportRequest {
    let mut evaluation = manifest.evaluation.clone();
    if let Some(fields) = evaluation.as_object_mut() {
        let value = serde_json::to_value(change).unwrap_or_default();
        fields.insert("eight_bits".into(), value);
        let note = format!("figures are those of float32 model {digest}");
        match fields.get_mut("notes").and_then(serde_json::Value::as_array_mut) {
            Some(notes) => notes.insert(0, note.into()),
            None => drop(fields.insert("notes".into(), serde_json::json!([note]))),
        }
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
        layouts: manifest.layouts.clone(),
        conditions: manifest.conditions.clone(),
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
        trained: 0,
        accuracy: right.map(share),
        same: share(same),
        faster: took[0] / took[1].max(1e-12),
    })
}
