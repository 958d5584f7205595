//! A database of millions of predictions, a running ingest, open pages -> how long answers take.
//!
//! `cargo run --release -p hydra-query --example load -- --rows 10000000 --seconds 60`
//!
//! Starts a MariaDB of its own, fills it, serves it by the real service with a read-only
//! configuration, writes new images meanwhile as keep does, holds pages open, and asks at a
//! steady rate. Prints a table of answer times and exits with 1 when a bar is missed.
//!
//! `--folder DIR` keeps the database there: filling ten million rows takes a while, and the next
//! run goes on with it. `--only-fill` fills for as many seconds as are given, status 2 while it is not
//! done. `--hold` measures nothing and serves
//! until Ctrl-C, each plot type with a picture of 1380x640, for `tests/pages/speed.mjs`.

#![allow(clippy::unwrap_used)] // a tool of developers: what fails, fails loudly

mod drive;
mod fill;
mod ingest;
mod pages;
mod pictures;

use hydra_blobs::Blobs;
use hydra_query::{QueryConfig, serve};
use hydra_store::{Database, DatabaseConfig};
use hydra_testkit::{MariaDbNode, eventually};
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// What is asked for on the command line.
pub struct Settings {
    /// Predictions in the database.
    pub rows: u64,
    /// How long is measured.
    pub seconds: u64,
    /// Questions a second.
    pub rate: u64,
    /// Open pages.
    pub pages: usize,
    /// New images a second.
    pub ingest: usize,
    /// Where the database stays; a folder that is deleted afterwards, if not given.
    pub folder: Option<PathBuf>,
    /// End when it is filled.
    pub only_fill: bool,
    /// Serve until Ctrl-C instead of asking.
    pub hold: bool,
}

impl Settings {
    fn read() -> Self {
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let number = |name: &str, otherwise: u64| {
            let at = arguments.iter().position(|argument| argument == name);
            let value = at.and_then(|at| arguments.get(at + 1));
            value.map_or(otherwise, |value| value.parse().expect("a number"))
        };
        Self {
            rows: number("--rows", 10_000_000),
            seconds: number("--seconds", 60),
            rate: number("--rate", 100),
            pages: number("--pages", 500) as usize,
            ingest: number("--ingest", 40) as usize,
            folder: arguments
                .iter()
                .position(|argument| argument == "--folder")
                .and_then(|at| arguments.get(at + 1))
                .map(PathBuf::from),
            only_fill: arguments.iter().any(|argument| argument == "--only-fill"),
            hold: arguments.iter().any(|argument| argument == "--hold"),
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let settings = Settings::read();
    let options = [
        "--innodb-buffer-pool-size=2G",
        "--innodb-log-file-size=512M",
        "--innodb-flush-log-at-trx-commit=1",
        "--max-connections=100",
    ];
    let mut node = match &settings.folder {
        Some(folder) => MariaDbNode::start_in(folder, &options).await,
        None => MariaDbNode::start(&options).await,
    };
    let db = Database::connect(&DatabaseConfig::at(&node.url)).await.unwrap();
    db.migrate().await.unwrap();
    let until = settings.only_fill.then(|| Instant::now() + Duration::from_secs(settings.seconds));
    let Some(hall) = fill::fill(&db, settings.rows, until).await else {
        db.close().await;
        node.stop().await;
        println!("not all of it yet; the same command goes on");
        return ExitCode::from(2);
    };
    if settings.only_fill {
        db.close().await;
        node.stop().await;
        return ExitCode::SUCCESS;
    }
    let blobs = Blobs::in_memory();
    if settings.hold {
        pictures::draw(&db, &hall, &blobs).await;
    }

    let stop = CancellationToken::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = DatabaseConfig {
        read_only: true,
        statement_timeout_s: 10,
        max_connections: 8,
        ..DatabaseConfig::at(&node.url)
    };
    let reader = Database::connect(&config).await.unwrap();
    let served =
        tokio::spawn(serve(listener, QueryConfig::new("load"), reader, blobs, stop.clone()));
    eventually("the hall is read", async || {
        reqwest::get(format!("{url}/api/v1/hall")).await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;

    if settings.hold {
        println!("pages: {url}");
        tokio::signal::ctrl_c().await.unwrap();
        stop.cancel();
        served.await.unwrap().unwrap();
        db.close().await;
        node.stop().await;
        return ExitCode::SUCCESS;
    }
    let commits = ingest::Commits::default();
    let pages = pages::open(&url, settings.pages, commits.clone(), stop.clone()).await;
    let writing =
        tokio::spawn(ingest::run(db.clone(), hall.clone(), settings.ingest, commits, stop.clone()));
    let answers = drive::run(&url, &hall, &settings).await;
    stop.cancel();
    let written = writing.await.unwrap();
    served.await.unwrap().unwrap();
    println!(
        "\n{} predictions, {written} images written meanwhile, {} questions a second, {} pages open\n",
        settings.rows, settings.rate, settings.pages
    );
    let kept = drive::report(answers) & pages::report(pages, Duration::from_secs(1)).await;
    db.close().await;
    node.stop().await;
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
