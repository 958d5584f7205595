//! When runs start, how many chunks they have and how many events a chunk: all from the seed.

use crate::{
    conditions::{CHUNK_EVENT_SPREAD, normal},
    error::HallError,
    fault::Moment,
    seed,
};
use rand::RngExt;
use time::{Duration, OffsetDateTime, UtcDateTime};

/// Runs start so far apart, give or take some minutes.
const RUN_SLOT_S: i64 = 7_200;
/// Plots of one type come so far apart.
pub(crate) const CHUNK_S: i64 = 300;
/// 2026-01-05 08:00:00 UTC.
const DEFAULT_START_S: i64 = 1_767_600_000;

/// The clock of the simulated hall.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    seed: u64,
    first_run: u32,
    start: OffsetDateTime,
}

impl Schedule {
    pub fn new(seed: u64) -> Self {
        let start = UtcDateTime::from_unix_timestamp(DEFAULT_START_S)
            .map_or(OffsetDateTime::UNIX_EPOCH, OffsetDateTime::from);
        Self { seed, first_run: 80_001, start }
    }

    pub fn starting(self, first_run: u32, start: OffsetDateTime) -> Self {
        Self { first_run, start, ..self }
    }

    pub fn first_run(&self) -> u32 {
        self.first_run
    }

    /// Refuses what file names cannot hold.
    pub fn check(&self, moment: Moment) -> Result<(), HallError> {
        let Moment { run, chunk } = moment;
        if (1..=999_999).contains(&run) && (1..=9_999).contains(&chunk) {
            Ok(())
        } else {
            Err(HallError::OutOfRange { run, chunk })
        }
    }

    /// Chunks of a run, numbered from 1.
    pub fn chunks(&self, run: u32) -> u32 {
        seed::stream(self.seed, "chunks", &[run.into()]).random_range(10..=20)
    }

    pub fn taken_at(&self, moment: Moment) -> OffsetDateTime {
        let late = seed::stream(self.seed, "start", &[moment.run.into()]).random_range(0..900);
        let slots = i64::from(moment.run) - i64::from(self.first_run);
        let jitter = self.chunk_stream(moment, "clock").random_range(0..20);
        let seconds = slots * RUN_SLOT_S + late + i64::from(moment.chunk) * CHUNK_S + jitter;
        self.start.saturating_add(Duration::seconds(seconds))
    }

    /// The run period that folders are named after.
    pub fn run_period(&self) -> String {
        format!("RunPeriod-{:04}-{:02}", self.start.year(), u8::from(self.start.month()))
    }

    /// Events that a chunk really has, of `nominal` that it is meant to have.
    pub fn events(&self, moment: Moment, nominal: u32) -> f64 {
        let spread = CHUNK_EVENT_SPREAD * normal(&mut self.chunk_stream(moment, "events"));
        (f64::from(nominal) * spread.exp()).round()
    }

    /// The number of the last event of a chunk in its run, as the header shows it.
    pub fn last_event(&self, moment: Moment, nominal: u32) -> u64 {
        let before = u64::from(moment.chunk.saturating_sub(1)) * u64::from(nominal);
        before + self.events(moment, nominal) as u64
    }

    fn chunk_stream(&self, moment: Moment, purpose: &str) -> rand_chacha::ChaCha8Rng {
        seed::stream(self.seed, purpose, &[moment.run.into(), moment.chunk.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_grows_with_chunk_and_run() {
        let schedule = Schedule::new(1);
        let mut last = OffsetDateTime::UNIX_EPOCH;
        for run in 80_001..80_050 {
            for chunk in 1..=schedule.chunks(run) {
                let at = schedule.taken_at(Moment { run, chunk });
                assert!(at > last);
                last = at;
            }
        }
    }

    #[test]
    fn runs_and_chunks_that_names_cannot_hold_are_refused() {
        let schedule = Schedule::new(1);
        assert!(schedule.check(Moment { run: 999_999, chunk: 9_999 }).is_ok());
        for (run, chunk) in [(0, 1), (1_000_000, 1), (1, 0), (1, 10_000)] {
            assert!(schedule.check(Moment { run, chunk }).is_err());
        }
    }
}
