//! Workbenches that wait for their next image: as many as ever worked at once.

use anyhow::anyhow;
use hydra_vision::{Limits, Workbench};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone)]
pub(crate) struct Benches {
    limits: Limits,
    /// Idle ones. Bounded by the concurrency of the stage, which bounds how many are made.
    idle: Arc<Mutex<Vec<Workbench>>>,
}

impl Benches {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, idle: Arc::default() }
    }

    /// Runs `work` on a thread for blocking work, with a bench that keeps its buffers.
    ///
    /// # Errors
    /// When `work` panics; its bench is not used again.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Workbench) -> T + Send + 'static,
    ) -> anyhow::Result<T> {
        let benches = self.clone();
        let task = tokio::task::spawn_blocking(move || {
            let idle = benches.idle().pop();
            let mut bench = idle.unwrap_or_else(|| Workbench::new(benches.limits));
            let made = work(&mut bench);
            benches.idle().push(bench);
            made
        });
        task.await.map_err(|error| anyhow!("resizing ended early: {error}"))
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Workbench>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
