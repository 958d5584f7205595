//! Bundles <-> the blob store, where manifest and graphs lie under their hashes.
//!
//! What is read is what was hashed: the store checks every blob against its key, and the bytes
//! that were checked are the bytes that are used. Where keys are trusted, a signature over the
//! manifest's digest is asked for in [`Library::manifest`], the one place where a digest becomes
//! a manifest.

use crate::{
    bundle::{Bundle, BundleError},
    manifest::Manifest,
    signature::{SIGNATURE_BYTES, SigningKey, TrustedKeys},
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
    /// Keys are trusted, and none of their owners has signed this model.
    #[error("model {0} is not signed by a trusted key; see `hydra model sign`")]
    Unsigned(ModelDigest),
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
    trusted: TrustedKeys,
}

impl Library {
    /// The models of a blob store, signed or not.
    pub fn new(blobs: Blobs) -> Self {
        Self { blobs, trusted: TrustedKeys::default() }
    }

    /// Gives out only what one of these keys has signed, if there are any.
    #[must_use]
    pub fn trusting(self, trusted: TrustedKeys) -> Self {
        Self { trusted, ..self }
    }

    /// Adds a signature to those of a model that is in the library.
    ///
    /// # Errors
    /// [`LibraryError`]; a model that is not there, or is damaged, is not signed.
    pub async fn sign(&self, model: &ModelDigest, key: &SigningKey) -> Result<(), LibraryError> {
        Self::new(self.blobs.clone()).manifest(model).await?;
        let signature = key.sign(model);
        let mut all = self.signatures(model).await?.to_vec();
        if !all.chunks_exact(SIGNATURE_BYTES).any(|one| one == signature) {
            all.extend(signature);
        }
        let put = self.blobs.put_signatures(&as_blob(model), all.into()).await;
        put.map_err(|source| LibraryError::Blob { what: "the signatures", model: *model, source })
    }

    async fn signatures(&self, model: &ModelDigest) -> Result<Bytes, LibraryError> {
        let read = self.blobs.get_signatures(&as_blob(model)).await;
        let found = read.map_err(|source| LibraryError::Blob {
            what: "the signatures",
            model: *model,
            source,
        })?;
        Ok(found.unwrap_or_default())
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
        if !self.trusted.is_empty() && !self.trusted.vouch(model, &self.signatures(model).await?) {
            return Err(LibraryError::Unsigned(*model));
        }
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
