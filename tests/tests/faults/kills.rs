//! Roles that die, at any moment and at the worst one.

use e2e::{Hall, STAGES, sized};
use hydra_testkit::{Direction, Filter, Rules, dropping_confirms, eventually, eventually_some};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

const PATIENCE: Duration = Duration::from_secs(120);

/// F01: each role is killed at random instants, twenty times in all (200 at full number); no death
/// gives back more than was in hand.
#[tokio::test(flavor = "multi_thread")]
async fn f01_worker_kill9_any_point() {
    let (kills, images) = (sized(20, 200), sized(700, 7_000));
    let mut rng = StdRng::seed_from_u64(1);
    let mut hall = Hall::running().await;
    let producer = hall.producer.clone();
    let publishing = tokio::spawn(async move { producer.publish(images).await });
    let mut prefetch = BTreeMap::new();
    for role in STAGES {
        let told = eventually_some("its consumer is listed", async || {
            hall.api().consumer_prefetches(role).await.ok()?.first().copied()
        });
        prefetch.insert(role, told.await);
    }
    let mut allowed = 0;
    for kill in 0..kills {
        // at least one death each, then as it comes
        let role = STAGES[if kill < STAGES.len() { kill } else { rng.random_range(0..5) }];
        tokio::time::sleep(Duration::from_millis(rng.random_range(0..500))).await;
        allowed += prefetch[role];
        hall.kill9(role).await;
        hall.start(&[role]);
    }
    publishing.await.unwrap();
    hall.all_ready().await;
    let replayed = hall.dead().await;
    if replayed > 0 {
        // one that was in hand at four deaths is under suspicion; a person sends it again
        hall.replay_dead().await;
    }
    let balance = hall.settle(PATIENCE, 0).await;
    let redelivered = hall.redelivered().await;
    println!("{kills} kills, {images} images, {redelivered} delivered again, {replayed} replayed");
    assert_eq!(balance.rows, images);
    assert!(
        redelivered <= allowed,
        "{redelivered} delivered again, at most {allowed} were in hand"
    );
}

/// For the bytes of a client: loses its acknowledgements, which look like a broker's confirms.
fn dropping_acks() -> Filter {
    let mut inner = dropping_confirms();
    // a client begins with eight bytes that are no frame
    let mut greeting = 8;
    Box::new(move |bytes| {
        let (head, frames) = bytes.split_at(greeting.min(bytes.len()));
        greeting -= head.len();
        [head, &inner(frames)].concat().into()
    })
}

/// F02: the rows are committed, the acknowledgement never arrives, the process dies: each image
/// is there once, and its second delivery is told apart as a repetition.
#[tokio::test(flavor = "multi_thread")]
async fn f02_worker_crash_after_commit_before_ack() {
    let mut hall = Hall::open(e2e::Place::Shared, e2e::Place::Shared).await;
    hall.start_each(&["ingest", "resize", "infer", "gradcam"]).await;
    // the acknowledgements of those that connect from now on vanish
    let vanish: Arc<dyn Fn() -> Filter + Send + Sync> = Arc::new(dropping_acks);
    hall.broker_proxy.set(Direction::ToServer, Rules { filter: Some(vanish), ..Rules::default() });
    hall.start(&["keep"]);
    hall.all_ready().await;
    hall.producer.publish(40).await;
    hall.has_rows(40).await;
    let unacked = hall.api().queue("keep").await.unwrap();
    hall.kill9("keep").await;
    hall.broker_proxy.heal();
    hall.start_each(&["keep"]).await;
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 40, "{unacked}");
    let metrics = hall.metrics("keep").await;
    let repeated: f64 = metrics
        .lines()
        .filter(|line| line.starts_with("hydra_messages_total"))
        .filter(|line| line.contains(r#"outcome="duplicate""#))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
        .sum();
    assert!(repeated >= 40.0, "{repeated} repetitions told apart:\n{metrics}");
}

/// F43: a process that may open 64 files, most of them taken by idle clients: it says that it
/// cannot work, loses nothing, and goes on when they are gone.
#[tokio::test(flavor = "multi_thread")]
async fn f43_fd_exhaustion() {
    let mut hall = Hall::open(e2e::Place::Shared, e2e::Place::Shared).await;
    hall.start_each(&["resize", "infer", "gradcam", "keep"]).await;
    let limited = "ulimit -n 64; exec \"$0\" run ingest";
    hall.start_by_shell(&["ingest"], limited, &[]);
    hall.all_ready().await;
    hall.producer.publish(20).await;
    hall.has_rows(20).await;
    let door = hall.process("ingest").address("ingest: http").await;
    let mut clients = Vec::new();
    eventually("no file is left", async || {
        for _ in 0..8 {
            clients.extend(tokio::net::TcpStream::connect(&door).await.ok());
        }
        hall.process("ingest").usage().open_files >= 63
    })
    .await;
    let producer = hall.producer.clone();
    let publishing = tokio::spawn(async move { producer.publish(40).await });
    eventually("it says that it holds what it has", async || {
        hall.process("ingest").output().contains("waiting")
    })
    .await;
    drop(clients);
    publishing.await.unwrap();
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 60);
}
