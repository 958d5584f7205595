//! A hall of a few plot types, with models of random weights.
#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use hydra_blobs::{Blobs, BlobsConfig};
use hydra_infer::{Infer, InferConfig};
use hydra_model::{
    Bundle, Library, Runtime, RuntimeConfig,
    import::{ImportRequest, Source, import},
    onnx::{self, GraphProto, ModelProto},
    samples::{Sample, classifier, head_of, noise, trunk},
};
use hydra_proto::{
    ContentHash, Event, ImageId, Label, ModelDigest, PlotTypeName,
    events::{HeatmapWanted, Image, ImageInferred, ImageResized, Pixels},
    registry::{InputShape, PlotType, Registry, Release},
};
use hydra_stage::{Done, Failure, Health, Stage};
use hydra_vision::{Workbench, write_rgb_png};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::watch;

pub const SHAPE: InputShape = InputShape { width: 24, height: 20, channels: 3, letterbox: false };

pub fn runtime() -> Runtime {
    Runtime::load(&RuntimeConfig::default()).unwrap()
}

pub fn labels(names: &[&str]) -> Vec<Label> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

pub fn request() -> ImportRequest {
    ImportRequest::new(labels(&["Good", "Bad", "Hot"]), "2026-01-01T00:00:00Z")
}

pub fn network(sample: Sample) -> Bundle {
    changed(sample, request(), |_| {})
}

/// A network whose graph was changed before import.
pub fn changed(
    sample: Sample,
    request: ImportRequest,
    change: impl FnOnce(&mut GraphProto),
) -> Bundle {
    let mut model: ModelProto = classifier(&sample);
    change(model.graph.as_mut().unwrap());
    import(Source::Network(&onnx::encode(&model)), &request, &runtime()).unwrap().bundle
}

/// A head of its own on the trunk that all of these share.
pub fn headed(seed: u64) -> Bundle {
    headed_as(seed, &request())
}

pub fn headed_as(seed: u64, request: &ImportRequest) -> Bundle {
    let sample = Sample::default();
    let trunk = onnx::encode(&trunk(&sample));
    let head = onnx::encode(&head_of(sample.maps, 3, seed));
    let source = Source::TrunkAndHead { trunk: &trunk, head: &head };
    import(source, request, &runtime()).unwrap().bundle
}

pub struct Bench {
    pub infer: Arc<Infer>,
    pub library: Library,
    pub registry: watch::Sender<Arc<Registry>>,
    pub health: Health,
}

impl Bench {
    pub async fn new(config: InferConfig) -> Self {
        let memory = BlobsConfig { url: "memory:".into() };
        Self::on(Blobs::open(&memory).await.unwrap(), config)
    }

    pub fn on(blobs: Blobs, config: InferConfig) -> Self {
        let library = Library::new(blobs);
        let (registry, watched) = watch::channel(Arc::new(Registry::default()));
        let health = Health::new();
        let infer =
            Infer::with_config(library.clone(), &runtime(), watched, config, health.clone());
        Self { infer: Arc::new(infer.unwrap()), library, registry, health }
    }

    /// Keeps a bundle and releases it for a plot type, confirmed from `threshold` on.
    pub async fn release(&self, plot_type: &str, bundle: &Bundle, threshold: f32) {
        self.library.add(bundle).await.unwrap();
        self.point(plot_type, bundle, threshold);
    }

    /// Releases a bundle without keeping it.
    pub fn point(&self, plot_type: &str, bundle: &Bundle, threshold: f32) {
        let release = released(bundle, threshold);
        self.edit(plot_type, |entry| {
            entry.active = Some(release);
            entry.bad_labels = labels(&["Bad", "Hot"]).into();
        });
    }

    pub fn edit(&self, plot_type: &str, change: impl FnOnce(&mut PlotType)) {
        self.registry.send_modify(|registry| {
            let mut next = Registry::clone(registry);
            next.generation += 1;
            change(next.plot_types.entry(name(plot_type)).or_default());
            *registry = Arc::new(next);
        });
    }

    /// Runs `keep_up` in the background.
    pub fn keep_up(&self) -> tokio::task::JoinHandle<()> {
        tokio::spawn(self.infer.keep_up())
    }

    /// Lets the stage see the registry as it is now.
    pub async fn settle(&self) {
        let generation = self.registry.borrow().generation;
        let infer = self.infer.clone();
        hydra_stage::suite::eventually("the registry was taken over", async || {
            infer.serving().table().generation() == generation
                && !infer.serving().table().is_holding()
        })
        .await;
    }

    pub async fn one(&self, event: ImageResized) -> Result<Outcome, Failure> {
        self.infer.handle(vec![event]).await.remove(0).map(Outcome::of)
    }

    pub async fn all(&self, events: Vec<ImageResized>) -> Vec<Result<Outcome, Failure>> {
        self.infer.handle(events).await.into_iter().map(|result| result.map(Outcome::of)).collect()
    }
}

pub fn released(bundle: &Bundle, threshold: f32) -> Release {
    let threshold = threshold.try_into().unwrap();
    let thresholds: HashMap<_, _> =
        bundle.manifest.labels.iter().map(|label| (label.clone(), threshold)).collect();
    Release { model: bundle.digest, inputs: vec![bundle.manifest.input.shape()], thresholds }
}

/// What a message led to.
#[derive(Debug)]
pub struct Outcome {
    pub inferred: ImageInferred,
    pub wanted: Option<HeatmapWanted>,
}

impl Outcome {
    fn of(done: Done) -> Self {
        let read = |index: usize| done.outgoing.get(index).map(|out| out.body.clone());
        let inferred = prost_read::<ImageInferred>(read(0).unwrap());
        assert_eq!(done.outgoing[0].queue, "keep");
        Self { inferred, wanted: read(1).map(prost_read::<HeatmapWanted>) }
    }

    /// Digest of the model that gave prediction number `index`.
    pub fn model(&self, index: usize) -> ModelDigest {
        ModelDigest::from_slice(&self.inferred.predictions[index].model).unwrap()
    }

    pub fn probabilities(&self) -> Vec<f32> {
        self.inferred.predictions[0].scores.iter().map(|score| score.probability).collect()
    }
}

fn prost_read<E: Event>(body: bytes::Bytes) -> E {
    hydra_proto::event::decode(E::NAME, body).unwrap()
}

pub fn name(plot_type: &str) -> PlotTypeName {
    plot_type.parse().unwrap()
}

/// A PNG of noise, or of one value.
pub fn picture(seed: u64, fill: Option<u8>) -> Vec<u8> {
    let count = SHAPE.size_bytes();
    let rgb = fill.map_or_else(|| noise(count, seed), |value| vec![value; count]);
    write_rgb_png(SHAPE.width, SHAPE.height, &rgb)
}

pub fn packed(png: &[u8], shape: &InputShape) -> Pixels {
    Workbench::default().open(png).unwrap().pixels(shape)
}

pub fn image(plot_type: &str, png: &[u8]) -> Image {
    let content = ContentHash::of(png);
    Image {
        id: ImageId::of(&name(plot_type), 1, None, &content).to_field(),
        plot_type: plot_type.into(),
        run: 1,
        content: content.to_field(),
        size_bytes: png.len() as u64,
        ..Image::default()
    }
}

pub fn event(plot_type: &str, seed: u64) -> ImageResized {
    event_of(plot_type, &picture(seed, None), &[SHAPE])
}

pub fn event_of(plot_type: &str, png: &[u8], shapes: &[InputShape]) -> ImageResized {
    ImageResized {
        image: Some(image(plot_type, png)),
        width: SHAPE.width,
        height: SHAPE.height,
        pixels: shapes.iter().map(|shape| packed(png, shape)).collect(),
        ..ImageResized::default()
    }
}
