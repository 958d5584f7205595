//! Open pages: live streams that note how long after its commit a verdict arrives.
//!
//! They are browsers on other machines, so they live in a process of their own, which yields to
//! the service where both want a core. It prints what it saw at its end; commits are not known here.

use crate::{ingest::Commits, part};
use futures::{StreamExt, future::join_all};
use hydra_store::now_us;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio_util::sync::CancellationToken;

/// When each change arrived at a page, by the images that it names.
type Arrivals = Arc<Mutex<HashMap<String, Vec<i64>>>>;

/// The part of the load that opens `count` pages, says so, and reads until it is asked to end.
pub async fn run(url: &str, count: usize) {
    let stop = CancellationToken::new();
    let arrivals = Arrivals::default();
    let mut pages = Vec::with_capacity(count);
    for _ in 0..count {
        // a client each: as many connections as there are browsers
        let answer = reqwest::Client::new().get(format!("{url}/api/v1/live")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        pages.push(tokio::spawn(read(answer, arrivals.clone(), stop.clone())));
    }
    println!("open");
    part::until_asked().await;
    stop.cancel();
    let ticks = join_all(pages).await.into_iter().map(Result::unwrap).min().unwrap_or(0);
    println!("{ticks}");
    for (images, times) in arrivals.lock().unwrap().iter() {
        let times: Vec<String> = times.iter().map(i64::to_string).collect();
        println!("{images} {}", times.join(","));
    }
}

/// Reads one stream; returns how many ticks it heard.
async fn read(answer: reqwest::Response, arrivals: Arrivals, stop: CancellationToken) -> u64 {
    let (mut ticks, mut text) = (0, String::new());
    let mut bytes = answer.bytes_stream();
    while let Some(Some(more)) = stop.run_until_cancelled(bytes.next()).await {
        let now = now_us();
        text.push_str(&String::from_utf8_lossy(&more.expect("the stream goes on")));
        while let Some((event, rest)) = text.split_once("\n\n") {
            if event.starts_with("event: tick") {
                ticks += 1;
            }
            let images = images(event);
            if !images.is_empty() {
                arrivals.lock().unwrap().entry(images).or_default().push(now);
            }
            text = rest.to_owned();
        }
    }
    assert!(stop.is_cancelled(), "the service cut a page off");
    ticks
}

/// The newest images of the cards of a change, with commas between. Looking for text is cheaper
/// than reading JSON five hundred times.
fn images(event: &str) -> String {
    let key = "\"latest\":{\"image\":\"";
    let images = event
        .match_indices(key)
        .filter_map(|(at, _)| event.get(at + key.len()..at + key.len() + 48));
    images.collect::<Vec<_>>().join(",")
}

/// Prints how late verdicts were on the pages, from what their process printed; whether all were
/// within `bar_ms`.
pub fn report(count: usize, seen: &[String], commits: &Commits, bar_ms: f64) -> bool {
    let commits = commits.lock().unwrap();
    let mut delays_ms = Vec::new();
    for line in &seen[1..] {
        let (images, times) = line.split_once(' ').unwrap();
        let newest = images.split(',').filter_map(|image| commits.get(image)).max();
        let Some(committed_us) = newest else { continue };
        let times = times.split(',').map(|time| time.parse::<i64>().unwrap());
        delays_ms.extend(times.map(|time| (time - committed_us).max(0) as f64 / 1e3));
    }
    delays_ms.sort_unstable_by(f64::total_cmp);
    if delays_ms.is_empty() {
        println!("no verdict reached a page");
        return count == 0;
    }
    let at = |share: f64| delays_ms[((delays_ms.len() - 1) as f64 * share) as usize];
    println!(
        "{count} pages: {} verdicts seen, from commit to page p50 {:.0} ms, p99 {:.0} ms, most {:.0} ms; \
         every page heard at least {} ticks",
        delays_ms.len(),
        at(0.5),
        at(0.99),
        at(1.0),
        seen[0],
    );
    at(0.99) <= bar_ms
}
