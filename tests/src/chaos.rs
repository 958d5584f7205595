//! Faults at random, by a seed, while plots come in; and the ledger at the end.

use crate::{Hall, Place, Producer, STAGES};
use hydra_proto::ImageId;
use hydra_testkit::{Balance, Rules, Signal};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use std::{
    collections::BTreeMap,
    fmt,
    time::{Duration, Instant},
};

/// What is done, and to how many images.
#[derive(Clone, Copy, Debug)]
pub struct Chaos {
    /// The same seed does the same things in the same order.
    pub seed: u64,
    /// Images to publish.
    pub images: usize,
    /// Longest pause between two faults.
    pub pause: Duration,
}

/// What came of it.
#[derive(Debug)]
pub struct Report {
    /// The ledger.
    pub balance: Balance<ImageId>,
    /// What was done how often.
    pub faults: BTreeMap<&'static str, u32>,
    /// Given up because processes kept dying with them in hand, and sent again by a person.
    pub replayed: u64,
    /// Sums of the database that differ from its rows.
    pub counted_twice: i64,
    /// From the first publish to the last row.
    pub took: Duration,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Balance { attempted, confirmed, rows, lost, unexpected, duplicate, recovered } =
            &self.balance;
        let faults: u32 = self.faults.values().sum();
        writeln!(f, "faults      {faults}  {:?}", self.faults)?;
        writeln!(f, "attempted   {attempted}")?;
        writeln!(f, "confirmed   {confirmed}")?;
        writeln!(f, "rows        {rows}")?;
        writeln!(f, "lost        {}", lost.len())?;
        writeln!(f, "unexpected  {}", unexpected.len())?;
        writeln!(f, "duplicate   {}  (counted twice: {})", duplicate.len(), self.counted_twice)?;
        writeln!(f, "recovered   {recovered}")?;
        writeln!(f, "replayed    {}", self.replayed)?;
        write!(f, "seconds     {:.0}", self.took.as_secs_f64())
    }
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill(&'static str),
    Terminate(&'static str),
    Freeze(&'static str),
    CutBroker,
    CutDatabase,
    BlackHole,
    SlowDatabase,
    RestartBroker,
    KillBroker,
    KillDatabase,
}

impl Fault {
    fn random(rng: &mut StdRng) -> Self {
        let stage = STAGES[rng.random_range(0..STAGES.len())];
        match rng.random_range(0..100) {
            0..50 => Self::Kill(stage),
            50..60 => Self::Terminate(stage),
            60..65 => Self::Freeze(stage),
            65..75 => Self::CutBroker,
            75..85 => Self::CutDatabase,
            85..88 => Self::BlackHole,
            88..91 => Self::SlowDatabase,
            91..94 => Self::KillDatabase,
            94..97 => Self::RestartBroker,
            _ => Self::KillBroker,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Kill(_) => "role killed",
            Self::Terminate(_) => "role told to end",
            Self::Freeze(_) => "role frozen",
            Self::CutBroker => "broker connections cut",
            Self::CutDatabase => "database connections cut",
            Self::BlackHole => "black hole",
            Self::SlowDatabase => "database slow",
            Self::RestartBroker => "broker restarted",
            Self::KillBroker => "broker killed",
            Self::KillDatabase => "database killed",
        }
    }

    async fn strike(self, hall: &mut Hall) {
        let while_it_lasts = |ms| tokio::time::sleep(Duration::from_millis(ms));
        match self {
            Self::Kill(stage) => {
                hall.kill9(stage).await;
                hall.start(&[stage]);
            }
            Self::Terminate(stage) => {
                let status = hall.terminate(stage, Duration::from_secs(60)).await;
                assert_eq!(status, Some(0), "{stage} drains and ends well");
                hall.start(&[stage]);
            }
            Self::Freeze(stage) => {
                hall.process(stage).signal(Signal::STOP);
                while_it_lasts(7_000).await;
                hall.process(stage).signal(Signal::CONT);
            }
            Self::CutBroker => hall.broker_proxy.cut(),
            Self::CutDatabase => hall.rows_proxy.cut(),
            Self::BlackHole => {
                hall.broker_proxy.set_both(Rules { black_hole: true, ..Rules::default() });
                while_it_lasts(4_000).await;
                hall.broker_proxy.heal();
            }
            Self::SlowDatabase => {
                let delay = Duration::from_millis(200);
                hall.rows_proxy.set_both(Rules { delay, ..Rules::default() });
                while_it_lasts(3_000).await;
                hall.rows_proxy.heal();
            }
            Self::RestartBroker => {
                hall.node().stop().await;
                while_it_lasts(1_000).await;
                hall.node().restart().await;
            }
            Self::KillBroker => {
                hall.node().kill9();
                hall.node().restart().await;
            }
            Self::KillDatabase => {
                hall.mariadb().kill9();
                hall.mariadb().restart().await;
            }
        }
    }
}

impl Chaos {
    /// Runs it on servers and processes of its own, telling each fault to `told`.
    ///
    /// # Panics
    /// When the hall does not come to rest, a process panics or uses too much memory; not for a
    /// ledger that does not balance, which the report shows.
    pub async fn run(self, mut told: impl FnMut(&str)) -> Report {
        let mut rng = StdRng::seed_from_u64(self.seed);
        let mut hall = Hall::open(Place::Own, Place::Own).await;
        hall.start_each(&STAGES).await;
        hall.node().queues_on_disk().await;
        let begun = Instant::now();
        let producer = hall.producer.clone();
        let images = self.images;
        let publishing = tokio::spawn(async move { publish(producer, images).await });
        let mut faults = BTreeMap::new();
        while !publishing.is_finished() || hall.count_rows().await < images * 9 / 10 {
            let pause = self.pause.mul_f64(rng.random_range(0.1..1.0));
            tokio::time::sleep(pause).await;
            let fault = Fault::random(&mut rng);
            let rows = hall.count_rows().await;
            told(&format!("{:6.1} s  {rows:6} rows  {fault:?}", begun.elapsed().as_secs_f64()));
            fault.strike(&mut hall).await;
            *faults.entry(fault.name()).or_default() += 1;
        }
        publishing.await.expect("the producer does not panic");
        hall.all_ready().await;
        let replayed = rest(&mut hall, images).await;
        let sums = hall.sums().await;
        let counted_twice = sums.counted.iter().map(|sum| (sum - sums.images).abs()).max();
        hall.assert_sound();
        Report {
            balance: hall.producer.ledger.balance(hall.rows().await),
            faults,
            replayed,
            counted_twice: counted_twice.unwrap_or(0),
            took: begun.elapsed(),
        }
    }
}

async fn publish(producer: Producer, images: usize) {
    producer.publish(images).await;
}

/// Waits for the end of all work. What was given up is sent again, as a person would.
async fn rest(hall: &mut Hall, images: usize) -> u64 {
    let mut replayed = 0;
    let until = Instant::now() + Duration::from_secs(300);
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if hall.in_queues().await != Some(0) {
            continue;
        }
        match hall.dead().await {
            0 if hall.count_rows().await >= images => return replayed,
            0 => {}
            dead => {
                replayed += dead;
                hall.replay_dead().await;
            }
        }
        // nothing waits, nothing is dead and rows are missing: a loss, which the ledger will show
        if hall.in_queues().await == Some(0) && hall.dead().await == 0 && quiet(hall).await {
            return replayed;
        }
    }
    panic!("no rest within five minutes:\n{}", hall.last_words());
}

/// The broker counts with a delay of a second: nothing moves for three.
async fn quiet(hall: &Hall) -> bool {
    let rows = hall.count_rows().await;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if hall.in_queues().await != Some(0) || hall.count_rows().await != rows {
            return false;
        }
    }
    true
}
