//! Intervals of the runs that were asked for last, so that a walk over their pages computes them
//! once. What is kept is only told while nothing that it follows from has changed.

use crate::api::QualityInterval;
use hydra_store::read::{Declared, RunMarks, Span};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, PoisonError},
};

/// Runs that are kept.
const MOST_RUNS: usize = 16;
/// Intervals that are kept of all runs together, some 30 MB; the newest run is kept in any case.
const MOST_INTERVALS: usize = 100_000;

/// All that the intervals of a run follow from. It is read before them: what comes in between makes
/// them newer than their basis, never older.
#[derive(Clone, Debug)]
pub struct Basis {
    /// How long the run lasted.
    pub span: Span,
    /// How far its images, verdicts and labels have come.
    pub marks: RunMarks,
    /// Row ids of the plot types that had a model then.
    pub watched: HashSet<i32>,
    /// What people declared.
    pub declared: Arc<Declared>,
}

impl PartialEq for Basis {
    fn eq(&self, other: &Self) -> bool {
        // the follower makes a new one whenever it reads it
        Arc::ptr_eq(&self.declared, &other.declared)
            && self.span == other.span
            && self.marks == other.marks
            && self.watched == other.watched
    }
}

/// Of one run, all its detectors.
struct Kept {
    run: u32,
    basis: Basis,
    intervals: Arc<Vec<QualityInterval>>,
}

/// The intervals that are known; cheap to clone.
#[derive(Clone, Default)]
pub struct Cache {
    // the one that was asked for last in front
    runs: Arc<Mutex<VecDeque<Kept>>>,
}

impl Cache {
    /// The intervals of a run: those that are kept if they have the same basis, or else what `make`
    /// makes of it (it is not begun otherwise).
    ///
    /// # Errors
    /// What `make` says; nothing is kept then.
    pub async fn of_run<E>(
        &self,
        run: u32,
        basis: Basis,
        make: impl Future<Output = Result<Vec<QualityInterval>, E>>,
    ) -> Result<Arc<Vec<QualityInterval>>, E> {
        if let Some(known) = self.known(run, &basis) {
            return Ok(known);
        }
        let intervals = Arc::new(make.await?);
        self.keep(Kept { run, basis, intervals: intervals.clone() });
        Ok(intervals)
    }

    fn known(&self, run: u32, basis: &Basis) -> Option<Arc<Vec<QualityInterval>>> {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let at = runs.iter().position(|kept| kept.run == run && kept.basis == *basis)?;
        let kept = runs.remove(at)?;
        let known = kept.intervals.clone();
        runs.push_front(kept);
        Some(known)
    }

    fn keep(&self, new: Kept) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.retain(|kept| kept.run != new.run);
        runs.push_front(new);
        let mut sum = 0;
        let fits = |kept: &&Kept| {
            sum += kept.intervals.len();
            sum <= MOST_INTERVALS
        };
        let fit = runs.iter().take_while(fits).count();
        runs.truncate(fit.clamp(1, MOST_RUNS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Quality, QualitySource};
    use std::cell::Cell;

    fn basis() -> Basis {
        Basis {
            span: Span { from_us: 0, to_us: 9 },
            marks: RunMarks { images: 3, commit_no: 7, label_events: 1 },
            watched: HashSet::from([1]),
            declared: Arc::default(),
        }
    }

    fn interval(run: u32) -> QualityInterval {
        QualityInterval {
            detector: "DC".into(),
            run,
            from_us: 0,
            to_us: 9,
            verdict: Quality::Good,
            source: QualitySource::Model,
            plot_types: Vec::new(),
        }
    }

    /// Asks for a run of `many` intervals, and says whether they were made.
    async fn is_made(cache: &Cache, run: u32, basis: &Basis, many: usize) -> bool {
        let made = Cell::new(false);
        let make = async {
            made.set(true);
            Ok::<_, ()>(vec![interval(run); many])
        };
        let told = cache.of_run(run, basis.clone(), make).await.unwrap();
        assert!(told.len() == many && told.iter().all(|one| one.run == run));
        made.get()
    }

    #[tokio::test]
    async fn the_same_run_is_computed_once() {
        let (cache, basis) = (Cache::default(), basis());
        assert!(is_made(&cache, 7, &basis, 2).await);
        assert!(!is_made(&cache, 7, &basis, 2).await);
        assert!(is_made(&cache, 8, &basis, 2).await, "another run");
        assert!(!is_made(&cache, 7, &basis, 2).await, "both are kept");
    }

    #[tokio::test]
    async fn whatever_the_intervals_follow_from_makes_them_anew() {
        let same = basis();
        let mut others = vec![same.clone(); 6];
        others[0].span.to_us = 10;
        others[1].marks.images = 2;
        others[2].marks.commit_no = 8;
        others[3].marks.label_events = 2;
        others[4].watched.insert(2);
        others[5].declared = Arc::default();
        for other in others {
            let cache = Cache::default();
            assert!(is_made(&cache, 7, &same, 1).await);
            assert!(is_made(&cache, 7, &other, 1).await, "{other:?}");
            assert!(is_made(&cache, 7, &same, 1).await, "one basis of a run is kept: {other:?}");
        }
    }

    #[tokio::test]
    async fn what_failed_is_not_kept() {
        let (cache, basis) = (Cache::default(), basis());
        let fails = async { Err("away") };
        assert_eq!(cache.of_run(7, basis.clone(), fails).await, Err("away"));
        assert!(is_made(&cache, 7, &basis, 1).await);
    }

    #[tokio::test]
    async fn it_keeps_few_runs_and_of_long_ones_fewer() {
        let (cache, basis) = (Cache::default(), basis());
        for run in 0..=MOST_RUNS as u32 {
            assert!(is_made(&cache, run, &basis, 1).await);
        }
        assert!(!is_made(&cache, 1, &basis, 1).await);
        assert!(is_made(&cache, 0, &basis, 1).await, "the one that was asked for longest ago went");
        assert!(is_made(&cache, 100, &basis, MOST_INTERVALS).await);
        assert!(!is_made(&cache, 100, &basis, MOST_INTERVALS).await, "the newest is always kept");
        assert!(is_made(&cache, 1, &basis, 1).await, "no other fits beside it");
        assert!(is_made(&cache, 100, &basis, MOST_INTERVALS).await, "nor it beside a newer one");
    }
}
