//! A few Goods of new conditions -> the model that takes them for normal.

use super::{
    NormalityError, NormalityModel,
    fit::{log_normal, upper_spread},
};
use rayon::prelude::*;

/// Goods of the new conditions that are asked for.
pub const CONFIRMED_GOODS: usize = 20;
/// Share of the common residual's square that must be more than noise.
const LEAST_SIGNAL: f32 = 0.05;
/// Parts that are left out in turn.
const PARTS: usize = 4;
/// A variance of twenty values is more than this many times its true value once in fifty times.
const MUCH_MORE: f32 = 1.7;

impl NormalityModel {
    /// The model after these Goods of conditions that it had not seen, interleaved bytes each of
    /// its input's shape. What they have in common and the model did not expect becomes one more
    /// way in which Goods differ; whatever else they do stays as unusual as it was. The images
    /// that the model was made from are not needed, so that a handful of confirmations is enough
    /// and nothing is trained again.
    ///
    /// # Errors
    /// [`NormalityError::TooFew`] below five, [`NormalityError::Length`].
    pub fn learn(&self, goods: &[&[u8]]) -> Result<Self, NormalityError> {
        const FEWEST: usize = 5;
        if goods.len() < FEWEST {
            return Err(NormalityError::TooFew { found: goods.len(), wanted: FEWEST });
        }
        let images: Vec<Vec<f32>> = goods
            .par_iter()
            .enumerate()
            .map(|(index, image)| self.look.planes(image).map_err(|e| e.of_image(index)))
            .collect::<Result<_, _>>()?;
        let all: Vec<&Vec<f32>> = images.iter().collect();
        let mut model = self.learnt(&all);
        // each part judged by what was learnt from the others
        let mut scores: Vec<f64> = (0..PARTS)
            .into_par_iter()
            .flat_map(|part| {
                let of = |inside: bool| -> Vec<&Vec<f32>> {
                    let mine =
                        images.iter().enumerate().filter(|(i, _)| (i % PARTS == part) == inside);
                    mine.map(|(_, image)| image).collect()
                };
                let others = self.learnt(&of(false));
                of(true).iter().map(|image| others.score(image)).collect::<Vec<_>>()
            })
            .collect();
        let (centre, width) = upper_spread(&mut scores);
        model.total.centre += centre.max(0.0) * model.total.width;
        model.total.width *= width.max(1.0);
        Ok(model)
    }

    fn learnt(&self, images: &[&Vec<f32>]) -> Self {
        let mut model = self.clone();
        model.widen(images);
        model.shift(images);
        model.loosen(images);
        model
    }

    /// The known ways of differing may go as far as they went in these Goods.
    fn widen(&mut self, images: &[&Vec<f32>]) {
        let coefficients: Vec<Vec<f32>> =
            images.par_iter().map(|image| self.residual(image).1).collect();
        for (index, spread) in self.spread.iter_mut().enumerate() {
            let mean = coefficients.iter().map(|c| c[index]).sum::<f32>() / images.len() as f32;
            *spread = spread.max(mean.abs());
        }
    }

    /// Where these Goods vary much more than Goods did, so may others: what is left of the new
    /// component, whose strength is known but roughly, would stand out from paper that never
    /// varied.
    fn loosen(&mut self, images: &[&Vec<f32>]) {
        let grid = self.look.grid();
        let residuals: Vec<Vec<f32>> =
            images.par_iter().map(|image| self.residual(image).0).collect();
        self.scales.par_iter_mut().for_each(|scale| {
            let mut squares = vec![0.0f32; scale.inverse_sigma.len()];
            let area = grid.area();
            for residual in &residuals {
                let planes = &residual[scale.channels.0 * area..scale.channels.1 * area];
                let means = grid.means(planes, scale.window);
                squares.iter_mut().zip(&means).for_each(|(s, m)| *s += m * m);
            }
            for (inverse, square) in scale.inverse_sigma.iter_mut().zip(&squares) {
                let variance = square / residuals.len() as f32 / MUCH_MORE;
                *inverse = inverse.min(1.0 / variance.sqrt().max(f32::MIN_POSITIVE));
            }
        });
    }

    /// Their common residual becomes a component, unless it is no more than the noise of so few.
    fn shift(&mut self, images: &[&Vec<f32>]) {
        let count = images.len() as f32;
        let residuals: Vec<Vec<f32>> =
            images.par_iter().map(|image| self.residual(image).0).collect();
        let mut common = vec![0.0f32; self.mean.len()];
        for residual in &residuals {
            common.iter_mut().zip(residual).for_each(|(c, r)| *c += r / count);
        }
        let square = |values: &mut dyn Iterator<Item = f32>| -> f32 { values.map(|v| v * v).sum() };
        let apart =
            |residual: &Vec<f32>| square(&mut residual.iter().zip(&common).map(|(r, c)| r - c));
        let noise = residuals.iter().map(apart).sum::<f32>() / (count * (count - 1.0));
        let whole = square(&mut common.iter().copied());
        let signal = whole - noise;
        if signal < LEAST_SIGNAL * whole {
            return;
        }
        // Longer than one by the noise in it: another image's noise is independent of that, so
        // that its product with `common` is the signal's square alone.
        let norm = signal.sqrt();
        self.components.push(common.iter().map(|c| c / norm).collect());
        self.spread.push(norm);
        if self.shape_score.is_none() {
            let raw: Vec<f64> =
                images.iter().filter_map(|image| self.shape_raw(&self.residual(image).1)).collect();
            self.shape_score = Some(log_normal(&raw));
        }
    }
}
