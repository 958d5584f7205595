//! Retention on three databases: what goes, what never goes, and when files follow.
#![allow(clippy::unwrap_used)]

mod plots;

use hydra_blobs::{Blobs, BlobsConfig};
use hydra_keep::{
    Keep,
    retention::{Removed, round},
};
use hydra_proto::ContentHash;
use hydra_stage::Stage;
use hydra_store::{
    Database,
    entity::{heatmap, image, prediction},
    orm::{EntityTrait, PaginatorTrait},
    retention::{self, pin_images},
};
use hydra_testkit::Engine;
use plots::{ARRIVED_US, BAD, GOOD, Plot, declare, fresh};

const DAY_US: i64 = 86_400_000_000;

/// Ten Goods of which none is collected, then a Bad one with a heat map, then a Good one.
async fn hall(engine: Engine, policy: &str) -> (hydra_testkit::Database, Database, Blobs) {
    let (scratch, db) = fresh(engine).await;
    declare(
        &db,
        &format!(
            "[[plot_type]]\nname = 'CDC'\ncollect_fraction = 0.0\n[plot_type.retention]\n{policy}\n"
        ),
    )
    .await;
    let blobs = Blobs::open(&BlobsConfig { url: "memory:".into() }).await.unwrap();
    for bytes in ["thumbnail", "map"] {
        blobs.put(bytes.as_bytes().to_vec().into()).await.unwrap();
    }
    let keep = Keep::new(db.clone());
    let mut messages = Vec::new();
    for plot in plots() {
        blobs.put(plot.content.clone().into_bytes().into()).await.unwrap();
        messages.push(plot.message());
    }
    messages.push(plots()[10].heatmap());
    for outcome in keep.handle(messages).await {
        outcome.unwrap();
    }
    (scratch, db, blobs)
}

fn plots() -> Vec<Plot> {
    (1..=12)
        .map(|chunk| Plot::new("CDC", chunk, if chunk == 11 { &[BAD] } else { &[GOOD] }))
        .collect()
}

async fn stored(db: &Database) -> Vec<bool> {
    let rows = db.run(|pool| async move { image::Entity::find().all(&pool).await }).await.unwrap();
    let of = |plot: &Plot| {
        rows.iter().find(|row| row.id == plot.id().as_bytes()).is_some_and(|row| row.stored)
    };
    plots().iter().map(of).collect()
}

async fn has(blobs: &Blobs, text: &str) -> bool {
    blobs.exists(&ContentHash::of(text.as_bytes())).await.unwrap()
}

#[tokio::test]
async fn originals_that_were_not_collected_go_after_a_day_and_their_files_a_day_later() {
    for engine in Engine::ALL {
        let (_scratch, db, blobs) = hall(engine, "").await;
        assert_eq!(round(&db, &blobs, ARRIVED_US).await.unwrap(), Removed::default(), "{engine:?}");
        let later = ARRIVED_US + 2 * DAY_US;
        let removed = round(&db, &blobs, later).await.unwrap();
        // the Bad one is kept, the newest of its plot type is never touched
        assert_eq!(removed, Removed { originals: 10, ..Removed::default() }, "{engine:?}");
        let expected = [[false; 10].as_slice(), &[true, true]].concat();
        assert_eq!(stored(&db).await, expected, "{engine:?}");
        assert!(has(&blobs, "CDC 1").await, "the file waits");
        // garbage is counted from the round that made it, by this machine's clock
        let swept = round(&db, &blobs, hydra_store::now_us() + 2 * DAY_US).await.unwrap();
        assert_eq!(swept.blobs, 10, "{engine:?}");
        assert!(!has(&blobs, "CDC 1").await && has(&blobs, "CDC 11").await);
        assert!(has(&blobs, "CDC 12").await && has(&blobs, "thumbnail").await);
        db.close().await;
    }
}

#[tokio::test]
async fn rows_go_with_all_that_hangs_on_them_but_never_what_is_held() {
    for engine in Engine::ALL {
        let (_scratch, db, blobs) = hall(engine, "rows_days = 30").await;
        pin_images(&db, vec![plots()[2].id()], "a training set").await.unwrap();
        let later = ARRIVED_US + 40 * DAY_US;
        let removed = round(&db, &blobs, later).await.unwrap();
        // held: the pinned one and the newest; the Bad one's sequence is over
        assert_eq!(removed.rows, 10, "{engine:?}");
        let (images, predictions, maps) = db
            .run(|pool| async move {
                Ok::<_, hydra_store::StoreError>((
                    image::Entity::find().count(&pool).await?,
                    prediction::Entity::find().count(&pool).await?,
                    heatmap::Entity::find().count(&pool).await?,
                ))
            })
            .await
            .unwrap();
        assert_eq!((images, predictions, maps), (2, 2, 0), "{engine:?}");
        let again = round(&db, &blobs, later).await.unwrap();
        assert_eq!((again.rows, again.originals), (0, 0), "{engine:?}: nothing goes twice");
        db.close().await;
    }
}

#[tokio::test]
async fn a_blob_that_another_row_names_stays() {
    for engine in Engine::ALL {
        let (_scratch, db, blobs) = hall(engine, "").await;
        // the same bytes in another run, as detectors that are off draw them
        let twin = Plot { run: 8, content: "CDC 1".into(), ..Plot::new("CDC", 1, &[BAD]) };
        for outcome in Keep::new(db.clone()).handle(vec![twin.message()]).await {
            outcome.unwrap();
        }
        round(&db, &blobs, ARRIVED_US + 2 * DAY_US).await.unwrap();
        let swept = round(&db, &blobs, hydra_store::now_us() + 2 * DAY_US).await.unwrap();
        assert!(swept.blobs >= 9, "{engine:?}");
        assert!(has(&blobs, "CDC 1").await, "{engine:?}: the twin's original");
        assert!(!has(&blobs, "CDC 2").await, "{engine:?}");
        assert!(retention::garbage(&db, i64::MAX, 100).await.unwrap().is_empty(), "{engine:?}");
        db.close().await;
    }
}
