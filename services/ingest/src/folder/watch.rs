//! The loop of one folder: hints and walks fill the waiting room, looks empty it.

use super::{
    FolderConfig,
    after::tidy,
    hints::Hints,
    journal::Journal,
    look::{Look, Lookout},
    plain_file::Stamp,
    scan::{Found, scan},
    waiting::WaitingRoom,
};
use crate::{Door, Facts, NotTaken, Offer, Taken, door::count_refusal, refusal::shown};
use anyhow::Context;
use bytes::Bytes;
use futures::{StreamExt, stream};
use hydra_proto::ContentHash;
use hydra_stage::Health;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    task::{JoinHandle, spawn_blocking},
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument, info, info_span, warn};

/// Files at the door at once.
const AT_ONCE: usize = 8;
/// Files of one round, after which hints and the end are heard again.
const ROUND: usize = 64;
/// Files that wait, at most; more are found by the next walk.
const MOST_WAITING: usize = 50_000;
/// How often the loop shows that it lives.
const TICK: Duration = Duration::from_secs(1);
/// The longest wait for store or broker before the next try.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The door behind one watched folder.
pub struct FolderDoor {
    lookout: Arc<Lookout>,
    door: Door,
    health: Health,
    /// As the health page calls it.
    name: String,
    waiting: WaitingRoom,
    /// Until then nothing is looked at, because store or broker are away.
    away_until: Instant,
    away_pause: Duration,
}

/// What became of one file in one round.
enum Outcome {
    Done,
    WaitOn(Option<Stamp>, String),
    Away(String),
}

impl FolderDoor {
    /// A door for `config`; what was taken is remembered in a file of `journal_folder`.
    ///
    /// # Errors
    /// When the folder is not there, or its journal cannot be used.
    pub fn open(
        config: FolderConfig,
        journal_folder: &Path,
        door: Door,
        health: Health,
    ) -> anyhow::Result<Self> {
        let shown_path = shown(&config.path.to_string_lossy());
        let root = config.path.canonicalize();
        let root = root.with_context(|| format!("the watched folder {shown_path} is not there"))?;
        let hash = ContentHash::of(root.as_os_str().as_encoded_bytes()).to_string();
        let path = journal_folder.join(format!("{}.journal", &hash[..16]));
        let journal = Journal::open(&path)
            .with_context(|| format!("the journal of the watched folder {shown_path}"))?;
        let waiting = WaitingRoom::new(Duration::from_millis(config.settle_ms));
        let config = FolderConfig { path: root, ..config };
        let lookout = Lookout { config, limits: *door.limits(), journal: Mutex::new(journal) };
        let name = format!("folder {shown_path}");
        let lookout = Arc::new(lookout);
        let (away_until, away_pause) = (Instant::now(), Duration::ZERO);
        Ok(Self { lookout, door, health, name, waiting, away_until, away_pause })
    }

    /// Takes files until `stop`. What is at the door then is taken again at the next start, unless
    /// it was noted already.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut hints = Hints::of(&self.lookout.config.path);
        let mut walk = self.walk();
        let mut next_walk = None;
        while !stop.is_cancelled() {
            self.health.tick(&self.name);
            let tick = Instant::now() + TICK;
            let next_look = self.waiting.next_due().unwrap_or(tick).max(self.away_until).min(tick);
            tokio::select! {
                () = stop.cancelled() => {}
                found = &mut walk, if next_walk.is_none() => {
                    let (found, took) = found.unwrap_or_default();
                    next_walk = Some(self.found(found, took));
                }
                () = sleep_until(next_walk.unwrap_or(tick)), if next_walk.is_some() => {
                    walk = self.walk();
                    next_walk = None;
                }
                hint = hints.next() => {
                    let mut paths = BTreeSet::from_iter(hint.paths);
                    while let Some(hint) = hints.try_next() {
                        paths.extend(hint.paths);
                    }
                    self.hint(paths).await;
                }
                () = sleep_until(next_look) => self.round(&stop).await,
            }
        }
        self.health.ended(&self.name);
    }

    /// Walks the whole tree, on another thread.
    fn walk(&self) -> JoinHandle<(Found, Duration)> {
        let (lookout, room) = (self.lookout.clone(), MOST_WAITING - self.waiting.len());
        spawn_blocking(move || {
            let begun = Instant::now();
            (scan(&lookout, Path::new(""), room), begun.elapsed())
        })
    }

    /// Takes over what a walk found; returns when the next one is due.
    fn found(&mut self, found: Found, took: Duration) -> Instant {
        match &found.error {
            Some(error) => self.health.unwell(&self.name, format!("cannot be read: {error}")),
            None => self.health.well(&self.name),
        }
        found.paths.into_iter().for_each(|path| self.waiting.add(path));
        if found.complete
            && let Err(error) = self.lookout.journal().retain(&found.seen)
        {
            warn!(folder = self.name, %error, "cannot tidy a folder's journal");
        }
        // A walk that takes long must not be all that the disk does.
        let rescan = Duration::from_secs(self.lookout.config.rescan_s.max(1));
        Instant::now() + rescan.max(took * 10)
    }

    /// Something happened to these paths. A folder that appears may bring files of which no
    /// report comes.
    async fn hint(&mut self, paths: BTreeSet<PathBuf>) {
        let (lookout, room) = (self.lookout.clone(), MOST_WAITING - self.waiting.len());
        let look = spawn_blocking(move || {
            let mut found = Vec::new();
            for path in paths {
                let Ok(relative) = path.strip_prefix(&lookout.config.path) else { continue };
                match fs::symlink_metadata(&path) {
                    Ok(meta) if meta.is_dir() => {
                        found.append(&mut scan(&lookout, relative, room - found.len()).paths);
                    }
                    Ok(_) if found.len() < room => found.push(relative.to_owned()),
                    _ => {}
                }
            }
            found
        });
        let found = look.await.unwrap_or_default();
        found.into_iter().for_each(|path| self.waiting.add(path));
    }

    /// Looks at the files whose time has come and takes those that are ready.
    async fn round(&mut self, stop: &CancellationToken) {
        if Instant::now() < self.away_until {
            return;
        }
        let due = self.waiting.due(ROUND);
        let (lookout, door) = (&self.lookout, &self.door);
        let work = due.into_iter().map(|(path, before)| async move {
            let outcome = deal_with(lookout, door, &path, before).await;
            (path, outcome)
        });
        let mut results = stream::iter(work).buffer_unordered(AT_ONCE);
        let mut away = None;
        while away.is_none()
            && !stop.is_cancelled()
            && let Some((path, outcome)) = results.next().await
        {
            match outcome {
                Outcome::Done => self.waiting.remove(&path),
                Outcome::WaitOn(seen, why) => {
                    if self.waiting.wait_on(&path, seen) {
                        warn!(path = shown(&path.to_string_lossy()), why, "a file waits for long");
                    }
                }
                Outcome::Away(why) => away = Some(why),
            }
        }
        drop(results);
        self.rest(away);
        metrics::gauge!("hydra_ingest_folder_waiting_files", "folder" => self.name.clone())
            .set(self.waiting.len() as f64);
    }

    /// While store or broker are away the files wait together, longer and longer.
    fn rest(&mut self, away: Option<String>) {
        match away {
            Some(why) => {
                self.away_pause = (self.away_pause * 2).clamp(TICK, LONGEST_REST);
                self.away_until = Instant::now() + self.away_pause;
                self.health.unwell(&self.name, why);
            }
            None if !self.away_pause.is_zero() => {
                self.away_pause = Duration::ZERO;
                self.health.well(&self.name);
            }
            None => {}
        }
    }
}

/// One look, and the door if the file is ready.
async fn deal_with(
    lookout: &Arc<Lookout>,
    door: &Door,
    path: &Path,
    before: Option<Stamp>,
) -> Outcome {
    let (there, relative) = (lookout.clone(), path.to_owned());
    let look = spawn_blocking(move || there.look(&relative, before)).await;
    let shown_path = || shown(&path.to_string_lossy());
    match look {
        // A panic in one look costs that look.
        Err(error) => Outcome::WaitOn(None, error.to_string()),
        Ok(Look::Nothing) => Outcome::Done,
        Ok(Look::Wait(stamp, why)) => Outcome::WaitOn(stamp, why),
        Ok(Look::NoFile(refusal)) => {
            warn!(path = shown_path(), "a file cannot be taken");
            count_refusal("folder", &refusal);
            if let Ok(meta) = fs::symlink_metadata(lookout.config.path.join(path)) {
                let mtime_ns =
                    i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec());
                lookout.journal().note_no_file(path, meta.len(), mtime_ns);
            }
            Outcome::Done
        }
        Ok(Look::Refused(stamp, refusal)) => {
            warn!(path = shown_path(), "a file cannot be taken");
            count_refusal("folder", &refusal);
            note(lookout, path, &stamp, None, refusal.kind());
            Outcome::Done
        }
        Ok(Look::Ready(stamp, facts, bytes)) => {
            let span = info_span!("folder", otel.name = "folder", path = shown_path());
            offer(lookout, door, path, stamp, facts, bytes).instrument(span).await
        }
    }
}

async fn offer(
    lookout: &Arc<Lookout>,
    door: &Door,
    path: &Path,
    stamp: Stamp,
    facts: Facts,
    bytes: Bytes,
) -> Outcome {
    let hash = hydra_blobs::hash(&bytes).await;
    let offer = Offer { from: "folder", facts, bytes, traceparent: None };
    match door.take(offer).await {
        Ok(taken) => {
            let outcome = if matches!(taken, Taken::New(_)) { "new" } else { "known" };
            note(lookout, path, &stamp, Some(hash), outcome);
            let (there, relative) = (lookout.clone(), path.to_owned());
            let tidied = spawn_blocking(move || {
                tidy(&there.config.path, &relative, &stamp, &there.config.after)
            });
            if let Ok(Err(error)) = tidied.await {
                warn!(%error, "cannot delete or move a file that was taken");
            }
            Outcome::Done
        }
        Err(NotTaken::Refused(refusal)) => {
            note(lookout, path, &stamp, Some(hash), refusal.kind());
            Outcome::Done
        }
        Err(away) => {
            let why = format!("{:#}", anyhow::Error::new(away));
            info!(why, "files wait");
            Outcome::Away(why)
        }
    }
}

/// Remembers a file; when that fails, it is only looked at once more some time.
fn note(lookout: &Lookout, path: &Path, stamp: &Stamp, hash: Option<ContentHash>, outcome: &str) {
    if let Err(error) = lookout.journal().note(path, stamp, hash, outcome) {
        warn!(%error, "cannot write to a folder's journal");
    }
}
