//! One trace an image, from the producer's message or request to the committed row, over five
//! processes.
#![allow(clippy::unwrap_used)]

use e2e::{Hall, Place, Plot, STAGES};
use hydra_amqp::{AmqpTransport, BrokerConfig};
use hydra_testkit::{Span, Traces, eventually};
use std::collections::{BTreeMap, BTreeSet};

const PARENT: &str = "00f067aa0ba902b7";

/// A W3C `traceparent` as a producer that traces itself sends it.
fn traceparent(trace_id: &str) -> String {
    format!("00-{trace_id}-{PARENT}-01")
}

/// Waits until `keep` has told its span, then all spans of the trace.
async fn spans(traces: &Traces, trace_id: &str) -> Vec<Span> {
    eventually("the row's span arrives", async || {
        traces.of_trace(trace_id).iter().any(|span| span.name == "keep")
    })
    .await;
    traces.of_trace(trace_id)
}

/// Every span hangs on another one of the trace, or on the producer's.
fn check(spans: &[Span], first: &str) {
    let ids: BTreeSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
    let by_id: BTreeMap<&str, &Span> = spans.iter().map(|s| (s.span_id.as_str(), s)).collect();
    for span in spans {
        let parent = span.parent_id.as_str();
        assert!(parent == PARENT || ids.contains(parent), "{} hangs on nothing", span.name);
        assert!(span.end_ns >= span.start_ns, "{}", span.name);
        if let Some(parent) = by_id.get(parent) {
            assert!(span.start_ns >= parent.start_ns, "{} begins before its cause", span.name);
        }
    }
    let of = |name: &str| {
        let found: Vec<&Span> = spans.iter().filter(|span| span.name == name).collect();
        assert_eq!(found.len(), 1, "one span {name} in {spans:#?}");
        found[0]
    };
    assert_eq!(of(first).parent_id, PARENT, "the producer's span is the first cause");
    let mut child = of("keep");
    for stage in ["infer", "resize"] {
        let parent = by_id.get(child.parent_id.as_str());
        let parent = parent.unwrap_or_else(|| panic!("{} has a cause in the trace", child.name));
        assert_eq!(parent.name, stage, "what caused {}", child.name);
        child = parent;
    }
    let services: BTreeSet<&str> = spans.iter().map(|span| span.service.as_str()).collect();
    assert!(services.len() >= 4, "a process a role: {services:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_from_the_producer_to_the_row() {
    let traces = Traces::start().await;
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    hall.variables = vec![("HYDRA_TELEMETRY__OTLP_ENDPOINT".into(), traces.endpoint.clone())];
    hall.start_each(&STAGES).await;

    let by_amqp = "4bf92f3577b34da6a3ce929d0e0e4736";
    let broker = hall.environment().into_iter().find(|(k, _)| k == "HYDRA_BROKER__URL").unwrap().1;
    let config: BrokerConfig = serde_json::from_value(serde_json::json!({
        "url": broker, "heartbeat_s": 10, "connect_timeout_s": 5, "confirm_timeout_s": 5, "declare": false,
    }))
    .unwrap();
    let transport = AmqpTransport::new(config);
    let message = Plot::new(0).message().with_header("traceparent", traceparent(by_amqp));
    transport.publish_image(message).await.unwrap();
    check(&spans(&traces, by_amqp).await, "ingest");

    let by_http = "0af7651916cd43dd8448eb211c80319c";
    let door = hall.process("ingest").address("ingest: http").await;
    let plot = Plot::new(1);
    let answer = reqwest::Client::new()
        .post(format!(
            "http://{door}/v1/images?plot-type={}&run={}&chunk={}",
            plot.plot_type, plot.run, plot.chunk
        ))
        .header("traceparent", traceparent(by_http))
        .body(plot.png.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 201, "{}", answer.text().await.unwrap());
    check(&spans(&traces, by_http).await, "POST /v1/images");
}
