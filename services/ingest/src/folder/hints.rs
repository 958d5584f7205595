//! What the operating system tells of changes. Only hints: some file systems tell nothing, and
//! a full queue drops them, so the tree is walked from time to time as well.

use notify::{
    Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher,
    event::{AccessKind, AccessMode, ModifyKind},
};
use std::path::Path;
use tokio::sync::mpsc;
use tracing::warn;

/// Hints that wait; a burst beyond is found by the next walk.
const WAITING: usize = 4096;

/// A source of hints; ends with its drop.
pub(super) struct Hints {
    /// Keeps the watch.
    _watcher: Option<RecommendedWatcher>,
    receiver: mpsc::Receiver<Event>,
    /// Keeps the channel open where there is no watcher.
    _sender: mpsc::Sender<Event>,
}

impl Hints {
    /// Watches everything below `folder`. Where that is not possible (too many folders for the
    /// system's limit), walks alone must do, and the log says so.
    pub fn of(folder: &Path) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        let into = sender.clone();
        let watcher = RecommendedWatcher::new(
            move |event: notify::Result<Event>| {
                if let Ok(event) = event
                    && is_change(&event.kind)
                {
                    // A full channel means that a walk is due anyway.
                    let _ = into.try_send(event);
                }
            },
            Config::default().with_follow_symlinks(false),
        );
        let watching = watcher.and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::Recursive).map(|()| watcher)
        });
        let watcher = watching
            .inspect_err(|error| {
                warn!(%error, "no change reports for a folder; it is only walked from time to time");
            })
            .ok();
        Self { _watcher: watcher, receiver, _sender: sender }
    }

    /// The next hint.
    pub async fn next(&mut self) -> Event {
        match self.receiver.recv().await {
            Some(event) => event,
            // Cannot happen while we hold a sender; then there simply are no more hints.
            None => std::future::pending().await,
        }
    }

    /// A hint that is here already.
    pub fn try_next(&mut self) -> Option<Event> {
        self.receiver.try_recv().ok()
    }
}

/// Whether there may be new bytes. That a file was opened is none: we do so ourselves.
fn is_change(kind: &EventKind) -> bool {
    match kind {
        EventKind::Any | EventKind::Create(_) => true,
        EventKind::Modify(what) => !matches!(what, ModifyKind::Metadata(_)),
        EventKind::Access(what) => *what == AccessKind::Close(AccessMode::Write),
        EventKind::Remove(_) | EventKind::Other => false,
    }
}
