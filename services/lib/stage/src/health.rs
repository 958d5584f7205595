//! Whether a role can work right now, part by part, for `/ready`, `/live` and the status page.

use crate::{
    exemplar::{Exemplar, Exemplars, Measured},
    vitals::Vitals,
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime},
};

/// Shared by the parts of one role; cheap to clone.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

/// A model that a stage has in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its digest.
    pub model: String,
    /// Estimated memory; what models share is counted with each.
    pub bytes: u64,
    /// Of these, what others in memory share.
    pub shared_bytes: u64,
    /// Since when.
    pub since: SystemTime,
}

/// Says what a stage has in memory at the moment when it is asked.
type Inventory = Arc<dyn Fn() -> Vec<Held> + Send + Sync>;

#[derive(Default)]
struct State {
    /// By component: `None` is well, else what is wrong and what to do.
    components: BTreeMap<String, Option<String>>,
    /// When each loop last came round; a loop that stands still is not alive.
    ticks: BTreeMap<String, Instant>,
    /// By stage.
    vitals: BTreeMap<String, Vitals>,
    exemplars: Exemplars,
    /// By stage.
    inventories: BTreeMap<String, Inventory>,
}

impl State {
    fn vitals(&mut self, stage: &str) -> &mut Vitals {
        self.vitals.entry(stage.to_owned()).or_default()
    }
}

/// The state of a role at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// By component: `None` is well, else what is wrong.
    pub components: BTreeMap<String, Option<String>>,
    /// The longest time since any loop last came round.
    pub oldest_tick: Duration,
    /// What each stage of this process did so far.
    pub vitals: BTreeMap<String, Vitals>,
}

impl Report {
    /// Whether every component is well. A role that has registered nothing is not ready.
    pub fn is_ready(&self) -> bool {
        !self.components.is_empty() && self.components.values().all(Option::is_none)
    }
}

impl Health {
    /// A role with nothing registered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// `component` works.
    pub fn well(&self, component: &str) {
        self.state().components.insert(component.to_owned(), None);
    }

    /// `component` does not work, because of `reason`.
    pub fn unwell(&self, component: &str, reason: impl Into<String>) {
        self.state().components.insert(component.to_owned(), Some(reason.into()));
    }

    /// The loop `name` came round.
    pub fn tick(&self, name: &str) {
        let mut state = self.state();
        match state.ticks.get_mut(name) {
            Some(tick) => *tick = Instant::now(),
            None => {
                state.ticks.insert(name.to_owned(), Instant::now());
            }
        }
    }

    /// The loop `name` ended as planned.
    pub fn ended(&self, name: &str) {
        self.state().ticks.remove(name);
    }

    /// A message of `stage` came to this outcome.
    pub fn count(&self, stage: &str, outcome: &str) {
        let mut state = self.state();
        *state.vitals(stage).messages.entry(outcome.to_owned()).or_default() += 1;
    }

    /// `messages` messages of `stage` took `each` of work.
    pub fn worked(&self, stage: &str, each: Duration, messages: u64) {
        self.state().vitals(stage).work.add(each, messages);
    }

    /// `stage` took a message this long after its image arrived.
    pub fn lagged(&self, stage: &str, lag: Duration) {
        self.state().vitals(stage).lag.add(lag, 1);
    }

    /// An observation of `stage` was made in a trace that is told.
    pub fn told(&self, stage: &str, measured: Measured, exemplar: Exemplar) {
        self.state().exemplars.note(measured, stage, exemplar);
    }

    /// The newest told trace of each bucket.
    pub fn exemplars(&self) -> Exemplars {
        self.state().exemplars.clone()
    }

    /// From now on, `inventory` says which models `stage` has in memory.
    pub fn holds(&self, stage: &str, inventory: impl Fn() -> Vec<Held> + Send + Sync + 'static) {
        self.state().inventories.insert(stage.to_owned(), Arc::new(inventory));
    }

    /// The models that `stage` has in memory now; none where it works without.
    pub fn held(&self, stage: &str) -> Vec<Held> {
        // asked without the lock: an inventory may take its time
        let inventory = self.state().inventories.get(stage).cloned();
        inventory.map(|inventory| inventory()).unwrap_or_default()
    }

    /// How it stands.
    pub fn report(&self) -> Report {
        let state = self.state();
        Report {
            components: state.components.clone(),
            oldest_tick: state.ticks.values().map(Instant::elapsed).max().unwrap_or_default(),
            vitals: state.vitals.clone(),
        }
    }

    /// A panic while the lock was held cannot leave the maps half-written, so poison is passed over.
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_ready_only_when_all_its_parts_are() {
        let health = Health::new();
        assert!(!health.report().is_ready(), "nothing registered is not ready");
        health.well("broker");
        assert!(health.report().is_ready());
        health.unwell("database", "refused");
        assert!(!health.report().is_ready());
        health.well("database");
        assert!(health.report().is_ready());
    }

    #[test]
    fn what_a_stage_holds_is_asked_for_anew_each_time() {
        let health = Health::new();
        assert!(health.held("infer").is_empty());
        let count = Arc::new(Mutex::new(0_usize));
        let counted = count.clone();
        let one =
            Held { model: "m".into(), bytes: 3, shared_bytes: 1, since: SystemTime::UNIX_EPOCH };
        health.holds("infer", move || vec![one.clone(); *counted.lock().unwrap()]);
        assert!(health.held("infer").is_empty());
        *count.lock().unwrap() = 2;
        assert_eq!(health.held("infer").len(), 2);
        assert!(health.held("gradcam").is_empty());
    }
}
