//! A database of millions of predictions, a running ingest, open pages -> how long answers take.
//!
//! `cargo run --release -p hydra-query --example load -- --rows 10000000 --seconds 60`
//!
//! Starts a MariaDB of its own, fills it, serves it by the real service with a read-only
//! configuration, writes new images meanwhile as keep does, holds pages open, and asks at a
//! steady rate. Prints a table of answer times and exits with 1 when a bar is missed. The service
//! and the pages are processes of their own; the pages, which are elsewhere in life, are nicer.
//!
//! `--folder DIR` keeps the database there: filling ten million rows takes a while, and the next
//! run goes on with it. `--pool-gib` is the database's buffer
//! pool. `--only-fill` fills for as many seconds as are given, status 2 while it is not
//! done. `--hold` measures nothing and serves
//! until Ctrl-C, each plot type with a picture of 1380x640, for `tests/pages/speed.mjs`.

#![allow(clippy::unwrap_used)] // a tool of developers: what fails, fails loudly

mod drive;
mod fill;
mod ingest;
mod pages;
mod part;
mod pictures;
mod service;

use fill::Hall;
use hydra_blobs::{Blobs, BlobsConfig};
use hydra_store::{
    Database, DatabaseConfig,
    orm::{ConnectionTrait, DbBackend, Statement},
};
use hydra_testkit::{MariaDbNode, eventually};
use part::Part;
use std::{
    path::PathBuf,
    process::ExitCode,
    time::{Duration, Instant},
};
use tokio_util::sync::CancellationToken;

/// From a commit to the pages, milliseconds at the 99th percentile.
const PAGE_MS: f64 = 1_000.0;
/// Steps by which the pages are nicer than the service: they get what it leaves of the cores.
const PAGES_NICER: u8 = 10;

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
    /// Buffer pool of the database, GiB.
    pub pool_gib: u64,
    /// Where the database stays; a folder that is deleted afterwards, if not given.
    pub folder: Option<PathBuf>,
    /// End when it is filled.
    pub only_fill: bool,
    /// Serve until Ctrl-C instead of asking.
    pub hold: bool,
}

impl Settings {
    fn read(arguments: &[String]) -> Self {
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
            pool_gib: number("--pool-gib", 8),
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
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["part", "service", database, blobs] => {
            service::run(database, blobs).await;
            ExitCode::SUCCESS
        }
        ["part", "pages", url, count] => {
            pages::run(url, count.parse().unwrap()).await;
            ExitCode::SUCCESS
        }
        _ => whole(&Settings::read(&arguments)).await,
    }
}

async fn whole(settings: &Settings) -> ExitCode {
    let pool = format!("--innodb-buffer-pool-size={}G", settings.pool_gib);
    let options = [
        pool.as_str(),
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
    let code = match fill::fill(&db, settings.rows, until).await {
        None => {
            println!("not all of it yet; the same command goes on");
            ExitCode::from(2)
        }
        Some(_) if settings.only_fill => ExitCode::SUCCESS,
        Some(hall) => {
            if serve(&node.url, &db, &hall, settings).await {
                ExitCode::SUCCESS
            } else {
                ExitCode::FAILURE
            }
        }
    };
    db.close().await;
    node.stop().await;
    code
}

/// Serves the hall and asks, or holds; whether all bars held.
async fn serve(database: &str, db: &Database, hall: &Hall, settings: &Settings) -> bool {
    let blobs = tempfile::tempdir().unwrap();
    let blobs_url = format!("file://{}", blobs.path().display());
    if settings.hold {
        let blobs = Blobs::open(&BlobsConfig { url: blobs_url.clone() }).await.unwrap();
        pictures::draw(db, hall, &blobs).await;
    }
    let mut service = Part::start(0, &["part", "service", database, &blobs_url]);
    let url = service.line().await;
    eventually("the hall is read", async || {
        reqwest::get(format!("{url}/api/v1/hall")).await.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    if settings.hold {
        println!("pages: {url}");
        tokio::signal::ctrl_c().await.unwrap();
        return true;
    }
    let kept = measure(&url, &service, db, hall, settings).await;
    service.end().await;
    kept
}

async fn measure(
    url: &str,
    service: &Part,
    db: &Database,
    hall: &Hall,
    settings: &Settings,
) -> bool {
    let stop = CancellationToken::new();
    let commits = ingest::Commits::default();
    let count = settings.pages.to_string();
    let mut pages = Part::start(PAGES_NICER, &["part", "pages", url, &count]);
    assert_eq!(pages.line().await, "open");
    let used = service.usage();
    let closed = statements_closed(db).await;
    let begun = Instant::now();
    let writing = tokio::spawn(ingest::run(
        db.clone(),
        hall.clone(),
        settings.ingest,
        commits.clone(),
        stop.clone(),
    ));
    let answers = drive::run(url, hall, settings).await;
    stop.cancel();
    let (took, used_then) = (begun.elapsed().as_secs_f64(), service.usage());
    let written = writing.await.unwrap();
    let seen = pages.end().await;
    println!(
        "\n{} predictions, {written} images written meanwhile, {} questions a second, {} pages open\n\
         the service took {:.2} of a core, {} MB at most; the database closed {} statements\n",
        settings.rows,
        settings.rate,
        settings.pages,
        (used_then.cpu_s - used.cpu_s) / took,
        used_then.peak_rss_bytes / 1_000_000,
        statements_closed(db).await - closed,
    );
    drive::report(answers) & pages::report(settings.pages, &seen, &commits, PAGE_MS)
}

/// Prepared statements that clients have closed so far, their caches being full.
async fn statements_closed(db: &Database) -> u64 {
    let row = db.run(|pool| async move {
        let ask = "show global status like 'Com_stmt_close'";
        pool.query_one_raw(Statement::from_string(DbBackend::MySql, ask)).await
    });
    let row = row.await.unwrap().unwrap();
    row.try_get::<String>("", "Value").unwrap().parse().unwrap()
}
