//! How much one transaction writes: all that is there, less where the database is too slow for it.

use hydra_store::StoreError;
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

/// Below this a transaction is quick, and the next one may be larger again.
const QUICK: Duration = Duration::from_secs(2);

/// Most messages of the next transaction. What was too much for the time that work on the
/// database may take is not tried again as it was: it would never end.
pub(crate) struct Pace {
    now: AtomicUsize,
    most: usize,
}

impl Pace {
    /// Begins with `most`.
    pub fn new(most: usize) -> Self {
        Self { now: AtomicUsize::new(most), most }
    }

    pub fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// A transaction of `messages` was committed.
    pub fn committed(&self, messages: usize, took: Duration) {
        let now = self.now();
        if took < QUICK && messages >= now && now < self.most {
            self.now.store((2 * now).min(self.most), Ordering::Relaxed);
        }
    }

    /// A transaction of `messages` was not.
    pub fn failed(&self, messages: usize, error: &StoreError) {
        if let StoreError::Deadline(_) = error {
            // a power of two, because rows are inserted in chunks of such sizes: one chunk a table
            let fewer = messages.min(self.now()).next_power_of_two() / 2;
            self.now.store(fewer.max(1), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_halves_it_and_quick_commits_double_it_again() {
        let pace = Pace::new(500);
        pace.failed(500, &StoreError::Deadline(30));
        assert_eq!(pace.now(), 256);
        pace.failed(256, &StoreError::Deadline(30));
        assert_eq!(pace.now(), 128);
        pace.failed(128, &StoreError::Missing("a model".into()));
        pace.committed(128, Duration::from_secs(20));
        pace.committed(3, Duration::from_millis(1));
        assert_eq!(pace.now(), 128, "neither another error, nor a slow one, nor a small one");
        for _ in 0..5 {
            pace.committed(pace.now(), Duration::from_millis(1));
        }
        assert_eq!(pace.now(), 500);
        for _ in 0..20 {
            pace.failed(pace.now(), &StoreError::Deadline(30));
        }
        assert_eq!(pace.now(), 1);
    }
}
