//! ImageIngested -> pixels at each wanted shape, thumbnail, layout, ImageResized.
//!
//! Decodes under limits; the same bytes give the same pixels. Which shapes are wanted follows
//! from the active and candidate models of the plot type, as the registry stands now.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod benches;

use benches::Benches;
use bytes::Bytes;
use hydra_blobs::{BlobError, Blobs};
use hydra_proto::{
    ContentHash, PlotTypeName,
    events::{Image, ImageIngested, ImageResized},
    registry::{InputShape, Registry},
};
use hydra_stage::{Done, Failure, Outgoing, Policy, Stage};
use hydra_vision::{Limits, Refused, Workbench};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// The stage.
pub struct Resize {
    blobs: Blobs,
    registry: watch::Receiver<Arc<Registry>>,
    benches: Benches,
    threads: usize,
}

impl Resize {
    /// A stage that works on `threads` images at once.
    pub fn new(blobs: Blobs, registry: watch::Receiver<Arc<Registry>>, threads: usize) -> Self {
        Self { blobs, registry, benches: Benches::new(Limits::default()), threads }
    }

    async fn resize(&self, event: ImageIngested) -> Result<Done, Failure> {
        let image = event.image.ok_or_else(|| refused("the message names no image"))?;
        let (key, plot_type) = read(&image)?;
        let bytes = self.blobs.get(&key).await.map_err(away)?;
        let shapes = self.registry.borrow().shapes(&plot_type);
        let work = move |bench: &mut Workbench| work(bench, &bytes, &shapes, image);
        let made = self.benches.run(work).await.map_err(Failure::Failed)?;
        let (mut resized, thumbnail) = made.map_err(|error| Failure::Refused(error.into()))?;
        resized.thumbnail = self.blobs.put(thumbnail).await.map_err(away)?.to_field();
        Ok(Done::with(vec![Outgoing::of(&resized)]))
    }
}

impl Stage for Resize {
    const NAME: &'static str = "resize";
    type In = ImageIngested;

    fn policy(&self) -> Policy {
        Policy { concurrency: self.threads, timeout: Duration::from_secs(30), ..Policy::default() }
    }

    async fn handle(&self, batch: Vec<ImageIngested>) -> Vec<Result<Done, Failure>> {
        let mut results = Vec::with_capacity(batch.len());
        for event in batch {
            results.push(self.resize(event).await);
        }
        results
    }
}

/// All that is made of the pixels, on a worker thread: the message but for the key of its
/// thumbnail, and the thumbnail.
fn work(
    bench: &mut Workbench,
    bytes: &[u8],
    shapes: &[InputShape],
    image: Image,
) -> Result<(ImageResized, Bytes), Refused> {
    let mut picture = bench.open(bytes)?;
    let sight = picture.sight();
    let resized = ImageResized {
        image: Some(image),
        width: picture.width(),
        height: picture.height(),
        thumbnail: Bytes::new(),
        pixels: shapes.iter().map(|shape| picture.pixels(shape)).collect(),
        sight: Some(sight),
    };
    Ok((resized, picture.thumbnail().into()))
}

fn read(image: &Image) -> Result<(ContentHash, PlotTypeName), Failure> {
    let key = ContentHash::from_slice(&image.content);
    let key = key.ok_or_else(|| refused("the image's content key is not 32 bytes"))?;
    let name = image.plot_type.parse();
    Ok((key, name.map_err(|error: hydra_proto::InvalidName| Failure::Refused(error.into()))?))
}

fn refused(what: &'static str) -> Failure {
    Failure::Refused(anyhow::anyhow!(what))
}

/// A store that is away holds the stage up; a blob that is missing or torn costs its image tries.
fn away(error: BlobError) -> Failure {
    match error {
        BlobError::Unavailable { .. } => Failure::Unavailable(error.into()),
        error => Failure::Failed(error.into()),
    }
}
