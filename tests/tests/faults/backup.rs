//! A hall that is saved while it works, lost altogether, and restored.

use e2e::{Hall, Place, Plot, STAGES};
use hydra_proto::ContentHash;
use hydra_store::{
    catalog::{Catalog, apply},
    label,
    release::By,
};
use std::{fs, path::Path, process::Output, time::Duration};
use tokio::process::Command;

const PATIENCE: Duration = Duration::from_secs(90);
/// What people did, and must never be lost: append-only.
const AUDIT: [&str; 3] = ["label_event", "release_event", "catalog_event"];

fn by(why: &str) -> By {
    By { who: "expert".into(), why: why.into() }
}

async fn script(hall: &Hall, what: &str, folder: &Path) -> Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/backup.py");
    let mut command = Command::new(script);
    command.arg(what).arg(folder).envs(hall.environment());
    command.output().await.unwrap()
}

fn assert_well(output: &Output) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&text));
}

async fn hydra(hall: &Hall, arguments: &[&str]) -> Output {
    let mut command = Command::new(hydra_testkit::hydra_binary());
    command.args(arguments).envs(hall.environment());
    command.output().await.unwrap()
}

/// Every row of the tables of people's acts, in order.
fn audit(hall: &mut Hall) -> Vec<String> {
    let mut of = |table: &&str| hall.mariadb().sql(&format!("select * from {table} order by 1"));
    AUDIT.iter().map(|table| of(table).unwrap()).collect()
}

/// S22: database and blobs are saved while plots arrive. Then both are gone. After the restore
/// every blob that a row names is whole, what people did is there to the last word, and plots
/// that came after the backup are taken when they are sent again.
#[tokio::test(flavor = "multi_thread")]
async fn s22_a_hall_is_restored_from_its_backup() {
    let mut hall = Hall::open(Place::Shared, Place::Own).await;
    hall.start_each(&STAGES).await;
    hall.producer.publish(60).await;
    hall.has_rows(60).await;
    let catalog =
        format!("[[plot_type]]\nname = '{}'\ncollect_fraction = 0.5\n", Plot::new(0).plot_type);
    apply(&hall.db, Catalog::parse(&catalog).unwrap(), false, by("less disk")).await.unwrap();
    let changes = (0..10).map(|n| (Plot::new(n * 4).id(), Some("Good".parse().unwrap())));
    label::set(&hall.db, changes.collect(), by("looked at")).await.unwrap();
    let before = audit(&mut hall);
    assert!(before.iter().all(|rows| !rows.is_empty()), "{before:?}");

    // saved while it works; the second time finds most blobs there
    let saved = hall.folder().join("saved");
    let producer = hall.producer.clone();
    let publishing = tokio::spawn(async move { producer.publish(120).await });
    assert_well(&script(&hall, "save", &saved).await);
    assert_well(&script(&hall, "save", &saved).await);
    publishing.await.unwrap();
    // what comes after the backup is lost with the hall
    hall.producer.publish(30).await;
    hall.settle(PATIENCE, 0).await;
    for stage in STAGES {
        hall.terminate(stage, PATIENCE).await;
    }

    // a restore never writes over anything
    let refused = script(&hall, "restore", &saved).await;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not empty"));

    hall.mariadb().sql("drop database hydra; create database hydra").unwrap();
    fs::remove_dir_all(hall.blobs()).unwrap();
    assert_well(&script(&hall, "restore", &saved).await);
    assert_well(&hydra(&hall, &["migrate"]).await);
    let checked = hydra(&hall, &["doctor", "--blobs"]).await;
    assert_well(&checked);
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(text.contains("all whole"), "{text}");
    assert_eq!(audit(&mut hall), before);
    let restored = hall.count_rows().await;
    assert!((60..=180).contains(&restored), "{restored} rows");
    println!("{restored} of 210 rows were saved");

    // life goes on, and what came later is sent again
    hall.start_each(&STAGES).await;
    for number in 0..210 {
        hall.producer.publish_one(&Plot::new(number)).await;
    }
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 210);
    assert_eq!(audit(&mut hall), before);

    // the check sees what is missing and what is damaged
    let original = |number| {
        let hash = ContentHash::of(&Plot::new(number).png).to_string();
        hall.blobs().join("blobs").join(&hash[..2]).join(&hash[2..4]).join(&hash)
    };
    fs::remove_file(original(1)).unwrap();
    fs::write(original(2), "else").unwrap();
    let checked = hydra(&hall, &["doctor", "--blobs"]).await;
    assert_eq!(checked.status.code(), Some(1));
    let text = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(text.contains("2 of "), "{text}");
    let damaged = script(&hall, "save", &hall.folder().join("late")).await;
    assert!(String::from_utf8_lossy(&damaged.stderr).contains("is damaged"), "{damaged:?}");
}
