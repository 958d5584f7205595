//! Many workers that come and go, and a queue that was long before the first of them.

use crate::line::{Line, policy, sized, transport};
use hydra_stage::suite::Bench;
use hydra_testkit::{Rabbit, eventually, usage};
use std::{sync::Arc, time::Instant};

fn handled(bench: &Bench) -> usize {
    bench.seen.calls.lock().unwrap().iter().map(Vec::len).sum()
}

/// F39: 1, 16, 0, 8 workers. Whoever goes drains first, so nothing is delivered twice; whoever
/// comes gets its share.
#[tokio::test(flavor = "multi_thread")]
async fn f39_scale_churn() {
    let rabbit = Rabbit::start().await;
    let line = Arc::new(Line::open(&rabbit.url).await);
    let sender = {
        let line = line.clone();
        tokio::spawn(async move { line.send("pass", 1_500).await })
    };
    let mut benches = Vec::new();
    let mut done = 0;
    for (workers, until) in [(1, 150), (16, 600), (0, 600)] {
        while benches.len() < workers {
            benches.push(Bench::start(transport(&rabbit.url), policy()).await);
        }
        while benches.len() > workers {
            let bench: Bench = benches.pop().unwrap();
            bench.end().await;
        }
        eventually("it flows", async || line.sink().await >= until).await;
        done = line.sink().await;
    }
    sender.await.unwrap();
    assert_eq!(line.sink().await, done, "nobody works");
    let mut last = Vec::new();
    for _ in 0..8 {
        last.push(Bench::start(transport(&rabbit.url), policy()).await);
    }
    eventually("all eight are there", async || line.consumers().await == 8).await;
    line.send("slow", 320).await;
    let outcome = line.settle().await;
    assert_eq!((outcome.repeated, outcome.dead), (0, 0), "drained workers repeat nothing");
    for bench in last {
        assert!(handled(&bench) > 0, "one of eight starved");
        bench.end().await;
    }
}

/// F41: workers that start on a long queue. A million with `HYDRA_FAULTS_FULL=1`.
#[tokio::test(flavor = "multi_thread")]
async fn f41_backlog_cold_start_has_flat_memory() {
    let count = sized(6_000, 1_000_000);
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    line.send("pass", count).await;
    assert_eq!(line.waiting().await, count as u64);
    let memory = || usage(std::process::id()).unwrap().rss_bytes;
    let before = memory();
    let begun = Instant::now();
    let bench = Bench::start(transport(&rabbit.url), policy()).await;
    let mut most = before;
    hydra_testkit::eventually_within(
        std::time::Duration::from_secs(sized(60, 3_000) as u64),
        "the backlog is worked off",
        async || {
            most = most.max(memory());
            line.sink().await >= count as u64
        },
    )
    .await;
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    let grown = (most - before) >> 20;
    println!("{count} messages at {rate:.0} a second, memory grew by {grown} MiB");
    // the probe itself notes every order it saw
    let noted = (count * 200) >> 20;
    assert!(grown < 48 + noted as u64, "memory grew by {grown} MiB");
    bench.end().await;
}
