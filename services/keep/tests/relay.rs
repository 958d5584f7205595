//! Promises are published queue by queue: one that nobody has declared holds up no other.
#![allow(clippy::unwrap_used)]

mod plots;

use hydra_keep::relay::{Resting, Round, round};
use hydra_stage::{MemoryTransport, Policy, Transport};
use hydra_store::{
    Database,
    entity::{outbox, outbox::ActiveModel},
    orm::ActiveValue::Set,
    outbox as promises,
};
use hydra_testkit::Engine;
use plots::{fresh, rows};

async fn promise(db: &Database, queue: &'static str, bodies: std::ops::Range<u8>) {
    let rows: Vec<ActiveModel> = bodies
        .map(|body| ActiveModel {
            queue: Set(queue.to_owned()),
            type_name: Set("test".to_owned()),
            body: Set(vec![body]),
            at_us: Set(1),
            ..Default::default()
        })
        .collect();
    db.run(move |pool| async move { promises::insert(&pool, rows).await }).await.unwrap();
}

/// What waits in a queue, in order.
async fn taken(transport: &MemoryTransport, queue: &str) -> Vec<u8> {
    let mut source = transport.consume(queue, 500, Default::default()).await.unwrap();
    let mut bodies = Vec::new();
    while let Some(delivery) = source.try_next() {
        bodies.push(delivery.message.body[0]);
        delivery.ticket.ack().await.unwrap();
    }
    bodies
}

#[tokio::test]
async fn a_queue_that_nobody_declared_holds_up_no_other() {
    let (_scratch, db) = fresh(Engine::Sqlite).await;
    let transport = MemoryTransport::default();
    transport.declare("alarms", &Policy::default()).await.unwrap();
    // more than are looked at together, in front of those that can go
    promise(&db, "nobody", 0..150).await;
    promise(&db, "alarms", 0..5).await;
    promise(&db, "nobody", 150..151).await;
    promise(&db, "alarms", 5..10).await;
    let mut resting = Resting::new();
    // nobody had the lease before: the first call makes its row
    assert!(matches!(round(&db, &transport, "me", &mut resting).await.unwrap(), Round::Emptied));
    let mut rounds = 0;
    while !matches!(round(&db, &transport, "me", &mut resting).await.unwrap(), Round::Emptied) {
        rounds += 1;
        assert!(rounds < 5, "it goes round in circles");
    }
    assert_eq!(taken(&transport, "alarms").await, (0..10).collect::<Vec<u8>>());
    let left = rows::<outbox::Entity>(&db).await;
    assert_eq!(left.len(), 151, "none of them is forgotten");
    assert!(left.iter().all(|promise| promise.queue == "nobody"));

    // declared, and its rest over, it gets all of them, in order
    transport.declare("nobody", &Policy::default()).await.unwrap();
    assert!(matches!(round(&db, &transport, "me", &mut resting).await.unwrap(), Round::Emptied));
    assert!(taken(&transport, "nobody").await.is_empty(), "it rests");
    resting.clear();
    while matches!(round(&db, &transport, "me", &mut resting).await.unwrap(), Round::More) {}
    assert_eq!(taken(&transport, "nobody").await, (0..151).collect::<Vec<u8>>());
    assert!(rows::<outbox::Entity>(&db).await.is_empty());
}
