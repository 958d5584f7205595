//! The one way in: nothing is answered before it is safe, nothing is announced twice for long,
//! nothing bad comes in.

#![allow(clippy::unwrap_used)]

mod common;

use bytes::Bytes;
use common::{Hall, facts, png};
use hydra_blobs::{Blobs, BlobsConfig};
use hydra_ingest::{Door, Facts, NotTaken, Offer, Taken};
use hydra_proto::{ContentHash, ImageId};
use hydra_vision::corpus::{self, Expect};

async fn bring(door: &Door, facts: Facts, bytes: impl Into<Bytes>) -> Result<Taken, NotTaken> {
    let bytes = bytes.into();
    door.take(Offer { from: "http", facts, bytes, traceparent: None }).await
}

#[tokio::test]
async fn an_image_is_stored_and_announced_before_the_answer() {
    let hall = Hall::open().await;
    let taken = bring(&hall.door, facts("CDC_occupancy", 80464, 37), png(1)).await.unwrap();
    let announced = hall.announced().await;
    let [(message, image)] = &announced[..] else { panic!("{announced:?}") };
    assert_eq!(taken, Taken::New(ImageId::from_slice(&image.id).unwrap()));
    assert_eq!(
        (image.plot_type.as_str(), image.run, image.chunk),
        ("CDC_occupancy", 80464, Some(37))
    );
    assert_eq!(image.size_bytes, png(1).len() as u64);
    assert_eq!(image.taken_at_us, image.arrived_at_us, "not given: when it arrived");
    let content = ContentHash::from_slice(&image.content).unwrap();
    assert_eq!(hall.blobs.get(&content).await.unwrap(), png(1));
    assert_eq!(message.id, format!("{}/resize", taken.id()));
}

#[tokio::test]
async fn the_same_image_again_changes_nothing() {
    let hall = Hall::open().await;
    let first = bring(&hall.door, facts("A", 1, 1), png(1)).await.unwrap();
    for _ in 0..10 {
        let again = bring(&hall.door, facts("A", 1, 1), png(1)).await.unwrap();
        assert_eq!(again, Taken::Known(first.id()));
    }
    assert_eq!(hall.count().await, 1);
}

#[tokio::test]
async fn other_bytes_or_another_place_are_another_image() {
    let hall = Hall::open().await;
    for (facts, bytes) in [
        (facts("A", 1, 1), png(1)),
        (facts("A", 1, 1), png(2)),
        (facts("A", 1, 2), png(1)),
        (facts("A", 2, 1), png(1)),
        (facts("B", 1, 1), png(1)),
    ] {
        assert!(matches!(bring(&hall.door, facts, bytes).await.unwrap(), Taken::New(_)));
    }
    assert_eq!(hall.count().await, 5);
}

#[tokio::test]
async fn while_the_broker_is_away_nothing_is_answered_and_nothing_is_lost() {
    let hall = Hall::without_broker(Blobs::in_memory());
    let refused = bring(&hall.door, facts("A", 1, 1), png(1)).await.unwrap_err();
    assert!(matches!(refused, NotTaken::Away { what: "broker", .. }), "{refused:?}");
    hall.broker_comes().await;
    let taken = bring(&hall.door, facts("A", 1, 1), png(1)).await.unwrap();
    assert!(matches!(taken, Taken::New(_)), "it was not known: its event was never confirmed");
    assert_eq!(hall.announced().await.len(), 1);
}

#[tokio::test]
async fn while_the_store_is_away_nothing_is_announced() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("blobs");
    let url = format!("file://{}", root.display());
    let hall = Hall::without_broker(Blobs::open(&BlobsConfig { url }).await.unwrap());
    hall.broker_comes().await;
    // A file where the folder of the blobs must be: no write can succeed.
    std::fs::write(root.join("blobs"), b"").unwrap();
    let refused = bring(&hall.door, facts("A", 1, 1), png(1)).await.unwrap_err();
    assert!(matches!(refused, NotTaken::Away { what: "blob store", .. }), "{refused:?}");
    assert_eq!(hall.count().await, 0);
    std::fs::remove_file(root.join("blobs")).unwrap();
    bring(&hall.door, facts("A", 1, 1), png(1)).await.unwrap();
    assert_eq!(hall.count().await, 1);
}

#[tokio::test]
async fn a_crash_after_the_confirm_announces_the_same_event_again() {
    let hall = Hall::open().await;
    let first = bring(&hall.door, facts("A", 1, 1), png(1)).await.unwrap();
    // As if the process had died between the confirm and the marker.
    hall.blobs.delete_marker(&first.id()).await.unwrap();
    let again = bring(&hall.door, facts("A", 1, 1), png(1)).await.unwrap();
    assert_eq!(again.id(), first.id());
    let announced = hall.announced().await;
    assert_eq!(announced.len(), 2);
    assert_eq!(announced[0].0.id, announced[1].0.id, "readers can tell that it is the same");
    assert_eq!(announced[0].1.id, announced[1].1.id);
}

#[tokio::test]
async fn the_producers_trace_goes_on_with_the_event() {
    let hall = Hall::open().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let offer = Offer {
        from: "amqp",
        facts: facts("A", 1, 1),
        bytes: png(1).into(),
        traceparent: Some(parent.into()),
    };
    hall.door.take(offer).await.unwrap();
    assert_eq!(hall.announced().await[0].0.headers["traceparent"], parent);
}

#[tokio::test]
async fn the_whole_corpus_is_refused_or_taken_and_nothing_refused_leaves_a_trace() {
    let hall = Hall::open().await;
    let (mut taken, mut refused) = (0, 0);
    for case in corpus::all() {
        let at_the_door = bring(&hall.door, facts("A", 1, 1), case.bytes.clone()).await;
        match at_the_door {
            Ok(_) => taken += 1,
            Err(NotTaken::Refused(refusal)) => {
                refused += 1;
                let hash = ContentHash::of(&case.bytes);
                assert!(!hall.blobs.exists(&hash).await.unwrap(), "{}", case.name);
                let right = matches!(case.expect, Expect::Rgb(..) | Expect::Size(..));
                assert!(!right, "{} is right and was refused: {refusal}", case.name);
            }
            Err(away) => panic!("{}: {away:?}", case.name),
        }
    }
    assert!(taken > 100 && refused > 500, "{taken} taken, {refused} refused");
    assert!(hall.announced().await.len() <= taken);
}
