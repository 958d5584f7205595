//! The broker itself: restarted, killed, in alarm. Each test has a node of its own.

use crate::line::{Line, policy, transport};
use hydra_stage::{
    Destination, Health, PublishError, Transport,
    suite::{self, Bench},
};
use hydra_testkit::{RabbitNode, eventually, eventually_within};
use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

async fn start() -> (RabbitNode, Arc<Line>, Bench) {
    let node = RabbitNode::start().await;
    let line = Arc::new(Line::open(&node.url).await);
    let bench = Bench::start(transport(&node.url), policy()).await;
    node.queues_on_disk().await;
    (node, line, bench)
}

/// Sends in the background, so that the fault finds publishes and confirms under way.
fn sending(line: &Arc<Line>, count: usize) -> tokio::task::JoinHandle<()> {
    let line = line.clone();
    tokio::spawn(async move { line.send("pass", count).await })
}

async fn ends_well(line: &Line, bench: Bench) {
    let begun = Instant::now();
    eventually_within(Duration::from_secs(60), "ready again", async || {
        bench.health.report().is_ready()
    })
    .await;
    println!("ready {:?} after the broker", begun.elapsed());
    assert_eq!(line.settle().await.dead, 0);
    bench.end().await;
}

/// F07: the broker stops and starts inside its node, as in an upgrade.
#[tokio::test(flavor = "multi_thread")]
async fn f07_broker_restart() {
    let (node, line, bench) = start().await;
    let sender = sending(&line, 800);
    eventually("it flows", async || line.sink().await > 50).await;
    node.stop_app().await.unwrap();
    eventually("not ready", async || !bench.health.report().is_ready()).await;
    node.start_app().await.unwrap();
    sender.await.unwrap();
    ends_well(&line, bench).await;
}

/// F08: the node dies while messages are being confirmed. What was confirmed is there.
#[tokio::test(flavor = "multi_thread")]
async fn f08_broker_kill9() {
    let (mut node, line, bench) = start().await;
    let sender = sending(&line, 800);
    for death in 1..=2 {
        eventually("it flows", async || line.sink().await > death * 60).await;
        node.kill9();
        eventually("not ready", async || !bench.health.report().is_ready()).await;
        node.restart().await;
        eventually_within(Duration::from_secs(60), "ready again", async || {
            bench.health.report().is_ready()
        })
        .await;
    }
    sender.await.unwrap();
    ends_well(&line, bench).await;
}

/// F18 for one queue: its leader does not answer, as after a death in its first seconds or while
/// its majority is away. Others are published to as before, on the same connection.
#[tokio::test(flavor = "multi_thread")]
async fn f18_one_queue_without_a_leader_cuts_no_other_off() {
    let (node, line, bench) = start().await;
    let leader = |what: &str| format!("sys:{what}(whereis('%2F_keep')).");
    node.ctl(&["eval", &leader("suspend")]).await.unwrap();
    line.producer.declare("idle", &policy()).await.unwrap();
    let to = |queue: &str| Destination::Queue(queue.to_owned());
    let stuck = {
        let producer = line.producer.clone();
        tokio::spawn(async move {
            for n in 0..3 {
                let sent = producer.publish(to("keep"), suite::text(&format!("stuck {n}"))).await;
                assert!(matches!(sent, Err(PublishError::Deadline { .. })), "{sent:?}");
            }
        })
    };
    let mut others = 0;
    while !stuck.is_finished() {
        let sent = line.producer.publish(to("idle"), suite::text(&others.to_string())).await;
        assert!(sent.is_ok(), "publish {others}, to a queue that is well: {sent:?}");
        others += 1;
    }
    stuck.await.unwrap();
    println!("{others} publishes beside three that did not get through");
    assert!(others > 100, "{others}");
    node.ctl(&["eval", &leader("resume")]).await.unwrap();
    eventually("the queue takes messages again", async || {
        line.producer.publish(to("keep"), suite::text("late")).await.is_ok()
    })
    .await;
    ends_well(&line, bench).await;
}

/// F14: in alarm the broker takes no messages. Acknowledgements still reach it, publishers wait
/// no longer than their deadline and say so, and all goes on when the alarm ends.
#[tokio::test(flavor = "multi_thread")]
async fn f14_memory_alarm_and_disk_alarm() {
    let (node, line, bench) = start().await;
    for alarm in ["memory", "disk"] {
        let set = async |on| match alarm {
            "memory" => {
                node.memory_alarm(on).await.unwrap();
            }
            _ => {
                let limit = if on { "900000GB" } else { "50MB" };
                node.ctl(&["set_disk_free_limit", limit]).await.unwrap();
            }
        };
        let consumer = transport(&node.url);
        consumer.declare("idle", &policy()).await.unwrap();
        for n in 0..3 {
            let message = suite::text(&n.to_string());
            consumer.publish(Destination::Queue("idle".into()), message).await.unwrap();
        }
        let mut source = consumer.consume("idle", 1, Health::new()).await.unwrap();
        let held = source.next().await.unwrap().unwrap();
        // results that are ready when the alarm is on
        bench.seen.away.store(true, Ordering::SeqCst);
        line.send("pass", 60).await;
        eventually("work is in hand", async || line.waiting().await < 60).await;
        set(true).await;
        bench.seen.away.store(false, Ordering::SeqCst);
        eventually(&format!("{alarm}: the worker says so"), async || {
            let report = bench.health.report();
            let told = report.components.get("publish").cloned().flatten();
            told.is_some_and(|text| text.contains("alarm") || text.contains("no confirm"))
        })
        .await;
        // the broker blocks a connection that publishes while the alarm is on, as a stage does
        let message = suite::text("result");
        let refused = consumer.publish(Destination::Queue("idle".into()), message).await;
        assert!(
            matches!(refused, Err(PublishError::Refused(_) | PublishError::Deadline { .. })),
            "{refused:?}"
        );
        // with a prefetch of one the next delivery comes only if the acknowledgement arrived
        let begun = Instant::now();
        held.ticket.ack().await.unwrap();
        let next = tokio::time::timeout(Duration::from_secs(5), source.next()).await;
        next.expect("acknowledgements go on").unwrap().unwrap().ticket.ack().await.unwrap();
        println!("{alarm}: acknowledged within {:?}", begun.elapsed());
        let begun = Instant::now();
        let message = suite::text("in alarm");
        let refused = line.producer.publish(Destination::Queue("idle".into()), message).await;
        assert!(
            matches!(refused, Err(PublishError::Refused(_) | PublishError::Deadline { .. })),
            "{refused:?}"
        );
        assert!(begun.elapsed() < Duration::from_secs(5), "the deadline holds");
        set(false).await;
        source.stop().await;
        source.close().await;
        consumer.close().await;
        eventually_within(Duration::from_secs(60), "ready again", async || {
            bench.health.report().is_ready()
        })
        .await;
    }
    ends_well(&line, bench).await;
}
