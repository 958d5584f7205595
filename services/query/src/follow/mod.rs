//! Follows the database: one task a replica, whatever the number of pages.
//!
//! keep numbers its commits, and numbers become visible in order. So the follower asks a few times
//! a second for two counters, and only when they moved for what came after them. The board is
//! swapped, the change goes to every open stream as the same bytes.

pub mod board;
pub mod card;
mod lag;

use crate::health;
use board::{Board, Changes, STRIP};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use hydra_store::{
    Database, StoreError,
    heartbeat::Beat,
    now_us,
    read::{self, Heard},
};
pub use lag::{Lags, SILENT_US};
use serde::Serialize;
use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Images taken over in one step.
const PIECE: u64 = 1_000;
/// Further behind than so many commits, the board is read anew rather than step by step.
const FAR_BEHIND: i64 = 5_000;
/// Plot types whose strips are read at the same time.
const READERS: usize = 4;
/// Health, dead letters and heartbeats are looked at so often.
const SLOWLY: Duration = Duration::from_secs(1);
/// Longest wait after a failure.
const RETRY: Duration = Duration::from_secs(1);
/// Frames that a slow page may lag behind before it is cut off and comes again.
const FRAMES: usize = 256;
/// Heartbeats older than a week are of instances that will not come back.
const WEEK_US: i64 = 7 * 86_400_000_000;
/// Dead letters that cards can tell of.
const BURIED: u64 = 500;

/// What the follower knows, for everyone who asks.
pub struct Now {
    board: RwLock<Arc<Board>>,
    heard: RwLock<Arc<Vec<Heard>>>,
    lags: RwLock<Lags>,
    read_at_us: AtomicI64,
    read_took_us: AtomicU64,
    frames: broadcast::Sender<Bytes>,
}

fn shared<T: Clone>(lock: &RwLock<T>) -> T {
    lock.read().unwrap_or_else(PoisonError::into_inner).clone()
}

fn put<T>(lock: &RwLock<T>, value: T) {
    *lock.write().unwrap_or_else(PoisonError::into_inner) = value;
}

impl Default for Now {
    fn default() -> Self {
        Self {
            board: RwLock::default(),
            heard: RwLock::default(),
            lags: RwLock::default(),
            read_at_us: AtomicI64::new(0),
            read_took_us: AtomicU64::new(0),
            frames: broadcast::channel(FRAMES).0,
        }
    }
}

impl Now {
    /// The hall at this moment.
    pub fn board(&self) -> Arc<Board> {
        shared(&self.board)
    }

    /// Every sign of life.
    pub fn heard(&self) -> Arc<Vec<Heard>> {
        shared(&self.heard)
    }

    /// How far behind arrival each stage is.
    pub fn lags(&self) -> Lags {
        shared(&self.lags)
    }

    /// When the database last answered.
    pub fn read_at_us(&self) -> i64 {
        self.read_at_us.load(Ordering::Relaxed)
    }

    /// How long its last answer took.
    pub fn read_took(&self) -> Duration {
        Duration::from_micros(self.read_took_us.load(Ordering::Relaxed))
    }

    /// Whether the hall was read at all.
    pub fn is_read(&self) -> bool {
        self.read_at_us() > 0
    }

    /// Everything that is sent to pages from here on, as frames of server-sent events.
    pub fn frames(&self) -> broadcast::Receiver<Bytes> {
        self.frames.subscribe()
    }

    /// What a page is told first.
    pub fn tick(&self) -> Bytes {
        frame("tick", &card::tick(&self.board(), self.read_at_us(), now_us()))
    }

    fn send(&self, frame: Bytes) {
        // Nobody listening is fine.
        let _listeners = self.frames.send(frame);
    }
}

/// One server-sent event (WHATWG HTML, 9.2).
fn frame<T: Serialize>(event: &str, data: &T) -> Bytes {
    let data = serde_json::to_string(data).unwrap_or_default();
    Bytes::from(format!("event: {event}\ndata: {data}\n\n"))
}

/// Follows until `stop`. A database that is away stops nothing but the news: the ticks go on and
/// say how old the last answer is. `has_read` is cancelled once the hall was read.
pub async fn follow(
    db: Database,
    now: Arc<Now>,
    every: Duration,
    has_read: CancellationToken,
    stop: CancellationToken,
) {
    let ticks = tokio::spawn(tick(now.clone(), stop.clone()));
    let mut follower = Follower { db, now, looked: None, own: own_beat() };
    let mut is_well = true;
    while !stop.is_cancelled() {
        let wait = match follower.step().await {
            Ok(()) => {
                if !is_well {
                    info!("the database answers again");
                }
                is_well = true;
                has_read.cancel();
                every
            }
            Err(error) => {
                if is_well {
                    warn!(error = &error as &dyn std::error::Error, "the database does not answer");
                }
                is_well = false;
                RETRY
            }
        };
        if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
            break;
        }
    }
    // It ends by the same token.
    let _ended = ticks.await;
}

async fn tick(now: Arc<Now>, stop: CancellationToken) {
    let mut second = tokio::time::interval(Duration::from_secs(1));
    while stop.run_until_cancelled(second.tick()).await.is_some() {
        now.send(now.tick());
    }
}

/// What this process says of itself. It may only read, so nobody else can tell.
fn own_beat() -> Beat {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "host".to_owned());
    Beat {
        instance: format!("query-{host}-{}", std::process::id()),
        role: "query".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started_us: now_us(),
        ready: true,
        body: Default::default(),
    }
}

struct Follower {
    db: Database,
    now: Arc<Now>,
    looked: Option<Instant>,
    own: Beat,
}

impl Follower {
    async fn step(&mut self) -> Result<(), StoreError> {
        let begun = Instant::now();
        let progress = read::progress(&self.db).await?;
        let mut board = self.now.board();
        let behind = progress.commits - board.progress.commits;
        if !self.now.is_read() || !(0..=FAR_BEHIND).contains(&behind) {
            board = Arc::new(self.read_all(progress).await?);
            put(&self.now.board, board.clone());
            if self.now.is_read() {
                // pages were not told what changed in between: they read everything again
                self.now.send(frame("again", &()));
            }
        }
        let mut next = (*board).clone();
        let mut changes = Changes::default();
        if next.progress.generation != progress.generation {
            next.redeclare(read::declared(&self.db).await?);
            next.progress.generation = progress.generation;
        }
        self.catch_up(&mut next, progress.commits, &mut changes).await?;
        if self.looked.is_none_or(|looked| looked.elapsed() >= SLOWLY) {
            self.look_around(&mut next, &mut changes).await?;
            self.looked = Some(Instant::now());
        }
        let next = Arc::new(next);
        put(&self.now.board, next.clone());
        if !changes.is_empty() {
            self.now.send(frame("change", &next.change(&changes)));
        }
        let took_us = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.now.read_took_us.store(took_us, Ordering::Relaxed);
        self.now.read_at_us.store(now_us(), Ordering::Relaxed);
        Ok(())
    }

    async fn catch_up(
        &self,
        board: &mut Board,
        upto: i64,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let mut has_images = false;
        while board.progress.commits < upto {
            let fresh = read::fresh(&self.db, board.progress.commits, upto, PIECE).await?;
            if board.is_strange(&fresh) {
                board.redeclare(read::declared(&self.db).await?);
            }
            has_images |= !fresh.images.is_empty();
            board.apply(fresh, changes);
        }
        if has_images {
            board.run = read::newest_run(&self.db).await?.map(Arc::new);
        }
        Ok(())
    }

    async fn look_around(
        &self,
        board: &mut Board,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        let now = now_us();
        let mut heard = read::heartbeats(&self.db, now - WEEK_US).await?;
        match heard.iter_mut().find(|one| one.beat.instance == self.own.instance) {
            Some(own) => own.beat_us = now,
            None => heard.push(Heard { beat: self.own.clone(), beat_us: now }),
        }
        let mut lags = self.now.lags();
        lags.note(&heard, now);
        board.pipeline = health::pipeline(&heard, &lags, now);
        put(&self.now.lags, lags);
        put(&self.now.heard, Arc::new(heard));
        board.set_buried(&read::buried(&self.db, BURIED).await?, changes);
        Ok(())
    }

    async fn read_all(&self, progress: read::Progress) -> Result<Board, StoreError> {
        let declared = read::declared(&self.db).await?;
        let ids: Vec<i32> = declared.plot_types.iter().map(|row| row.id).collect();
        let mut board = Board::new(declared);
        let strips = stream::iter(ids)
            .map(|id| read::newest(&self.db, id, STRIP as u64))
            .buffered(READERS)
            .try_collect::<Vec<_>>()
            .await?;
        // Those that come meanwhile are read once more, which changes nothing.
        let mut ignored = Changes::default();
        let images = strips.into_iter().flatten().collect();
        let fresh = read::Fresh { images, upto: progress.commits, ..Default::default() };
        board.apply(fresh, &mut ignored);
        for row in read::open_incidents(&self.db).await? {
            board.set_incident(row, &mut ignored);
        }
        board.run = read::newest_run(&self.db).await?.map(Arc::new);
        board.progress = progress;
        info!(plot_types = board.cells.len(), commits = progress.commits, "read the hall");
        Ok(board)
    }
}
