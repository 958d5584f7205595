//! The pages in Debian's Chromium, served by the real service from a real database through a
//! network that can fail. What happens in the hall is told by the tests in `tests/pages/live`.

use crate::hall::{CATALOG, Served, beats};
use axum::{
    Router,
    extract::{Query, State},
    routing::post,
};
use hydra_proto::{ImageId, PlotTypeName};
use hydra_store::{catalog, now_us, release::By};
use hydra_testkit::{Direction, Engine, Proxy, Rules};
use serde::Deserialize;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::{net::TcpListener, process::Command};

/// What the tests in the browser can make happen.
#[derive(Clone)]
struct Control {
    served: Arc<Served>,
    network: Arc<Proxy>,
    chunk: Arc<AtomicU32>,
    /// When the last image that was ordered was taken.
    taken_us: Arc<AtomicI64>,
}

#[derive(Deserialize)]
struct Verdict {
    plot: PlotTypeName,
    label: String,
    /// Reading of the beam; that of all others, if not given.
    beam: Option<f64>,
}

/// Images of a plot type, drawn just now one after the other, with these verdicts.
async fn images(control: &Control, plot: &PlotTypeName, labels: &[&str], beam: Option<f64>) {
    let written = &control.served.written;
    let last = written.of(plot.as_str()).last().map(|fact| (*fact).clone()).unwrap();
    // a tenth of a millisecond apart, after all that was ordered before
    let took_us = labels.len() as i64 * 100;
    let begin_us = (now_us() - 1_000_000 - took_us).max(control.taken_us.load(Ordering::SeqCst));
    control.taken_us.store(begin_us + took_us, Ordering::SeqCst);
    let mut facts = Vec::with_capacity(labels.len());
    for (n, label) in labels.iter().enumerate() {
        // chunks of the first run in which such a verdict was made
        let like = match *label {
            "Bad" => 10,
            "Unconfirmed" => 20,
            "Novel" => 30,
            _ => 9,
        };
        let mut fact = last.clone();
        fact.verdict = written.fact("DC_occupancy", 80_001, Some(like)).verdict.clone();
        fact.shadow = None;
        fact.beam = beam.unwrap_or(fact.beam);
        fact.chunk = Some(control.chunk.fetch_add(1, Ordering::SeqCst));
        fact.taken_us = begin_us + n as i64 * 100;
        fact.id = ImageId::of(&fact.plot, fact.run, fact.chunk, &fact.content);
        facts.push(fact);
    }
    for batch in facts.chunks(50) {
        written.add(&control.served.db, &control.served.blobs, batch).await;
    }
}

/// A new image of a plot type with this verdict.
async fn verdict(State(control): State<Control>, Query(wanted): Query<Verdict>) {
    images(&control, &wanted.plot, &[&wanted.label], wanted.beam).await;
}

#[derive(Deserialize)]
struct Series {
    plot: PlotTypeName,
    label: String,
    times: usize,
}

/// So many images with the same verdict.
async fn series(State(control): State<Control>, Query(wanted): Query<Series>) {
    images(&control, &wanted.plot, &vec![wanted.label.as_str(); wanted.times], None).await;
}

/// So many images with this verdict, a Good one after each.
async fn flicker(State(control): State<Control>, Query(wanted): Query<Series>) {
    let both = [wanted.label.as_str(), "Good"];
    images(&control, &wanted.plot, &both.repeat(wanted.times), None).await;
}

#[derive(Deserialize)]
struct Network {
    silent: bool,
}

/// The network swallows everything, or passes it on again.
async fn network(State(control): State<Control>, Query(wanted): Query<Network>) {
    let rules = Rules { black_hole: wanted.silent, ..Rules::default() };
    control.network.set(Direction::ToServer, rules.clone());
    control.network.set(Direction::ToClient, rules);
}

#[derive(Deserialize)]
struct Declared {
    plot: String,
    seconds: u32,
    reference: Option<ImageId>,
}

/// A person declares that a plot comes so often, and how it should look.
async fn declare(State(control): State<Control>, Query(wanted): Query<Declared>) {
    let mut declared = catalog::Catalog::parse(CATALOG).unwrap();
    for plot in &mut declared.plot_type {
        if plot.name.as_str() == wanted.plot {
            plot.cadence_s = Some(f64::from(wanted.seconds).try_into().unwrap());
            plot.reference = wanted.reference;
        }
    }
    let by = By { who: "test".into(), why: "declared".into() };
    catalog::apply(&control.served.db, declared, false, by).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pages_in_a_browser() {
    let served = Arc::new(Served::start(Engine::Sqlite).await);
    let network_of = Proxy::start(served.url.trim_start_matches("http://")).await;
    let url = format!("http://{}", network_of.address);
    let control = Control {
        served: served.clone(),
        network: Arc::new(network_of),
        chunk: Arc::new(AtomicU32::new(100)),
        taken_us: Arc::default(),
    };
    let alive = served.clone();
    let _heart = tokio::spawn(async move {
        loop {
            beats(&alive.db).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
    });
    let router = Router::new()
        .route("/verdict", post(verdict))
        .route("/network", post(network))
        .route("/declare", post(declare))
        .route("/series", post(series))
        .route("/flicker", post(flicker))
        .with_state(control);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let orders = format!("http://{}", listener.local_addr().unwrap());
    let _orders = tokio::spawn(async move { axum::serve(listener, router).await });

    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/pages");
    assert!(folder.join("node_modules").is_dir(), "playwright is missing: scripts/pages.sh test");
    let output = Command::new("node")
        .args(["--test", "--test-concurrency=1", "live/"])
        .current_dir(&folder)
        .env("HYDRA_URL", &url)
        .env("HYDRA_ORDERS", &orders)
        .output()
        .await
        .expect("Node.js is installed");
    let told = String::from_utf8_lossy(&output.stdout);
    println!("{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "see above");
    assert!(told.contains("# fail 0") && !told.contains("# pass 0"), "nothing was tried");
}
