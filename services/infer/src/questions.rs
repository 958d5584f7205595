//! Who is asked about an image, and how questions become chunks of work.

use crate::{
    chunk::{Chunk, Picture, Source},
    serving::Serving,
};
use hydra_blobs::{BlobError, Blobs};
use hydra_model::{Model, Unavailable, manifest::Batch};
use hydra_proto::{
    ContentHash, InvalidName, Label, PlotTypeName,
    events::{Image, ImageResized, ModelRole, Pixels},
    registry::{InputShape, Release},
};
use hydra_stage::Failure;
use std::{sync::Arc, time::Duration};

/// One model's say on one image of the batch.
pub(crate) struct Question {
    /// Index of the image in the batch.
    pub image: usize,
    pub role: ModelRole,
    pub release: Release,
    /// Labels of the plot type that alarm the shift.
    pub bad_labels: Arc<[Label]>,
    pub model: Arc<Model>,
    pub source: Source,
}

/// Who is asked about an image.
pub(crate) enum Asked {
    /// So many questions, the active model's first.
    Models(usize),
    /// Nobody, for this reason.
    Nobody(&'static str),
}

/// Adds the questions for one image to the list.
///
/// # Errors
/// What keeps the active model from being asked.
pub(crate) async fn ask(
    event: &ImageResized,
    index: usize,
    serving: &Serving,
    blobs: &Blobs,
    questions: &mut Vec<Question>,
) -> Result<Asked, Failure> {
    let image = event.image.as_ref().ok_or_else(|| refused("the message names no image"))?;
    let name: PlotTypeName =
        image.plot_type.parse().map_err(|error: InvalidName| Failure::Refused(error.into()))?;
    let table = serving.table();
    let bad_labels = match table.plot_type(&name) {
        None => return Ok(Asked::Nobody("no model")),
        Some(entry) if entry.disabled => return Ok(Asked::Nobody("plot type disabled")),
        Some(entry) => entry.bad_labels.clone(),
    };
    let before = questions.len();
    for role in [ModelRole::Active, ModelRole::Candidate] {
        let Some(release) = table.release(&name, role) else { continue };
        match question(event, image, release, serving, blobs).await {
            Ok((model, source)) => {
                let (release, bad_labels) = (release.clone(), bad_labels.clone());
                let question = Question { image: index, role, release, bad_labels, model, source };
                questions.push(question);
            }
            // a candidate in trouble must not keep the shift's verdict
            Err(failure) if role == ModelRole::Candidate => {
                let reason = failure.chain();
                tracing::warn!(plot_type = %name, reason, "the candidate was not asked");
                metrics::counter!("hydra_candidates_skipped_total").increment(1);
            }
            Err(failure) => return Err(failure),
        }
    }
    match questions.len() - before {
        0 => Ok(Asked::Nobody("no model")),
        count => Ok(Asked::Models(count)),
    }
}

async fn question(
    event: &ImageResized,
    image: &Image,
    release: &Release,
    serving: &Serving,
    blobs: &Blobs,
) -> Result<(Arc<Model>, Source), Failure> {
    let model = serving.model(&release.model).await.map_err(absent)?;
    let shape = model.manifest.input.shape();
    if let Some(pixels) = event.pixels.iter().find(|pixels| fits(pixels, &shape)) {
        return Ok((model, Source::Packed(pixels.clone())));
    }
    // released after the image was resized: once, the original is worth a read
    metrics::counter!("hydra_pixels_remade_total").increment(1);
    let key = ContentHash::from_slice(&image.content);
    let key = key.ok_or_else(|| refused("the image's content key is not 32 bytes"))?;
    let original = blobs.get(&key).await.map_err(|error| match error {
        BlobError::Unavailable { .. } => Failure::Unavailable(error.into()),
        error => Failure::Failed(error.into()),
    })?;
    Ok((model, Source::Original(original)))
}

fn fits(pixels: &Pixels, shape: &InputShape) -> bool {
    (pixels.width, pixels.height, pixels.channels) == (shape.width, shape.height, shape.channels)
        && pixels.fit() == shape.fit()
}

/// A store that is away holds the stage up; a broken model costs its images their tries, and
/// then they wait in the dead letters for a model that works.
fn absent(error: Unavailable) -> Failure {
    if error.transient { Failure::Unavailable(error.into()) } else { Failure::Failed(error.into()) }
}

pub(crate) fn refused(what: &'static str) -> Failure {
    Failure::Refused(anyhow::anyhow!(what))
}

/// A run of a network takes about this long at least, if enough is waiting: long against the
/// few microseconds that a job costs, short against what people notice.
const WORTH_A_JOB: Duration = Duration::from_millis(10);

/// Groups questions by network and picture and cuts the groups into jobs: a fair share for each
/// thread, no more than `batch` pictures, and no more than is worth it, because a network that
/// takes long is no faster for being given many pictures, and the other threads would wait.
pub(crate) fn chunks(questions: &[Question], batch: usize, threads: usize) -> Vec<Chunk> {
    let mut groups: Vec<(Chunk, Vec<usize>)> = Vec::new();
    for (number, question) in questions.iter().enumerate() {
        let model = &question.model;
        let input = &model.manifest.input;
        let group = groups
            .iter_mut()
            .find(|(chunk, _)| Arc::ptr_eq(&chunk.body, &model.body) && chunk.input == *input);
        let (chunk, images) = match group {
            Some(group) => group,
            None => {
                let (body, input) = (model.body.clone(), input.clone());
                groups.push((Chunk { body, input, pictures: Vec::new() }, Vec::new()));
                let last = groups.len() - 1;
                &mut groups[last]
            }
        };
        let asker = (number, model.clone());
        match images.iter().position(|image| *image == question.image) {
            Some(known) => chunk.pictures[known].askers.push(asker),
            None => {
                images.push(question.image);
                let source = question.source.clone();
                chunk.pictures.push(Picture { source, askers: vec![asker] });
            }
        }
    }
    groups.into_iter().flat_map(|(chunk, _)| cut(chunk, batch, threads)).collect()
}

fn cut(chunk: Chunk, batch: usize, threads: usize) -> Vec<Chunk> {
    let Chunk { body, input, mut pictures } = chunk;
    let pace = body.pace().as_secs_f64();
    let worth = match pace > 0.0 {
        true => (WORTH_A_JOB.as_secs_f64() / pace).ceil() as usize,
        // its first pictures tell how long one takes
        false => 1,
    };
    let share = pictures.len().div_ceil(threads.max(1));
    let most = match input.batch {
        Batch::Any => batch.min(worth).min(share).max(1),
        Batch::One => 1,
    };
    let mut chunks = Vec::with_capacity(pictures.len().div_ceil(most));
    while !pictures.is_empty() {
        let rest = pictures.split_off(most.min(pictures.len()));
        chunks.push(Chunk { body: body.clone(), input: input.clone(), pictures });
        pictures = rest;
    }
    chunks
}
