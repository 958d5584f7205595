//! Which model serves a plot type now, kept up with the registry.

use hydra_model::{Model, Models, Unavailable};
use hydra_proto::{
    ModelDigest, PlotTypeName,
    events::ModelRole,
    registry::{PlotType, Registry, Release},
};
use hydra_stage::Health;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};
use tokio::{sync::watch, time::timeout};

/// Component of [`Health`] for models.
const COMPONENT: &str = "models";
/// How often troubles are looked over while the registry stands still.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Models by plot type. Follows the registry, but lets a plot type keep the model that it has in
/// memory until its successor is.
pub struct Serving {
    models: Arc<Models>,
    health: Health,
    preload: usize,
    table: RwLock<Arc<Table>>,
}

/// What serves, at one moment.
#[derive(Default)]
pub struct Table {
    registry: Arc<Registry>,
    /// Plot types that still use another release than the registry's.
    held: HashMap<(PlotTypeName, ModelRole), Release>,
}

impl Table {
    /// The plot type, if the hall knows it.
    pub fn plot_type(&self, name: &PlotTypeName) -> Option<&PlotType> {
        self.registry.plot_types.get(name)
    }

    /// The release that serves in a role.
    pub fn release(&self, name: &PlotTypeName, role: ModelRole) -> Option<&Release> {
        self.held.get(&(name.clone(), role)).or_else(|| named(self.plot_type(name)?, role))
    }

    /// Of the registry that was taken over last.
    pub fn generation(&self) -> u64 {
        self.registry.generation
    }

    /// Whether any plot type still uses a model whose successor is not loaded.
    pub fn is_holding(&self) -> bool {
        !self.held.is_empty()
    }

    /// Digests of all models that are released for enabled plot types, active ones first.
    fn released(&self) -> Vec<ModelDigest> {
        let of = |role| {
            let enabled = self.registry.plot_types.values().filter(|entry| !entry.disabled);
            enabled.filter_map(move |entry| named(entry, role)).map(|release| release.model)
        };
        let mut all: Vec<ModelDigest> =
            of(ModelRole::Active).collect::<BTreeSet<_>>().into_iter().collect();
        let candidates: BTreeSet<_> = of(ModelRole::Candidate).collect();
        all.extend(candidates.into_iter().filter(|model| !all.contains(model)).collect::<Vec<_>>());
        all
    }
}

fn named(entry: &PlotType, role: ModelRole) -> Option<&Release> {
    match role {
        ModelRole::Active => entry.active.as_ref(),
        ModelRole::Candidate => entry.candidate.as_ref(),
    }
}

impl Serving {
    /// Begins with the registry as it is.
    pub fn new(
        models: Arc<Models>,
        registry: Arc<Registry>,
        preload: usize,
        health: Health,
    ) -> Self {
        health.unwell(COMPONENT, "models are being loaded");
        let table = Table { registry, held: HashMap::new() };
        Self { models, health, preload, table: RwLock::new(Arc::new(table)) }
    }

    /// What serves now.
    pub fn table(&self) -> Arc<Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, table: Table) {
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(table);
    }

    /// The models in memory.
    pub fn models(&self) -> &Models {
        &self.models
    }

    /// The same, to be asked beside the stage.
    pub fn shared_models(&self) -> Arc<Models> {
        self.models.clone()
    }

    /// A model, loaded now if need be; health learns of it when it cannot be.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn model(&self, digest: &ModelDigest) -> Result<Arc<Model>, Unavailable> {
        let found = self.models.get(digest).await;
        if found.is_err() {
            self.tell_health();
        }
        found
    }

    /// Loads the first models, then follows the registry for as long as it is kept.
    pub async fn follow(&self, mut registry: watch::Receiver<Arc<Registry>>) {
        self.preload().await;
        loop {
            let newest = registry.borrow_and_update().clone();
            let successors = self.adopt(newest);
            let waiting = self.succeed(successors).await;
            self.tell_health();
            match timeout(LOOK_AGAIN, registry.changed()).await {
                Ok(Ok(())) => {}
                // nobody publishes a registry any more: serve what is there
                Ok(Err(_)) => return std::future::pending().await,
                Err(_) if waiting => {}
                Err(_) => self.tell_health(),
            }
        }
    }

    /// Loads released models until the first few, or the memory for them, are used up.
    async fn preload(&self) {
        for model in self.table().released().into_iter().take(self.preload) {
            if self.models.is_nearly_full() {
                break;
            }
            // a failure shows in health, and at its first image
            let _ = self.models.get(&model).await;
        }
        self.tell_health();
    }

    /// Takes a registry over. Plot types whose model is in memory and whose successor is not
    /// keep theirs; gives the models that have to be loaded for that.
    fn adopt(&self, registry: Arc<Registry>) -> BTreeSet<ModelDigest> {
        let before = self.table();
        let mut held = HashMap::new();
        let mut successors = BTreeSet::new();
        for (name, entry) in &registry.plot_types {
            for role in [ModelRole::Active, ModelRole::Candidate] {
                let (Some(new), Some(old)) = (named(entry, role), before.release(name, role))
                else {
                    continue;
                };
                let changes = new.model != old.model && self.models.loaded(&new.model).is_none();
                if changes && self.models.loaded(&old.model).is_some() {
                    held.insert((name.clone(), role), old.clone());
                    successors.insert(new.model);
                }
            }
        }
        self.replace(Table { registry, held });
        successors
    }

    /// Loads successors and lets them take their places. Whether some still have to wait for
    /// the store.
    async fn succeed(&self, successors: BTreeSet<ModelDigest>) -> bool {
        let mut waiting = false;
        for successor in successors {
            match self.models.get(&successor).await {
                Err(Unavailable { transient: true, .. }) => waiting = true,
                // one that cannot be loaded takes its place too: its plots wait for people,
                // and are not judged by a model that was taken out of service
                Ok(_) | Err(_) => self.switch(&successor),
            }
        }
        waiting
    }

    /// Ends the reprieve of those whose successor this is.
    fn switch(&self, successor: &ModelDigest) {
        let now = self.table();
        let mut held = now.held.clone();
        held.retain(|(name, role), _| {
            let entry = now.registry.plot_types.get(name);
            let wanted = entry.and_then(|entry| named(entry, *role)).map(|release| release.model);
            wanted != Some(*successor)
        });
        tracing::info!(model = %successor, "takes over");
        self.replace(Table { registry: now.registry.clone(), held });
    }

    /// Names the released models that cannot be loaded.
    fn tell_health(&self) {
        let released = self.table().released();
        let failures = self.models.failures();
        let broken: Vec<String> = failures
            .iter()
            .filter(|failure| released.contains(&failure.model))
            .map(ToString::to_string)
            .collect();
        metrics::gauge!("hydra_models_unavailable").set(broken.len() as f64);
        match broken.len() {
            0 => self.health.well(COMPONENT),
            1 => self.health.unwell(COMPONENT, broken[0].clone()),
            n => self.health.unwell(COMPONENT, format!("{n} models; first: {}", broken[0])),
        }
    }
}
