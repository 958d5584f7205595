//! The stage.

use crate::draw::{Bench, NoMap, Source, Task, draw};
use hydra_blobs::{BlobError, Blobs};
use hydra_model::{
    Library, Model, Models, ModelsConfig, Purpose, Runtime, SlotError, Workers, WorkersConfig,
};
use hydra_proto::{
    ContentHash, ModelDigest,
    events::{HeatmapMade, HeatmapWanted, Image, Pixels},
    registry::InputShape,
};
use hydra_stage::{Done, Failure, Outgoing, Policy, Stage};
use hydra_vision::Limits;
use std::{sync::Arc, time::Duration};

/// Estimated memory of models that are loaded for maps. They are another set than those that
/// judge, and few plots are looked at, so it is less.
const MODELS_BYTES: u64 = 1 << 30;
/// How long a model that cannot be loaded is not tried again.
const RETRY_AFTER: Duration = Duration::from_secs(15);

/// The stage.
pub struct Gradcam {
    models: Arc<Models>,
    workers: Workers<Bench>,
    blobs: Blobs,
}

impl Gradcam {
    /// A stage that makes `threads` maps at once (0 is one a core); maps go to the library's
    /// blob store.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn new(library: Library, runtime: &Runtime, threads: usize) -> std::io::Result<Self> {
        let mut config = WorkersConfig::default();
        if threads > 0 {
            config.threads = threads;
        }
        let blobs = library.blobs().clone();
        let models = ModelsConfig {
            purpose: Purpose::Explain,
            sessions: config.threads,
            budget_bytes: MODELS_BYTES,
            retry_after: RETRY_AFTER,
        };
        let models = Arc::new(Models::new(library, runtime.clone(), models));
        Ok(Self { models, workers: Workers::start(config, runtime)?, blobs })
    }

    /// Comes back when so many threads hang that only a new process helps; with how many.
    pub fn gave_up(&self) -> impl Future<Output = u32> + Send + use<> {
        self.workers.gave_up()
    }

    /// The models in memory.
    pub fn models(&self) -> Arc<Models> {
        self.models.clone()
    }

    async fn made(&self, event: HeatmapWanted) -> Result<Done, Failure> {
        let image = event.image.ok_or_else(|| refused("the message names no image"))?;
        let digest = ModelDigest::from_slice(&event.model);
        let digest = digest.ok_or_else(|| refused("the message names no model"))?;
        let model = self.models.get(&digest).await.map_err(|error| match error.transient {
            true => Failure::Unavailable(error.into()),
            false => Failure::Failed(error.into()),
        })?;
        let labels = &model.manifest.labels;
        let label = labels.iter().position(|label| label.as_str() == event.label);
        let label = label.ok_or_else(|| {
            Failure::Refused(anyhow::anyhow!("model {digest} knows no label {:?}", event.label))
        })?;
        let source = self.source(&image, &model, event.pixels).await?;
        let method = model.manifest.explain.method().map_or("", |method| method.as_str());
        let task = Task { model, label, source };
        let drawn = self.workers.run(|worker| draw(worker, task)).await;
        let drawn = drawn.map_err(|lost| Failure::Failed(lost.into()))?;
        let (map, maximum) = drawn.map_err(|error| self.failure(error, &digest))?;
        let key = self.blobs.put(map.to_png().into()).await.map_err(away)?;
        metrics::counter!("hydra_heatmaps_total", "method" => method).increment(1);
        Ok(Done::with(vec![Outgoing::of(&HeatmapMade {
            image_id: image.id,
            plot_type: image.plot_type,
            model: event.model,
            label: event.label,
            map: key.to_field(),
            method: method.to_owned(),
            maximum,
        })]))
    }

    /// The message's pixels if they are what the model wants, else the original.
    async fn source(
        &self,
        image: &Image,
        model: &Model,
        pixels: Option<Pixels>,
    ) -> Result<Source, Failure> {
        let shape = model.manifest.input.shape();
        let pixels = pixels.filter(|pixels| fits(pixels, &shape));
        match pixels {
            Some(pixels) if !shape.letterbox => Ok(Source::Packed { pixels, plot: None }),
            Some(pixels) => {
                // the plot's place in the letterbox follows from its own size
                let original = self.original(image).await?;
                let header = hydra_vision::probe(&original, &Limits::default());
                let header = header.map_err(|error| Failure::Refused(error.into()))?;
                Ok(Source::Packed { pixels, plot: Some((header.width, header.height)) })
            }
            None => Ok(Source::Original(self.original(image).await?)),
        }
    }

    async fn original(&self, image: &Image) -> Result<bytes::Bytes, Failure> {
        let key = ContentHash::from_slice(&image.content);
        let key = key.ok_or_else(|| refused("the image's content key is not 32 bytes"))?;
        self.blobs.get(&key).await.map_err(away)
    }

    fn failure(&self, error: NoMap, model: &ModelDigest) -> Failure {
        match error {
            NoMap::Pixels(_) | NoMap::Unexplained { .. } => Failure::Refused(error.into()),
            NoMap::Network(SlotError::Exhausted) => {
                self.models.forget(model);
                Failure::Failed(error.into())
            }
            NoMap::Network(_) | NoMap::Nonsense(_) => Failure::Failed(error.into()),
        }
    }
}

fn fits(pixels: &Pixels, shape: &InputShape) -> bool {
    (pixels.width, pixels.height, pixels.channels) == (shape.width, shape.height, shape.channels)
        && pixels.fit() == shape.fit()
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

impl Stage for Gradcam {
    const NAME: &'static str = "gradcam";
    type In = HeatmapWanted;

    fn policy(&self) -> Policy {
        Policy {
            concurrency: self.workers.threads(),
            timeout: Duration::from_secs(120),
            ..Policy::default()
        }
    }

    async fn handle(&self, batch: Vec<HeatmapWanted>) -> Vec<Result<Done, Failure>> {
        futures::future::join_all(batch.into_iter().map(|event| self.made(event))).await
    }
}
