//! Good plots alone -> a model of what is normal: how unlikely a plot is among them, and where.
//!
//! A plot is compared pixel by pixel with the mean of the Goods, after the ways in which Goods
//! differ among themselves (principal components) have been taken out. What is left is averaged
//! over windows of several sizes, so that a faint change of a large area counts as much as a
//! strong one of a few pixels, and divided by its spread among Goods. The largest of these
//! deviations make a score for each window size; the score's distribution among Goods that the
//! model had not seen makes a p-value of it.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod blocks;
mod cells;
mod eigen;
mod faults;
mod fit;
mod grid;
mod guard;
mod learn;
mod look;
mod measures;
mod onnx;

pub use faults::{Measured, fit_measured};
pub use fit::{NormalityError, NormalitySettings, fit_normality};
pub use guard::{GUARD, GuardError};
pub use learn::CONFIRMED_GOODS;
pub use onnx::Verdict;

use faults::Faults;
use grid::{Grid, Window};
use hydra_proto::registry::InputShape;
use look::Look;
use serde::{Deserialize, Serialize};

/// Deviations below this are as good as none.
pub(crate) const LEAST: f64 = 1e-9;

/// Name of the input of the files: float32 `[n, channels, height, width]`, from 0 to 255.
pub const PIXELS: &str = "pixels";

/// What is normal for one plot type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NormalityModel {
    /// Shape of the images that it reads, and what it compares of them.
    pub(crate) look: Look,
    /// Share of Goods that may be called novel.
    pub false_alarm_rate: f64,
    /// Goods that it was made from.
    pub goods: usize,
    /// Mean of the planes: channels, rows, columns.
    pub(crate) mean: Vec<f32>,
    /// Orthogonal ways in which Goods differ, each as long as `mean`, with lengths of one (or
    /// a little more, see `learn`).
    pub(crate) components: Vec<Vec<f32>>,
    /// Spread of the coefficients of `components`.
    pub(crate) spread: Vec<f32>,
    /// One for each window size.
    pub(crate) scales: Vec<Scale>,
    /// The score of the coefficients themselves; absent without components.
    pub(crate) shape_score: Option<LogNormal>,
    /// The largest standardised score over all of these.
    pub(crate) total: LogNormal,
    /// How known faults look, where there were some; they are measured and take no part in the
    /// score.
    #[serde(default)]
    pub(crate) faults: Option<Faults>,
}

/// Deviations averaged over square windows of one size.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scale {
    /// Height and width of the window; windows overlap by half.
    pub window: Window,
    /// The first of the planes that it looks at, and the first that it does not.
    pub channels: (usize, usize),
    /// Mean of this many of the largest deviations makes the score.
    pub top: usize,
    /// 1 / spread among Goods: channels, rows, columns of the pooled grid.
    pub inverse_sigma: Vec<f32>,
    /// Distribution of the score among Goods.
    pub score: LogNormal,
    /// Where it looks at one plane: of its largest deviations up and down.
    #[serde(default)]
    pub sides: Option<[LogNormal; 2]>,
}

/// A log-normal distribution of positive scores.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogNormal {
    /// Median of the logarithm.
    pub centre: f64,
    /// Standard deviation of the logarithm, of the upper half.
    pub width: f64,
}

impl LogNormal {
    /// How many standard deviations the score lies above the median.
    pub fn standardised(&self, score: f64) -> f64 {
        (score.max(LEAST).ln() - self.centre) / self.width
    }
}

/// What the model says of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// Standard deviations above the usual deviation of a Good.
    pub score: f64,
    /// Probability that a Good deviates as much.
    pub p_value: f64,
    /// `p / (p + false alarm rate)`: one half exactly where the plot is called novel.
    pub good: f64,
    /// Standardised deviation by place, rows from the top.
    pub map: Vec<f32>,
    /// Columns of `map`.
    pub map_width: usize,
    /// Rows of `map`.
    pub map_height: usize,
    /// Coefficients of the components: an embedding.
    pub features: Vec<f32>,
}

impl Judgement {
    /// Whether the plot is called novel.
    pub fn novel(&self) -> bool {
        self.good < 0.5
    }
}

impl NormalityModel {
    /// Judges one image: `height * width * channels` bytes, interleaved.
    ///
    /// # Errors
    /// [`NormalityError::Length`].
    pub fn judge(&self, pixels: &[u8]) -> Result<Judgement, NormalityError> {
        let image = self.look.planes(pixels)?;
        let (residual, features) = self.residual(&image);
        let mut map = vec![0.0f32; self.map_size().area()];
        let score = self.scored(&residual, &features, |scale, deviations| {
            self.draw(&mut map, scale, deviations);
        });
        let p_value = upper_tail(score);
        if let Some(spots) = self.look.spots() {
            let on_plot = |spot: Option<usize>| spot.map_or(0.0, |cell| map[cell]);
            map = spots.into_iter().map(on_plot).collect();
        }
        let Grid { rows, columns, .. } = self.shown_size();
        Ok(Judgement {
            score,
            p_value,
            good: p_value / (p_value + self.false_alarm_rate),
            map,
            map_width: columns,
            map_height: rows,
            features,
        })
    }

    /// Standard deviations of these planes above the usual deviation of a Good.
    pub(crate) fn score(&self, image: &[f32]) -> f64 {
        let (residual, features) = self.residual(image);
        self.scored(&residual, &features, |_, _| {})
    }

    /// The score; every scale's deviations are shown to `visit`.
    fn scored(
        &self,
        residual: &[f32],
        features: &[f32],
        mut visit: impl FnMut(&Scale, &[f32]),
    ) -> f64 {
        let mut largest = self.shape_standardised(features).unwrap_or(f64::NEG_INFINITY);
        for scale in &self.scales {
            let deviations = scale.deviations(residual, self.look.grid());
            largest = largest.max(scale.score.standardised(scale.raw_score(&deviations)));
            visit(scale, &deviations);
        }
        (largest - self.total.centre) / self.total.width
    }

    /// What is left of an image beside mean and components, and the components' coefficients.
    pub(crate) fn residual(&self, image: &[f32]) -> (Vec<f32>, Vec<f32>) {
        let mut residual: Vec<f32> = image.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        let dot = |c: &Vec<f32>| c.iter().zip(&residual).map(|(c, r)| c * r).sum::<f32>();
        let coefficients: Vec<f32> = self.components.iter().map(dot).collect();
        for (component, coefficient) in self.components.iter().zip(&coefficients) {
            residual.iter_mut().zip(component).for_each(|(r, c)| *r -= coefficient * c);
        }
        (residual, coefficients)
    }

    /// The largest of the coefficients in units of their spread: a fault that looks like one of
    /// the ways in which Goods differ goes further that way, and no further in the others.
    pub(crate) fn shape_raw(&self, coefficients: &[f32]) -> Option<f64> {
        let ratios = coefficients.iter().zip(&self.spread).map(|(c, s)| f64::from((c / s).abs()));
        ratios.max_by(f64::total_cmp)
    }

    fn shape_standardised(&self, coefficients: &[f32]) -> Option<f64> {
        Some(self.shape_score?.standardised(self.shape_raw(coefficients)?))
    }

    /// Shape of the images that it reads.
    pub fn input(&self) -> InputShape {
        self.look.input
    }

    /// Of the map that is shown.
    pub(crate) fn shown_size(&self) -> Grid {
        if self.look.cells.is_some() { self.look.shown_grid() } else { self.map_size() }
    }

    /// Of the map: that of the cells, or of the second finest windows.
    pub(crate) fn map_size(&self) -> Grid {
        if self.look.cells.is_some() {
            return self.look.grid();
        }
        let scale = self.scales.get(1).or(self.scales.first());
        self.look.grid().pooled(scale.map_or((1, 1), |scale| scale.window))
    }

    /// Enters a scale's deviations into the map, each in units of what is usual at its scale.
    fn draw(&self, map: &mut [f32], scale: &Scale, deviations: &[f32]) {
        let Grid { rows, columns, .. } = self.map_size();
        let Grid { rows: h, columns: w, .. } = self.look.grid().pooled(scale.window);
        let unit = scale.score.centre.exp() as f32;
        for (at, value) in map.iter_mut().enumerate() {
            let (row, column) = (at / columns, at % columns);
            let source = row * h / rows * w + column * w / columns;
            *value = value.max(deviations[source] / unit);
        }
    }
}

impl Scale {
    /// Deviations of every window.
    pub fn deviations(&self, residual: &[f32], grid: Grid) -> Vec<f32> {
        self.joined(&self.z(residual, grid))
    }

    /// Standardised means of every window.
    pub fn z(&self, residual: &[f32], grid: Grid) -> Vec<f32> {
        let (from, to) = (self.channels.0 * grid.area(), self.channels.1 * grid.area());
        self.standardised(grid.means(&residual[from..to], self.window))
    }

    /// Window means in units of their spread.
    pub fn standardised(&self, mut means: Vec<f32>) -> Vec<f32> {
        means.iter_mut().zip(&self.inverse_sigma).for_each(|(mean, inverse)| *mean *= inverse);
        means
    }

    /// Root mean square over channels of the standardised window means.
    pub fn joined(&self, z: &[f32]) -> Vec<f32> {
        let channels = self.channels.1 - self.channels.0;
        let area = z.len() / channels;
        let mut squares = vec![0.0f32; area];
        z.iter().enumerate().for_each(|(at, z)| squares[at % area] += z * z);
        squares.into_iter().map(|s| (s / channels as f32).sqrt()).collect()
    }

    /// Mean of the largest deviations.
    pub fn raw_score(&self, deviations: &[f32]) -> f64 {
        let mut sorted = deviations.to_vec();
        let top = self.top.min(sorted.len());
        sorted.select_nth_unstable_by(top - 1, |a, b| b.total_cmp(a));
        sorted[..top].iter().map(|d| f64::from(*d)).sum::<f64>() / top as f64
    }
}

/// Probability that a normal deviate exceeds `z`: Abramowitz and Stegun 7.1.26 for moderate
/// values, the first terms of the asymptotic series beyond.
pub fn upper_tail(z: f64) -> f64 {
    if z < 0.0 {
        return 1.0 - upper_tail(-z);
    }
    let density = (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt();
    if z > 5.0 {
        return density / z * (1.0 - 1.0 / (z * z) + 3.0 / z.powi(4));
    }
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let polynomial = t
        * (0.319_381_530
            + t * (-0.356_563_782
                + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    density * polynomial
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_normal_tail_is_that_of_the_tables() {
        for (z, p) in [(0.0, 0.5), (1.0, 0.158_655), (2.326, 0.010_009), (6.0, 9.866e-10)] {
            assert!((upper_tail(z) / p - 1.0).abs() < 1e-3, "{z}");
            assert!((upper_tail(-z) - (1.0 - p)).abs() < 1e-6, "{z}");
        }
    }
}
