//! Small numbers in the database and what they mean.

use crate::StoreError;
use hydra_proto::{Label, events::VerdictState};

/// What a verdict says to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Nothing: no verdict, one in the shadow, or Bad without beam.
    Neutral = 0,
    /// Sure, and no trouble.
    Fine = 1,
    /// Sure of a Bad label, with beam.
    Bad = 2,
    /// Not sure.
    Unconfirmed = 3,
    /// Unlike anything in training.
    Novel = 4,
}

impl Kind {
    /// The kinds of trouble, each of which has sequences of its own.
    pub const TROUBLES: [Self; 3] = [Self::Bad, Self::Unconfirmed, Self::Novel];

    /// From the column.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a number that is no kind.
    pub fn from_column(number: i16) -> Result<Self, StoreError> {
        let all = [Self::Neutral, Self::Fine, Self::Bad, Self::Unconfirmed, Self::Novel];
        let kind = usize::try_from(number).ok().and_then(|n| all.get(n).copied());
        kind.ok_or_else(|| StoreError::Refused(format!("{number} is no kind of verdict")))
    }

    /// Whether an image with this verdict belongs to a sequence of `trouble` (`Some(true)`), ends
    /// it (`Some(false)`) or says nothing about it (`None`). Only what is sure ends a sequence of
    /// Bad: a plot that flickers between Bad and unconfirmed is one incident.
    pub fn counts_for(self, trouble: Self) -> Option<bool> {
        match (trouble, self) {
            (_, Self::Neutral) | (Self::Bad, Self::Unconfirmed | Self::Novel) => None,
            (trouble, kind) => Some(trouble == kind),
        }
    }
}

/// How a plot type came to be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlotTypeState {
    /// By the catalog.
    Declared = 0,
    /// By an image that came in.
    Discovered = 1,
    /// By the catalog, which says that it is not to be judged.
    Disabled = 2,
}

impl PlotTypeState {
    /// From the column.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for a number that is no state.
    pub fn from_column(number: i16) -> Result<Self, StoreError> {
        match number {
            0 => Ok(Self::Declared),
            1 => Ok(Self::Discovered),
            2 => Ok(Self::Disabled),
            _ => Err(StoreError::Refused(format!("{number} is no state of a plot type"))),
        }
    }
}

/// Column `prediction.role` of the model whose verdict counts.
pub const ROLE_ACTIVE: i16 = 0;
/// Column `prediction.role` of a model in the shadow.
pub const ROLE_CANDIDATE: i16 = 1;

/// What an image counts as in sums, where the verdict is not a confirmed label.
pub const UNCONFIRMED: &str = "Unconfirmed";
/// As [`UNCONFIRMED`].
pub const NOVEL: &str = "Novel";
/// As [`UNCONFIRMED`], where no model spoke.
pub const NO_MODEL: &str = "NoModel";

/// What an image with this verdict counts as in `daily` and `run_outcome`.
pub fn outcome(state: VerdictState, label: &Label) -> &str {
    match state {
        VerdictState::Confirmed => label.as_str(),
        VerdictState::Unconfirmed => UNCONFIRMED,
        VerdictState::Novel => NOVEL,
    }
}

/// Upper bounds of `run_latency.bucket`, milliseconds; one more bucket takes what is above.
pub const LATENCY_BOUNDS_MS: [u64; 14] =
    [1, 3, 10, 30, 60, 100, 200, 300, 600, 1_000, 3_000, 10_000, 60_000, 600_000];

/// The bucket of a duration in microseconds; a negative one, from clocks that differ, is zero.
pub fn latency_bucket(us: i64) -> i16 {
    let ms = u64::try_from(us).unwrap_or(0) / 1_000;
    let bucket = LATENCY_BOUNDS_MS.partition_point(|bound| *bound <= ms);
    i16::try_from(bucket).unwrap_or(i16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_sure_ends_a_sequence_of_bad() {
        assert_eq!(Kind::Bad.counts_for(Kind::Bad), Some(true));
        assert_eq!(Kind::Fine.counts_for(Kind::Bad), Some(false));
        assert_eq!(Kind::Unconfirmed.counts_for(Kind::Bad), None);
        assert_eq!(Kind::Bad.counts_for(Kind::Novel), Some(false));
        for trouble in Kind::TROUBLES {
            assert_eq!(Kind::Neutral.counts_for(trouble), None);
            assert_eq!(Kind::from_column(trouble as i16).unwrap(), trouble);
        }
    }

    #[test]
    fn latencies_fall_between_their_bounds() {
        let last = LATENCY_BOUNDS_MS.len() as i16;
        let cases = [(-5, 0), (999, 0), (1_000, 1), (2_999, 1), (3_000, 2), (i64::MAX, last)];
        for (us, bucket) in cases {
            assert_eq!(latency_bucket(us), bucket, "{us}");
        }
    }
}
