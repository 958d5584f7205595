//! Processes that see another time than the rest of the world.

use e2e::{Hall, Place, STAGES};
use std::{path::PathBuf, time::Duration};

const PATIENCE: Duration = Duration::from_secs(90);

/// Debian's `libfaketime`, for programs with threads.
fn faketime() -> PathBuf {
    let folders = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    found.find(|path| path.is_file()).expect("libfaketime; run scripts/setup.sh test")
}

/// F37: the wall clock of every role jumps back an hour, then on by a year, then home. Work goes
/// on, nothing is lost or done twice, nobody takes another's lease, and rows are in the order of
/// their commits.
#[tokio::test(flavor = "multi_thread")]
async fn f37_clock_jump() {
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    let clock = hall.folder().join("clock");
    let set = |shift: &str| {
        // replaced in one step: a reader never sees half of it
        let next = clock.with_extension("next");
        std::fs::write(&next, format!("{shift}\n")).unwrap();
        std::fs::rename(&next, &clock).unwrap();
    };
    set("+0");
    for stage in STAGES {
        let script = format!(
            "export LD_PRELOAD={} FAKETIME_TIMESTAMP_FILE={} FAKETIME_NO_CACHE=1 \
             FAKETIME_DONT_FAKE_MONOTONIC=1 NO_FAKE_STAT=1; exec \"$0\" run {stage}",
            faketime().display(),
            clock.display(),
        );
        hall.start_by_shell(&[stage], &script, &[]);
    }
    hall.all_ready().await;
    let mut images = 0;
    for shift in ["+0", "-1h", "+1y", "+0"] {
        set(shift);
        hall.producer.publish(40).await;
        images += 40;
        hall.has_rows(images).await;
        hall.all_ready().await;
    }
    let spread = hall.commit_times().await;
    let (earliest, latest) = (spread.iter().min().unwrap(), spread.iter().max().unwrap());
    let days = (latest - earliest) / 86_400_000_000;
    assert!((364..=367).contains(&days), "the clock did not jump: {days} days");
    assert!(!spread.is_sorted(), "rows in the order of their commits, at times that jump back");
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, images);
}
