//! A collector of traces that is dead, swallows everything or is slow.

use e2e::{Hall, Place, STAGES};
use hydra_testkit::{Proxy, Rules, Traces};
use std::time::{Duration, Instant};

/// F36: the pipeline does not wait for its collector, neither at work nor at the end.
#[tokio::test(flavor = "multi_thread")]
async fn f36_otel_dead_blackhole_or_slow() {
    let collector = Traces::start().await;
    let proxy = Proxy::start(collector.endpoint.trim_start_matches("http://")).await;
    let dead = format!("http://127.0.0.1:{}", hydra_testkit::free_port());
    let through = format!("http://{}", proxy.address);
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    let slow = Rules { delay: Duration::from_millis(700), ..Rules::default() };
    let hole = Rules { black_hole: true, ..Rules::default() };
    let mut images = 0;
    for (what, endpoint, rules) in [
        ("dead", dead, None),
        ("black hole", through.clone(), Some(hole)),
        ("slow", through, Some(slow)),
    ] {
        proxy.set_both(rules.unwrap_or_default());
        hall.variables = vec![
            ("HYDRA_TELEMETRY__OTLP_ENDPOINT".into(), endpoint),
            ("HYDRA_TELEMETRY__TRACE_FRACTION".into(), "1".into()),
        ];
        hall.start(&STAGES);
        hall.all_ready().await;
        hall.producer.publish(60).await;
        images += 60;
        hall.has_rows(images).await;
        let begun = Instant::now();
        let status = hall.terminate("keep", Duration::from_secs(30)).await;
        assert_eq!(status, Some(0), "{what}");
        // two seconds for the last traces, and the drain of a process with nothing in hand
        assert!(begun.elapsed() < Duration::from_secs(6), "{what}: {:?}", begun.elapsed());
        proxy.heal();
        proxy.cut();
    }
    hall.variables.clear();
    hall.start(&STAGES);
    hall.all_ready().await;
    hall.settle(Duration::from_secs(60), 0).await;
}
