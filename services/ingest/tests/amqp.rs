//! Images as messages of foreign producers, with the runner around the door.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Hall, png};
use hydra_blobs::Blobs;
use hydra_ingest::AmqpDoor;
use hydra_stage::{
    Destination, Health, Message, Policy, Runner, Transport,
    message::{ERROR, REASON},
};
use hydra_testkit::eventually;
use std::{collections::BTreeMap, sync::Arc, time::Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

fn message(headers: &[(&str, &str)], body: Vec<u8>) -> Message {
    let headers = headers.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let headers: BTreeMap<String, String> = headers.collect();
    Message { id: String::new(), type_name: String::new(), headers, body: body.into() }
}

/// The door's stage, running.
struct Running {
    health: Health,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Running {
    async fn start(hall: &Hall) -> Self {
        for queue in ["ingest", "keep"] {
            hall.transport.declare(queue, &Policy::default()).await.unwrap();
        }
        let (health, stop) = (Health::new(), CancellationToken::new());
        let stage = AmqpDoor::new(hall.door.clone());
        let runner = Runner::new(stage, Arc::new(hall.transport.clone()), health.clone());
        let token = stop.clone();
        let task = tokio::spawn(async move { runner.run(token).await.unwrap() });
        Self { health, stop, task }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

async fn send(hall: &Hall, message: Message) {
    hall.transport.publish(Destination::Queue("ingest".into()), message).await.unwrap();
}

#[tokio::test]
async fn five_lines_of_any_client_bring_an_image_in() {
    let hall = Hall::open().await;
    let running = Running::start(&hall).await;
    let headers = [
        ("plot-type", "CDC_occupancy"),
        ("run", "80464"),
        ("run-period", "RunPeriod-2021-08"),
        ("chunk", "37"),
        ("taken-at", "2021-08-23T14:11:12Z"),
        ("source", "monitoring"),
        ("conditions", r#"{"beam_na": 150}"#),
    ];
    send(&hall, message(&headers, png(1))).await;
    eventually("it is announced", async || hall.count().await == 1).await;
    let (_, image) = hall.announced().await.remove(0);
    assert_eq!(
        (image.plot_type.as_str(), image.run, image.chunk),
        ("CDC_occupancy", 80464, Some(37))
    );
    assert_eq!(image.taken_at_us, 1_629_727_872_000_000);
    assert_eq!(image.conditions_json, r#"{"beam_na":150}"#);
    running.end().await;
}

#[tokio::test]
async fn bad_messages_are_buried_with_their_bytes_and_a_reason_that_names_the_thing() {
    let hall = Hall::open().await;
    let running = Running::start(&hall).await;
    let ok = [("plot-type", "A"), ("run", "1")];
    let bad = [
        (message(&[("run", "1")], png(1)), "plot-type is missing"),
        (message(&[("plot-type", "A")], png(1)), "run is missing"),
        (message(&[("plot-type", "A"), ("run", "one")], png(1)), "run is not valid"),
        (message(&[("plot-type", "../x"), ("run", "1")], png(1)), "plot-type is not valid"),
        (message(&[ok[0], ok[1], ("conditions", "[1]")], png(1)), "conditions is not valid"),
        (message(&ok, Vec::new()), "image is empty"),
        (message(&ok, b"%PDF-1.7".to_vec()), "image is PDF"),
        (message(&ok, png(1)[..40].to_vec()), "PNG is cut off"),
        (message(&ok, vec![0; 64 << 20]), "image has 67108864 bytes"),
    ];
    for (message, _) in &bad {
        send(&hall, message.clone()).await;
    }
    send(&hall, message(&ok, png(2))).await;
    eventually("all are dealt with", async || {
        hall.transport.dead("ingest").len() == bad.len() && hall.count().await == 1
    })
    .await;
    let dead = hall.transport.dead("ingest");
    for (message, why) in &bad {
        let found = dead.iter().find(|dead| dead.headers[ERROR].contains(why));
        let found = found.unwrap_or_else(|| panic!("{why} is not among {dead:?}"));
        assert_eq!((found.headers[REASON].as_str(), &found.body), ("refused", &message.body));
    }
    running.end().await;
}

#[tokio::test]
async fn a_storm_of_repetitions_is_announced_once() {
    let hall = Hall::open().await;
    let running = Running::start(&hall).await;
    let image = message(&[("plot-type", "A"), ("run", "1")], png(1));
    send(&hall, image.clone()).await;
    eventually("the first is announced", async || hall.count().await == 1).await;
    for _ in 0..100 {
        send(&hall, image.clone()).await;
    }
    eventually("the queue is empty", async || {
        hall.transport.depth("ingest").await.unwrap().ready == 0
    })
    .await;
    running.end().await;
    assert_eq!(hall.count().await, 1);
}

#[tokio::test]
async fn images_wait_in_the_queue_while_the_next_one_is_away() {
    let hall = Hall::without_broker(Blobs::in_memory());
    let running = Running::start(&hall).await;
    for chunk in 0..20_u32 {
        let headers = [("plot-type", "A"), ("run", "1"), ("chunk", &*chunk.to_string())];
        send(&hall, message(&headers, png(chunk))).await;
    }
    eventually("the role says that it cannot work", async || {
        let report = running.health.report();
        report.components.contains_key("ingest") && !report.is_ready()
    })
    .await;
    assert!(hall.transport.dead("ingest").is_empty());
    hall.broker_comes().await;
    eventually("all are announced", async || hall.count().await == 20).await;
    running.end().await;
    assert!(hall.transport.dead("ingest").is_empty(), "waiting costs no attempt");
}

/// Prints a figure; the bound only catches a blunder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_images_pass_in_reasonable_time() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}", folder.path().display());
    let blobs = Blobs::open(&hydra_blobs::BlobsConfig { url }).await.unwrap();
    let hall = Hall::without_broker(blobs);
    hall.broker_comes().await;
    for chunk in 0..1000_u32 {
        let headers = [("plot-type", "A"), ("run", "1"), ("chunk", &*chunk.to_string())];
        hall.transport.declare("ingest", &Policy::default()).await.unwrap();
        send(&hall, message(&headers, png(chunk))).await;
    }
    let begun = Instant::now();
    let running = Running::start(&hall).await;
    eventually("all are announced", async || hall.count().await == 1000).await;
    let rate = 1000.0 / begun.elapsed().as_secs_f64();
    println!("amqp door, folder with fsync, queue in memory: {rate:.0} images/s");
    assert!(rate > 50.0, "{rate:.0} images/s");
    running.end().await;
}
