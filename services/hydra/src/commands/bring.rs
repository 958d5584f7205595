//! Images that experts bring with their labels -> the store, without a verdict: as keep would
//! have written them, had they passed while no model was active.

use super::labels::Wanted;
use anyhow::{Context, anyhow};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use hydra_blobs::Blobs;
use hydra_keep::{Keep, KeepIn};
use hydra_proto::{
    ImageId,
    events::{Image, ImageInferred},
};
use hydra_stage::{Failure, Stage};
use hydra_store::{Database, now_us};
use hydra_vision::{Limits, Workbench};
use indicatif::ProgressBar;
use std::{path::Path, time::UNIX_EPOCH};

/// Images of one transaction.
const BATCH: usize = 200;
/// Images that are read and decoded at the same time.
const AT_ONCE: usize = 4;

/// What became of one file.
pub enum Brought {
    /// It is known now.
    Image(ImageId),
    /// It is no image that can be used, and why.
    LeftOut(String),
}

/// Stores the files of `wanted`, which all name one, and writes a row for each.
///
/// # Errors
/// When a file cannot be read, or store or database do not answer.
pub async fn bring(
    database: &Database,
    blobs: &Blobs,
    wanted: &[&Wanted],
    bar: &ProgressBar,
) -> anyhow::Result<Vec<Brought>> {
    let work: Vec<_> = wanted.iter().map(|one| stored(blobs, one, bar)).collect();
    let all: Vec<Result<ImageInferred, String>> =
        stream::iter(work).buffered(AT_ONCE).try_collect().await?;
    let keep = Keep::new(database.clone());
    let mut brought = Vec::with_capacity(all.len());
    for batch in all.chunks(BATCH) {
        let events = batch.iter().flatten().cloned();
        let events = events.map(|event| KeepIn::Inferred(Box::new(event))).collect();
        for settled in keep.handle(events).await {
            settled.map_err(|failure| match failure {
                Failure::Refused(why) | Failure::Failed(why) | Failure::Unavailable(why) => {
                    why.context("an image was not written")
                }
            })?;
        }
        for one in batch {
            brought.push(match one {
                Ok(event) => Brought::Image(id_of(event)?),
                Err(why) => Brought::LeftOut(why.clone()),
            });
        }
    }
    Ok(brought)
}

fn id_of(event: &ImageInferred) -> anyhow::Result<ImageId> {
    let id = event.image.as_ref().and_then(|image| ImageId::from_slice(&image.id));
    id.ok_or_else(|| anyhow!("an image without an id"))
}

/// Original and thumbnail into the blob store; the event that keep writes. The inner error says
/// why the file is no image.
async fn stored(
    blobs: &Blobs,
    wanted: &Wanted,
    bar: &ProgressBar,
) -> anyhow::Result<Result<ImageInferred, String>> {
    let (Some(file), Some(plot_type), Some(run)) =
        (&wanted.file, &wanted.place.plot_type, wanted.place.run)
    else {
        return Err(anyhow!("{}: plot type and run are not known", wanted.at));
    };
    let bytes = tokio::fs::read(file).await;
    let bytes = Bytes::from(bytes.with_context(|| format!("reading {}", file.display()))?);
    let shared = bytes.clone();
    let looking = tokio::task::spawn_blocking(move || {
        let mut bench = Workbench::new(Limits::default());
        let mut picture = bench.open(&shared).map_err(|refused| refused.to_string())?;
        Ok::<_, String>((picture.width(), picture.height(), picture.thumbnail()))
    });
    let (width, height, thumbnail) = match looking.await? {
        Ok(seen) => seen,
        Err(why) => return Ok(Err(format!("{}: {why}", file.display()))),
    };
    let size_bytes = bytes.len() as u64;
    let content = blobs.put(bytes).await?;
    let thumbnail = blobs.put(thumbnail.into()).await?;
    let chunk = wanted.place.chunk;
    let image = Image {
        id: ImageId::of(plot_type, run, chunk, &content).to_field(),
        plot_type: plot_type.to_string(),
        run,
        chunk,
        run_period: wanted.place.run_period.clone().unwrap_or_default(),
        taken_at_us: written_us(file).unwrap_or_default(),
        arrived_at_us: now_us(),
        content: content.to_field(),
        size_bytes,
        source: "label import".to_owned(),
        conditions_json: String::new(),
    };
    bar.inc(1);
    Ok(Ok(ImageInferred {
        image: Some(image),
        width,
        height,
        thumbnail: thumbnail.to_field(),
        no_verdict_reason: "brought in with its label".to_owned(),
        ..Default::default()
    }))
}

/// When the file was written: about when the plot was drawn.
fn written_us(file: &Path) -> Option<i64> {
    let at = std::fs::metadata(file).ok()?.modified().ok()?;
    i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}
