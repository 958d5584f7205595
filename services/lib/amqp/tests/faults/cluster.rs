//! A broker of three nodes that loses one of them, and workers of which half lose the broker.

use crate::line::{Line, policy, sized, transport};
use hydra_stage::suite::Bench;
use hydra_testkit::{Proxy, Rabbit, RabbitCluster, Rules, eventually, eventually_within};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

const QUEUES: [&str; 3] = ["probe", "sink", "probe.dead"];
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster with a producer that sends all the while, and a worker. Both come by the address
/// before all nodes, two connections each, so that every node has one.
struct Hall {
    cluster: RabbitCluster,
    line: Arc<Line>,
    bench: Bench,
    sender: JoinHandle<()>,
}

impl Hall {
    async fn start() -> Self {
        let cluster = RabbitCluster::start().await;
        let line = Arc::new(Line::open(&cluster.url()).await);
        let bench = Bench::start(transport(&cluster.url()), policy()).await;
        cluster.is_replicated(&QUEUES).await;
        for node in &cluster.nodes {
            node.queues_on_disk().await;
        }
        let sender = {
            let line = line.clone();
            tokio::spawn(async move { line.send("pass", sized(900, 20_000)).await })
        };
        let hall = Self { cluster, line, bench, sender };
        hall.flows().await;
        hall
    }

    /// Waits until the sink has got a hundred messages from now on, or all.
    async fn flows(&self) {
        let before = self.line.sink().await;
        eventually_within(PATIENCE, "it flows", async || {
            self.line.sink().await >= before + 100 || self.sender.is_finished()
        })
        .await;
    }

    /// Nothing was lost, nothing was given up, and the worker is well.
    async fn ends_well(self) {
        self.sender.await.unwrap();
        eventually_within(PATIENCE, "ready", async || self.bench.health.report().is_ready()).await;
        let outcome = self.line.settle().await;
        println!("{} messages came twice", outcome.repeated);
        assert_eq!(outcome.dead, 0);
        self.bench.end().await;
    }
}

/// F08 on a cluster: the node that leads the queue dies. The others go on without it.
#[tokio::test(flavor = "multi_thread")]
async fn f08_cluster_leader_killed() {
    let mut hall = Hall::start().await;
    let leader = hall.cluster.leader("probe").await;
    hall.cluster.nodes[leader].kill9();
    hall.flows().await;
    assert_ne!(hall.cluster.leader("probe").await, leader, "another one leads");
    hall.cluster.nodes[leader].restart().await;
    hall.cluster.is_replicated(&QUEUES).await;
    hall.ends_well().await;
}

/// F44 on a cluster: the leader is cut off from the two others. It pauses; what it had not
/// shared was not confirmed; the majority goes on, and the node comes back.
#[tokio::test(flavor = "multi_thread")]
async fn f44_cluster_minority_partition() {
    let hall = Hall::start().await;
    let leader = hall.cluster.leader("probe").await;
    hall.cluster.isolate(leader).await.unwrap();
    let address = hall.cluster.nodes[leader].address;
    eventually_within(PATIENCE, "the minority lets nobody in", async || {
        tokio::net::TcpStream::connect(address).await.is_err()
    })
    .await;
    hall.flows().await;
    hall.cluster.reunite(leader).await.unwrap();
    hall.cluster.is_replicated(&QUEUES).await;
    hall.ends_well().await;
}

/// F07 on a cluster: every node is restarted, one after the other, as in an upgrade.
#[tokio::test(flavor = "multi_thread")]
async fn f07_cluster_rolling_restart() {
    let mut hall = Hall::start().await;
    for node in 0..3 {
        hall.cluster.nodes[node].restart().await;
        hall.cluster.is_whole().await;
        hall.cluster.is_replicated(&QUEUES).await;
        hall.flows().await;
    }
    hall.ends_well().await;
}

/// F44: half of the workers lose the broker without a word. The other half carries on, what the
/// lost ones held included.
#[tokio::test(flavor = "multi_thread")]
async fn f44_two_region_partition() {
    let rabbit = Rabbit::start().await;
    let border = Proxy::start(&rabbit.address).await;
    let line = Line::open(&rabbit.url).await;
    let there = rabbit.url_through(border.address);
    let mut regions = [Vec::new(), Vec::new()];
    for _ in 0..2 {
        regions[0].push(Bench::start(transport(&rabbit.url), policy()).await);
        regions[1].push(Bench::start(transport(&there), policy()).await);
    }
    eventually("all four are there", async || line.consumers().await == 4).await;
    line.send("slow", 100).await;
    border.set_both(Rules { black_hole: true, ..Rules::default() });
    border.refuse(true);
    let count = sized(300, 5_000);
    line.send("pass", count).await;
    // what the lost half had in hand included, which the broker must first miss
    eventually_within(PATIENCE, "the other half does all of it", async || {
        line.waiting().await == 0 && line.sink().await >= count as u64 + 100
    })
    .await;
    for bench in &regions[1] {
        eventually("the lost half says so", async || !bench.health.report().is_ready()).await;
    }
    for bench in &regions[0] {
        assert!(bench.health.report().is_ready());
    }
    border.heal();
    eventually_within(PATIENCE, "all are back", async || line.consumers().await == 4).await;
    let outcome = line.settle().await;
    println!("{} messages came twice", outcome.repeated);
    assert_eq!(outcome.dead, 0);
    for bench in regions.into_iter().flatten() {
        bench.end().await;
    }
}
