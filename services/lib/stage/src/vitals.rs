//! What a stage did so far, for the heartbeat that the status page shows.

use std::{collections::BTreeMap, time::Duration};

/// Upper bounds of the duration histograms, milliseconds; one more bin takes what is above.
/// Two to three bins a decade: from a null stage to a stuck one.
pub const BOUNDS_MS: [u64; 14] =
    [1, 3, 10, 30, 60, 100, 200, 300, 600, 1_000, 3_000, 10_000, 60_000, 600_000];

/// Counts of durations between [`BOUNDS_MS`].
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Histogram {
    /// One count a bin; the last is above every bound.
    pub counts: [u64; BOUNDS_MS.len() + 1],
    /// Sum of all durations, microseconds.
    pub sum_us: u64,
}

impl Histogram {
    /// Adds `count` observations of `duration`.
    pub fn add(&mut self, duration: Duration, count: u64) {
        let ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let bin = BOUNDS_MS.partition_point(|bound| *bound <= ms);
        self.counts[bin] += count;
        let us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        self.sum_us = self.sum_us.saturating_add(us.saturating_mul(count));
    }

    /// Observations in all bins.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// One stage of this process since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Vitals {
    /// Messages by outcome: done, duplicate, retried, isolated, buried, given_back, ack_lost, publish_failed.
    pub messages: BTreeMap<String, u64>,
    /// Work time a message.
    pub work: Histogram,
    /// From the arrival of the image to the moment when this stage took it.
    pub lag: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_between_their_bounds_and_none_is_lost() {
        let mut histogram = Histogram::default();
        for ms in [0, 1, 2, 3, 999, 1_000, 10_000_000] {
            histogram.add(Duration::from_millis(ms), 1);
        }
        assert_eq!(histogram.total(), 7);
        assert_eq!(histogram.counts[0], 1, "below 1 ms");
        assert_eq!(histogram.counts[1], 2, "1 and 2 ms");
        assert_eq!(histogram.counts[2], 1, "3 ms");
        assert_eq!(histogram.counts[BOUNDS_MS.len()], 1, "above every bound");
    }
}
