//! A Prometheus of one's own, that scrapes what a test names.

use crate::{eventually_within, free_port, server::Server};
use anyhow::{Context as _, Result};
use serde_json::Value;
use std::{fs, time::Duration};
use tempfile::TempDir;

/// Scrapes every second and keeps exemplars. Ended when dropped.
pub struct Prometheus {
    url: String,
    _server: Server,
    _dir: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` of these addresses, each with its label `role`.
    ///
    /// # Panics
    /// When Prometheus is not installed or does not start.
    pub async fn scraping(targets: &[(String, String)]) -> Self {
        let dir = tempfile::Builder::new().prefix("hydra-prometheus").tempdir().expect("a folder");
        let jobs: Vec<Value> = targets
            .iter()
            .map(|(role, address)| serde_json::json!({"targets": [address], "labels": {"role": role}}))
            .collect();
        let config = serde_json::json!({
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": [{"job_name": "hydra", "static_configs": jobs}],
        });
        let path = |name: &str| dir.path().join(name).display().to_string();
        fs::write(path("prometheus.yml"), config.to_string()).expect("its configuration");
        let address = format!("127.0.0.1:{}", free_port());
        let args = [
            format!("--config.file={}", path("prometheus.yml")),
            format!("--storage.tsdb.path={}", path("data")),
            format!("--web.listen-address={address}"),
            "--enable-feature=exemplar-storage".to_owned(),
            "--log.level=warn".to_owned(),
        ];
        let log = dir.path().join("log");
        let server = Server::start("prometheus", &args, &[], dir.path(), &log).expect("it starts");
        let url = format!("http://{address}");
        let what = format!("Prometheus is ready; log: {}", log.display());
        eventually_within(Duration::from_secs(60), &what, async || {
            let answer = reqwest::get(format!("{url}/-/ready")).await;
            answer.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
        Self { url, _server: server, _dir: dir }
    }

    /// Asks its API for what it has under this path: `query?query=up`, for instance.
    ///
    /// # Errors
    /// When it does not answer, or says why not.
    pub async fn ask(&self, path: &str) -> Result<Value> {
        let answer = reqwest::get(format!("{}/api/v1/{path}", self.url)).await?;
        let text: String = answer.text().await?;
        let mut answer: Value = serde_json::from_str(&text).with_context(|| text.clone())?;
        anyhow::ensure!(answer["status"] == "success", "{text}");
        Ok(answer["data"].take())
    }
}
