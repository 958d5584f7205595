//! What is expected in a panel: run conditions (and a parametric fault) -> mean counts of every bin.

mod asymmetry;
mod columns;
mod occupancy;
mod spectrum;

pub(crate) use asymmetry::Asymmetry;
pub(crate) use columns::{Band, Columns};
pub(crate) use occupancy::{Occupancy, Spot};
pub(crate) use spectrum::{Shape, Spectrum};

use std::ops::Range;

/// Where a panel's expected counts come from.
#[derive(Clone, Debug)]
pub(crate) enum Physics {
    /// Hits by channel (or by time, where the channels are intervals).
    Occupancy(Occupancy),
    /// A 1-D distribution: peaks and background.
    Spectrum(Spectrum),
    /// A 2-D distribution, column by column.
    Columns(Columns),
    /// Counts at both helicities.
    Asymmetry(Asymmetry),
}

/// A parametric fault's sort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TweakKind {
    Shift,
    Gain,
    Widen,
}

/// A parametric fault: how the distribution is distorted.
#[derive(Clone, Debug)]
pub(crate) struct Tweak {
    /// In units of the axis.
    pub shift: f64,
    /// Factor.
    pub gain: f64,
    /// Factor on the resolution.
    pub widen: f64,
    /// Which columns of a 2-D distribution; all where `None`.
    pub columns: Option<Range<usize>>,
}

impl Tweak {
    /// No distortion.
    pub const NONE: Self = Self { shift: 0.0, gain: 1.0, widen: 1.0, columns: None };
}

/// The density of the normal distribution.
fn gauss(x: f64, mean: f64, sigma: f64) -> f64 {
    const INVERSE_ROOT_TWO_PI: f64 = 0.398_942_280_401_432_7;
    let z = (x - mean) / sigma;
    INVERSE_ROOT_TWO_PI / sigma * (-0.5 * z * z).exp()
}
