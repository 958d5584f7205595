//! Messages of other versions, and producers that repeat themselves.

use e2e::{Hall, Place, Plot, STAGES};
use hydra_stage::{Destination, Message, Transport};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);

/// F23 and F42 over the whole pipeline: every plot ten times, some with other bytes under the
/// same name.
#[tokio::test(flavor = "multi_thread")]
async fn f23_duplicate_storm() {
    let mut hall = Hall::running().await;
    let plots: Vec<Plot> = (0..30).map(Plot::new).collect();
    let other: Vec<Plot> =
        (0..10).map(|n| Plot { png: Plot::new(5_000 + n).png, ..Plot::new(n) }).collect();
    for _ in 0..10 {
        for plot in plots.iter().chain(&other) {
            hall.producer.publish_one(plot).await;
        }
    }
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 40);
}

/// F40: a stage reads what a newer minor version sends, and parks what a newer major version does.
#[tokio::test(flavor = "multi_thread")]
async fn f40_rolling_upgrade() {
    let mut hall = Hall::running().await;
    hall.producer.publish(10).await;
    hall.has_rows(10).await;
    // ours, held back at the door of resize, then sent on as a newer version would
    hall.terminate("resize", PATIENCE).await;
    hall.producer.publish(10).await;
    hall.waits("resize", 10).await;
    let mut source =
        hall.producer.transport().consume("resize", 20, Default::default()).await.unwrap();
    for n in 0..10 {
        let delivery = source.next().await.unwrap().unwrap();
        let mut message = delivery.message.clone();
        // field 999 of a later minor version: varint 1
        let mut body = message.body.to_vec();
        body.extend([0xb8, 0x3e, 0x01]);
        message.body = body.into();
        publish(&hall, message.clone()).await;
        if n < 3 {
            message.type_name = message.type_name.replace(".v1.", ".v2.");
            message.id += "/later";
            publish(&hall, message).await;
        }
        delivery.ticket.ack().await.unwrap();
    }
    source.stop().await;
    source.close().await;
    hall.start_each(&["resize"]).await;
    hall.has_rows(20).await;
    let parked = async || hall.producer.depth("resize").await.is_some_and(|(_, dead)| dead == 3);
    hydra_testkit::eventually("three are parked", parked).await;
    let letters = hall.producer.transport().dead_letters();
    for letter in letters.list("resize", 10).await.unwrap() {
        assert_eq!(letter.reason, "unreadable");
        assert!(letter.error.contains("hydra.events.v2.ImageIngested"), "{}", letter.error);
    }
    // they are of images that the older version has done, so nothing is missing
    letters.drop_letters("resize", |_| true).await.unwrap();
    letters.close().await;
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 20);
}

/// A body of 64 MB through the real broker: given up with its bytes and a reason that names it,
/// while the others pass and no role keeps the memory.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_64_mb_is_refused_with_its_bytes_and_the_others_flow() {
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    hall.variables.push(("HYDRA_BROKER__CONFIRM_TIMEOUT_S".into(), "60".into()));
    hall.start_each(&STAGES).await;
    let patient = hall.producer.patient();
    let mut body = Plot::new(0).png;
    body.resize(64 << 20, 7);
    let message = Message { body: body.into(), ..Plot::new(0).message() };
    patient.publish_image(message.clone()).await.unwrap();
    patient.close().await;
    hall.producer.publish(20).await;
    hall.has_rows(20).await;
    let parked = async || hall.producer.depth("ingest").await.is_some_and(|(_, dead)| dead == 1);
    hydra_testkit::eventually("it is parked", parked).await;
    let letters = hall.producer.transport().dead_letters();
    let found = letters.drop_letters("ingest", |_| true).await.unwrap();
    letters.close().await;
    assert_eq!(found[0].reason, "refused");
    assert!(found[0].error.contains("67108864 bytes"), "{}", found[0].error);
    assert!(found[0].message.body == message.body, "with its bytes");
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 20);
}

async fn publish(hall: &Hall, message: Message) {
    let to = Destination::Queue("resize".into());
    hall.producer.transport().publish(to, message).await.unwrap();
}
