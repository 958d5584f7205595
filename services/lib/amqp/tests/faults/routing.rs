//! Queues and exchanges that are full, gone, unbound or other than they should be.

use crate::line::{Line, config, policy, transport};
use hydra_amqp::AmqpTransport;
use hydra_stage::{
    Destination, PublishError, Transport, TransportError,
    suite::{self, Bench},
};
use hydra_testkit::{Rabbit, eventually};
use serde_json::json;
use std::sync::Arc;

async fn start() -> (Rabbit, Line, Bench) {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    let bench = Bench::start(transport(&rabbit.url), policy()).await;
    (rabbit, line, bench)
}

/// A worker that may not declare, as where a job owns the topology.
async fn start_without_rights() -> (Rabbit, Line, Bench) {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    let worker = hydra_amqp::BrokerConfig { declare: false, ..config(&rabbit.url) };
    let bench = Bench::start(Arc::new(AmqpTransport::new(worker)), policy()).await;
    (rabbit, line, bench)
}

async fn waits_with_all_of_it(rabbit: &Rabbit, bench: &Bench, count: u64) {
    eventually("health says so", async || !bench.health.report().is_ready()).await;
    eventually("it holds what it cannot publish", async || {
        let queue = rabbit.api.queue("probe").await.unwrap_or_default();
        queue["messages_unacknowledged"].as_u64() == Some(count)
    })
    .await;
}

/// F10: an administrator closes every connection; the prefetch comes back with the session.
#[tokio::test(flavor = "multi_thread")]
async fn f10_connection_closed_by_admin_restores_the_prefetch() {
    let (rabbit, line, bench) = start().await;
    let wanted = u64::from(policy().prefetch());
    for _ in 0..3 {
        line.send("slow", 60).await;
        eventually("connections are listed", async || {
            rabbit.api.connections().await.is_ok_and(|all| all.len() >= 2)
        })
        .await;
        for connection in rabbit.api.connections().await.unwrap() {
            let _gone = rabbit.api.close_connection(&connection).await;
        }
        eventually("one consumer with its prefetch", async || {
            rabbit.api.consumer_prefetches("probe").await.is_ok_and(|all| all == [wanted])
        })
        .await;
    }
    // never more in one worker than it may hold
    line.send("slow", 200).await;
    let mut most = 0;
    eventually("all pass", async || {
        let queue = rabbit.api.queue("probe").await.unwrap_or_default();
        most = most.max(queue["messages_unacknowledged"].as_u64().unwrap_or(0));
        line.sink().await >= 380
    })
    .await;
    assert!(most <= wanted, "{most} unacknowledged, {wanted} allowed");
    assert_eq!(line.settle().await.dead, 0);
    bench.end().await;
}

/// F11: an error of a channel costs that channel, not the worker beside it.
#[tokio::test(flavor = "multi_thread")]
async fn f11_channel_errors_cost_their_own_channel() {
    let (rabbit, line, bench) = start().await;
    line.send("pass", 20).await;
    // a queue that is not there (404 for a passive declaration), many times
    for _ in 0..20 {
        assert!(bench.transport.depth("nowhere").await.is_err());
        let to = Destination::Queue("nowhere".into());
        let error = bench.transport.publish(to, suite::text("x")).await.unwrap_err();
        assert!(matches!(error, PublishError::Unroutable(_)), "{error:?}");
    }
    // the exchange under the worker's feet (404 for a publish): declared again
    rabbit.api.delete_exchange("hydra.work").await.unwrap();
    let order = suite::text("first after the loss");
    bench.transport.publish(Destination::Queue("sink".into()), order).await.unwrap();
    assert!(bench.health.report().is_ready());
    // the producer declares what it needs, as every process does
    Line::open(&rabbit.url).await;
    line.send("pass", 20).await;
    eventually("all pass", async || line.sink().await == 41).await;
    bench.end().await;
}

/// F12: the queue is deleted under its consumer.
#[tokio::test(flavor = "multi_thread")]
async fn f12_queue_deleted_is_declared_again_and_consumed() {
    let (rabbit, line, bench) = start().await;
    line.send("pass", 20).await;
    eventually("all pass", async || line.sink().await == 20 && line.waiting().await == 0).await;
    rabbit.api.delete_queue("probe").await.unwrap();
    eventually("a queue and a consumer again", async || {
        let depth = line.producer.depth("probe").await;
        println!("{depth:?} {:?}", bench.health.report().components);
        depth.is_ok_and(|depth| depth.consumers == 1)
    })
    .await;
    line.send("pass", 20).await;
    assert_eq!(line.settle().await.dead, 0);
    bench.end().await;
}

/// F13: the queue is there with other arguments; waiting would not help.
#[tokio::test(flavor = "multi_thread")]
async fn f13_precondition_mismatch_ends_the_start_with_the_queues_name() {
    let rabbit = Rabbit::start().await;
    rabbit.api.declare_queue("probe", json!({"x-queue-type": "classic"})).await.unwrap();
    let error = transport(&rabbit.url).declare("probe", &policy()).await.unwrap_err();
    assert!(matches!(&error, TransportError::Mismatch { queue, .. } if queue == "probe"));
    assert_eq!(error.to_string(), "queue probe exists with other arguments");
}

/// Wrong credentials and a virtual host that is not there: said at once, not retried for ever.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_and_virtual_hosts_are_final() {
    let rabbit = Rabbit::start().await;
    let stranger = rabbit.url.replace("guest:guest", "guest:wrong");
    let nowhere = format!("{}_nowhere", rabbit.url);
    for url in [stranger, nowhere] {
        let transport = transport(&url);
        let error = transport.declare("probe", &policy()).await.unwrap_err();
        assert!(matches!(error, TransportError::Denied(_)), "{url}: {error:?}");
        let text = format!("{:#}", anyhow::Error::new(error));
        assert!(text.contains("broker.url"), "{text}");
        assert!(!text.contains("wrong"), "the password is in {text}");
    }
    // and where declaring is another one's task, consuming says it
    let worker = hydra_amqp::BrokerConfig {
        declare: false,
        ..config(&rabbit.url.replace("guest:guest", "guest:wrong"))
    };
    let worker = AmqpTransport::new(worker);
    let mut source = worker.consume("probe", 1, hydra_stage::Health::new()).await.unwrap();
    assert!(matches!(source.next().await, Err(TransportError::Denied(_))));
}

/// F19: the queue behind is full and says no: back-pressure, nothing lost.
#[tokio::test(flavor = "multi_thread")]
async fn f19_nack_from_broker_is_back_pressure() {
    let (rabbit, line, bench) = start().await;
    let short =
        json!({"pattern": "^sink$", "definition": {"max-length": 10}, "apply-to": "queues"});
    rabbit.api.put("policies/{vhost}/short", short).await.unwrap();
    eventually("the sink is short", async || {
        rabbit.api.queue("sink").await.is_ok_and(|queue| queue["policy"] == "short")
    })
    .await;
    line.send("pass", 200).await;
    eventually("health says so", async || !bench.health.report().is_ready()).await;
    eventually("the queue before it fills", async || line.waiting().await > 50).await;
    assert_eq!(line.dead().await, 0, "a full queue is no failure of a message");
    rabbit.api.delete("policies/{vhost}/short").await.unwrap();
    assert_eq!(line.settle().await.dead, 0);
    bench.end().await;
}

/// F20: nobody takes what the worker makes: the message comes back, its input is not settled.
#[tokio::test(flavor = "multi_thread")]
async fn f20_unroutable_is_held_until_there_is_a_way() {
    let (rabbit, line, bench) = start_without_rights().await;
    rabbit.api.delete("bindings/{vhost}/e/hydra.work/q/sink/sink").await.unwrap();
    line.send("pass", 10).await;
    waits_with_all_of_it(&rabbit, &bench, 10).await;
    // whoever owns the topology binds it again
    Line::open(&rabbit.url).await;
    assert_eq!(line.settle().await.dead, 0);
    bench.end().await;
}

/// F20, where the worker declares its queues itself: mended without a person.
#[tokio::test(flavor = "multi_thread")]
async fn f20_unroutable_is_mended_by_whoever_may_declare() {
    let (rabbit, line, bench) = start().await;
    rabbit.api.delete("bindings/{vhost}/e/hydra.work/q/sink/sink").await.unwrap();
    line.send("pass", 10).await;
    assert_eq!(line.settle().await.dead, 0);
    bench.end().await;
}

/// F22: there is nowhere to bury: the message stays with us until there is.
#[tokio::test(flavor = "multi_thread")]
async fn f22_dlx_missing_holds_the_message() {
    let (rabbit, line, bench) = start_without_rights().await;
    rabbit.api.delete_exchange("hydra.dead").await.unwrap();
    line.send("refuse", 5).await;
    waits_with_all_of_it(&rabbit, &bench, 5).await;
    line.send("pass", 5).await;
    eventually("others flow", async || line.sink().await == 5).await;
    Line::open(&rabbit.url).await;
    eventually("buried", async || line.dead().await == 5).await;
    bench.end().await;
}

/// F22, the other half: what the broker itself gives up, after twenty returns, is among the dead
/// letters too.
#[tokio::test(flavor = "multi_thread")]
async fn f22_delivery_limit_of_the_broker_buries_too() {
    let rabbit = Rabbit::start().await;
    let line = Line::open(&rabbit.url).await;
    line.send("pass", 1).await;
    let worker = transport(&rabbit.url);
    let mut source = worker.consume("probe", 1, hydra_stage::Health::new()).await.unwrap();
    for _ in 0..=hydra_amqp::topology::DELIVERY_LIMIT {
        let delivery = source.next().await.unwrap().unwrap();
        delivery.ticket.give_back().await;
    }
    eventually("the broker buried it", async || line.dead().await == 1).await;
    let dead = line.producer.dead_letters();
    let letters = dead.list("probe", 10).await.unwrap();
    assert_eq!(letters[0].reason, "delivery_limit");
    dead.close().await;
    source.close().await;
}
