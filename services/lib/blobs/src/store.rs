//! The store itself, over `object_store`.

use crate::{
    Away, BlobError, BlobsConfig,
    config::Place,
    keys::{self, BLOBS, STAMP, STAMP_TEXT},
};
use bytes::Bytes;
use futures::{StreamExt, stream::BoxStream};
use hydra_proto::{ContentHash, ImageId};
use object_store::{
    Error as StoreError, ObjectStore, ObjectStoreExt, PutPayload, local::LocalFileSystem,
    memory::InMemory, path::Path,
};
use std::{sync::Arc, time::SystemTime};

/// Above this, hashing takes long enough to disturb the async runtime.
const HASH_INLINE_BYTES: usize = 256 << 10;

/// A content-addressed store; cheap to clone.
#[derive(Clone, Debug)]
pub struct Blobs {
    /// Writes are durable.
    store: Arc<dyn ObjectStore>,
    /// The same place, where writes are atomic only.
    markers: Arc<dyn ObjectStore>,
    /// Whether the whole store can vanish, as a disk that is unmounted.
    can_vanish: bool,
}

/// One entry of [`Blobs::list`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// The key.
    pub hash: ContentHash,
    /// How large it is.
    pub size_bytes: u64,
    /// When it was put, or last put again.
    pub put_at: SystemTime,
}

/// SHA-256 of `bytes`, on another thread when that takes long.
pub async fn hash(bytes: &Bytes) -> ContentHash {
    if bytes.len() <= HASH_INLINE_BYTES {
        return ContentHash::of(bytes);
    }
    let shared = bytes.clone();
    let hashed = tokio::task::spawn_blocking(move || ContentHash::of(&shared)).await;
    // Only a runtime that is shutting down refuses the task.
    hashed.unwrap_or_else(|_| ContentHash::of(bytes))
}

impl Blobs {
    /// Opens the store and makes it if it is not there yet. One that is there is not touched, so
    /// that it may be mounted read-only for those who only read.
    ///
    /// # Errors
    /// [`BlobError::InvalidUrl`], or [`BlobError::Unavailable`] when it cannot be made.
    pub async fn open(config: &BlobsConfig) -> Result<Self, BlobError> {
        let blobs = match config.place()? {
            Place::Memory => Self::in_memory(),
            Place::Folder(folder) => {
                let made = std::fs::create_dir_all(&folder).map_err(|source| StoreError::Generic {
                    store: "folder",
                    source: source.into(),
                });
                let opened = made.and_then(|()| LocalFileSystem::new_with_prefix(&folder));
                let folder = opened.map_err(|error| BlobError::away("make its folder", error))?;
                let store = Arc::new(folder.clone().with_fsync(true));
                Self { store, markers: Arc::new(folder), can_vanish: true }
            }
        };
        if blobs.store.head(&Path::from(STAMP)).await.is_err() {
            let stamp = PutPayload::from_static(STAMP_TEXT);
            let put = blobs.store.put(&Path::from(STAMP), stamp).await;
            put.map_err(|error| BlobError::away("be made", error))?;
        }
        Ok(blobs)
    }

    /// A store that lives as long as the process.
    pub fn in_memory() -> Self {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        Self { store: store.clone(), markers: store, can_vanish: false }
    }

    /// Keeps `bytes`; they survive a loss of power from the moment this returns.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`]; nothing is visible under the key then, unless it was before.
    pub async fn put(&self, bytes: Bytes) -> Result<ContentHash, BlobError> {
        let hash = hash(&bytes).await;
        self.put_as(&hash, bytes).await?;
        Ok(hash)
    }

    /// [`Self::put`] where the caller has the hash already. It must be that of `bytes`: a wrong
    /// one makes a blob that [`Self::get`] refuses.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub async fn put_as(&self, hash: &ContentHash, bytes: Bytes) -> Result<(), BlobError> {
        // Written again even where it exists: another writer's file may not be durable yet,
        // and a damaged one is mended.
        let put = self.store.put(&keys::blob(hash), bytes.into()).await;
        put.map_err(|error| BlobError::away("write", error))?;
        // Where the disk is not mounted, its folder was made anew just now: what lies there is
        // out of sight as soon as the disk is back.
        self.is_there().await
    }

    /// Reads a blob and checks that it is what was put.
    ///
    /// # Errors
    /// All kinds of [`BlobError`].
    pub async fn get(&self, wanted: &ContentHash) -> Result<Bytes, BlobError> {
        let bytes = match self.read(&keys::blob(wanted)).await {
            Ok(bytes) => bytes,
            Err(StoreError::NotFound { .. }) => return Err(self.not_found(wanted).await),
            Err(error) => return Err(BlobError::away("read", error)),
        };
        let found = hash(&bytes).await;
        if &found == wanted {
            return Ok(bytes);
        }
        Err(BlobError::Corrupt { wanted: *wanted, found, size_bytes: bytes.len() })
    }

    async fn read(&self, key: &Path) -> Result<Bytes, StoreError> {
        self.store.get(key).await?.bytes().await
    }

    /// Tells a missing blob from a missing disk, on which everything is missing.
    async fn not_found(&self, hash: &ContentHash) -> BlobError {
        if !self.can_vanish {
            return BlobError::NotFound(*hash);
        }
        match self.store.head(&Path::from(STAMP)).await {
            Ok(_) => BlobError::NotFound(*hash),
            Err(source) => BlobError::Unavailable {
                doing: "read",
                away: Away::Absent,
                source: Box::new(source),
            },
        }
    }

    /// Whether there is such a blob; its bytes are not looked at.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn exists(&self, hash: &ContentHash) -> Result<bool, BlobError> {
        Ok(self.put_at(hash).await?.is_some())
    }

    /// When a blob was put, or last put again; `None` where there is none.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn put_at(&self, hash: &ContentHash) -> Result<Option<SystemTime>, BlobError> {
        match self.store.head(&keys::blob(hash)).await {
            Ok(meta) => Ok(Some(meta.last_modified.into())),
            Err(StoreError::NotFound { .. }) => match self.not_found(hash).await {
                BlobError::NotFound(_) => Ok(None),
                away => Err(away),
            },
            Err(error) => Err(BlobError::away("look", error)),
        }
    }

    /// Removes a blob. Returns whether it was there.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn delete(&self, hash: &ContentHash) -> Result<bool, BlobError> {
        match self.store.delete(&keys::blob(hash)).await {
            Ok(()) => Ok(true),
            Err(StoreError::NotFound { .. }) => Ok(false),
            Err(error) => Err(BlobError::away("delete", error)),
        }
    }

    /// Every blob, in no particular order. Files of strangers are passed over.
    pub fn list(&self) -> BoxStream<'static, Result<BlobInfo, BlobError>> {
        let listed = self.store.list(Some(&Path::from(BLOBS)));
        let infos = listed.filter_map(async |entry| match entry {
            Ok(meta) => keys::hash_of(&meta.location).map(|hash| {
                let put_at = meta.last_modified.into();
                Ok(BlobInfo { hash, size_bytes: meta.size, put_at })
            }),
            // Deleted while we were listing.
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => Some(Err(BlobError::away("list", error))),
        });
        infos.boxed()
    }

    /// Keeps the signatures over a model's manifest, in place of the earlier ones.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn put_signatures(
        &self,
        manifest: &ContentHash,
        all: Bytes,
    ) -> Result<(), BlobError> {
        let put = self.store.put(&keys::signatures(manifest), all.into()).await;
        put.map_err(|error| BlobError::away("write signatures", error))?;
        self.is_there().await
    }

    /// The signatures over a model's manifest, if there are any.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn get_signatures(&self, manifest: &ContentHash) -> Result<Option<Bytes>, BlobError> {
        match self.read(&keys::signatures(manifest)).await {
            Ok(all) => Ok(Some(all)),
            Err(StoreError::NotFound { .. }) => match self.not_found(manifest).await {
                BlobError::NotFound(_) => Ok(None),
                away => Err(away),
            },
            Err(error) => Err(BlobError::away("read signatures", error)),
        }
    }

    /// Leaves a note under an image's id, over any earlier one.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn put_marker(&self, image: &ImageId, note: Bytes) -> Result<(), BlobError> {
        let put = self.markers.put(&keys::marker(image), note.into()).await;
        put.map(|_| ()).map_err(|error| BlobError::away("write a marker", error))
    }

    /// The note under an image's id, if there is one.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn get_marker(&self, image: &ImageId) -> Result<Option<Bytes>, BlobError> {
        match self.read(&keys::marker(image)).await {
            Ok(note) => Ok(Some(note)),
            Err(StoreError::NotFound { .. }) => Ok(None),
            Err(error) => Err(BlobError::away("read a marker", error)),
        }
    }

    /// Every image that has a note, with the time of the note, in no particular order.
    pub fn markers(&self) -> BoxStream<'static, Result<(ImageId, SystemTime), BlobError>> {
        let listed = self.markers.list(Some(&Path::from(keys::MARKERS)));
        let images = listed.filter_map(async |entry| match entry {
            Ok(meta) => {
                keys::image_of(&meta.location).map(|image| Ok((image, meta.last_modified.into())))
            }
            // deleted while we were listing
            Err(StoreError::NotFound { .. }) => None,
            Err(error) => Some(Err(BlobError::away("list markers", error))),
        });
        images.boxed()
    }

    /// Removes the note under an image's id, so that the image is new again.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`].
    pub async fn delete_marker(&self, image: &ImageId) -> Result<(), BlobError> {
        match self.markers.delete(&keys::marker(image)).await {
            Ok(()) | Err(StoreError::NotFound { .. }) => Ok(()),
            Err(error) => Err(BlobError::away("delete a marker", error)),
        }
    }

    async fn is_there(&self) -> Result<(), BlobError> {
        if !self.can_vanish {
            return Ok(());
        }
        let stamp = self.store.head(&Path::from(STAMP)).await;
        stamp.map(drop).map_err(|source| match source {
            StoreError::NotFound { .. } => BlobError::Unavailable {
                doing: "be found",
                away: Away::Absent,
                source: Box::new(source),
            },
            other => BlobError::away("be found", other),
        })
    }

    /// Writes, reads and deletes a small file: whether the store can serve right now.
    ///
    /// # Errors
    /// [`BlobError::Unavailable`], which says what to do.
    pub async fn healthy(&self) -> Result<(), BlobError> {
        self.is_there().await?;
        // Parallel checks must not delete each other's file.
        let unique = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let name =
            format!("probe-{}-{}", std::process::id(), unique.unwrap_or_default().as_nanos());
        let (probe, text) = (Path::from(name), Bytes::from_static(b"can you hear me"));
        let written = self.store.put(&probe, text.clone().into()).await;
        written.map_err(|error| BlobError::away("write", error))?;
        let read = self.read(&probe).await;
        let deleted = self.store.delete(&probe).await;
        deleted.map_err(|error| BlobError::away("delete", error))?;
        match read {
            Ok(bytes) if bytes == text => Ok(()),
            Ok(_) => Err(BlobError::away(
                "read back what it wrote",
                StoreError::Generic { store: "blobs", source: "other bytes came back".into() },
            )),
            Err(error) => Err(BlobError::away("read", error)),
        }
    }
}
