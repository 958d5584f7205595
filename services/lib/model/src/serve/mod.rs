//! Model digests -> loaded, warmed models, within a budget of memory.
//!
//! Graphs are shared: a trunk is in memory once however many models build on it. Models are
//! loaded when they are first asked for (or beforehand, by [`Models::get`]) and let go when the
//! budget is spent, least recently used first. One that cannot be loaded is remembered with the
//! reason for a while, so that its plots do not read a broken file again and again.

mod load;
mod slot;

pub use load::{Head, Model};
pub use slot::{Slot, SlotError};

use crate::{Library, Runtime};
use hydra_proto::{ContentHash, ModelDigest};
use slot::Meter;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::{Duration, Instant, SystemTime},
};

/// What a model is loaded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Scores, novelty, embedding.
    Judge,
    /// Heat maps.
    Explain,
}

/// How models are kept.
#[derive(Clone, Copy, Debug)]
pub struct ModelsConfig {
    /// What for.
    pub purpose: Purpose,
    /// Sessions of a large graph, as many as threads will run it; a small one grows to that.
    pub sessions: usize,
    /// Estimated memory of all loaded graphs, beyond which the least recently used go.
    pub budget_bytes: u64,
    /// How long a model that could not be loaded is not tried again.
    pub retry_after: Duration,
}

/// Why a model cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("model {model} unavailable: {why}")]
pub struct Unavailable {
    /// The model.
    pub model: ModelDigest,
    /// The chain of reasons.
    pub why: String,
    /// The store is away: waiting helps, and the model may be well.
    pub transient: bool,
}

/// A model in memory, as the status page shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The model.
    pub model: ModelDigest,
    /// Estimated memory of its graphs; what other models share with it is counted with each.
    pub bytes: u64,
    /// Of these, what other models in memory share.
    pub shared_bytes: u64,
    /// Since when it is in memory.
    pub since: SystemTime,
}

/// A model in memory and how it is used.
struct Ready {
    model: Arc<Model>,
    /// By the clock of uses.
    used: u64,
    since: SystemTime,
}

/// A graph as it is opened: which file, for which input size, with which outputs.
type SlotKey = (ContentHash, Vec<usize>, Vec<String>);

#[derive(Default)]
struct State {
    ready: HashMap<ModelDigest, Ready>,
    failed: HashMap<ModelDigest, (Unavailable, Instant)>,
    loading: HashMap<ModelDigest, Arc<tokio::sync::Mutex<()>>>,
    slots: HashMap<SlotKey, Weak<Slot>>,
    /// Counts uses, to know which was least recent.
    clock: u64,
}

/// All models of a process.
pub struct Models {
    library: Library,
    runtime: Runtime,
    config: ModelsConfig,
    meter: Meter,
    /// One at a time: opening takes several times the file's size of memory for a moment, and two
    /// models on one trunk must not both open it.
    opening: tokio::sync::Mutex<()>,
    state: Mutex<State>,
}

impl Models {
    /// None loaded yet.
    pub fn new(library: Library, runtime: Runtime, config: ModelsConfig) -> Self {
        metrics::counter!("hydra_model_load_failures_total").increment(0);
        Self {
            library,
            runtime,
            config,
            meter: Meter::default(),
            opening: tokio::sync::Mutex::default(),
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // nothing under this lock can panic half-way
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, if it is in memory.
    pub fn loaded(&self, digest: &ModelDigest) -> Option<Arc<Model>> {
        let mut state = self.state();
        state.clock += 1;
        let now = state.clock;
        let ready = state.ready.get_mut(digest)?;
        ready.used = now;
        Some(ready.model.clone())
    }

    /// The model, loaded now if need be. Several callers wait for one load.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn get(&self, digest: &ModelDigest) -> Result<Arc<Model>, Unavailable> {
        if let Some(model) = self.loaded(digest) {
            return Ok(model);
        }
        let gate = self.state().loading.entry(*digest).or_default().clone();
        let _turn = gate.lock().await;
        if let Some(model) = self.loaded(digest) {
            return Ok(model);
        }
        if let Some(reason) = self.failure(digest) {
            return Err(reason);
        }
        let loaded = self.load(digest).await;
        let mut state = self.state();
        state.loading.remove(digest);
        match loaded {
            Ok(model) => {
                state.failed.remove(digest);
                state.clock += 1;
                let used = state.clock;
                let ready = Ready { model: model.clone(), used, since: SystemTime::now() };
                state.ready.insert(*digest, ready);
                let gone = self.let_go(&mut state, digest);
                drop(state);
                // sessions take a while to close
                drop(gone);
                Ok(model)
            }
            Err(reason) => {
                tracing::error!(model = %digest, why = reason.why, "a model cannot be loaded");
                metrics::counter!("hydra_model_load_failures_total").increment(1);
                if !reason.transient {
                    state.failed.insert(*digest, (reason.clone(), Instant::now()));
                }
                Err(reason)
            }
        }
    }

    /// Why a model is not tried again just yet.
    fn failure(&self, digest: &ModelDigest) -> Option<Unavailable> {
        let state = self.state();
        let (reason, at) = state.failed.get(digest)?;
        (at.elapsed() < self.config.retry_after).then(|| reason.clone())
    }

    /// Drops least recently used models until the rest fits; never the one just loaded.
    fn let_go(&self, state: &mut State, keep: &ModelDigest) -> Vec<Arc<Model>> {
        let mut gone: Vec<Arc<Model>> = Vec::new();
        let mut freed = 0;
        while self.meter.bytes().saturating_sub(freed) > self.config.budget_bytes {
            let others = state.ready.iter().filter(|(digest, _)| *digest != keep);
            let oldest = others.min_by_key(|(_, ready)| ready.used).map(|(digest, _)| *digest);
            let Some(Ready { model, .. }) = oldest.and_then(|digest| state.ready.remove(&digest))
            else {
                break;
            };
            freed += model.own_bytes();
            gone.push(model);
        }
        state.slots.retain(|_, slot| slot.strong_count() > 0);
        metrics::gauge!("hydra_models_loaded").set(state.ready.len() as f64);
        metrics::gauge!("hydra_models_memory_bytes").set(self.meter.bytes() as f64);
        gone
    }

    /// Forgets a model and the graphs that it was using, so that the next use loads them anew:
    /// after a hang took their sessions away.
    pub fn forget(&self, digest: &ModelDigest) {
        let mut state = self.state();
        let Some(Ready { model, .. }) = state.ready.remove(digest) else { return };
        let lost: Vec<*const Slot> = model.slots().map(Arc::as_ptr).collect();
        state.slots.retain(|_, slot| !lost.contains(&slot.as_ptr()));
        let is_lost = |slot: &Arc<Slot>| lost.contains(&Arc::as_ptr(slot));
        state.ready.retain(|_, ready| !ready.model.slots().any(is_lost));
    }

    /// Models that cannot be loaded, with the reasons.
    pub fn failures(&self) -> Vec<Unavailable> {
        self.state().failed.values().map(|(reason, _)| reason.clone()).collect()
    }

    /// Whether more models would soon push others out.
    pub fn is_nearly_full(&self) -> bool {
        self.meter.bytes() > self.config.budget_bytes / 10 * 9
    }

    /// Estimated memory of all loaded graphs.
    pub fn memory_bytes(&self) -> u64 {
        self.meter.bytes()
    }

    /// Models in memory, by digest.
    pub fn held(&self) -> Vec<Held> {
        let state = self.state();
        // not by counting owners: whoever runs a graph owns it for a moment, too
        let mut users: HashMap<*const Slot, usize> = HashMap::new();
        for slot in state.ready.values().flat_map(|ready| ready.model.slots()) {
            *users.entry(Arc::as_ptr(slot)).or_default() += 1;
        }
        let told = state.ready.iter().map(|(digest, ready)| {
            let (mut bytes, mut shared_bytes) = (0, 0);
            for slot in ready.model.slots() {
                bytes += slot.bytes();
                let is_shared = users.get(&Arc::as_ptr(slot)).is_some_and(|users| *users > 1);
                shared_bytes += if is_shared { slot.bytes() } else { 0 };
            }
            Held { model: *digest, bytes, shared_bytes, since: ready.since }
        });
        let mut told: Vec<Held> = told.collect();
        told.sort_by_key(|held| held.model);
        told
    }

    /// Models in memory.
    pub fn count(&self) -> usize {
        self.state().ready.len()
    }
}

#[cfg(test)]
mod tests;
