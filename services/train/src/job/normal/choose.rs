//! Which Goods teach what is normal, and which judge it.

use crate::eval::split::Fixed;
use hydra_model::manifest::Seen;
use hydra_normality::CONFIRMED_GOODS;
use hydra_proto::{ContentHash, ImageId};
use hydra_store::training::LabelledImage;
use std::collections::{BTreeSet, HashSet};

/// One run in so many is held out, where no test set has Goods yet.
const ONE_OF: usize = 5;
/// Of fewer runs none is: each of them is needed to know what is normal.
const FEWEST_RUNS: usize = 10;
/// Of fewer Goods none is either.
const FEWEST_GOODS: usize = 40;
/// Goods that teach a parent, at most.
const MOST_TO_LEARN: usize = 2 * CONFIRMED_GOODS;

/// Goods by what they are for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Chosen {
    /// They teach, and are never tested on.
    pub train: HashSet<ImageId>,
    /// They judge; whatever of them was not frozen yet is from now on.
    pub test: HashSet<ImageId>,
}

impl Chosen {
    /// Of a model from Goods alone.
    pub fn first(rows: &[LabelledImage], fixed: &Fixed) -> Self {
        let goods: Vec<&LabelledImage> =
            rows.iter().filter(|row| row.label.counts_as_good()).collect();
        let mut held: HashSet<u32> = runs_of(rows, |row| fixed.test.contains(&row.image));
        let judged = goods.iter().any(|row| fixed.test.contains(&row.image));
        // a run that some model was trained on judges no more
        let seen = runs_of(rows, |row| fixed.trained.contains(&row.image));
        let free: BTreeSet<u32> =
            goods.iter().map(|row| row.run).filter(|run| !held.contains(run)).collect();
        if !judged && free.len() >= FEWEST_RUNS && goods.len() >= FEWEST_GOODS {
            let fresh = free.iter().filter(|run| !seen.contains(run));
            held.extend(fresh.skip(ONE_OF / 2).step_by(ONE_OF));
        }
        let held = with_their_like(rows, held);
        let (test, train): (Vec<_>, Vec<_>) =
            goods.into_iter().partition(|row| held.contains(&row.run));
        let untouched = |row: &&LabelledImage| !fixed.trained.contains(&row.image);
        Self {
            train: train.into_iter().map(|row| row.image).collect(),
            test: test.into_iter().filter(untouched).map(|row| row.image).collect(),
        }
    }

    /// Of what a parent learns anew: Goods under conditions that it does not know; where it knows
    /// of none, those that no model was trained on. The newest of them.
    pub fn later(rows: &[LabelledImage], fixed: &Fixed, known: &Seen) -> Self {
        let held = with_their_like(rows, runs_of(rows, |row| fixed.test.contains(&row.image)));
        let mut goods: Vec<&LabelledImage> =
            rows.iter().filter(|row| row.label.counts_as_good()).collect();
        goods.sort_by_key(|row| std::cmp::Reverse((row.run, row.chunk)));
        let (test, goods): (Vec<_>, Vec<_>) =
            goods.into_iter().partition(|row| held.contains(&row.run));
        let new = |row: &&&LabelledImage| known.unfamiliar(&row.conditions).is_some();
        let untouched = |row: &&&LabelledImage| !fixed.trained.contains(&row.image);
        let mut train: Vec<&LabelledImage> = goods.iter().filter(new).copied().collect();
        if train.is_empty() {
            train = goods.iter().filter(untouched).copied().collect();
        }
        Self {
            train: train.into_iter().take(MOST_TO_LEARN).map(|row| row.image).collect(),
            test: test.iter().filter(untouched).map(|row| row.image).collect(),
        }
    }
}

fn runs_of(rows: &[LabelledImage], which: impl Fn(&&LabelledImage) -> bool) -> HashSet<u32> {
    rows.iter().filter(which).map(|row| row.run).collect()
}

/// These runs, and those that share an image with one of them.
fn with_their_like(rows: &[LabelledImage], mut runs: HashSet<u32>) -> HashSet<u32> {
    loop {
        let inside = rows.iter().filter(|row| runs.contains(&row.run));
        let contents: HashSet<ContentHash> = inside.map(|row| row.content).collect();
        let more = runs_of(rows, |row| contents.contains(&row.content) && !runs.contains(&row.run));
        if more.is_empty() {
            return runs;
        }
        runs.extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(run: u32, content: u32, label: &str, target: &str) -> LabelledImage {
        let content = ContentHash::of(&content.to_be_bytes());
        let plot_type = "A".parse().unwrap();
        LabelledImage {
            image: ImageId::of(&plot_type, run, None, &content),
            content,
            plot_type,
            run,
            chunk: None,
            label: label.parse().unwrap(),
            conditions: format!(r#"{{"target":"{target}"}}"#),
            stored: true,
            canvas: (8, 8),
        }
    }

    fn goods(runs: std::ops::Range<u32>, target: &str) -> Vec<LabelledImage> {
        runs.map(|run| row(run, run, "Good", target)).collect()
    }

    fn runs(rows: &[LabelledImage], images: &HashSet<ImageId>) -> Vec<u32> {
        rows.iter().filter(|row| images.contains(&row.image)).map(|row| row.run).collect()
    }

    #[test]
    fn whole_runs_are_held_out_with_those_that_share_an_image() {
        let mut rows = goods(0..20, "LH2");
        rows.extend((0..20).map(|run| row(run, 1_000 + run, "Good", "LH2")));
        rows.push(row(30, 2, "Good", "LH2"));
        rows.push(row(2, 100, "Bad", "LH2"));
        let chosen = Chosen::first(&rows, &Fixed::default());
        let held = [2, 7, 12, 17, 2, 7, 12, 17, 30];
        assert_eq!(runs(&rows, &chosen.test), held, "30 shares an image with 2");
        assert_eq!(chosen.train.len(), 32);
        assert!(Chosen::first(&rows[..39], &Fixed::default()).test.is_empty(), "too few");
    }

    #[test]
    fn a_frozen_test_set_stays_and_no_run_of_it_teaches() {
        let mut rows = goods(0..20, "LH2");
        rows.push(row(3, 100, "Good", "LH2"));
        let fixed = Fixed { test: [rows[3].image].into(), trained: [rows[4].image].into() };
        let chosen = Chosen::first(&rows, &fixed);
        assert_eq!(runs(&rows, &chosen.test), [3, 3]);
        assert_eq!(chosen.train.len(), 19);
    }

    #[test]
    fn new_conditions_are_learnt_from_their_own_goods_however_many_came_between() {
        let mut rows = goods(0..10, "LH2");
        let known = Seen::of(rows.iter().map(|row| row.conditions.as_str()));
        let trained = rows.iter().map(|row| row.image).collect();
        rows.extend(goods(10..200, "LH2"));
        rows.extend(goods(200..250, "C12"));
        let test: HashSet<ImageId> = [rows[210].image].into();
        let fixed = Fixed { test, trained };
        let chosen = Chosen::later(&rows, &fixed, &known);
        let newest: Vec<u32> = (209..250).filter(|run| *run != 210).collect();
        assert_eq!(runs(&rows, &chosen.train), newest);
        assert_eq!(runs(&rows, &chosen.test), [210]);
        let chosen = Chosen::later(&rows[..50], &fixed, &known);
        assert_eq!(
            runs(&rows, &chosen.train),
            (10..50).collect::<Vec<_>>(),
            "none is of new conditions"
        );
    }
}
