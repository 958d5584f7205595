//! From the library to a model in memory.

use super::{Models, Purpose, Slot, SlotKey, Unavailable};
use crate::{
    LibraryError, SessionError,
    bundle::{self, BundleError, inputs_from},
    explain::names,
    manifest::{Explain, Manifest},
    scan::{Limits, Scanned, scan},
};
use hydra_proto::{ContentHash, ModelDigest};
use std::sync::Arc;

/// A model in memory, ready to run.
pub struct Model {
    /// Its name.
    pub digest: ModelDigest,
    /// What it is.
    pub manifest: Manifest,
    /// From pixels to scores, or to what the head reads.
    pub body: Arc<Slot>,
    /// From features to scores, where the body is shared.
    pub head: Option<Head>,
    /// From maps to a heat map, where the model is loaded for that and needs it.
    pub tail: Option<Arc<Slot>>,
}

/// A head in memory.
pub struct Head {
    /// The graph.
    pub slot: Arc<Slot>,
    /// The outputs of the body that it reads.
    pub inputs: Vec<String>,
}

impl Model {
    /// All its graphs.
    pub fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        let head = self.head.as_ref().map(|head| &head.slot);
        std::iter::once(&self.body).chain(head).chain(&self.tail)
    }

    /// Memory that goes with this model: of graphs that no other model in memory holds.
    pub(super) fn own_bytes(&self) -> u64 {
        let own = self.slots().filter(|slot| Arc::strong_count(slot) == 1);
        own.map(|slot| slot.bytes()).sum()
    }
}

/// Why loading failed, on its way to becoming [`Unavailable`].
struct Failed {
    error: anyhow::Error,
    transient: bool,
}

impl From<LibraryError> for Failed {
    fn from(error: LibraryError) -> Self {
        Self { transient: error.is_transient(), error: error.into() }
    }
}

impl From<BundleError> for Failed {
    fn from(error: BundleError) -> Self {
        Self { error: error.into(), transient: false }
    }
}

impl From<SessionError> for Failed {
    fn from(error: SessionError) -> Self {
        Self { error: error.into(), transient: false }
    }
}

impl From<tokio::task::JoinError> for Failed {
    /// A panic is the model's fault; else the process is ending.
    fn from(error: tokio::task::JoinError) -> Self {
        Self { transient: error.is_cancelled(), error: error.into() }
    }
}

/// Which outputs each graph must give.
struct Needs {
    body: Vec<String>,
    head: Vec<String>,
}

impl Models {
    /// Loads a model, without looking whether it is there already.
    pub(super) async fn load(&self, digest: &ModelDigest) -> Result<Arc<Model>, Unavailable> {
        let _turn = self.opening.lock().await;
        let loaded = self.assemble(digest).await;
        loaded.map(Arc::new).map_err(|Failed { error, transient }| Unavailable {
            model: *digest,
            why: format!("{error:#}"),
            transient,
        })
    }

    async fn assemble(&self, digest: &ModelDigest) -> Result<Model, Failed> {
        let manifest = self.library.manifest(digest).await?;
        let head = match manifest.graphs.head() {
            Some(graph) => Some((graph, self.scanned(digest, graph).await?)),
            None => None,
        };
        let needs = needs(&manifest, head.as_ref().map(|(_, s)| s), self.config.purpose);
        let input = (manifest.input.name.clone(), manifest.input.dims(1));
        let body = self.slot(digest, manifest.graphs.body(), None, vec![input], needs.body).await?;
        let from_body = || -> Vec<(String, Vec<usize>)> {
            body.shapes().iter().map(|(name, shape)| (name.clone(), shape.clone())).collect()
        };
        let head_shapes = match &head {
            Some((graph, scanned)) => {
                let sized = scanned.clone().sized(&inputs_from(body.shapes()));
                let refused = |source| BundleError::Graph { graph: *graph, source };
                Some(bundle::shapes_of(&sized.map_err(refused)?))
            }
            None => None,
        };
        bundle::check(&manifest, body.shapes(), head_shapes.as_ref())?;
        let head = match head {
            Some((graph, scanned)) if !needs.head.is_empty() => {
                let inputs = scanned.inputs().iter().map(|input| input.name.clone()).collect();
                let slot = self.slot(digest, graph, Some(scanned), from_body(), needs.head).await?;
                Some(Head { slot, inputs })
            }
            _ => None,
        };
        let tail = match (&manifest.explain, self.config.purpose) {
            (Explain::Tail { maps, graph, .. }, Purpose::Explain) => {
                let shape = body.shapes().get(maps).cloned().unwrap_or_default();
                let target = vec![1, manifest.output.kind.outputs(manifest.labels.len())];
                let inputs = vec![(names::MAPS.into(), shape), (names::TARGET.into(), target)];
                let outputs = vec![names::CAM.to_owned()];
                let slot = self.slot(digest, *graph, None, inputs, outputs).await?;
                bundle::check_tail(slot.shapes())?;
                Some(slot)
            }
            _ => None,
        };
        Ok(Model { digest: *digest, manifest, body, head, tail })
    }

    async fn scanned(&self, digest: &ModelDigest, graph: ContentHash) -> Result<Scanned, Failed> {
        let bytes = self.library.graph(digest, &graph).await?;
        let scanned = tokio::task::spawn_blocking(move || scan(&bytes, &Limits::default())).await;
        Ok(scanned?.map_err(|source| BundleError::Graph { graph, source })?)
    }

    /// The graph in memory, opened now if no other model has it.
    async fn slot(
        &self,
        digest: &ModelDigest,
        graph: ContentHash,
        scanned: Option<Scanned>,
        inputs: Vec<(String, Vec<usize>)>,
        outputs: Vec<String>,
    ) -> Result<Arc<Slot>, Failed> {
        let sizes = inputs.iter().flat_map(|(_, shape)| shape.iter().copied()).collect();
        let key: SlotKey = (graph, sizes, outputs.clone());
        let shared = self.state().slots.get(&key).and_then(std::sync::Weak::upgrade);
        if let Some(slot) = shared {
            return Ok(slot);
        }
        let scanned = match scanned {
            Some(scanned) => scanned,
            None => self.scanned(digest, graph).await?,
        };
        let (runtime, meter) = (self.runtime.clone(), self.meter.clone());
        let sessions = self.config.sessions;
        let open = move || -> Result<Slot, Failed> {
            let inputs: Vec<(&str, Vec<usize>)> =
                inputs.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect();
            let checked = scanned.sized(&inputs);
            let checked = checked.map_err(|source| BundleError::Graph { graph, source })?;
            if let Some(name) = outputs.iter().find(|n| checked.outputs().all(|o| o != *n)) {
                let found = format!("graph {graph} has no such output");
                return Err(BundleError::Promise { promise: format!("{name:?}"), found }.into());
            }
            Ok(Slot::open(checked, &outputs, sessions, &runtime, &meter)?)
        };
        let slot = Arc::new(tokio::task::spawn_blocking(open).await??);
        self.state().slots.insert(key, Arc::downgrade(&slot));
        Ok(slot)
    }
}

/// Which outputs the purpose needs, and whether body or head gives them.
fn needs(manifest: &Manifest, head: Option<&Scanned>, purpose: Purpose) -> Needs {
    let mut wanted: Vec<&String> = Vec::new();
    match (purpose, &manifest.explain) {
        (Purpose::Judge, _) => {
            wanted.push(&manifest.output.scores);
            wanted.extend(&manifest.output.embedding);
            wanted.extend(manifest.novelty.as_ref().map(|n| &n.output));
        }
        (Purpose::Explain, Explain::Output { output, .. }) => wanted.push(output),
        (Purpose::Explain, Explain::Tail { maps, .. } | Explain::Eigen { maps, .. }) => {
            let body = vec![maps.clone()];
            return Needs { body, head: Vec::new() };
        }
        (Purpose::Explain, Explain::None { .. }) => wanted.push(&manifest.output.scores),
    }
    let in_head = |name: &String| {
        head.is_some_and(|head| head.graph.output.iter().any(|output| output.name == *name))
    };
    let (for_head, mut for_body): (Vec<String>, Vec<String>) =
        wanted.into_iter().cloned().partition(in_head);
    if !for_head.is_empty() {
        let inputs = head.iter().flat_map(|head| head.inputs());
        for_body.extend(inputs.map(|input| input.name.clone()));
    }
    for_body.sort();
    for_body.dedup();
    Needs { body: for_body, head: for_head }
}
