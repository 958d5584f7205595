//! The ledger: what was attempted, what was confirmed, what is there (after Jepsen's counters).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::Mutex,
};

/// Notes what a test tried and what it was promised. `K` names one thing, e.g. an image id.
#[derive(Debug)]
pub struct Ledger<K> {
    entries: Mutex<Entries<K>>,
}

#[derive(Debug)]
struct Entries<K> {
    attempted: BTreeSet<K>,
    confirmed: BTreeSet<K>,
}

/// The comparison of a ledger with what is there.
#[derive(Debug, PartialEq, Eq)]
pub struct Balance<K> {
    /// How many were attempted.
    pub attempted: usize,
    /// How many were confirmed.
    pub confirmed: usize,
    /// How many are there, repetitions counted.
    pub rows: usize,
    /// Confirmed, and not there.
    pub lost: Vec<K>,
    /// There, and never attempted.
    pub unexpected: Vec<K>,
    /// There more than once.
    pub duplicate: Vec<K>,
    /// There although not confirmed: the answer was lost, the thing was not.
    pub recovered: usize,
}

impl<K> Default for Ledger<K> {
    fn default() -> Self {
        let entries = Entries { attempted: BTreeSet::new(), confirmed: BTreeSet::new() };
        Self { entries: Mutex::new(entries) }
    }
}

impl<K: Ord + Clone + Debug> Ledger<K> {
    fn entries(&self) -> std::sync::MutexGuard<'_, Entries<K>> {
        self.entries.lock().expect("no panic under this lock")
    }

    /// To be noted before the attempt.
    pub fn attempt(&self, key: K) {
        self.entries().attempted.insert(key);
    }

    /// To be noted once the other side has promised.
    pub fn confirm(&self, key: K) {
        self.entries().confirmed.insert(key);
    }

    /// How many were confirmed so far.
    pub fn confirmed(&self) -> usize {
        self.entries().confirmed.len()
    }

    /// Compares with what is there.
    pub fn balance(&self, rows: impl IntoIterator<Item = K>) -> Balance<K> {
        let entries = self.entries();
        let mut counts = BTreeMap::<K, usize>::new();
        for row in rows {
            *counts.entry(row).or_default() += 1;
        }
        let missing = entries.confirmed.iter().filter(|key| !counts.contains_key(key));
        let strange = counts.keys().filter(|key| !entries.attempted.contains(key));
        let repeated = counts.iter().filter(|(_, count)| **count > 1).map(|(key, _)| key);
        let known = |key: &&K| entries.attempted.contains(key) && !entries.confirmed.contains(key);
        Balance {
            attempted: entries.attempted.len(),
            confirmed: entries.confirmed.len(),
            rows: counts.values().sum(),
            lost: missing.cloned().collect(),
            unexpected: strange.cloned().collect(),
            duplicate: repeated.cloned().collect(),
            recovered: counts.keys().filter(known).count(),
        }
    }
}

impl<K: Debug> Balance<K> {
    /// Nothing lost, nothing unexpected, nothing twice.
    ///
    /// # Panics
    /// Otherwise, with the figures and the first culprits.
    pub fn assert_clean(&self) {
        let first = |keys: &[K]| format!("{:?}", keys.iter().take(5).collect::<Vec<_>>());
        assert!(
            self.lost.is_empty() && self.unexpected.is_empty() && self.duplicate.is_empty(),
            "attempted {}, confirmed {}, rows {}, recovered {}; lost {} {}; unexpected {} {}; \
             duplicate {} {}",
            self.attempted,
            self.confirmed,
            self.rows,
            self.recovered,
            self.lost.len(),
            first(&self.lost),
            self.unexpected.len(),
            first(&self.unexpected),
            self.duplicate.len(),
            first(&self.duplicate),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ledger(attempted: &[u32], confirmed: &[u32]) -> Ledger<u32> {
        let ledger = Ledger::default();
        attempted.iter().for_each(|key| ledger.attempt(*key));
        confirmed.iter().for_each(|key| ledger.confirm(*key));
        ledger
    }

    #[test]
    fn each_kind_of_difference_is_told_apart() {
        let balance = ledger(&[1, 2, 3, 4], &[1, 2, 3]).balance([1, 1, 3, 4, 9]);
        assert_eq!(balance.lost, [2]);
        assert_eq!(balance.unexpected, [9]);
        assert_eq!(balance.duplicate, [1]);
        assert_eq!((balance.recovered, balance.rows), (1, 5));
    }

    #[test]
    fn a_clean_balance_passes() {
        ledger(&[1, 2], &[1]).balance([1, 2]).assert_clean();
        ledger(&[1, 2], &[1]).balance([1]).assert_clean();
    }

    #[test]
    #[should_panic(expected = "lost 1 [2]")]
    fn a_loss_does_not() {
        ledger(&[1, 2], &[1, 2]).balance([1]).assert_clean();
    }

    #[test]
    #[should_panic(expected = "duplicate 1 [1]")]
    fn a_duplicate_does_not() {
        ledger(&[1], &[1]).balance([1, 1]).assert_clean();
    }
}
