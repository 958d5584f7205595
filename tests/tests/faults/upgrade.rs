//! From what a release left behind: its rows, its blobs, and messages of its workers on their way.
//!
//! `tests/released/VERSION` holds them as that version wrote them. A new release adds its own with
//!
//! ```text
//! HYDRA_BIN=/path/to/that/hydra HYDRA_RECORD=tests/released/VERSION \
//!     cargo test -p e2e --test faults -- --ignored record_a_release
//! ```

use e2e::{Hall, Place, Plot, STAGES};
use hydra_proto::ImageId;
use hydra_stage::{Destination, Message, Transport};
use hydra_testkit::eventually;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(90);
/// Plots with rows, and then one on its way to each of these stages.
const DONE: u32 = 8;
const UNDER_WAY: [&str; 3] = ["resize", "infer", "keep"];

fn releases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("released");
    let entries = fs::read_dir(folder).unwrap();
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

/// Copies a folder with all that is in it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), target).unwrap()),
        }
    }
}

fn database(hall: &mut Hall, program: &str, arguments: &[&str]) -> Command {
    let address = hall.mariadb().address.clone();
    let (host, port) = address.split_once(':').unwrap();
    let mut command = Command::new(program);
    command.args(["--no-defaults", "-h", host, "-P", port, "-u", "root"]).args(arguments);
    command
}

async fn hydra(hall: &Hall, command: &str) {
    let mut hydra = tokio::process::Command::new(hydra_testkit::hydra_binary());
    assert!(hydra.arg(command).envs(hall.environment()).status().await.unwrap().success());
}

fn to_json(message: &Message) -> Value {
    let body: String = message.body.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"id": message.id, "type": message.type_name, "headers": message.headers, "body": body})
}

fn from_json(value: &Value) -> Message {
    let text = |name: &str| value[name].as_str().unwrap().to_owned();
    let body = text("body");
    let byte = |at: usize| u8::from_str_radix(&body[at..at + 2], 16).unwrap();
    let headers = value["headers"].as_object().unwrap();
    Message {
        id: text("id"),
        type_name: text("type"),
        headers: headers
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
            .collect(),
        body: (0..body.len()).step_by(2).map(byte).collect::<Vec<u8>>().into(),
    }
}

/// Not a test but the command that keeps what this version leaves behind.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "writes what later versions are tested on"]
async fn record_a_release() {
    let Some(folder) = std::env::var_os("HYDRA_RECORD") else { return };
    // a test's folder is its crate's
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    fs::create_dir_all(&folder).unwrap();
    let mut hall = Hall::open(Place::Shared, Place::Own).await;
    hall.start_each(&STAGES).await;
    hall.producer.publish(DONE as usize).await;
    hall.settle(PATIENCE, 0).await;
    for stage in STAGES {
        hall.terminate(stage, PATIENCE).await;
    }
    let options = ["--hex-blob", "--skip-dump-date", "hydra"];
    let dump = database(&mut hall, "mariadb-dump", &options).output().unwrap();
    assert!(dump.status.success());
    fs::write(folder.join("database.sql"), dump.stdout).unwrap();

    hall.producer.publish(UNDER_WAY.len()).await;
    let mut messages = serde_json::Map::new();
    for (role, (n, next)) in ["ingest", "resize", "infer"].into_iter().zip((0..).zip(UNDER_WAY)) {
        hall.start_each(&[role]).await;
        hall.waits(next, UNDER_WAY.len() as u64).await;
        hall.terminate(role, PATIENCE).await;
        let id = Plot::new(DONE + n).id().to_string();
        let mut source =
            hall.producer.transport().consume(next, 20, Default::default()).await.unwrap();
        for _ in UNDER_WAY {
            let delivery = source.next().await.unwrap().unwrap();
            if delivery.message.id.starts_with(&id) {
                messages.insert(next.to_owned(), to_json(&delivery.message));
            }
            delivery.ticket.give_back().await;
        }
        source.close().await;
    }
    assert_eq!(messages.len(), UNDER_WAY.len());
    let text = serde_json::to_string_pretty(&Value::Object(messages)).unwrap();
    fs::write(folder.join("messages.json"), text + "\n").unwrap();
    copy(&hall.blobs(), &folder.join("blobs"));
    // what is on its way has no rows, and a marker would only keep it from being sent again
    let _none = fs::remove_dir_all(folder.join("blobs/markers"));
}

/// F40: of every release: its schema is brought up to date while messages of its workers wait,
/// they are worked off by this version, and what it had written is there unchanged.
#[tokio::test(flavor = "multi_thread")]
async fn f40_upgrade_from_every_release() {
    let releases = releases();
    assert!(!releases.is_empty());
    for folder in releases {
        println!("from {}", folder.display());
        let mut hall = Hall::open(Place::Shared, Place::Own).await;
        hall.mariadb().sql("drop database hydra; create database hydra").unwrap();
        let dump = fs::File::open(folder.join("database.sql")).unwrap();
        let loaded = database(&mut hall, "mariadb", &["hydra"]).stdin(Stdio::from(dump)).status();
        assert!(loaded.unwrap().success());
        fs::remove_dir_all(hall.blobs()).unwrap();
        copy(&folder.join("blobs"), &hall.blobs());
        let before: BTreeSet<ImageId> = hall.rows().await.into_iter().collect();
        assert_eq!(before.len(), DONE as usize);
        let predictions = "select hex(image_id), model_id, label, confidence, threshold, state \
                           from prediction order by 1, 2";
        let said = hall.mariadb().sql(predictions).unwrap();

        let text = fs::read_to_string(folder.join("messages.json")).unwrap();
        let messages: Value = serde_json::from_str(&text).unwrap();
        hydra(&hall, "topology").await;
        for stage in UNDER_WAY {
            let to = Destination::Queue(stage.to_owned());
            let message = from_json(&messages[stage]);
            hall.producer.transport().publish(to, message).await.unwrap();
        }
        hydra(&hall, "migrate").await;
        hall.start_each(&STAGES).await;
        hall.has_rows(DONE as usize + UNDER_WAY.len()).await;
        eventually("nothing is left", async || hall.in_queues().await == Some(0)).await;
        assert_eq!(hall.dead().await, 0);
        let after: BTreeSet<ImageId> = hall.rows().await.into_iter().collect();
        assert!(after.is_superset(&before));
        let now = hall.mariadb().sql(predictions).unwrap();
        let now: BTreeSet<&str> = now.lines().collect();
        assert!(said.lines().all(|row| now.contains(row)), "what was said stays");
        // the old rows count on: a plot of the old version comes again and changes nothing
        hall.producer.publish_one(&Plot::new(0)).await;
        hall.producer.publish_one(&Plot::new(900)).await;
        hall.has_rows(DONE as usize + UNDER_WAY.len() + 1).await;
        hall.assert_sound();
    }
}

/// F40 with the old program itself, where `HYDRA_OLD_BIN` names it: both versions work side by
/// side in every stage, then the old ones go one after the other, then the new ones.
#[tokio::test(flavor = "multi_thread")]
async fn f40_rolling_upgrade_beside_old_workers() {
    let Ok(old) = std::env::var("HYDRA_OLD_BIN") else {
        println!("skipped: HYDRA_OLD_BIN names no older hydra");
        return;
    };
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    let start_old = |hall: &mut Hall, stage: &'static str| {
        let script = format!("exec \"$1\" run {stage}");
        hall.start_by_shell(&[stage], &script, std::slice::from_ref(&old));
    };
    for stage in STAGES {
        start_old(&mut hall, stage);
    }
    hall.all_ready().await;
    hall.producer.publish(60).await;
    hall.has_rows(60).await;
    for direction in ["up", "back"] {
        let producer = hall.producer.clone();
        let publishing = tokio::spawn(async move { producer.publish(300).await });
        for stage in STAGES {
            // a new one is ready before an old one goes, as the chart has it
            if direction == "up" {
                hall.start_each(&[stage]).await;
            } else {
                start_old(&mut hall, stage);
                hall.all_ready().await;
            }
            assert_eq!(hall.terminate(stage, PATIENCE).await, Some(0), "the first one of two");
        }
        publishing.await.unwrap();
    }
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 660);
}
