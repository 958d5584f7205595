//! Open pages: live streams that note how long after its commit a verdict arrives.

use crate::ingest::Commits;
use futures::StreamExt;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What one page saw.
pub struct Seen {
    /// From commit to arrival, of the newest image of each change.
    delays: Vec<Duration>,
    ticks: u64,
}

/// Opens `count` pages; each reads until `stop`.
pub async fn open(
    url: &str,
    count: usize,
    commits: Commits,
    stop: CancellationToken,
) -> Vec<JoinHandle<Seen>> {
    let mut pages = Vec::with_capacity(count);
    for _ in 0..count {
        // a client each: as many connections as there are browsers
        let answer = reqwest::Client::new().get(format!("{url}/api/v1/live")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let (commits, stop) = (commits.clone(), stop.clone());
        pages.push(tokio::spawn(async move {
            let mut seen = Seen { delays: Vec::new(), ticks: 0 };
            let mut bytes = answer.bytes_stream();
            let mut text = String::new();
            while let Some(Some(Ok(more))) = stop.run_until_cancelled(bytes.next()).await {
                let now = Instant::now();
                text.push_str(&String::from_utf8_lossy(&more));
                while let Some((event, rest)) = text.split_once("\n\n") {
                    seen.note(event, now, &commits);
                    text = rest.to_owned();
                }
            }
            seen
        }));
    }
    pages
}

impl Seen {
    fn note(&mut self, event: &str, now: Instant, commits: &Commits) {
        if event.starts_with("event: tick") {
            self.ticks += 1;
        }
        // Looking for text is cheaper than reading JSON five hundred times.
        let key = "\"latest\":{\"image\":\"";
        let images = event
            .match_indices(key)
            .filter_map(|(at, _)| event.get(at + key.len()..at + key.len() + 48));
        let commits = commits.lock().unwrap();
        let newest = images.filter_map(|id| commits.get(id)).max();
        self.delays.extend(newest.map(|committed| now.saturating_duration_since(*committed)));
    }
}

/// Prints how late verdicts were on the pages; whether all were within `bar`.
pub async fn report(pages: Vec<JoinHandle<Seen>>, bar: Duration) -> bool {
    let count = pages.len();
    let (mut delays, mut least_ticks) = (Vec::new(), u64::MAX);
    for page in pages {
        let seen = page.await.unwrap();
        least_ticks = least_ticks.min(seen.ticks);
        delays.extend(seen.delays);
    }
    delays.sort_unstable();
    if delays.is_empty() {
        println!("no verdict reached a page");
        return count == 0;
    }
    let at = |share: f64| delays[((delays.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{count} pages: {} verdicts seen, from commit to page p50 {:.0} ms, p99 {:.0} ms, most {:.0} ms; \
         every page heard at least {least_ticks} ticks",
        delays.len(),
        at(0.5),
        at(0.99),
        at(1.0)
    );
    at(0.99) <= bar.as_secs_f64() * 1e3
}
