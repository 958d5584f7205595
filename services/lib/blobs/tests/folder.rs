//! A folder as blob store: durable, never torn, and honest about what is wrong.

#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use futures::TryStreamExt;
use hydra_blobs::{Away, BlobError, Blobs, BlobsConfig};
use hydra_proto::{ContentHash, ImageId};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

async fn open(folder: &Path) -> Result<Blobs, BlobError> {
    Blobs::open(&BlobsConfig { url: format!("file://{}", folder.display()) }).await
}

async fn fresh() -> (TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(folder.path()).await.unwrap();
    (folder, blobs)
}

fn file_of(folder: &Path, hash: &ContentHash) -> PathBuf {
    let hash = hash.to_string();
    folder.join("blobs").join(&hash[..2]).join(&hash[2..4]).join(hash)
}

fn image(content: &[u8]) -> ImageId {
    ImageId::of(&"CDC".parse().unwrap(), 1, None, &ContentHash::of(content))
}

fn away(result: Result<impl std::fmt::Debug, BlobError>) -> Away {
    match result.unwrap_err() {
        BlobError::Unavailable { away, .. } => away,
        other => panic!("{other:?} is not a passing trouble"),
    }
}

#[tokio::test]
async fn what_is_put_is_found_by_the_hash_of_its_bytes() {
    let (folder, blobs) = fresh().await;
    let hash = blobs.put(Bytes::from_static(b"plot")).await.unwrap();
    assert_eq!(hash, ContentHash::of(b"plot"));
    assert_eq!(blobs.get(&hash).await.unwrap(), "plot");
    assert_eq!(fs::read(file_of(folder.path(), &hash)).unwrap(), b"plot");
    assert!(blobs.exists(&hash).await.unwrap());
    // Another process sees it too.
    assert_eq!(open(folder.path()).await.unwrap().get(&hash).await.unwrap(), "plot");
}

#[tokio::test]
async fn large_and_empty_blobs_come_back_whole() {
    let (_folder, blobs) = fresh().await;
    for len in [0, 1, 300 << 10, 5 << 20] {
        let bytes = Bytes::from(vec![7; len]);
        let hash = blobs.put(bytes.clone()).await.unwrap();
        assert_eq!(blobs.get(&hash).await.unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_missing_blob_is_told_from_a_missing_disk() {
    let (folder, blobs) = fresh().await;
    let hash = ContentHash::of(b"never put");
    assert!(matches!(blobs.get(&hash).await, Err(BlobError::NotFound(_))));
    assert!(!blobs.exists(&hash).await.unwrap());
    assert!(!blobs.delete(&hash).await.unwrap());
    // As when the disk is unmounted: the mount point is there, and empty.
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
    }
    assert_eq!(away(blobs.get(&hash).await), Away::Absent);
    assert_eq!(away(blobs.exists(&hash).await), Away::Absent);
    assert_eq!(away(blobs.healthy().await), Away::Absent);
}

#[tokio::test]
async fn a_torn_or_swapped_blob_is_refused_and_put_mends_it() {
    let (folder, blobs) = fresh().await;
    let bytes = Bytes::from_static(b"the whole plot");
    let hash = blobs.put(bytes.clone()).await.unwrap();
    for damaged in [&b"the whole"[..], b"", b"the wrong plot"] {
        fs::write(file_of(folder.path(), &hash), damaged).unwrap();
        match blobs.get(&hash).await {
            Err(BlobError::Corrupt { wanted, found, size_bytes }) => {
                assert_eq!((wanted, size_bytes), (hash, damaged.len()));
                assert_eq!(found, ContentHash::of(damaged));
            }
            other => panic!("{other:?}"),
        }
    }
    blobs.put(bytes.clone()).await.unwrap();
    assert_eq!(blobs.get(&hash).await.unwrap(), bytes);
}

#[tokio::test]
async fn files_left_by_a_crash_are_never_taken_for_blobs() {
    let (folder, blobs) = fresh().await;
    let hash = blobs.put(Bytes::from_static(b"plot")).await.unwrap();
    let file = file_of(folder.path(), &hash);
    // A writer that was killed between its first byte and the rename.
    let other = ContentHash::of(b"half");
    let left = file.with_file_name(format!("{other}#1"));
    fs::write(&left, b"ha").unwrap();
    fs::write(file.with_file_name("notes.txt"), b"a stranger").unwrap();
    let listed: Vec<_> = blobs.list().try_collect().await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].hash, listed[0].size_bytes), (hash, 4));
    assert!(matches!(blobs.get(&other).await, Err(BlobError::NotFound(_))));
}

#[tokio::test]
async fn deleting_removes_one_blob_and_says_whether_it_was_there() {
    let (_folder, blobs) = fresh().await;
    let a = blobs.put(Bytes::from_static(b"a")).await.unwrap();
    let b = blobs.put(Bytes::from_static(b"b")).await.unwrap();
    assert!(blobs.delete(&a).await.unwrap());
    assert!(!blobs.delete(&a).await.unwrap());
    assert!(blobs.exists(&b).await.unwrap());
}

#[tokio::test]
async fn markers_are_kept_by_image_and_are_no_blobs() {
    let (folder, blobs) = fresh().await;
    let (one, two) = (image(b"1"), image(b"2"));
    assert_eq!(blobs.get_marker(&one).await.unwrap(), None);
    blobs.put_marker(&one, Bytes::from_static(b"x")).await.unwrap();
    blobs.put_marker(&one, Bytes::from_static(b"y")).await.unwrap();
    let again = open(folder.path()).await.unwrap();
    assert_eq!(again.get_marker(&one).await.unwrap().unwrap(), "y");
    assert_eq!(again.get_marker(&two).await.unwrap(), None);
    assert!(again.list().try_collect::<Vec<_>>().await.unwrap().is_empty());
    blobs.delete_marker(&one).await.unwrap();
    blobs.delete_marker(&one).await.unwrap();
    assert_eq!(again.get_marker(&one).await.unwrap(), None);
}

#[tokio::test]
async fn the_same_bytes_from_many_writers_are_one_blob() {
    let (_folder, blobs) = fresh().await;
    let puts = (0..32).map(|_| blobs.put(Bytes::from_static(b"same")));
    let hashes = futures::future::try_join_all(puts).await.unwrap();
    assert!(hashes.iter().all(|hash| hash == &hashes[0]));
    assert_eq!(blobs.list().try_collect::<Vec<_>>().await.unwrap().len(), 1);
    assert_eq!(blobs.get(&hashes[0]).await.unwrap(), "same");
}

#[tokio::test]
async fn a_healthy_store_says_so_and_leaves_nothing_behind() {
    let (folder, blobs) = fresh().await;
    let checks = (0..8).map(|_| blobs.healthy());
    futures::future::try_join_all(checks).await.unwrap();
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["hydra-blobs.json"]);
}

#[tokio::test]
async fn a_store_in_memory_keeps_the_same_promises() {
    let blobs = Blobs::in_memory();
    blobs.healthy().await.unwrap();
    let missing = ContentHash::of(b"never put");
    assert!(matches!(blobs.get(&missing).await, Err(BlobError::NotFound(_))));
    assert!(!blobs.exists(&missing).await.unwrap());
    let hash = blobs.put(Bytes::from_static(b"plot")).await.unwrap();
    assert_eq!(blobs.get(&hash).await.unwrap(), "plot");
    assert!(blobs.delete(&hash).await.unwrap());
}

#[tokio::test]
async fn a_store_where_a_file_stands_cannot_be_made() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, b"").unwrap();
    assert!(open(&file).await.unwrap_err().is_transient());
}

/// A small file system of its own, unmounted at the end.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn mount(options: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "hydra-test"])
            .arg(folder.path())
            .output()
            .unwrap();
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "this test mounts a tmpfs, which needs root: {error}");
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).output();
    }
}

#[tokio::test]
async fn a_full_disk_is_a_passing_trouble_and_shows_no_partial_file() {
    let disk = SmallDisk::mount("size=1m");
    let blobs = open(disk.0.path()).await.unwrap();
    let mut kept = Vec::new();
    let refused = loop {
        let bytes = Bytes::from(vec![kept.len() as u8; 100 << 10]);
        match blobs.put(bytes.clone()).await {
            Ok(hash) => kept.push((hash, bytes)),
            Err(error) => break (error, ContentHash::of(&bytes)),
        }
        assert!(kept.len() < 20, "a disk of 1 MiB took {} blobs of 100 KiB", kept.len());
    };
    assert!(refused.0.is_transient());
    assert_eq!(away(Err::<(), _>(refused.0)), Away::Full);
    assert!(matches!(blobs.get(&refused.1).await, Err(BlobError::NotFound(_))));
    // What was put before is whole, and space that is freed is used again.
    for (hash, bytes) in &kept {
        assert_eq!(&blobs.get(hash).await.unwrap(), bytes);
    }
    blobs.delete(&kept[0].0).await.unwrap();
    let again = Bytes::from(vec![kept.len() as u8; 100 << 10]);
    assert_eq!(blobs.put(again).await.unwrap(), refused.1);
}

#[tokio::test]
async fn a_read_only_disk_is_a_passing_trouble_that_names_permission() {
    let disk = SmallDisk::mount("size=1m");
    let blobs = open(disk.0.path()).await.unwrap();
    let hash = blobs.put(Bytes::from_static(b"before")).await.unwrap();
    let done = Command::new("mount").args(["-o", "remount,ro"]).arg(disk.0.path()).status();
    assert!(done.unwrap().success());
    assert_eq!(away(blobs.put(Bytes::from_static(b"after")).await), Away::Denied);
    assert_eq!(away(blobs.healthy().await), Away::Denied);
    assert_eq!(blobs.get(&hash).await.unwrap(), "before");
    // Who only reads opens it as it is.
    let reader = open(disk.0.path()).await.unwrap();
    assert_eq!(reader.get(&hash).await.unwrap(), "before");
    assert!(!reader.exists(&ContentHash::of(b"after")).await.unwrap());
    // An empty disk that nobody may write to is no store.
    let empty = SmallDisk::mount("size=1m,ro");
    assert_eq!(away(open(empty.0.path()).await), Away::Denied);
}

/// A disk that is not mounted: its folder would be made anew, and hidden when the disk is back.
#[tokio::test]
async fn what_is_put_where_the_store_has_vanished_is_not_stored() {
    let (folder, blobs) = fresh().await;
    let here = folder.path().join("disk");
    let store = open(&here).await.unwrap();
    fs::rename(&here, folder.path().join("elsewhere")).unwrap();
    assert_eq!(away(store.put(Bytes::from_static(b"plot")).await), Away::Absent);
    fs::remove_dir_all(&here).unwrap();
    fs::rename(folder.path().join("elsewhere"), &here).unwrap();
    let hash = store.put(Bytes::from_static(b"plot")).await.unwrap();
    assert!(store.exists(&hash).await.unwrap());
    drop(blobs);
}
