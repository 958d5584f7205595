//! A database that goes away and comes again: the service says so, and does not guess.

use crate::hall::{Served, beats};
use hydra_store::DatabaseConfig;
use hydra_testkit::{Engine, Proxy, eventually};
use serde_json::Value;

fn health<'a>(status: &'a Value, list: &str, key: &str, name: &str) -> &'a str {
    let all = status[list].as_array().unwrap();
    all.iter().find(|one| one[key] == name).unwrap()["health"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn status_tells_that_the_database_is_away_and_what_nobody_knows_then() {
    let (scratch, db, folder, blobs, written) = Served::write(Engine::MariaDb).await;
    beats(&db).await;
    let (_, server) = scratch.url.rsplit_once('@').unwrap();
    let (server, _) = server.split_once('/').unwrap();
    let network = Proxy::start(server).await;
    let config = DatabaseConfig::at(scratch.url.replace(server, &network.address.to_string()));
    let served = Served::serve_with(scratch, db, folder, blobs, written, config).await;
    let well = served.get("/status").await;
    assert_eq!(health(&well, "parts", "part", "database"), "well");
    assert_eq!(health(&well, "roles", "role", "infer"), "well");
    assert_eq!(well["dead_letters"], 3);

    network.refuse(true);
    network.cut();
    eventually("the database is known to be away", async || {
        let status = served.get("/status").await;
        health(&status, "parts", "part", "database") == "down"
    })
    .await;
    let away = served.get("/status").await;
    assert!(away["dead_letters"].is_null(), "{away}");
    for role in ["ingest", "resize", "infer", "gradcam", "keep"] {
        assert_eq!(health(&away, "roles", "role", role), "unknown", "{role}");
    }
    assert_eq!(health(&away, "roles", "role", "query"), "well", "who answers is alive");

    network.refuse(false);
    beats(&served.db).await;
    eventually("the database is back, and what it knows", async || {
        let status = served.get("/status").await;
        status["dead_letters"] == 3
            && health(&status, "parts", "part", "database") == "well"
            && health(&status, "roles", "role", "infer") == "well"
    })
    .await;
    served.stop().await;
}
