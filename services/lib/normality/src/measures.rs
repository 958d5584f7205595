//! How far a plot is from what is usual, as numbers that a classifier can read.

use super::{LEAST, LogNormal, NormalityError, NormalityModel, Scale};

impl NormalityModel {
    /// For every scale the logarithms of its largest deviations (up and down apart, where it
    /// looks at one plane) and of all of them, then those of the coefficients, the
    /// strangest of all these (see `summary_count`), and the likeness to known faults.
    ///
    /// # Errors
    /// [`NormalityError::Length`].
    pub fn measures(&self, pixels: &[u8]) -> Result<Vec<f32>, NormalityError> {
        let (residual, features) = self.residual(&self.look.planes(pixels)?);
        let grid = self.look.grid();
        let of = |scale: &Scale| scale.measures(&scale.z(&residual, grid));
        let mut measures: Vec<f32> = self.scales.iter().flat_map(of).collect();
        measures.extend(self.shape_measures(&features).into_iter().flatten());
        measures.push(self.strangest(&measures));
        if let Some(faults) = &self.faults {
            measures.extend(faults.measures(&self.scales[faults.scale].z(&residual, grid)));
        }
        Ok(measures)
    }

    /// How many numbers [`Self::measures`] gives.
    pub fn measure_count(&self) -> usize {
        let of_scales: usize = self.scales.iter().map(Scale::measure_count).sum();
        let shape = usize::from(self.shape_score.is_some());
        of_scales + 2 * (shape + usize::from(self.faults.is_some())) + 1
    }

    /// How many of the measures, the last ones, sum up what the scales say.
    pub fn summary_count(&self) -> usize {
        let of_scales: usize = self.scales.iter().map(Scale::measure_count).sum();
        self.measure_count() - of_scales
    }

    /// How far the strangest of these measures lies from those of Goods, in units of their spread.
    pub(crate) fn strangest(&self, measures: &[f32]) -> f32 {
        let mut rest = measures;
        let of = |scale: &Scale| {
            let (own, others) = rest.split_at(scale.measure_count());
            rest = others;
            scale.standing(own)
        };
        let most = self.scales.iter().map(of).fold(f64::NEG_INFINITY, f64::max);
        let shape = self.shape_score.zip(rest.first());
        let shape = shape.map(|(known, own)| (f64::from(*own) - known.centre) / known.width);
        most.max(shape.unwrap_or(f64::NEG_INFINITY)) as f32
    }

    /// What the coefficients measure, in units of their spread.
    pub(crate) fn shape_measures(&self, coefficients: &[f32]) -> Option<[f32; 2]> {
        self.shape_score?;
        Some(of_ratios(coefficients, &self.spread))
    }
}

impl Scale {
    /// Whether up and down are told apart: not where several planes make one deviation.
    pub fn signed(&self) -> bool {
        self.channels.1 - self.channels.0 == 1
    }

    /// How strange its measures are: up, down, or both at once, as where two parts are swapped.
    fn standing(&self, own: &[f32]) -> f64 {
        let of = |known: LogNormal, at: usize| (f64::from(own[at]) - known.centre) / known.width;
        match self.sides {
            Some([up, down]) => {
                let (up, down) = (of(up, 0), of(down, 1));
                up.max(down).max((up + down) / std::f64::consts::SQRT_2)
            }
            None => of(self.score, 0),
        }
    }

    /// How many numbers [`Self::measures`] gives.
    pub fn measure_count(&self) -> usize {
        if self.signed() { 3 } else { 2 }
    }

    /// Logarithms of the largest of these standardised means and of the mean square of all.
    pub fn measures(&self, z: &[f32]) -> Vec<f32> {
        let deviations = self.joined(z);
        let squares = deviations.iter().map(|d| f64::from(*d).powi(2)).sum::<f64>();
        let mean = logarithm(squares / deviations.len() as f64);
        if !self.signed() {
            return vec![logarithm(self.raw_score(&deviations)), mean];
        }
        let down: Vec<f32> = z.iter().map(|z| -z).collect();
        vec![logarithm(self.raw_score(z)), logarithm(self.raw_score(&down)), mean]
    }
}

/// Logarithms of the largest and of the mean square of some numbers in units of their spread.
pub(crate) fn of_ratios(values: &[f32], spread: &[f32]) -> [f32; 2] {
    let ratios = || values.iter().zip(spread).map(|(v, s)| f64::from((v / s).abs()));
    let mean = ratios().map(|r| r * r).sum::<f64>() / values.len().max(1) as f64;
    [logarithm(ratios().fold(0.0, f64::max)), logarithm(mean)]
}

/// Of a deviation, kept finite.
fn logarithm(deviation: f64) -> f32 {
    deviation.max(LEAST).ln() as f32
}
