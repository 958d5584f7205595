//! A 2-D distribution, column by column: each column a channel or a slice of another quantity.

use super::{Tweak, gauss};
use crate::{conditions::Setting, panel::Axis};

/// A peak along y within one column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Band {
    pub mean: f64,
    pub sigma: f64,
    /// Entries in a nominal chunk.
    pub entries: f64,
}

/// Bands by column over a flat background.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub bands: Vec<Vec<Band>>,
    /// Flat background in a nominal chunk, entries a column.
    pub background: Vec<f64>,
    /// How far a time offset of one resolution moves the bands, in units of the y axis.
    pub time_unit: f64,
    /// Whether the detector's gain scales the y axis.
    pub follows_gain: bool,
}

impl Columns {
    /// Bin = row * columns + column, rows counted from below.
    pub fn expected(&self, x: &Axis, y: &Axis, setting: &Setting, tweak: &Tweak) -> Vec<f64> {
        let mut result = vec![0.0; x.bins * y.bins];
        for column in 0..x.bins {
            let hit = tweak.columns.as_ref().is_none_or(|columns| columns.contains(&column));
            let tweak = if hit { tweak } else { &Tweak::NONE };
            let flat = (setting.scale * setting.background * self.background[column]
                / y.bins as f64)
                .max(1e-3);
            (0..y.bins).for_each(|row| result[row * x.bins + column] = flat);
            let gain = tweak.gain * if self.follows_gain { setting.gain } else { 1.0 };
            for band in &self.bands[column] {
                let mean = gain * band.mean + tweak.shift + self.time_unit * setting.time_offset;
                let sigma = band.sigma * gain * tweak.widen * setting.resolution;
                let counts = setting.scale * band.entries * y.bin_width();
                for row in rows(y, mean, sigma) {
                    let density = gauss(y.centre(row), mean, sigma);
                    result[row * x.bins + column] += counts * density;
                }
            }
        }
        result
    }
}

/// The rows within six standard deviations, beyond which nothing is expected.
fn rows(y: &Axis, mean: f64, sigma: f64) -> std::ops::Range<usize> {
    let row = |value: f64| ((value - y.low) / y.bin_width()).clamp(0.0, y.bins as f64) as usize;
    row(mean - 6.0 * sigma)..(row(mean + 6.0 * sigma) + 1).min(y.bins)
}
