//! The network between a worker and the broker: slow, silent, cut, garbled.

use crate::line::{Line, PATIENCE, policy, sized, transport};
use bytes::{Bytes, BytesMut};
use hydra_stage::suite::{Bench, Seen};
use hydra_testkit::{
    Direction, Filter, Proxy, Rabbit, Rules, dropping_confirms, eventually, eventually_within,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// A worker behind a proxy.
struct Far {
    line: Line,
    proxy: Proxy,
    bench: Bench,
    rabbit: Rabbit,
}

impl Far {
    async fn start() -> Self {
        let rabbit = Rabbit::start().await;
        let proxy = Proxy::start(&rabbit.address).await;
        let line = Line::open(&rabbit.url).await;
        let bench = Bench::start(transport(&rabbit.url_through(proxy.address)), policy()).await;
        Self { line, proxy, bench, rabbit }
    }

    fn broker_is_well(&self) -> bool {
        self.bench.health.report().components.get("broker: probe").is_some_and(Option::is_none)
    }

    /// Says after how long the worker knew that it is alone.
    async fn noticed(&self) -> Duration {
        let begun = Instant::now();
        eventually("the worker knows", async || !self.bench.health.report().is_ready()).await;
        begun.elapsed()
    }

    /// Everything came out, and the worker is whole: ready, one consumer, its prefetch.
    async fn ends_well(self) -> usize {
        let outcome = self.line.settle().await;
        assert_eq!(outcome.dead, 0);
        eventually("it is ready", async || self.bench.health.report().is_ready()).await;
        let wanted = u64::from(policy().prefetch());
        eventually("one consumer with its prefetch", async || {
            self.rabbit.api.consumer_prefetches("probe").await.is_ok_and(|all| all == [wanted])
        })
        .await;
        self.bench.end().await;
        outcome.repeated
    }
}

fn handled(seen: &Seen) -> usize {
    seen.calls.lock().unwrap().iter().map(Vec::len).sum()
}

/// F09, by way of the proxy: no broker for much longer than a reconnection takes.
#[tokio::test(flavor = "multi_thread")]
async fn f09_broker_down_5min() {
    let far = Far::start().await;
    far.line.send("pass", 50).await;
    eventually("it works", async || handled(&far.bench.seen) > 0).await;
    far.proxy.refuse(true);
    far.proxy.cut();
    far.noticed().await;
    far.line.send("pass", 50).await;
    let away = Duration::from_secs(sized(12, 300) as u64);
    let until = Instant::now() + away;
    while Instant::now() < until {
        assert!(!far.bench.health.report().is_ready(), "ready without a broker");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    far.proxy.refuse(false);
    far.ends_well().await;
}

/// F15: bytes vanish both ways, no connection ends.
#[tokio::test(flavor = "multi_thread")]
async fn f15_net_blackhole_is_noticed_by_the_heartbeat() {
    let far = Far::start().await;
    far.line.send("pass", 100).await;
    far.proxy.set_both(Rules { black_hole: true, ..Rules::default() });
    far.line.send("pass", 50).await;
    let noticed = far.noticed().await;
    // twice the heartbeat of 2 s, and time for the machine
    assert!(noticed < Duration::from_secs(8), "noticed after {noticed:?}");
    far.proxy.heal();
    far.ends_well().await;
}

/// F16: resets in the middle of frames, again and again.
#[tokio::test(flavor = "multi_thread")]
async fn f16_net_rst_mid_frame() {
    let far = Far::start().await;
    for round in 1..=5 {
        far.line.send("pass", 80).await;
        eventually("it works", async || handled(&far.bench.seen) >= round * 20).await;
        far.proxy.cut();
    }
    far.ends_well().await;
}

/// F16: one side says the end, the other goes on.
#[tokio::test(flavor = "multi_thread")]
async fn f16_net_half_close() {
    let far = Far::start().await;
    for direction in [Direction::ToClient, Direction::ToServer] {
        far.line.send("pass", 60).await;
        far.proxy.half_close(direction);
        far.line.send("pass", 60).await;
    }
    far.ends_well().await;
}

/// F16: every byte in a packet of its own.
#[tokio::test(flavor = "multi_thread")]
async fn f16_net_single_byte_writes() {
    let far = Far::start().await;
    far.proxy.set_both(Rules { single_bytes: true, ..Rules::default() });
    far.line.send("pass", 100).await;
    let repeated = far.ends_well().await;
    assert_eq!(repeated, 0, "slow, and nothing else");
}

/// Breaks the end mark of every so many-th frame, which AMQP can notice; bodies have no checksum
/// but TCP's.
fn breaking_frames(every: u32, broken: Arc<AtomicU32>) -> Filter {
    let mut pending = BytesMut::new();
    let mut frames = 0;
    // the eight bytes with which a client begins are no frame
    let mut greeting = true;
    Box::new(move |bytes| -> Bytes {
        pending.extend_from_slice(bytes);
        let mut out = BytesMut::new();
        if greeting && pending.starts_with(b"AMQP") && pending.len() >= 8 {
            out.extend_from_slice(&pending.split_to(8));
        }
        greeting = false;
        while pending.len() >= 7 {
            let size = u32::from_be_bytes([pending[3], pending[4], pending[5], pending[6]]);
            let whole = 7 + size as usize + 1;
            if pending.len() < whole {
                break;
            }
            let mut frame = pending.split_to(whole);
            frames += 1;
            if frames % every == 0 {
                frame[whole - 1] ^= 0x10;
                broken.fetch_add(1, Ordering::SeqCst);
            }
            out.extend_from_slice(&frame);
        }
        out.freeze()
    })
}

/// F16: frames that arrive broken.
#[tokio::test(flavor = "multi_thread")]
async fn f16_net_corrupt_byte_is_a_frame_error_and_a_new_session() {
    let far = Far::start().await;
    let broken = Arc::new(AtomicU32::new(0));
    for direction in [Direction::ToClient, Direction::ToServer] {
        let count = broken.clone();
        let filter: Arc<dyn Fn() -> Filter + Send + Sync> =
            Arc::new(move || breaking_frames(60, count.clone()));
        far.proxy.set(direction, Rules { filter: Some(filter), ..Rules::default() });
        // filters are for connections that begin
        far.proxy.cut();
        let before = broken.load(Ordering::SeqCst);
        far.line.send("pass", 100).await;
        eventually("frames were broken", async || broken.load(Ordering::SeqCst) > before + 2).await;
        far.proxy.heal();
        far.proxy.cut();
    }
    far.ends_well().await;
}

/// F17: far away on a thin line: slower, and no error.
#[tokio::test(flavor = "multi_thread")]
async fn f17_net_slow_costs_time_and_no_session() {
    let far = Far::start().await;
    eventually("it is ready", async || far.bench.health.report().is_ready()).await;
    let ms = Duration::from_millis;
    let rules = Rules { delay: ms(10), jitter: ms(30), rate: Some(64_000), ..Rules::default() };
    far.proxy.set_both(rules);
    far.line.send("pass", 200).await;
    let mut always_well = true;
    let wanted = 200;
    eventually_within(PATIENCE, "all pass", async || {
        always_well &= far.broker_is_well();
        far.line.sink().await >= wanted
    })
    .await;
    assert!(always_well, "a session was lost to slowness alone");
    assert_eq!(far.ends_well().await, 0);
}

/// F18: the broker has the message, its word is lost: published again under the same id.
#[tokio::test(flavor = "multi_thread")]
async fn f18_confirm_lost_is_published_again_and_nothing_is_acknowledged_before() {
    let far = Far::start().await;
    let filter: Arc<dyn Fn() -> Filter + Send + Sync> = Arc::new(|| dropping_confirms());
    far.proxy.set(Direction::ToClient, Rules { filter: Some(filter), ..Rules::default() });
    far.proxy.cut();
    far.line.send("pass", 20).await;
    eventually("they are in the sink", async || far.line.sink().await >= 20).await;
    // no word came, so the worker still holds all of them
    let unacked = async || {
        let queue = far.rabbit.api.queue("probe").await.unwrap_or_default();
        queue["messages_unacknowledged"].as_u64().unwrap_or(0)
    };
    eventually("all are held", async || unacked().await == 20).await;
    eventually("health says so", async || !far.bench.health.report().is_ready()).await;
    far.proxy.heal();
    let repeated = far.ends_well().await;
    assert!(repeated >= 20, "each was published again: {repeated}");
}
