//! Keep under its runner on a MariaDB that dies, fills up, refuses or drags.
#![allow(clippy::unwrap_used)]

mod plots;

use hydra_keep::{Keep, KeepIn};
use hydra_stage::{
    Destination, Done, Failure, Health, MemoryTransport, Outgoing, Policy, Runner, Stage, Transport,
};
use hydra_store::{Database, DatabaseConfig, entity::image, orm::ConnectionTrait};
use hydra_testkit::{
    Authority, Direction, MariaDbNode, Proxy, Rules, eventually, eventually_within,
};
use plots::*;
use rand::{SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(60);

/// Keep, with a look at how it is called.
struct Watched {
    keep: Keep,
    batch: usize,
    seen: Seen,
}

#[derive(Clone, Default)]
struct Seen {
    calls: Arc<AtomicUsize>,
    took: Arc<Mutex<Vec<Duration>>>,
}

impl Stage for Watched {
    const NAME: &'static str = "keep";
    type In = KeepIn;

    fn policy(&self) -> Policy {
        Policy { batch: self.batch, ..self.keep.policy() }
    }

    async fn handle(&self, batch: Vec<KeepIn>) -> Vec<Result<Done, Failure>> {
        self.seen.calls.fetch_add(1, Ordering::SeqCst);
        let begun = Instant::now();
        let results = self.keep.handle(batch).await;
        self.seen.took.lock().unwrap().push(begun.elapsed());
        if let Some(failure) = results.iter().find_map(|result| result.as_ref().err()) {
            let kind = if matches!(failure, Failure::Unavailable(_)) { "held" } else { "failed" };
            println!("{kind}: {}", failure.chain());
        }
        results
    }
}

/// A keep that runs, and what it is asked to write.
struct Running {
    transport: Arc<MemoryTransport>,
    health: Health,
    stop: CancellationToken,
    seen: Seen,
    runner: JoinHandle<()>,
}

impl Running {
    async fn start(db: Database, batch: usize) -> Self {
        let transport = Arc::new(MemoryTransport::default());
        let (health, stop, seen) = (Health::new(), CancellationToken::new(), Seen::default());
        let stage = Watched { keep: Keep::new(db), batch, seen: seen.clone() };
        transport.declare("keep", &stage.policy()).await.unwrap();
        let running = Runner::new(stage, transport.clone(), health.clone()).run(stop.clone());
        let runner = tokio::spawn(async move { running.await.unwrap() });
        Self { transport, health, stop, seen, runner }
    }

    async fn send(&self, plots: &[Plot]) {
        for plot in plots {
            let cause = plot.id().to_string();
            let (queue, message) = Outgoing::of(&plot.event()).caused_by(&cause, 0);
            self.transport.publish(Destination::Queue(queue.into()), message).await.unwrap();
        }
    }

    async fn waiting(&self) -> u64 {
        self.transport.depth("keep").await.unwrap().ready
    }

    /// Stops it and asserts that nothing was given up.
    async fn end(mut self) {
        self.stop.cancel();
        (&mut self.runner).await.unwrap();
        assert_eq!(self.waiting().await, 0);
        assert!(self.transport.dead("keep").is_empty(), "nothing was given up");
    }
}

async fn open(url: &str) -> Database {
    let config = DatabaseConfig { acquire_timeout_s: 1, ..DatabaseConfig::at(url) };
    Database::connect(&config).await.unwrap()
}

fn plots(count: u32) -> Vec<Plot> {
    let cycle: [&[Says]; 6] = [&[GOOD], &[BAD], &[BAD], &[UNSURE], &[GOOD], &[]];
    (0..count).map(|n| Plot::new("CDC", n, cycle[n as usize % cycle.len()])).collect()
}

fn count(node: &MariaDbNode) -> usize {
    node.sql("select count(*) from image").ok().and_then(|n| n.parse().ok()).unwrap_or(0)
}

/// Rows and sums in one statement, so of one moment.
fn whole(node: &MariaDbNode) {
    let sql = "select (select count(*) from image), (select coalesce(sum(images), 0) from run), \
               (select coalesce(sum(images), 0) from run_outcome), \
               (select coalesce(sum(images), 0) from daily), \
               (select count(distinct image_id) from prediction), \
               (select count(*) from image where no_verdict_reason is null)";
    let found = node.sql(sql).unwrap();
    let numbers: Vec<u64> = found.split('\t').map(|n| n.parse().unwrap()).collect();
    assert!(numbers[..4].iter().all(|n| *n == numbers[0]), "half a batch: {found}");
    assert_eq!(numbers[4], numbers[5], "half a batch: {found}");
}

/// F24: the database dies while batches are committed; each is there as a whole or not at all,
/// and in the end each is there once.
#[tokio::test(flavor = "multi_thread")]
async fn f24_db_kill9_leaves_no_half_batch_and_loses_none() {
    let mut node = MariaDbNode::start(&[]).await;
    let db = open(&node.url).await;
    db.migrate().await.unwrap();
    let keep = Running::start(db.clone(), 20).await;
    let plots = plots(3_000);
    keep.send(&plots).await;
    for death in 1..=3 {
        eventually("it writes", async || count(&node) >= death * 300).await;
        node.kill9();
        eventually("it says that it cannot work", async || !keep.health.report().is_ready()).await;
        node.restart().await;
        whole(&node);
    }
    eventually_within(PATIENCE, "all is written", async || count(&node) == plots.len()).await;
    eventually("it is well again", async || keep.health.report().is_ready()).await;
    whole(&node);
    keep.end().await;
    assert_sums_agree(&db).await;
}

/// A primary with its replica, and a keep that comes as a plain user by an address that can move.
async fn pair() -> (MariaDbNode, MariaDbNode, Proxy, Database, Running) {
    let (primary, replica) = MariaDbNode::start_pair().await;
    let address = Proxy::start(&primary.address).await;
    open(&primary.url).await.migrate().await.unwrap();
    // root may write on a server that is read-only
    primary.sql("create user h@127.0.0.1 identified by 'h'").unwrap();
    primary.sql("grant all on hydra.* to h@127.0.0.1").unwrap();
    let db = open(&format!("mysql://h:h@{}/hydra", address.address)).await;
    let keep = Running::start(db.clone(), 20).await;
    (primary, replica, address, db, keep)
}

/// F24 with a replica: the primary dies for good while batches are committed, the replica takes
/// over at the same address. What was answered is there, what was not is written again.
#[tokio::test(flavor = "multi_thread")]
async fn f24_db_failover_to_a_replica_loses_and_doubles_nothing() {
    let (mut primary, replica, address, db, keep) = pair().await;
    let plots = plots(2_000);
    keep.send(&plots).await;
    eventually("it writes", async || count(&primary) >= 600).await;
    let seen = count(&primary);
    primary.kill9();
    eventually("it says that it cannot work", async || !keep.health.report().is_ready()).await;
    replica.promote().await;
    assert!(count(&replica) >= seen, "what was visible has survived");
    whole(&replica);
    address.redirect(&replica.address);
    eventually_within(PATIENCE, "all is written", async || count(&replica) == plots.len()).await;
    eventually("it is well again", async || keep.health.report().is_ready()).await;
    whole(&replica);
    keep.end().await;
    assert_sums_agree(&db).await;
}

/// F24 as operators do it: the primary is made read-only, the replica promoted, the address moved.
/// Connections to the old one live on and must not be kept.
#[tokio::test(flavor = "multi_thread")]
async fn f24_db_switchover_leaves_the_old_primary() {
    let (primary, replica, address, db, keep) = pair().await;
    let plots = plots(1_200);
    keep.send(&plots).await;
    eventually("it writes", async || count(&primary) >= 200).await;
    primary.sql("set global read_only = 1").unwrap();
    let at_last = primary.sql("select @@gtid_binlog_pos").unwrap();
    let waited = replica.sql(&format!("select master_gtid_wait('{at_last}', 30)")).unwrap();
    assert_eq!(waited, "0");
    replica.promote().await;
    address.redirect(&replica.address);
    eventually_within(PATIENCE, "all is written", async || count(&replica) == plots.len()).await;
    eventually("it is well again", async || keep.health.report().is_ready()).await;
    assert!(count(&primary) < plots.len());
    keep.end().await;
    assert_sums_agree(&db).await;
}

/// Keep says that it cannot work, in these words, and does not spin.
async fn pauses(keep: &Running, name: &str) {
    let told = || keep.health.report().components.get("keep").cloned().flatten();
    let what = format!("keep says {name}");
    eventually(&what, async || told().is_some_and(|reason| reason.contains(name))).await;
    let before = keep.seen.calls.load(Ordering::SeqCst);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let calls = keep.seen.calls.load(Ordering::SeqCst) - before;
    assert!(calls <= 12, "{name}: {calls} tries in two seconds are a spin");
    let reason = told().expect("it is not well again");
    assert!(reason.contains(name), "{reason}");
}

/// All of it is written once, keep is well again, and nothing was given up.
async fn recovers(node: &MariaDbNode, keep: Running, wanted: usize) {
    eventually_within(PATIENCE, "all is written", async || count(node) == wanted).await;
    eventually("it is well again", async || keep.health.report().is_ready()).await;
    whole(node);
    keep.end().await;
}

/// A user whom the limits hold; root is above some of them.
async fn ordinary(node: &MariaDbNode) -> Database {
    open(&node.url).await.migrate().await.unwrap();
    node.sql("create user h@127.0.0.1 identified by 'h'").unwrap();
    node.sql("grant all on hydra.* to h@127.0.0.1").unwrap();
    open(&format!("mysql://h:h@{}/hydra", node.address)).await
}

/// F27: a database that takes nothing stops keep; it holds what it has, does not spin, and goes
/// on when the database does.
#[tokio::test(flavor = "multi_thread")]
async fn f27_db_read_only_pauses_keep() {
    let node = MariaDbNode::start(&[]).await;
    let db = ordinary(&node).await;
    let keep = Running::start(db.clone(), 50).await;
    let plots = plots(600);
    keep.send(&plots[..100]).await;
    eventually("written", async || count(&node) == 100).await;
    node.sql("set global read_only = 1").unwrap();
    keep.send(&plots[100..]).await;
    pauses(&keep, "it is read-only").await;
    assert_eq!(count(&node), 100);
    node.sql("set global read_only = 0").unwrap();
    recovers(&node, keep, plots.len()).await;
    assert_sums_agree(&db).await;
}

/// F27: somebody else has the only place for a connection that the database gives.
#[tokio::test(flavor = "multi_thread")]
async fn f27_db_without_a_free_connection_pauses_keep() {
    let node = MariaDbNode::start(&[]).await;
    let db = ordinary(&node).await;
    let places = |count: u32| {
        let sql = format!("alter user h@127.0.0.1 with max_user_connections {count}");
        node.sql(&sql).unwrap();
    };
    places(50);
    let keep = Running::start(db.clone(), 50).await;
    let plots = plots(600);
    keep.send(&plots[..100]).await;
    eventually("written", async || count(&node) == 100).await;
    let other = open(&format!("mysql://h:h@{}/hydra", node.address)).await;
    let holding = tokio::spawn(async move {
        other.run(|pool| async move { pool.execute_unprepared("select sleep(600)").await }).await
    });
    let of = |whose: &str| {
        let sql = "select id from information_schema.processlist where user = 'h' and";
        node.sql(&format!("{sql} {whose}")).unwrap()
    };
    eventually("it is taken", async || !of("info like 'select sleep%'").is_empty()).await;
    places(1);
    for id in of("(info is null or info not like 'select sleep%')").lines() {
        let _may_be_gone = node.sql(&format!("kill {id}"));
    }
    keep.send(&plots[100..]).await;
    pauses(&keep, "it has no free connection").await;
    assert_eq!(count(&node), 100);
    places(50);
    recovers(&node, keep, plots.len()).await;
    assert_sums_agree(&db).await;
    node.sql(&format!("kill {}", of("info like 'select sleep%'"))).unwrap();
    assert!(holding.await.unwrap().is_err(), "it was held until now");
}

/// F27: the disk of the database is full, for longer than one try takes; then there is room again.
#[tokio::test(flavor = "multi_thread")]
async fn f27_db_full_pauses_keep_until_there_is_room() {
    let mut node = MariaDbNode::start(&["--innodb-log-file-size=8M"]).await;
    node.restart_on_small_disk(160).await;
    let db = ordinary(&node).await;
    let keep = Running::start(db.clone(), 50).await;
    let plots = plots(3_000);
    keep.send(&plots[..100]).await;
    eventually("written", async || count(&node) == 100).await;
    node.fill_disk();
    keep.send(&plots[100..]).await;
    pauses(&keep, "its disk or tablespace is full").await;
    whole(&node);
    let before = count(&node);
    assert!(before < plots.len(), "some did not fit");
    let waiting = keep.waiting().await as usize;
    println!("full after {before} rows, {waiting} of {} wait", plots.len());
    node.free_disk();
    recovers(&node, keep, plots.len()).await;
    assert_sums_agree(&db).await;
}

/// F28: half a second more for every answer of the database, at the usual limits. Plots of twenty
/// types come in the disorder of several infers, some types in trouble. Keep gets on, with a
/// bounded number in hand, and writes each once.
#[tokio::test(flavor = "multi_thread")]
async fn f28_db_slow_is_written_all_the_same() {
    let node = MariaDbNode::start(&[]).await;
    open(&node.url).await.migrate().await.unwrap();
    let proxy = Proxy::start(&node.address).await;
    let delay = Duration::from_millis(500);
    proxy.set(Direction::ToClient, Rules { delay, ..Rules::default() });
    let through = format!("mysql://root@{}/hydra", proxy.address);
    let db = Database::connect(&DatabaseConfig::at(through)).await.unwrap();
    let keep = Running::start(db, 500).await;
    let mut plots: Vec<Plot> = (0..900)
        .map(|n| {
            let (kind, chunk) = (n % 20, n / 20);
            let troubled = kind % 5 == 0 && (10..30).contains(&chunk);
            let says: &[Says] = if troubled { &[BAD] } else { &[GOOD] };
            Plot::new(&format!("CDC_{kind}"), chunk, says)
        })
        .collect();
    let mut dice = StdRng::seed_from_u64(28);
    plots.chunks_mut(60).for_each(|few| few.shuffle(&mut dice));
    keep.send(&plots).await;
    let (begun, mut most) = (Instant::now(), 0);
    eventually_within(Duration::from_secs(300), "all is written", async || {
        let before = count(&node);
        most = most.max(plots.len() - keep.waiting().await as usize - before);
        count(&node) == plots.len()
    })
    .await;
    let took = begun.elapsed();
    let mut times = keep.seen.took.lock().unwrap().clone();
    times.sort();
    let p99 = times.get((times.len() * 99).div_ceil(100) - 1).copied();
    println!("{} rows in {took:?}, {} calls, p99 {p99:?}", plots.len(), times.len());
    // prefetch: the batch in work and the next one
    assert!(most <= 1_000, "{most} in hand");
    assert!(
        times.iter().all(|took| *took < Duration::from_secs(120)),
        "taken for a hang: {times:?}"
    );
    proxy.heal();
    recovers(&node, keep, plots.len()).await;
    assert_sums_agree(&open(&node.url).await).await;
}

/// Several keeps take from one queue while the connection to the database is cut again and again.
#[tokio::test(flavor = "multi_thread")]
async fn f25_connections_that_break_under_two_keeps_lose_and_double_nothing() {
    let node = MariaDbNode::start(&[]).await;
    let proxy = Proxy::start(&node.address).await;
    open(&node.url).await.migrate().await.unwrap();
    let through = format!("mysql://root@{}/hydra", proxy.address);
    let keeps = [
        Running::start(open(&through).await, 10).await,
        Running::start(open(&through).await, 10).await,
    ];
    let plots = plots(600);
    // both get all of it: whatever one of them commits, the other one repeats
    for keep in &keeps {
        keep.send(&plots).await;
    }
    for cut in 1..=12 {
        eventually("they write", async || count(&node) >= (cut * 40).min(plots.len())).await;
        proxy.cut();
    }
    eventually_within(PATIENCE, "all is written", async || count(&node) == plots.len()).await;
    for keep in &keeps {
        eventually_within(PATIENCE, "emptied", async || keep.waiting().await == 0).await;
    }
    whole(&node);
    for keep in keeps {
        keep.end().await;
    }
    let db = open(&node.url).await;
    assert_sums_agree(&db).await;
    assert_eq!(rows::<image::Entity>(&db).await.len(), plots.len());
}

/// S07: a server that takes nothing but TLS, with a certificate of a private authority. Whoever
/// trusts it works; whoever trusts another one, or comes without, does not get in.
#[tokio::test(flavor = "multi_thread")]
async fn s07_database_over_tls_with_a_private_authority() {
    let (ours, other) = (Authority::new(), Authority::new());
    let node = MariaDbNode::start(&[
        &format!("--ssl-ca={}", ours.ca().display()),
        &format!("--ssl-cert={}", ours.certificate().display()),
        &format!("--ssl-key={}", ours.key().display()),
    ])
    .await;
    node.sql("create user h@'%' identified by 'h' require ssl").unwrap();
    node.sql("grant all on hydra.* to h@'%'").unwrap();
    let port = node.address.rsplit(':').next().unwrap();
    let at = |host: &str, tls: &str| format!("mysql://h:h@{host}:{port}/hydra?{tls}");
    let trusting = |authority: &Authority| {
        format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={}", authority.ca().display())
    };
    let db = open(&at("localhost", &trusting(&ours))).await;
    db.migrate().await.unwrap();
    db.healthy().await.unwrap();
    let encrypted = node.sql("show status like 'Ssl_finished_accepts'").unwrap();
    assert!(!encrypted.ends_with("\t0"), "{encrypted}");
    db.close().await;
    for (what, url) in [
        ("another authority", at("localhost", &trusting(&other))),
        ("another name", at("127.0.0.1", &trusting(&ours))),
        ("no TLS", at("localhost", "ssl-mode=DISABLED")),
    ] {
        let stranger = open(&url).await;
        let refused = stranger.healthy().await;
        assert!(refused.is_err(), "{what} is let in");
        println!("{what}: {:#}", anyhow::Error::new(refused.unwrap_err()));
        stranger.close().await;
    }
}
