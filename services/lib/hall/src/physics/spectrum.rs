//! A 1-D distribution: peaks that move with gain and time zero, over background that does not.

use super::{Tweak, gauss};
use crate::{conditions::Setting, panel::Axis};

/// The form of one component, in units of the axis.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Gauss {
        mean: f64,
        sigma: f64,
    },
    /// Energy loss of a thin layer (J. E. Moyal, Phil. Mag. 46 (1955) 263).
    Moyal {
        peak: f64,
        width: f64,
    },
    LogNormal {
        median: f64,
        sigma: f64,
    },
    /// A peak at every multiple of the period.
    Comb {
        period: f64,
        sigma: f64,
    },
    /// Drift times: a fast rise, a sloping plateau, a slow fall.
    Drift {
        start: f64,
        rise: f64,
        end: f64,
        fall: f64,
    },
    /// Background: falls by e over `scale`.
    Exponential {
        scale: f64,
    },
    /// Background.
    Flat,
}

impl Shape {
    fn is_background(self) -> bool {
        matches!(self, Self::Exponential { .. } | Self::Flat)
    }

    /// Density at `x`, up to a factor that the resolution leaves alone.
    fn density(self, x: f64, axis: &Axis, widen: f64) -> f64 {
        match self {
            Self::Gauss { mean, sigma } => gauss(x, mean, sigma * widen),
            Self::Moyal { peak, width } => {
                let z = (x - peak) / (width * widen);
                (-0.5 * (z + (-z).exp())).exp() / (width * widen)
            }
            Self::LogNormal { median, sigma } if x > 0.0 => {
                gauss((x / median).ln(), 0.0, sigma * widen) / x
            }
            Self::LogNormal { .. } => 0.0,
            Self::Comb { period, sigma } => {
                gauss(x - period * (x / period).round(), 0.0, sigma * widen)
            }
            Self::Drift { start, rise, end, fall } => {
                let up = 1.0 / (1.0 + (-(x - start) / (rise * widen)).exp());
                let down = 1.0 / (1.0 + ((x - end) / (fall * widen)).exp());
                up * down * (1.0 - 0.6 * (x - start) / (end - start)).max(0.1)
            }
            Self::Exponential { scale } => (-(x - axis.low) / scale).exp(),
            Self::Flat => 1.0,
        }
    }
}

/// Peaks and background.
#[derive(Clone, Debug)]
pub(crate) struct Spectrum {
    /// Shape, and the factor that makes its density counts.
    parts: Vec<(Shape, f64)>,
    /// How far a time offset of one resolution moves the peaks, in units of the axis.
    time_unit: f64,
    /// Whether the detector's gain scales the axis.
    follows_gain: bool,
}

impl Spectrum {
    /// Each shape with its entries in a nominal chunk.
    pub fn new(axis: &Axis, parts: &[(Shape, f64)], time_unit: f64, follows_gain: bool) -> Self {
        let normalised = parts.iter().map(|&(shape, entries)| {
            let sum: f64 =
                (0..axis.bins).map(|bin| shape.density(axis.centre(bin), axis, 1.0)).sum();
            (shape, entries / sum)
        });
        Self { parts: normalised.collect(), time_unit, follows_gain }
    }

    pub fn expected(&self, axis: &Axis, setting: &Setting, tweak: &Tweak) -> Vec<f64> {
        let gain = tweak.gain * if self.follows_gain { setting.gain } else { 1.0 };
        let shift = tweak.shift + self.time_unit * setting.time_offset;
        let widen = tweak.widen * setting.resolution;
        let mean = |bin: usize| -> f64 {
            let x = axis.centre(bin);
            let of = |&(shape, norm): &(Shape, f64)| {
                if shape.is_background() {
                    norm * setting.background * shape.density(x, axis, 1.0)
                } else {
                    norm / gain * shape.density((x - shift) / gain, axis, widen)
                }
            };
            self.parts.iter().map(of).sum()
        };
        // never quite nothing: a stray count is possible anywhere
        (0..axis.bins).map(|bin| setting.scale * mean(bin).max(1e-3)).collect()
    }
}
