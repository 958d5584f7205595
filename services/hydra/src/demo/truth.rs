//! What the simulator knows of the plots that it drew, against what was said of them. Nothing that
//! judges sees it; the demo counts at its end.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{Mutex, PoisonError},
};

/// Plot type, run, chunk.
pub type Place = (String, u32, u32);

/// The kind of fault of each plot that was drawn, or none.
#[derive(Default)]
pub struct Truths(Mutex<HashMap<Place, Option<String>>>);

impl Truths {
    /// Notes what a plot is, before it is sent.
    pub fn note(&self, truth: &hydra_hall::Truth) {
        let kind = truth.fault.as_ref().map(|fault| fault.kind.clone());
        self.all().insert((truth.plot_type.clone(), truth.run, truth.chunk), kind);
    }

    /// The kind of fault of a plot; nothing of one that was not drawn here.
    pub fn of(&self, place: &Place) -> Option<Option<String>> {
        self.all().get(place).cloned()
    }

    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Place, Option<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Plots by what they were and what was said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// By kind of fault: called Bad or Novel, and drawn.
    faults: BTreeMap<String, (u64, u64)>,
    /// Without a fault.
    goods: u64,
    /// Of these: called Bad or Novel.
    wrong: u64,
}

impl Tally {
    /// Counts a verdict.
    pub fn add(&mut self, fault: Option<String>, called: bool) {
        match fault {
            Some(kind) => {
                let (hits, all) = self.faults.entry(kind).or_default();
                (*hits, *all) = (*hits + u64::from(called), *all + 1);
            }
            None => {
                self.goods += 1;
                self.wrong += u64::from(called);
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hits: u64 = self.faults.values().map(|(hits, _)| hits).sum();
        let all: u64 = self.faults.values().map(|(_, all)| all).sum();
        write!(
            f,
            "the simulator knows: {hits} of {all} plots with a fault were called Bad or Novel, \
             and {} of {} without",
            self.wrong, self.goods
        )?;
        let missed = self.faults.iter().filter(|(_, (hits, all))| hits < all);
        let missed: Vec<String> =
            missed.map(|(kind, (hits, all))| format!("{} of {all} {kind}", all - hits)).collect();
        match missed.is_empty() {
            true => Ok(()),
            false => write!(f, " (missed: {})", missed.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_missed_is_named() {
        let mut tally = Tally::default();
        for (kind, called) in [("noise", true), ("noise", false), ("empty_plot", true)] {
            tally.add(Some(kind.to_owned()), called);
        }
        (0..10).for_each(|n| tally.add(None, n == 3));
        assert_eq!(
            tally.to_string(),
            "the simulator knows: 2 of 3 plots with a fault were called Bad or Novel, and 1 of 10 \
             without (missed: 1 of 2 noise)"
        );
    }
}
