//! One trace an image, from the producer's message or request to the committed row, over five
//! processes.
#![allow(clippy::unwrap_used)]

use e2e::{Hall, Place, Plot, STAGES, release_model_with};
use hydra_amqp::{AmqpTransport, BrokerConfig};
use hydra_stage::Message;
use hydra_testkit::{Prometheus, Span, Traces, eventually};
use std::collections::{BTreeMap, BTreeSet};

const PARENT: &str = "00f067aa0ba902b7";
/// Bytes that are no image, to be found wherever they are told.
const CANARY: &str = "CANARY-in-the-bytes-of-an-image";

/// A W3C `traceparent` as a producer that traces itself sends it.
fn traceparent(trace_id: &str) -> String {
    format!("00-{trace_id}-{PARENT}-01")
}

/// Waits until every process has told what it did, then all spans of the trace.
async fn spans(traces: &Traces, trace_id: &str, first: &str) -> Vec<Span> {
    eventually("the spans of all roles arrive", async || {
        let spans = traces.of_trace(trace_id);
        let infer = spans.iter().find(|span| span.name == "infer");
        let row = spans.iter().any(|span| {
            span.name == "keep" && infer.is_some_and(|infer| infer.span_id == span.parent_id)
        });
        let all = spans.iter().all(|span| {
            span.parent_id == PARENT || spans.iter().any(|other| other.span_id == span.parent_id)
        });
        row && all && spans.iter().any(|span| span.name == first)
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
    let cause = |span: &Span| {
        let parent = by_id.get(span.parent_id.as_str());
        *parent.unwrap_or_else(|| panic!("{} has a cause in the trace", span.name))
    };
    assert_eq!(cause(of("infer")).name, "resize");
    assert_eq!(cause(of("resize")).name, first);
    // the row, and where a heat map was wanted, the row of that
    let rows: Vec<&str> = spans
        .iter()
        .filter(|span| span.name == "keep")
        .map(|span| cause(span).name.as_str())
        .collect();
    assert_eq!(rows.iter().filter(|name| **name == "infer").count(), 1, "{rows:?}");
    assert!(rows.iter().all(|name| ["infer", "gradcam"].contains(name)), "{rows:?}");
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
    check(&spans(&traces, by_amqp, "ingest").await, "ingest");

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
    check(&spans(&traces, by_http, "POST /v1/images").await, "POST /v1/images");
}

/// A process a role; it tells traces with a share of none, and of one plot type every image is Bad.
async fn hall_with_bad_plots(traces: &Traces) -> Hall {
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    hall.variables = vec![
        ("HYDRA_TELEMETRY__OTLP_ENDPOINT".into(), traces.endpoint.clone()),
        ("HYDRA_TELEMETRY__TRACE_FRACTION".into(), "0".into()),
    ];
    let sure = [("Bad".parse().unwrap(), 0.01_f32.try_into().unwrap())];
    let labels = ["Bad", "Good", "Hot"];
    let plot_type = Plot::new(1).plot_type;
    release_model_with(&hall.blobs(), &hall.db, &[plot_type], labels, sure.into()).await;
    hall.start_each(&STAGES).await;
    hall
}

/// With a share of none, the whole trace of every image that turned out Bad is told, from the
/// first span on, and the trace of every error; of the others nothing.
#[tokio::test(flavor = "multi_thread")]
async fn traces_are_sampled_by_outcome() {
    let traces = Traces::start().await;
    let mut hall = hall_with_bad_plots(&traces).await;
    hall.producer.publish(60).await;
    let broken = hall.producer.transport().publish_image(Message {
        id: "not-a-plot".into(),
        body: CANARY.as_bytes().into(),
        ..Plot::new(0).message()
    });
    broken.await.unwrap();
    hall.has_rows(60).await;
    eventually("the broken one is given up", async || hall.dead().await == 1).await;
    let bad = hall.bad().await;
    assert_eq!(bad.len(), 15, "one of four");

    let by_trace = || {
        let mut all = BTreeMap::<String, Vec<Span>>::new();
        for span in traces.spans() {
            all.entry(span.trace_id.clone()).or_default().push(span);
        }
        all
    };
    let named = |spans: &[Span], name: &str| spans.iter().any(|span| span.name == name);
    let row = |spans: &[Span]| named(spans, "infer") && named(spans, "keep");
    eventually("every Bad one has a trace to its row", async || {
        by_trace().values().filter(|spans| row(spans)).count() == bad.len()
    })
    .await;
    let (told, errors): (Vec<_>, Vec<_>) =
        by_trace().into_values().partition(|spans| named(spans, "infer"));
    let mut images = BTreeSet::new();
    for spans in &told {
        let ids: BTreeSet<&str> = spans.iter().map(|span| span.span_id.as_str()).collect();
        assert_eq!(ids.len(), spans.len(), "no span twice: {spans:#?}");
        let one = |name: &str| {
            let found: Vec<_> = spans.iter().filter(|span| span.name == name).collect();
            assert_eq!(found.len(), 1, "one {name}: {spans:#?}");
            found[0]
        };
        let (ingest, resize, infer) = (one("ingest"), one("resize"), one("infer"));
        assert_eq!((&infer.parent_id, &resize.parent_id), (&resize.span_id, &ingest.span_id));
        assert!(ingest.start_ns <= resize.start_ns && resize.start_ns <= infer.start_ns);
        // the message of infer is called after its image
        let message = &infer.attributes["messaging.message.id"];
        images.insert(message.split('/').next().unwrap().to_owned());
    }
    assert_eq!(images, bad, "of the Bad ones and of no other");
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(named(&errors[0], "ingest"), "{errors:#?}");
    // what an image is made of is told neither to the collector nor to the log
    let attributes = traces.spans().into_iter().flat_map(|span| span.attributes);
    let told: Vec<_> = attributes.filter(|(_, value)| value.contains(CANARY)).collect();
    assert!(told.is_empty(), "{told:?}");
    let log = hall.process("ingest").output();
    assert!(log.contains("refused an image") && !log.contains(CANARY), "{log}");
}

/// A Prometheus that scrapes every role finds exemplars, each of a trace that the collector was
/// told, with a value that lies in its bucket; with a share of none, of Bad images and no other.
#[tokio::test(flavor = "multi_thread")]
async fn exemplars_lead_from_the_histograms_to_traces_that_were_told() {
    let traces = Traces::start().await;
    let mut hall = hall_with_bad_plots(&traces).await;
    let mut targets = Vec::new();
    for role in STAGES {
        targets.push((role.to_owned(), hall.health(role).await));
    }
    let prometheus = Prometheus::scraping(&targets).await;
    hall.producer.publish(60).await;
    hall.has_rows(60).await;
    let ask = async |metric: &str| {
        let path = format!("query_exemplars?query={metric}&start=0&end=9999999999");
        let found = prometheus.ask(&path).await.unwrap();
        found.as_array().unwrap().clone()
    };
    let stages = |found: &[serde_json::Value]| {
        let stages = found.iter().map(|series| series["seriesLabels"]["stage"].as_str().unwrap());
        stages.map(str::to_owned).collect::<BTreeSet<String>>()
    };
    // ingest and resize work before anybody knows that a plot is Bad
    let late = BTreeSet::from(["infer", "gradcam", "keep"].map(str::to_owned));
    for metric in ["hydra_lag_seconds_bucket", "hydra_work_seconds_bucket"] {
        let what = format!("exemplars of {metric} of {late:?}");
        eventually(&what, async || late.is_subset(&stages(&ask(metric).await))).await;
        for series in ask(metric).await {
            let bound: f64 = series["seriesLabels"]["le"].as_str().unwrap().parse().unwrap();
            for exemplar in series["exemplars"].as_array().unwrap() {
                let value: f64 = exemplar["value"].as_str().unwrap().parse().unwrap();
                assert!(value <= bound, "{exemplar} in the bucket up to {bound}");
                let trace_id = exemplar["labels"]["trace_id"].as_str().unwrap();
                let told = format!("the collector was told {trace_id}");
                eventually(&told, async || {
                    traces.of_trace(trace_id).iter().any(|span| span.name == "infer")
                })
                .await;
            }
        }
    }
    // the text format, which has no place for them, stays as it is
    let text = hall.metrics("keep").await;
    assert!(text.contains("hydra_lag_seconds_bucket") && !text.contains("trace_id"), "{text}");
}
