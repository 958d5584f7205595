//! Chunk numbers of a run's sets, where only their times are known: the rank, from 1. A number
//! that was given stays, even when older sets are deleted or a late one appears.

use super::grammar::SetStamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Numbers given so far, by run.
#[derive(Debug, Default)]
pub(super) struct SetBook(HashMap<u32, BTreeMap<SetStamp, u32>>);

impl SetBook {
    /// The number of a set, if it has one.
    pub fn chunk(&self, run: u32, stamp: &SetStamp) -> Option<u32> {
        self.0.get(&run)?.get(stamp).copied()
    }

    /// Repeats what was given before.
    pub fn remember(&mut self, run: u32, stamp: SetStamp, chunk: u32) {
        self.0.entry(run).or_default().insert(stamp, chunk);
    }

    /// Gives a number to each of `present` that has none, and returns those.
    pub fn number(&mut self, run: u32, present: &[SetStamp]) -> Vec<(SetStamp, u32)> {
        let given = self.0.entry(run).or_default();
        let all: BTreeSet<SetStamp> = given.keys().chain(present).copied().collect();
        let mut used: BTreeSet<u32> = given.values().copied().collect();
        let mut new = Vec::new();
        for (rank, stamp) in (1..).zip(all) {
            if given.contains_key(&stamp) {
                continue;
            }
            // A set that comes late finds its rank taken: it gets the next free number.
            let next = used.last().map_or(1, |last| last + 1);
            let chunk = if used.contains(&rank) { next } else { rank };
            given.insert(stamp, chunk);
            used.insert(chunk);
            new.push((stamp, chunk));
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::super::grammar::set_folder;
    use super::*;

    fn stamp(minute: u32) -> SetStamp {
        set_folder(&format!("clas12mon_1_06-13-2023_10.{minute:02}.00_AM")).unwrap().1
    }

    fn chunks(new: Vec<(SetStamp, u32)>) -> Vec<u32> {
        new.into_iter().map(|(_, chunk)| chunk).collect()
    }

    #[test]
    fn chunks_are_ranks_and_stay_when_older_sets_go() {
        let mut book = SetBook::default();
        assert_eq!(chunks(book.number(1, &[stamp(10), stamp(0), stamp(5)])), [1, 2, 3]);
        assert_eq!(book.chunk(1, &stamp(5)), Some(2));
        // The first two were deleted, a fourth appeared.
        assert_eq!(chunks(book.number(1, &[stamp(10), stamp(15)])), [4]);
        assert_eq!(book.chunk(1, &stamp(10)), Some(3));
        assert_eq!(book.number(1, &[stamp(15)]), []);
        assert_eq!(chunks(book.number(2, &[stamp(0)])), [1]);
    }

    #[test]
    fn a_late_set_takes_no_number_that_another_has() {
        let mut book = SetBook::default();
        book.number(1, &[stamp(0), stamp(10)]);
        assert_eq!(chunks(book.number(1, &[stamp(0), stamp(5), stamp(10)])), [3]);
        assert_eq!(book.chunk(1, &stamp(10)), Some(2));
    }

    #[test]
    fn numbers_survive_a_restart() {
        let (mut book, mut again) = (SetBook::default(), SetBook::default());
        for (stamp, chunk) in book.number(1, &[stamp(0), stamp(5)]) {
            again.remember(1, stamp, chunk);
        }
        assert_eq!(chunks(again.number(1, &[stamp(5), stamp(9)])), [3]);
    }
}
