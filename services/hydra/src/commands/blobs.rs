//! Whether every blob that the rows and the model library name is there, byte for byte.

use futures::{StreamExt, stream};
use hydra_blobs::{BlobError, Blobs};
use hydra_model::Library;
use hydra_proto::ContentHash;
use hydra_store::{Database, NamedBlobs, model};
use std::collections::BTreeSet;

/// Rows that are read at once.
const PAGE: u64 = 1_000;
/// Blobs that are read at once; each may be an original of megabytes.
const AT_ONCE: usize = 8;

/// What a look at every blob found.
#[derive(Debug, Default)]
pub struct Found {
    /// How often a blob was what its name says; one that far rows share is read again.
    pub whole: u64,
    /// What is wrong with the others, in words.
    pub broken: BTreeSet<String>,
}

impl Found {
    fn note(&mut self, read: Result<(), BlobError>) -> Result<(), BlobError> {
        match read {
            Ok(()) => self.whole += 1,
            Err(error @ (BlobError::NotFound(_) | BlobError::Corrupt { .. })) => {
                self.broken.insert(error.to_string());
            }
            Err(away) => return Err(away),
        }
        Ok(())
    }
}

/// Reads all of them: originals that are kept, thumbnails, heat maps, manifests and graphs.
///
/// # Errors
/// When the database or the store does not answer.
pub async fn look(database: &Database, blobs: &Blobs) -> anyhow::Result<Found> {
    let mut found = Found::default();
    let mut named = NamedBlobs::new(database, PAGE);
    while let Some(page) = named.next().await? {
        read(blobs, page, &mut found).await?;
    }
    let library = Library::new(blobs.clone());
    for entry in model::list(database, None).await? {
        let digest = entry.model.digest;
        match library.manifest(&digest).await {
            Ok(manifest) => {
                found.whole += 1;
                let graphs = [Some(manifest.graphs.body()), manifest.graphs.head()];
                read(blobs, graphs.into_iter().flatten().collect(), &mut found).await?;
            }
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                found.broken.insert(format!("{:#}", anyhow::Error::new(error)));
            }
        }
    }
    Ok(found)
}

async fn read(
    blobs: &Blobs,
    mut hashes: Vec<ContentHash>,
    found: &mut Found,
) -> Result<(), BlobError> {
    // a small plot is its own thumbnail
    hashes.sort_unstable();
    hashes.dedup();
    let get = |hash| async move { blobs.get(&hash).await.map(drop) };
    let mut reads = stream::iter(hashes).map(get).buffer_unordered(AT_ONCE);
    while let Some(read) = reads.next().await {
        found.note(read)?;
    }
    Ok(())
}
