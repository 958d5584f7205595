//! The blob store: full, gone, torn.

use e2e::{Hall, Place};
use hydra_proto::ContentHash;
use hydra_testkit::eventually;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(90);

/// Every blob below `folder` whose name is a hash.
fn blobs(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.join("blobs")];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                _ => found.push(entry.path()),
            }
        }
    }
    found.retain(|path| hash_of(path).is_some());
    found
}

fn hash_of(path: &Path) -> Option<ContentHash> {
    path.file_name()?.to_str()?.parse().ok()
}

fn assert_all_whole(folder: &Path) {
    for path in blobs(folder) {
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(Some(ContentHash::of(&bytes)), hash_of(&path), "{} is torn", path.display());
    }
}

/// F30: a disk of a mebibyte (a memory file system that only these roles see) that is full: they
/// hold what they have, nothing half-written is ever seen, and all goes on when there is room.
#[tokio::test(flavor = "multi_thread")]
async fn f30_blob_disk_full() {
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    let small = hall.folder().join("small");
    std::fs::create_dir(&small).unwrap();
    let url = format!("file://{}", small.display());
    hall.variables.push(("HYDRA_BLOBS__URL".into(), url));
    let script = "mount -t tmpfs -o size=1m tmpfs \"$2\" && cp -r \"$1\"/. \"$2\"/ && \
                  exec \"$0\" run ingest resize infer gradcam keep";
    let arguments = [hall.blobs().display().to_string(), small.display().to_string()];
    hall.start_by_shell_apart(&e2e::STAGES, script, &arguments);
    hall.all_ready().await;
    hall.producer.publish(10).await;
    hall.has_rows(10).await;
    // the file system of the roles, seen from here
    let pid = hall.process("ingest").pid();
    let inside = PathBuf::from(format!("/proc/{pid}/root{}", small.display()));
    let filler = inside.join("filler");
    let full = std::fs::write(&filler, vec![0_u8; 2 << 20]);
    assert!(full.is_err(), "two mebibytes do not fit");
    let producer = hall.producer.clone();
    let publishing = tokio::spawn(async move { producer.publish(30).await });
    eventually("the roles say so", async || !hall.is_ready("ingest").await).await;
    let rows = hall.count_rows().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(hall.count_rows().await <= rows + 1);
    assert_all_whole(&inside);
    std::fs::remove_file(&filler).unwrap();
    publishing.await.unwrap();
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 40);
    assert_all_whole(&inside);
}

/// F30: the store is away, as a disk that is not mounted: held, not failed.
#[tokio::test(flavor = "multi_thread")]
async fn f30_blob_store_gone() {
    let mut hall = Hall::running().await;
    hall.producer.publish(10).await;
    hall.has_rows(10).await;
    let (here, away) = (hall.blobs(), hall.folder().join("away"));
    std::fs::rename(&here, &away).unwrap();
    let producer = hall.producer.clone();
    let publishing = tokio::spawn(async move { producer.publish(30).await });
    eventually("ingest says so", async || !hall.is_ready("ingest").await).await;
    // whatever the roles made in the meantime is not the store; they try again and again
    eventually("the disk is back", async || {
        let _made = std::fs::remove_dir_all(&here);
        std::fs::rename(&away, &here).is_ok()
    })
    .await;
    publishing.await.unwrap();
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 40);
    assert_all_whole(&here);
}

/// F31: originals that were torn on the disk are never taken for the image: their messages wait,
/// and are done once the blob is whole again; the others flow.
#[tokio::test(flavor = "multi_thread")]
async fn f31_torn_blob() {
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    hall.start_each(&["resize", "infer", "gradcam", "keep"]).await;
    hall.terminate("resize", PATIENCE).await;
    hall.start_each(&["ingest"]).await;
    let before = blobs(&hall.blobs());
    hall.producer.publish(12).await;
    hall.waits("resize", 12).await;
    let mut torn = blobs(&hall.blobs());
    torn.retain(|path| !before.contains(path));
    torn.truncate(3);
    let whole: Vec<Vec<u8>> = torn.iter().map(|path| std::fs::read(path).unwrap()).collect();
    for (path, bytes) in torn.iter().zip(&whole) {
        std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
    }
    hall.start_each(&["resize"]).await;
    hall.has_rows(9).await;
    eventually("resize says what is wrong", async || {
        hall.process("resize").output().matches("will be tried again").count() >= 3
    })
    .await;
    assert_eq!(hall.count_rows().await, 9, "no torn image has a row");
    for (path, bytes) in torn.iter().zip(&whole) {
        std::fs::write(path, bytes).unwrap();
    }
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 12);
}
