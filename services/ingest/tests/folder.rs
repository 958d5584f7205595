//! Watched folders: every plot once, whole, and none of the producer's files touched.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Hall, png};
use hydra_blobs::Blobs;
use hydra_ingest::folder::{After, FolderConfig, FolderDoor, Grammar};
use hydra_proto::events::Image;
use hydra_stage::Health;
use hydra_testkit::eventually;
use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A hall with a folder that is watched whenever [`Folder::watch`] says so.
struct Folder {
    hall: Hall,
    place: TempDir,
    config: FolderConfig,
    health: Health,
}

struct Watch {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Watch {
    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

impl Folder {
    async fn with(hall: Hall, grammar: Grammar) -> Self {
        let place = tempfile::tempdir().unwrap();
        let plots = place.path().join("plots");
        fs::create_dir(&plots).unwrap();
        let mut config = FolderConfig::new(plots, grammar);
        (config.settle_ms, config.rescan_s, config.set_age_s) = (50, 1, 0);
        Self { hall, place, config, health: Health::new() }
    }

    async fn open(grammar: Grammar) -> Self {
        Self::with(Hall::open().await, grammar).await
    }

    fn watch(&self) -> Watch {
        let door = FolderDoor::open(
            self.config.clone(),
            &self.place.path().join("state"),
            self.hall.door.clone(),
            self.health.clone(),
        )
        .unwrap();
        let stop = CancellationToken::new();
        Watch { stop: stop.clone(), task: tokio::spawn(door.run(stop)) }
    }

    fn path(&self, relative: &str) -> PathBuf {
        let path = self.config.path.join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    }

    fn write(&self, relative: &str, bytes: &[u8]) {
        fs::write(self.path(relative), bytes).unwrap();
    }

    async fn eventually_announced(&self, count: u64) -> Vec<Image> {
        eventually(&format!("{count} images"), async || self.hall.count().await >= count).await;
        self.announced().await
    }

    async fn announced(&self) -> Vec<Image> {
        self.hall.announced().await.into_iter().map(|(_, image)| image).collect()
    }

    /// Puts a plot in and waits for it: whatever was there before has had its chance then.
    async fn pass_a_plot(&self, seed: u32) {
        self.write(&format!("Run9/Canary{seed}_0001.png"), &png(seed));
        eventually("the canary passes", async || self.hall.count().await >= 1).await;
        let images = self.announced().await;
        assert_eq!(images.len(), 1, "only the canary: {images:?}");
        assert!(images[0].plot_type.starts_with("Canary"), "{images:?}");
    }
}

#[tokio::test]
async fn plots_are_taken_whether_they_were_there_before_or_come_later() {
    let folder = Folder::open(Grammar::Rsai).await;
    folder.write("RunPeriod-2021-08/Run080464/CDC_occupancy_0001.png", &png(1));
    let watch = folder.watch();
    let image = folder.eventually_announced(1).await.remove(0);
    assert_eq!(
        (image.plot_type.as_str(), image.run, image.chunk),
        ("CDC_occupancy", 80464, Some(1))
    );
    assert_eq!(image.run_period, "RunPeriod-2021-08");
    assert_eq!(image.source, folder.config.path.to_str().unwrap());
    let changed = fs::metadata(folder.path("RunPeriod-2021-08/Run080464/CDC_occupancy_0001.png"))
        .unwrap()
        .modified()
        .unwrap()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(image.taken_at_us, i64::try_from(changed.as_micros()).unwrap());
    // Into a folder that is there, and into new ones.
    folder.write("RunPeriod-2021-08/Run080464/CDC_occupancy_0002.png", &png(2));
    folder.write("RunPeriod-2021-08/Run080465/deep/er/RF_selftiming-02_0037.png", &png(3));
    let mut names: Vec<String> =
        folder.eventually_announced(2).await.into_iter().map(|image| image.plot_type).collect();
    names.sort();
    assert_eq!(names, ["CDC_occupancy", "RF_selftiming-02"]);
    watch.end().await;
    assert!(folder.path("RunPeriod-2021-08/Run080464/CDC_occupancy_0001.png").exists());
}

#[tokio::test]
async fn a_file_in_writing_is_not_taken_before_it_is_whole() {
    let folder = Folder::open(Grammar::Rsai).await;
    let watch = folder.watch();
    let bytes = png(1);
    let mut file = fs::File::create(folder.path("Run1/A_0001.png")).unwrap();
    for (seed, piece) in (100..).zip(bytes.chunks(bytes.len().div_ceil(4))) {
        // Time enough for a look at what is there so far.
        folder.pass_a_plot(seed).await;
        file.write_all(piece).unwrap();
    }
    drop(file);
    let images = folder.eventually_announced(1).await;
    assert_eq!((images.len(), images[0].size_bytes), (1, bytes.len() as u64));
    watch.end().await;
}

#[tokio::test]
async fn a_used_name_with_other_bytes_is_another_image() {
    let folder = Folder::open(Grammar::Rsai).await;
    let watch = folder.watch();
    folder.write("Run1/A_0001.png", &png(1));
    folder.eventually_announced(1).await;
    folder.write("Run1/A_0001.png", &png(2));
    let images = folder.eventually_announced(1).await;
    assert_eq!((images.len(), images[0].chunk), (1, Some(1)));
    // The same bytes written again are the same image.
    folder.write("Run1/A_0001.png", &png(2));
    folder.pass_a_plot(3).await;
    watch.end().await;
}

#[tokio::test]
async fn what_was_taken_is_remembered_over_restarts() {
    let folder = Folder::open(Grammar::Rsai).await;
    for n in 0..50 {
        folder.write(&format!("Run1/A_{n:04}.png"), &png(n));
    }
    let watch = folder.watch();
    folder.eventually_announced(50).await;
    watch.end().await;
    // Even where the store has forgotten the images, the folder has not.
    let blind = Hall::open().await;
    let folder = Folder { hall: blind, ..folder };
    let watch = folder.watch();
    folder.pass_a_plot(99).await;
    watch.end().await;
}

#[tokio::test]
async fn a_lost_journal_announces_nothing_twice() {
    let folder = Folder::open(Grammar::Rsai).await;
    for n in 0..20 {
        folder.write(&format!("Run1/A_{n:04}.png"), &png(n));
    }
    let watch = folder.watch();
    folder.eventually_announced(20).await;
    watch.end().await;
    fs::remove_dir_all(folder.place.path().join("state")).unwrap();
    let watch = folder.watch();
    folder.pass_a_plot(99).await;
    watch.end().await;
}

#[tokio::test]
async fn two_processes_do_not_watch_one_folder() {
    let folder = Folder::open(Grammar::Rsai).await;
    let watch = folder.watch();
    let second = FolderDoor::open(
        folder.config.clone(),
        &folder.place.path().join("state"),
        folder.hall.door.clone(),
        Health::new(),
    );
    let error = format!("{:#}", second.err().unwrap());
    assert!(error.contains("another process watches this folder"), "{error}");
    watch.end().await;
}

#[tokio::test]
async fn a_set_of_mon12_gets_the_rank_of_its_time_as_chunk() {
    let folder = Folder::open(Grammar::Mon12).await;
    let sets = ["06-13-2023_11.59.59_AM", "06-13-2023_12.30.00_PM", "06-13-2023_01.00.00_PM"];
    for (n, set) in (0..).zip(sets) {
        folder.write(&format!("clas12mon_18777_{set}/Faraday Cup.png"), &png(n));
    }
    let watch = folder.watch();
    let images = folder.eventually_announced(3).await;
    let chunks: BTreeSet<(u64, Option<u32>)> = images
        .iter()
        .map(|image| {
            assert_eq!((image.plot_type.as_str(), image.run), ("Faraday Cup", 18777));
            let seed = (0..3)
                .find(|n| *hydra_proto::ContentHash::of(&png(*n)).as_bytes() == image.content[..]);
            (u64::from(seed.unwrap()), image.chunk)
        })
        .collect();
    assert_eq!(chunks, BTreeSet::from([(0, Some(1)), (1, Some(2)), (2, Some(3))]));
    watch.end().await;
    // The first sets are deleted and another appears: numbers go on.
    fs::remove_dir_all(folder.config.path.join(format!("clas12mon_18777_{}", sets[0]))).unwrap();
    let watch = folder.watch();
    folder.write("clas12mon_18777_06-13-2023_02.00.00_PM/Faraday Cup.png", &png(9));
    assert_eq!(folder.eventually_announced(1).await[0].chunk, Some(4));
    watch.end().await;
}

#[tokio::test]
async fn a_set_that_is_still_written_waits_for_its_age() {
    let mut folder = Folder::open(Grammar::Mon12).await;
    folder.config.set_age_s = 3600;
    folder.write("clas12mon_1_06-13-2023_10.00.00_AM/DC.png", &png(1));
    let old = "clas12mon_1_06-13-2023_09.00.00_AM/DC.png";
    folder.write(old, &png(2));
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    let file = fs::File::open(folder.path(old)).unwrap();
    file.set_modified(long_ago).unwrap();
    let above = folder.path(old).parent().unwrap().to_owned();
    fs::File::open(above).unwrap().set_modified(long_ago).unwrap();
    let watch = folder.watch();
    let images = folder.eventually_announced(1).await;
    assert_eq!((images.len(), images[0].chunk), (1, Some(1)), "the old set only");
    watch.end().await;
}

#[tokio::test]
async fn metadata_holds_for_every_image_below_it() {
    let folder = Folder::open(Grammar::Panguin).await;
    folder.write("metadata.json", br#"{"run_period": "RunPeriod-2023-01", "target": "LH2"}"#);
    folder.write("archive/metadata.json", br#"{"run": 4711, "conditions": {"beam_na": 30}}"#);
    folder.write("archive/deep/dc_wires.png", &png(1));
    let watch = folder.watch();
    let image = folder.eventually_announced(1).await.remove(0);
    assert_eq!((image.plot_type.as_str(), image.run, image.chunk), ("dc_wires", 4711, None));
    assert_eq!(image.run_period, "RunPeriod-2023-01");
    assert_eq!(image.conditions_json, r#"{"beam_na":30,"target":"LH2"}"#);
    watch.end().await;
}

#[tokio::test]
async fn half_written_metadata_holds_its_images_back() {
    let folder = Folder::open(Grammar::Panguin).await;
    folder.write("a/metadata.json", br#"{"run": 47"#);
    folder.write("a/dc.png", &png(1));
    let watch = folder.watch();
    folder.write("Run9/Canary1.png", &png(2));
    assert_eq!(folder.eventually_announced(1).await[0].run, 9);
    folder.write("a/metadata.json", br#"{"run": 4711}"#);
    assert_eq!(folder.eventually_announced(1).await[0].run, 4711);
    watch.end().await;
}

#[tokio::test]
async fn links_pipes_strangers_and_hostile_names_are_refused_and_block_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let folder = Folder::open(Grammar::Rsai).await;
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("A_0001.png"), png(1)).unwrap();
    let run = folder.path("Run1/x").parent().unwrap().to_owned();
    unix::fs::symlink(outside.path().join("A_0001.png"), run.join("Link_0001.png")).unwrap();
    unix::fs::symlink(outside.path(), folder.config.path.join("Run2")).unwrap();
    fs::hard_link(outside.path().join("A_0001.png"), run.join("Hard_0001.png")).unwrap();
    assert!(Command::new("mkfifo").arg(run.join("Pipe_0001.png")).status().unwrap().success());
    fs::create_dir(run.join("Folder_0001.png")).unwrap();
    folder.write("Run1/Zip_0001.png", b"PK\x03\x04");
    folder.write("Run1/Html_0001.png", b"<html><script>alert(1)</script>");
    folder.write("NoRun/A_0001.png", &png(1));
    folder.write("Run1/notes.txt", b"hello");
    folder.write("Run1/.A_0001.png", &png(1));
    let long = format!("{}_0001.png", "x".repeat(200));
    for name in [&b"a\nb_0001.png"[..], b"\xff\xfe_0001.png", b"<b>_0001.png", long.as_bytes()] {
        fs::write(run.join(Path::new(std::ffi::OsStr::from_bytes(name))), png(1)).unwrap();
    }
    let sparse = fs::File::create(run.join("Sparse_0001.png")).unwrap();
    sparse.set_len(10 << 30).unwrap();
    let watch = folder.watch();
    folder.pass_a_plot(50).await;
    folder.pass_a_plot(51).await;
    watch.end().await;
    // After a restart the plain ones are not even refused again.
    let watch = folder.watch();
    folder.pass_a_plot(52).await;
    watch.end().await;
}

#[tokio::test]
async fn files_wait_where_they_are_while_the_broker_is_away() {
    let folder = Folder::with(Hall::without_broker(Blobs::in_memory()), Grammar::Rsai).await;
    for n in 0..30 {
        folder.write(&format!("Run1/A_{n:04}.png"), &png(n));
    }
    let watch = folder.watch();
    eventually("the folder says that it cannot work", async || {
        folder
            .health
            .report()
            .components
            .values()
            .any(|what| what.as_ref().is_some_and(|why| why.contains("broker")))
    })
    .await;
    folder.hall.broker_comes().await;
    let images = folder.eventually_announced(30).await;
    assert_eq!(images.len(), 30);
    eventually("well again", async || folder.health.report().is_ready()).await;
    watch.end().await;
}

#[tokio::test]
async fn taken_files_are_deleted_or_moved_only_where_that_is_asked_for() {
    let mut folder = Folder::open(Grammar::Rsai).await;
    folder.config.after = After::Delete;
    folder.write("Run1/A_0001.png", &png(1));
    folder.write("Run1/Bad_0001.png", b"no image");
    let watch = folder.watch();
    folder.eventually_announced(1).await;
    let taken = folder.config.path.join("Run1/A_0001.png");
    eventually("it is deleted", async || !taken.exists()).await;
    watch.end().await;
    assert!(folder.config.path.join("Run1/Bad_0001.png").exists(), "what is refused stays");
    let done = folder.place.path().join("done");
    folder.config.after = After::MoveTo(done.clone());
    folder.write("Run1/B_0001.png", &png(2));
    let watch = folder.watch();
    folder.eventually_announced(1).await;
    eventually("it is moved", async || done.join("Run1/B_0001.png").exists()).await;
    assert!(!folder.config.path.join("Run1/B_0001.png").exists());
    watch.end().await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = Folder::open(Grammar::Rsai).await;
    let config = FolderConfig::new("/nowhere/at/all", Grammar::Rsai);
    let door = folder.hall.door.clone();
    let opened = FolderDoor::open(config, folder.place.path(), door, Health::new());
    let error = format!("{:#}", opened.err().unwrap());
    assert!(error.contains("/nowhere/at/all is not there"), "{error}");
}

#[tokio::test]
async fn the_configuration_refuses_what_it_does_not_know() {
    let read = |text: &str| toml::from_str::<FolderConfig>(text);
    let least = read("path = \"/data\"\ngrammar = \"rsai\"").unwrap();
    assert_eq!(least, FolderConfig::new("/data", Grammar::Rsai));
    assert_eq!(least.after, After::Keep);
    let moved =
        read("path = \"/data\"\ngrammar = \"mon12\"\nafter = { move_to = \"/done\" }").unwrap();
    assert_eq!(moved.after, After::MoveTo("/done".into()));
    for bad in [
        "path = \"/data\"",
        "path = \"/d\"\ngrammar = \"x\"",
        "path = \"/d\"\ngrammar = \"rsai\"\nsetle_ms = 1",
    ] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
