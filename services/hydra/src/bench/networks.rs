//! The networks that are measured. Their weights are random: a run takes as long as with trained
//! ones.

use anyhow::Context;
use hydra_model::{
    Bundle, Runtime, Session, Stopper, Tensor,
    import::{ImportRequest, Source, import},
    manifest::{Graphs, Normalisation, ScoreKind},
    onnx,
    samples::{self, Sample},
    scan::{Limits, scan},
};
use hydra_proto::{ContentHash, Label, ModelDigest, registry::InputShape};
use hydra_train::{
    export,
    graph::{Graph, inception_v3},
    head::Head,
    quantise::quantise,
    weights::Weights,
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

/// What InceptionV3 looks at.
pub const INCEPTION: InputShape =
    InputShape { width: 299, height: 299, channels: 3, letterbox: false };
/// Features of its last layer.
const FEATURES: usize = 2048;
/// No label is a bad one, so that no heat map is asked for.
const LABELS: [&str; 3] = ["Good", "Cosmic", "LED"];

fn request() -> anyhow::Result<ImportRequest> {
    let labels: Vec<Label> = LABELS.iter().map(|l| l.parse()).collect::<Result<_, _>>()?;
    let request = ImportRequest::new(labels, "2026-01-01T00:00:00Z");
    Ok(ImportRequest { architecture: "bench".to_owned(), ..request })
}

/// InceptionV3, as one file and as a trunk.
pub struct Inception {
    graph: Graph,
    weights: Weights,
}

impl Inception {
    /// With random weights.
    ///
    /// # Errors
    /// Never for a shape that it takes.
    pub fn new() -> anyhow::Result<Self> {
        let graph = inception_v3(INCEPTION, LABELS.len())?;
        let weights = Weights::random(&graph, 1);
        Ok(Self { graph, weights })
    }

    fn head(&self) -> Head {
        let weight = samples::noise(FEATURES * LABELS.len(), 2);
        let weight = weight.iter().map(|byte| (f32::from(*byte) - 127.5) / 4000.0).collect();
        Head { weight, bias: vec![0.0; LABELS.len()] }
    }

    /// One file from pixels to probabilities.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn file(&self) -> anyhow::Result<Vec<u8>> {
        Ok(export::classifier(&self.graph, &self.weights, &self.head(), &[])?)
    }

    /// The same in integers of 8 bits, with ranges from these pixels.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn eight_bits(&self, runtime: &Runtime, images: &[Vec<u8>]) -> anyhow::Result<Vec<u8>> {
        Ok(quantise(&self.file()?, INCEPTION, images, runtime)?)
    }

    /// `count` heads on one trunk.
    ///
    /// # Errors
    /// When they cannot be imported.
    pub fn heads(&self, runtime: &Runtime, count: usize) -> anyhow::Result<Vec<Bundle>> {
        let trunk = export::trunk(&self.graph, &self.weights, &[])?;
        let request = ImportRequest { normalisation: Normalisation::inside(), ..request()? };
        family(&trunk, FEATURES, &request, runtime, count)
    }
}

/// A file of [`Inception`] as a bundle.
///
/// # Errors
/// When it cannot be imported.
pub fn bundle(file: &[u8], runtime: &Runtime) -> anyhow::Result<Bundle> {
    let request = ImportRequest {
        normalisation: Normalisation::inside(),
        scores: Some("probabilities".to_owned()),
        score_kind: Some(ScoreKind::Softmax),
        ..request()?
    };
    Ok(import(Source::Network(file), &request, runtime)?.bundle)
}

/// A network that takes pixels of InceptionV3's size and does nothing with them.
///
/// # Errors
/// When it cannot be imported.
pub fn null(runtime: &Runtime) -> anyhow::Result<Bundle> {
    let sample = Sample {
        head: samples::Head::Null,
        width: INCEPTION.width as usize,
        height: INCEPTION.height as usize,
        labels: LABELS.len(),
        softmax: true,
        ..Sample::default()
    };
    let bytes = onnx::encode(&samples::classifier(&sample));
    Ok(import(Source::Network(&bytes), &request()?, runtime)?.bundle)
}

/// `count` small networks: heads of their own on a light trunk.
///
/// # Errors
/// When they cannot be imported.
pub fn small(runtime: &Runtime, count: usize) -> anyhow::Result<Vec<Bundle>> {
    let sample = Sample::default();
    let trunk = onnx::encode(&samples::trunk(&sample));
    family(&trunk, sample.maps, &request()?, runtime, count)
}

/// `count` heads on one trunk. The first is imported; the others differ from it by the head's
/// file only and bring nothing else, since to import the trunk anew for each takes minutes.
fn family(
    trunk: &[u8],
    features: usize,
    request: &ImportRequest,
    runtime: &Runtime,
    count: usize,
) -> anyhow::Result<Vec<Bundle>> {
    let head = |seed: usize| onnx::encode(&samples::head_of(features, LABELS.len(), seed as u64));
    let first = import(Source::TrunkAndHead { trunk, head: &head(0) }, request, runtime)?.bundle;
    let sibling = |seed: usize| {
        let head = head(seed);
        let hash = ContentHash::of(&head);
        let mut manifest = first.manifest.clone();
        manifest.graphs = Graphs::TrunkAndHead { trunk: manifest.graphs.body(), head: hash };
        let manifest_bytes = manifest.to_bytes()?;
        let digest = ModelDigest::of(&manifest_bytes);
        let files = BTreeMap::from([(hash, head)]);
        anyhow::Ok(Bundle { digest, manifest, manifest_bytes, files })
    };
    let siblings: Vec<_> = (1..count).map(sibling).collect::<anyhow::Result<_>>()?;
    Ok([first].into_iter().chain(siblings).collect())
}

/// The bare loop: a session a core with one thread each, over tensors that are ready, one at a
/// time.
pub struct Loop {
    sessions: Vec<Session>,
    stopper: Stopper,
    pixels: Vec<f32>,
}

impl Loop {
    /// Loads the network `threads` times and warms it up.
    ///
    /// # Errors
    /// When it does not load.
    pub fn new(runtime: &Runtime, file: &[u8], threads: usize) -> anyhow::Result<Self> {
        let shape = vec![1, 3, INCEPTION.height as usize, INCEPTION.width as usize];
        let file = scan(file, &Limits::default())?.sized(&[("pixels", shape)])?.into_file();
        let sessions = (0..threads).map(|_| Session::open(runtime, &file, None));
        let pixels = samples::noise(INCEPTION.size_bytes(), 3);
        let mut made = Self {
            sessions: sessions.collect::<Result<_, _>>()?,
            stopper: Stopper::new(runtime)?,
            pixels: pixels.into_iter().map(f32::from).collect(),
        };
        made.run(threads)?;
        Ok(made)
    }

    /// Runs `count` images. Returns seconds.
    ///
    /// # Errors
    /// When a run fails.
    pub fn run(&mut self, count: usize) -> anyhow::Result<f64> {
        let (left, begun) = (AtomicUsize::new(count), Instant::now());
        let shape = [1, 3, INCEPTION.height as usize, INCEPTION.width as usize];
        let (left, stopper, pixels) = (&left, &self.stopper, &self.pixels);
        let take = || left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1));
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .sessions
                .iter_mut()
                .map(|session| {
                    scope.spawn(move || {
                        while take().is_ok() {
                            let tensor = Tensor { name: "pixels", shape: &shape, values: pixels };
                            session.run(&[tensor], &["probabilities"], stopper)?;
                        }
                        anyhow::Ok(())
                    })
                })
                .collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, anyhow::Result<()>>| {
                thread.join().ok().context("a thread of the bare loop panicked")?
            };
            threads.into_iter().try_for_each(join)
        })?;
        Ok(begun.elapsed().as_secs_f64())
    }
}
