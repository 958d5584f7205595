//! Half of the workers lose broker and database at once, without a word.

use e2e::{Hall, Place, STAGES};
use hydra_testkit::{Proxy, Rules, eventually};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);

/// F44 with real roles: two processes of each stage, of which one of each is cut off. The other half
/// carries on, with what the lost ones held, too; afterwards all are there, and nothing is lost or
/// counted twice.
#[tokio::test(flavor = "multi_thread")]
async fn f44_half_of_the_workers_lose_broker_and_database() {
    let mut hall = Hall::open(Place::Shared, Place::Shared).await;
    let (broker, rows) =
        (hall.broker_proxy.address.to_string(), hall.rows_proxy.address.to_string());
    let borders = [Proxy::start(&broker).await, Proxy::start(&rows).await];
    let beyond = |name: &str, near: &str, border: &Proxy| {
        let all = hall.environment();
        let (_, url) = all.iter().find(|(key, _)| key == name).unwrap();
        (name.to_owned(), url.replace(near, &border.address.to_string()))
    };
    let there = vec![
        beyond("HYDRA_BROKER__URL", &broker, &borders[0]),
        beyond("HYDRA_DATABASE__URL", &rows, &borders[1]),
        // until then keep may wait for a transaction, and has no look at its broker
        ("HYDRA_DATABASE__WORK_TIMEOUT_S".to_owned(), "5".to_owned()),
    ];
    // the first of each role is the one beyond the border
    hall.variables = there;
    hall.start_each(&STAGES).await;
    hall.variables.clear();
    hall.start_each(&STAGES).await;
    hall.producer.publish(60).await;
    hall.has_rows(60).await;

    let producer = hall.producer.clone();
    let publishing = tokio::spawn(async move { producer.publish(240).await });
    for border in &borders {
        border.set_both(Rules { black_hole: true, ..Rules::default() });
        border.refuse(true);
    }
    publishing.await.unwrap();
    hall.has_rows(300).await;
    for stage in STAGES {
        let what = format!("{stage} beyond the border says so");
        for _ in 0..600 {
            if !hall.is_ready(stage).await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(!hall.is_ready(stage).await, "{what}");
    }
    for border in &borders {
        border.heal();
    }
    eventually("all are back", async || {
        let mut consumers = 0;
        for stage in STAGES {
            let queue = hall.api().queue(stage).await.expect("a queue");
            consumers += queue["consumers"].as_u64().unwrap_or(0);
        }
        consumers == 2 * STAGES.len() as u64
    })
    .await;
    hall.producer.publish(60).await;
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 360);
}
