//! Two regions of workers, of which one loses both broker and database.

use e2e::{Hall, STAGES};
use hydra_testkit::{Proxy, Rules, eventually_within};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);

/// F44: every role twice, half of them beyond a border that suddenly swallows everything. The
/// other half writes all plots; what the lost half held is done again, and its late writes change
/// nothing.
#[tokio::test(flavor = "multi_thread")]
async fn f44_two_region_partition_of_broker_and_database() {
    let mut hall = Hall::running().await;
    let borders = [
        Proxy::start(&hall.broker_proxy.address.to_string()).await,
        Proxy::start(&hall.rows_proxy.address.to_string()).await,
    ];
    let near = hall.environment();
    let ours = [hall.broker_proxy.address.to_string(), hall.rows_proxy.address.to_string()];
    for (name, value) in near {
        let far = [0, 1].iter().fold(value.clone(), |value, n| {
            value.replace(&ours[*n], &borders[*n].address.to_string())
        });
        if far != value {
            hall.variables.push((name, far));
        }
    }
    assert_eq!(hall.variables.len(), 2, "{:?}", hall.variables);
    hall.start_each(&STAGES).await;
    hall.producer.publish(60).await;
    hall.has_rows(20).await;
    for border in &borders {
        border.set_both(Rules { black_hole: true, ..Rules::default() });
        border.refuse(true);
    }
    hall.producer.publish(100).await;
    eventually_within(PATIENCE, "the near half writes all of it", async || {
        hall.count_rows().await == 160
    })
    .await;
    for border in &borders {
        border.heal();
    }
    hall.all_ready().await;
    let balance = hall.settle(PATIENCE, 0).await;
    assert_eq!(balance.rows, 160);
}
