//! A manifest and its files -> a sealed bundle whose promises were all checked.

use crate::{
    explain::names,
    manifest::{Explain, Manifest, ManifestError},
    scan::{Checked, Limits, SafeFile, ScanError, scan},
};
use hydra_proto::{ContentHash, ModelDigest};
use std::collections::BTreeMap;

/// Why a manifest and its files are no bundle. Permanent.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The manifest contradicts itself or cannot be read.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A graph is refused.
    #[error("graph {graph}")]
    Graph {
        /// Its hash.
        graph: ContentHash,
        /// Why.
        #[source]
        source: ScanError,
    },
    /// A file that the manifest names is not there.
    #[error("graph {0} is not among the files")]
    Missing(ContentHash),
    /// The graphs do not do what the manifest says.
    #[error("the manifest promises {promise}, and {found}")]
    Promise {
        /// What the manifest says.
        promise: String,
        /// What the graphs say.
        found: String,
    },
}

/// Output tensors of a graph with their shapes for one image.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// Output shapes of a checked graph.
pub(crate) fn shapes_of(checked: &Checked) -> Shapes {
    let shape = |name: &str| checked.shape(name).unwrap_or_default().to_vec();
    checked.outputs().map(|name| (name.to_owned(), shape(name))).collect()
}

/// A bundle: immutable, named by its manifest's digest.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// SHA-256 of the manifest.
    pub digest: ModelDigest,
    /// What it is.
    pub manifest: Manifest,
    /// The manifest as it is kept.
    pub manifest_bytes: Vec<u8>,
    /// The graphs, by their SHA-256.
    pub files: BTreeMap<ContentHash, Vec<u8>>,
}

impl Bundle {
    /// Seals a manifest with the files that it names.
    ///
    /// # Errors
    /// [`BundleError`] when anything does not fit.
    pub fn seal(manifest: Manifest, files: Vec<SafeFile>) -> Result<Self, BundleError> {
        let manifest_bytes = manifest.to_bytes()?;
        let files: BTreeMap<ContentHash, Vec<u8>> =
            files.into_iter().map(|f| (ContentHash::of(f.bytes()), f.into_bytes())).collect();
        let open = |graph: ContentHash| {
            let bytes = files.get(&graph).ok_or(BundleError::Missing(graph))?;
            scan(bytes, &Limits::default()).map_err(|source| BundleError::Graph { graph, source })
        };
        let sized = |graph: ContentHash, inputs: &[(&str, Vec<usize>)]| {
            let checked = open(graph)?.sized(inputs);
            checked.map_err(|source| BundleError::Graph { graph, source })
        };
        let input = (manifest.input.name.as_str(), manifest.input.dims(1));
        let body = shapes_of(&sized(manifest.graphs.body(), &[input])?);
        let head = match manifest.graphs.head() {
            None => None,
            Some(graph) => Some(shapes_of(&sized(graph, &inputs_from(&body))?)),
        };
        check(&manifest, &body, head.as_ref())?;
        if let Explain::Tail { maps, graph, .. } = &manifest.explain {
            let shape = body.get(maps).cloned().unwrap_or_default();
            let target = vec![1, manifest.output.kind.outputs(manifest.labels.len())];
            let tail = shapes_of(&sized(*graph, &[(names::MAPS, shape), (names::TARGET, target)])?);
            check_tail(&tail)?;
        }
        let digest = ModelDigest::of(&manifest_bytes);
        Ok(Self { digest, manifest, manifest_bytes, files })
    }
}

/// A head's inputs: whatever of the body's outputs it reads.
pub(crate) fn inputs_from(body: &Shapes) -> Vec<(&str, Vec<usize>)> {
    body.iter().map(|(name, shape)| (name.as_str(), shape.clone())).collect()
}

/// Checks what a manifest promises of the outputs of its body and head.
///
/// # Errors
/// [`BundleError::Promise`].
pub(crate) fn check(
    manifest: &Manifest,
    body: &Shapes,
    head: Option<&Shapes>,
) -> Result<(), BundleError> {
    let missing = |promise: String| BundleError::Promise {
        promise,
        found: format!("the outputs are {}", listed(body, head)),
    };
    let scores = &manifest.output.scores;
    let shape = head.unwrap_or(body).get(scores).ok_or_else(|| missing(format!("{scores:?}")))?;
    let wanted = manifest.output.kind.outputs(manifest.labels.len());
    if shape.iter().product::<usize>() != wanted {
        let promise = format!("{} labels ({wanted} scores)", manifest.labels.len());
        let found = format!("output {scores:?} has the shape {shape:?}");
        return Err(BundleError::Promise { promise, found });
    }
    let anywhere = |name: &String| head.and_then(|h| h.get(name)).or_else(|| body.get(name));
    if let Some(name) = &manifest.output.embedding {
        anywhere(name).ok_or_else(|| missing(format!("the embedding {name:?}")))?;
    }
    if let Some(novelty) = &manifest.novelty {
        let promise = || format!("one novelty number {:?}", novelty.output);
        let shape = anywhere(&novelty.output).ok_or_else(|| missing(promise()))?;
        if shape.iter().product::<usize>() != 1 {
            let found = format!("it has the shape {shape:?}");
            return Err(BundleError::Promise { promise: promise(), found });
        }
    }
    let promise = || format!("maps for explanation, {:?}", manifest.explain);
    let is_map = match &manifest.explain {
        Explain::None { .. } => return Ok(()),
        Explain::Output { output, .. } => match anywhere(output).map(|s| &s[..]) {
            Some([1, n, _, _]) => *n == 1 || *n == manifest.labels.len(),
            Some([1, _, _]) => true,
            _ => false,
        },
        Explain::Tail { maps, .. } | Explain::Eigen { maps, .. } => {
            body.get(maps).is_some_and(|shape| matches!(shape[..], [1, _, _, _]))
        }
    };
    if is_map { Ok(()) } else { Err(missing(promise())) }
}

/// Checks that a tail gives a map.
pub(crate) fn check_tail(tail: &Shapes) -> Result<(), BundleError> {
    match tail.get(names::CAM).map(|shape| &shape[..]) {
        Some([1, 1, _, _]) => Ok(()),
        _ => Err(BundleError::Promise {
            promise: format!("a graph that gives {:?}", names::CAM),
            found: format!("its outputs are {}", listed(tail, None)),
        }),
    }
}

fn listed(body: &Shapes, head: Option<&Shapes>) -> String {
    let all = body.iter().chain(head.into_iter().flatten());
    let named = all.map(|(name, shape)| format!("{:?} {shape:?}", crate::scan::short(name)));
    named.collect::<Vec<_>>().join(", ")
}
