//! The real service on a port of its own, and a client that checks every answer's form.

use super::Written;
use hydra_blobs::{Blobs, BlobsConfig};
use hydra_query::{QueryConfig, serve};
use hydra_store::{Database, DatabaseConfig};
use hydra_testkit::{Database as Scratch, Engine, eventually};
use reqwest::{Client, Response};
use serde_json::Value;
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

/// A hall that is served.
pub struct Served {
    pub url: String,
    pub written: Written,
    /// With all rights, to write more.
    pub db: Database,
    pub blobs: Blobs,
    pub scratch: Scratch,
    pub client: Client,
    pub folder: TempDir,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Served {
    /// Writes the hall into a fresh database and serves it.
    pub async fn start(engine: Engine) -> Self {
        let (scratch, db, folder, blobs, written) = Self::write(engine).await;
        let config = DatabaseConfig::at(&scratch.url);
        Self::serve_with(scratch, db, folder, blobs, written, config).await
    }

    /// Only writes it.
    pub async fn write(engine: Engine) -> (Scratch, Database, TempDir, Blobs, Written) {
        let scratch = Scratch::create(engine);
        let db = Database::connect(&DatabaseConfig::at(&scratch.url)).await.unwrap();
        db.migrate().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file://{}", folder.path().display());
        let blobs = Blobs::open(&BlobsConfig { url }).await.unwrap();
        let written = Written::write(&db, &blobs).await;
        (scratch, db, folder, blobs, written)
    }

    /// Serves it by `config`, which may belong to another user.
    pub async fn serve_with(
        scratch: Scratch,
        db: Database,
        folder: TempDir,
        blobs: Blobs,
        written: Written,
        config: DatabaseConfig,
    ) -> Self {
        let stop = CancellationToken::new();
        let (url, task) = spawn(&config, &blobs, stop.clone()).await;
        let client = Client::new();
        let served = Self { url, written, db, blobs, scratch, client, folder, stop, task };
        eventually("the hall is read", async || served.raw("/api/v1/hall").await.status() == 200)
            .await;
        served
    }

    /// Another replica of the same hall; ends with this one.
    pub async fn replica(&self) -> String {
        let config = DatabaseConfig::at(&self.scratch.url);
        spawn(&config, &self.blobs, self.stop.clone()).await.0
    }

    /// Ends it, in order.
    pub async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
        self.db.close().await;
    }

    /// Whatever is answered under this path.
    pub async fn raw(&self, path: &str) -> Response {
        self.client.get(format!("{}{path}", self.url)).send().await.unwrap()
    }

    /// The JSON under `/api/v1` of this path; anything but 200 fails the test.
    pub async fn get(&self, path: &str) -> Value {
        let answer = self.raw(&format!("/api/v1{path}")).await;
        let status = answer.status();
        let kind = answer.headers()["content-type"].to_str().unwrap().to_owned();
        let text = answer.text().await.unwrap();
        assert_eq!(status, 200, "{path}: {text}");
        assert_eq!(kind, "application/json", "{path}");
        serde_json::from_str(&text).unwrap()
    }

    /// All entries of a list, page by page of `limit`; every page but the last is full.
    pub async fn all(&self, path: &str, limit: usize) -> Vec<Value> {
        let mut items = Vec::new();
        let mut cursor = String::new();
        let sign = if path.contains('?') { '&' } else { '?' };
        for _page in 0..10_000 {
            let page = self.get(&format!("{path}{sign}limit={limit}{cursor}")).await;
            let found = page["items"].as_array().unwrap().clone();
            assert!(found.len() <= limit, "{path}: a page of {} of {limit}", found.len());
            items.extend(found.iter().cloned());
            let Some(next) = page["next"].as_str() else { return items };
            assert_eq!(found.len(), limit, "{path}: a page is not full and yet not the last");
            cursor = format!("&cursor={next}");
        }
        panic!("{path} has no end");
    }
}

async fn spawn(
    config: &DatabaseConfig,
    blobs: &Blobs,
    stop: CancellationToken,
) -> (String, JoinHandle<std::io::Result<()>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let db = Database::connect(config).await.unwrap();
    let query = QueryConfig::new("Hall T");
    (url, tokio::spawn(serve(listener, query, db, blobs.clone(), stop)))
}

/// The problem document of an answer that refuses: status 4xx, of the right form, saying nothing
/// of paths, statements or hosts.
pub async fn problem(path: &str, answer: Response) -> Value {
    let status = answer.status().as_u16();
    let kind = answer.headers().get("content-type").map(|v| v.to_str().unwrap().to_owned());
    let text = answer.text().await.unwrap();
    assert!((400..500).contains(&status), "{path}: {status} {text}");
    assert_eq!(kind.as_deref(), Some("application/problem+json"), "{path}: {text}");
    let body: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(body["status"], status, "{path}");
    assert_eq!(body["type"], "about:blank", "{path}");
    let detail = body["detail"].as_str().unwrap();
    assert!(!detail.is_empty(), "{path}");
    for secret in ["/tmp", "select", "SELECT", "127.0.0.1", "sqlx", "src/"] {
        assert!(!text.contains(secret), "{path} tells {secret}: {text}");
    }
    body
}
