//! One told trace for each bucket of a stage's histograms: the way from a slow bar to its image.

use std::{collections::BTreeMap, time::SystemTime};

/// Upper bounds of the buckets of all durations, seconds; from a null stage to a plot that waited
/// for an hour.
pub const BUCKETS_S: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 30.0, 300.0,
    3600.0,
];

/// What a histogram of every stage measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measured {
    /// From the arrival of the image to the moment when the stage took it.
    Lag,
    /// Work a message.
    Work,
}

impl Measured {
    /// The histogram's name.
    pub fn metric(self) -> &'static str {
        match self {
            Self::Lag => "hydra_lag_seconds",
            Self::Work => "hydra_work_seconds",
        }
    }
}

/// An observation and the trace that it was made in.
#[derive(Clone, Debug, PartialEq)]
pub struct Exemplar {
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// What was observed, seconds.
    pub value_s: f64,
    /// When it was noted.
    pub at: SystemTime,
}

/// The newest exemplar of each bucket, by metric and stage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exemplars(BTreeMap<(&'static str, String), Vec<Option<Exemplar>>>);

/// The index in [`BUCKETS_S`] of the bucket that counts `value_s`; one past them for the last.
fn bucket(value_s: f64) -> usize {
    BUCKETS_S.iter().position(|bound| value_s <= *bound).unwrap_or(BUCKETS_S.len())
}

impl Exemplars {
    /// Notes one, in place of what its bucket had.
    pub fn note(&mut self, measured: Measured, stage: &str, exemplar: Exemplar) {
        let of = self.0.entry((measured.metric(), stage.to_owned())).or_default();
        of.resize(BUCKETS_S.len() + 1, None);
        let at = bucket(exemplar.value_s);
        of[at] = Some(exemplar);
    }

    /// That of the bucket up to `bound_s`, infinity for the last one.
    pub fn of(&self, metric: &str, stage: &str, bound_s: f64) -> Option<&Exemplar> {
        let all = self.0.iter().find(|((name, of), _)| *name == metric && of == stage)?.1;
        all[bucket(bound_s)].as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_has_the_newest_that_it_counts() {
        let mut all = Exemplars::default();
        let one = |trace: &str, value_s| Exemplar {
            trace_id: trace.into(),
            value_s,
            at: SystemTime::UNIX_EPOCH,
        };
        for (trace, value_s) in [("a", 0.02), ("b", 0.011), ("c", 0.0), ("d", 9e9), ("e", 5.0)] {
            all.note(Measured::Lag, "keep", one(trace, value_s));
        }
        let of = |bound| all.of("hydra_lag_seconds", "keep", bound).map(|e| e.trace_id.as_str());
        assert_eq!(of(0.025), Some("b"), "the newer one of two");
        assert_eq!(of(0.0005), Some("c"));
        assert_eq!(of(5.0), Some("e"), "a bound belongs to its bucket");
        assert_eq!(of(f64::INFINITY), Some("d"));
        assert_eq!(of(1.0), None);
        assert_eq!(all.of("hydra_work_seconds", "keep", 5.0), None);
        assert_eq!(all.of("hydra_lag_seconds", "infer", 5.0), None);
    }
}
