//! What keep has looked up: plot types for a moment, models for good.

use hydra_proto::{ModelDigest, PlotTypeName};
use hydra_store::{
    Database, StoreError,
    catalog::Hall,
    keeping::{PlotTypeFacts, model_ids, plot_types},
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// A change of the catalog reaches the next image after at most this time.
const FRESH: Duration = Duration::from_secs(2);

type Models = HashMap<ModelDigest, (i32, Vec<String>)>;

/// What a batch needs to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub hall: Hall,
    pub plot_types: HashMap<PlotTypeName, PlotTypeFacts>,
    /// Row id, and labels in the order of the scores.
    pub models: Models,
}

/// Remembers what earlier batches looked up.
#[derive(Default)]
pub(crate) struct Cache(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    known: Known,
    since: Option<Instant>,
}

impl Cache {
    /// What a batch with these plot types and models needs.
    pub async fn look_up(
        &self,
        db: &Database,
        names: HashSet<PlotTypeName>,
        models: HashMap<ModelDigest, Vec<String>>,
    ) -> Result<Known, StoreError> {
        let mut known = self.remembered();
        let missing: Vec<_> =
            names.into_iter().filter(|name| !known.plot_types.contains_key(name)).collect();
        let fresh = self.is_empty();
        if !missing.is_empty() || fresh {
            let (hall, found) = plot_types(db, missing).await?;
            known.hall = hall;
            known.plot_types.extend(found);
        }
        let missing: Vec<_> =
            models.into_iter().filter(|(digest, _)| !known.models.contains_key(digest)).collect();
        if !missing.is_empty() {
            known.models.extend(model_ids(db, missing).await?);
        }
        self.remember(&known);
        Ok(known)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_empty(&self) -> bool {
        self.state().since.is_none()
    }

    fn remembered(&self) -> Known {
        let mut state = self.state();
        if state.since.is_none_or(|since| since.elapsed() > FRESH) {
            state.since = None;
            state.known.plot_types.clear();
        }
        state.known.clone()
    }

    fn remember(&self, known: &Known) {
        let mut state = self.state();
        state.known = known.clone();
        state.since.get_or_insert_with(Instant::now);
    }
}
