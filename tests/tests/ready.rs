//! `/ready` of a process: yes only when every role in it can do its work.
#![allow(clippy::unwrap_used)]

use hydra_store::{Database, DatabaseConfig};
use hydra_testkit::{Database as Scratch, Engine, Hydra, eventually, hydra_binary};
use serde_json::Value;
use std::{path::Path, time::Duration};
use tokio::process::Command;

/// A process of Hydra in a folder of its own, on free ports.
fn hydra(folder: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> Hydra {
    let mut command = Command::new(hydra_binary());
    command.current_dir(folder).args(arguments).envs(settings.iter().copied());
    if std::env::var_os("ORT_DYLIB_PATH").is_none() {
        let library =
            concat!(env!("CARGO_MANIFEST_DIR"), "/../.cache/onnxruntime/libonnxruntime.so");
        command.env("ORT_DYLIB_PATH", library);
    }
    for door in ["INGEST", "QUERY", "HEALTH"] {
        command.env(format!("HYDRA_{door}__ADDRESS"), "127.0.0.1:0");
    }
    Hydra::spawn(command)
}

/// What `/ready` says: whether it is, and what is wrong by component.
async fn ready(health: &str) -> (bool, Value) {
    let answer = reqwest::get(format!("http://{health}/ready")).await.unwrap();
    let is_ready = answer.status() == 200;
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["ready"], is_ready, "{body}");
    (is_ready, body["components"].clone())
}

#[tokio::test]
async fn a_process_of_all_roles_is_ready_when_each_of_them_is_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut all = hydra(folder.path(), &["up"], &[]);
    let health = all.address("health: ").await;
    let mut before = 0;
    let told = loop {
        let (is_ready, told) = ready(&health).await;
        if is_ready {
            break told;
        }
        before += 1;
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    // the first word that it is ready: whatever is asked of any role now is answered
    let pages = all.address("pages: ").await;
    let hall = reqwest::get(format!("http://{pages}/api/v1/hall")).await.unwrap();
    assert_eq!(hall.status(), 200, "ready, and yet query has not read the hall");
    for part in ["start", "pages", "ingest", "resize", "infer", "gradcam", "keep", "train"] {
        assert_eq!(told.get(part), Some(&Value::Null), "{part} of {told}");
    }
    assert!(before > 0, "it was asked too late to show anything");
    all.terminate();
    assert!(all.wait(Duration::from_secs(30)).await.success(), "{}", all.output());
}

#[tokio::test]
async fn query_is_ready_once_it_has_read_the_hall() {
    // a database without tables: it answers, and there is nothing to read
    let scratch = Scratch::create(Engine::MariaDb);
    let folder = tempfile::tempdir().unwrap();
    let blobs = format!("file://{}", folder.path().display());
    let settings = [("HYDRA_DATABASE__URL", scratch.url.as_str()), ("HYDRA_BLOBS__URL", &blobs)];
    let mut query = hydra(folder.path(), &["run", "query"], &settings);
    let health = query.address("health: ").await;
    query.address("pages: ").await;
    for _ in 0..20 {
        let (is_ready, told) = ready(&health).await;
        assert!(!is_ready, "{told}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let told = ready(&health).await.1;
    assert!(told["pages"].as_str().unwrap().contains("has not been read"), "{told}");
    let db = Database::connect(&DatabaseConfig::at(&scratch.url)).await.unwrap();
    db.migrate().await.unwrap();
    eventually("it has read the hall", async || ready(&health).await.0).await;
    db.close().await;
    query.terminate();
    assert!(query.wait(Duration::from_secs(30)).await.success(), "{}", query.output());
}
