//! Bundles <-> the blob store, where manifest and graphs lie under their hashes.
//!
//! What is read is what was hashed: the store checks every blob against its key, and the bytes
//! that were checked are the bytes that are used. A signature over the manifest's digest would
//! be checked in [`Library::manifest`], the one place where a digest becomes a manifest.

use crate::{
    bundle::{Bundle, BundleError},
    manifest::Manifest,
};
use bytes::Bytes;
use hydra_blobs::{BlobError, Blobs};
use hydra_proto::{ContentHash, ModelDigest};

/// Why a part of a model cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    /// Not in the store, damaged, or the store is away; see [`BlobError::is_transient`].
    #[error("{what} of model {model}")]
    Blob {
        /// The part.
        what: &'static str,
        /// The model.
        model: ModelDigest,
        /// What the store says.
        #[source]
        source: BlobError,
    },
    /// Read, and refused.
    #[error("model {model} is refused")]
    Refused {
        /// The model.
        model: ModelDigest,
        /// Why.
        #[source]
        source: BundleError,
    },
}

impl LibraryError {
    /// Whether waiting may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Blob { source, .. } if source.is_transient())
    }
}

/// Models by digest; cheap to clone.
#[derive(Clone, Debug)]
pub struct Library {
    blobs: Blobs,
}

impl Library {
    /// The models of a blob store.
    pub fn new(blobs: Blobs) -> Self {
        Self { blobs }
    }

    /// Keeps a bundle: graphs first, the manifest last, so that a manifest that is there is whole.
    ///
    /// # Errors
    /// [`LibraryError::Blob`].
    pub async fn add(&self, bundle: &Bundle) -> Result<ModelDigest, LibraryError> {
        let model = bundle.digest;
        let blob = |what| move |source| LibraryError::Blob { what, model, source };
        for (hash, bytes) in &bundle.files {
            let bytes = Bytes::copy_from_slice(bytes);
            self.blobs.put_as(hash, bytes).await.map_err(blob("a graph"))?;
        }
        let manifest = Bytes::copy_from_slice(&bundle.manifest_bytes);
        self.blobs.put_as(&as_blob(&model), manifest).await.map_err(blob("the manifest"))?;
        Ok(model)
    }

    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`LibraryError`].
    pub async fn manifest(&self, model: &ModelDigest) -> Result<Manifest, LibraryError> {
        let read = self.blobs.get(&as_blob(model)).await;
        let model = *model;
        let bytes =
            read.map_err(|source| LibraryError::Blob { what: "the manifest", model, source })?;
        Manifest::parse(&bytes)
            .map_err(|source| LibraryError::Refused { model, source: source.into() })
    }

    /// Reads a graph of a model; its bytes are checked against the hash and not yet scanned.
    ///
    /// # Errors
    /// [`LibraryError::Blob`].
    pub async fn graph(
        &self,
        model: &ModelDigest,
        graph: &ContentHash,
    ) -> Result<Bytes, LibraryError> {
        let (what, model) = ("a graph", *model);
        let read = self.blobs.get(graph).await;
        read.map_err(|source| LibraryError::Blob { what, model, source })
    }

    /// The store behind it.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }
}

/// A manifest is a blob like any other: its digest is its key.
fn as_blob(model: &ModelDigest) -> ContentHash {
    ContentHash::from_bytes(*model.as_bytes())
}
