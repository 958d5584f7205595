//! Files that are to be looked at, and when.

use super::plain_file::Stamp;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::Instant;

/// A file that is not whole after this time is worth a word in the log.
const SUSPICIOUS: Duration = Duration::from_secs(300);
/// The longest time between two looks at a file that does not get whole.
const LONGEST: Duration = Duration::from_secs(30);

/// One file that waits.
#[derive(Debug)]
struct Waiting {
    /// What it was at the last look, and since when.
    stamp: Option<(Stamp, Instant)>,
    next_look: Instant,
    pause: Duration,
    since: Instant,
    told: bool,
}

/// The files that wait, by path.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    files: BTreeMap<PathBuf, Waiting>,
    settle: Duration,
}

impl WaitingRoom {
    pub fn new(settle: Duration) -> Self {
        Self { files: BTreeMap::new(), settle: settle.max(Duration::from_millis(1)) }
    }

    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Something happened to `path`: it is looked at soon.
    pub fn add(&mut self, path: PathBuf) {
        let now = Instant::now();
        let settle = self.settle;
        self.files
            .entry(path)
            .and_modify(|waiting| {
                waiting.next_look = waiting.next_look.min(now + settle);
                waiting.pause = settle;
            })
            .or_insert(Waiting {
                stamp: None,
                next_look: now,
                pause: settle,
                since: now,
                told: false,
            });
    }

    /// Up to `most` files whose time has come, each with its stamp if that has held for the
    /// settling time.
    pub fn due(&mut self, most: usize) -> Vec<(PathBuf, Option<Stamp>)> {
        let now = Instant::now();
        let due = self.files.iter().filter(|(_, waiting)| waiting.next_look <= now).take(most);
        due.map(|(path, waiting)| {
            let settled = waiting.stamp.filter(|(_, since)| now >= *since + self.settle);
            (path.clone(), settled.map(|(stamp, _)| stamp))
        })
        .collect()
    }

    /// When the next file is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.files.values().map(|waiting| waiting.next_look).min()
    }

    /// It was looked at and must wait on. While it changes it is looked at every settling time,
    /// after that less and less often. Returns whether it waits suspiciously long, once.
    pub fn wait_on(&mut self, path: &Path, seen: Option<Stamp>) -> bool {
        let now = Instant::now();
        let Some(waiting) = self.files.get_mut(path) else { return false };
        match (seen, waiting.stamp) {
            (Some(seen), Some((before, _))) if seen == before => {
                waiting.pause = (waiting.pause * 2).min(LONGEST.max(self.settle));
            }
            _ => {
                waiting.stamp = seen.map(|stamp| (stamp, now));
                waiting.pause = self.settle;
            }
        }
        waiting.next_look = now + waiting.pause;
        let tell = !waiting.told && now - waiting.since > SUSPICIOUS;
        waiting.told |= tell;
        tell
    }

    /// It is dealt with.
    pub fn remove(&mut self, path: &Path) {
        self.files.remove(path);
    }
}
