//! Goods and labelled others -> a model that also knows how faults look, and what all of them
//! measure.
//!
//! A fault changes many places a little, and always the same ones together: a peak that moves
//! rises on one side and falls on the other. No window holds both. The principal components of
//! what others deviate by do, and how much a plot deviates along them is one more measure.

use super::{
    NormalityError, NormalityModel, NormalitySettings,
    eigen::leading_eigenvectors,
    fit::{Fitted, fitted},
    measures::of_ratios,
};
use hydra_proto::registry::InputShape;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Ways that are learnt at most; one for so many others.
const MOST_WAYS: usize = 32;
const OTHERS_A_WAY: usize = 4;
/// Others that ways are learnt from, at most.
const MOST_OTHERS: usize = 600;
/// Parts that are left out in turn, so that no other shows the way to itself.
const PARTS: usize = 5;
/// The window that faults are looked at through, over pixels.
const WINDOW: (usize, usize) = (2, 2);

/// How known faults deviate from Goods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Faults {
    /// Which of the scales.
    pub scale: usize,
    /// Each as long as the scale has windows.
    pub ways: Vec<Vec<f32>>,
    /// Spread along them among Goods.
    pub spread: Vec<f32>,
}

/// A model with what its images measure.
#[derive(Debug, Clone)]
pub struct Measured {
    /// The model.
    pub model: NormalityModel,
    /// Of each Good, by a model of the other Goods.
    pub goods: Vec<Vec<f32>>,
    /// Of each of the others, by a model of the other others.
    pub others: Vec<Vec<f32>>,
}

/// Makes a model of what is normal from `goods`, as [`super::fit_normality`] does, and of how
/// `others` deviate from it; gives what every image measures ([`NormalityModel::measures`]) to a
/// model that did not see it.
///
/// # Errors
/// See [`NormalityError`].
pub fn fit_measured(
    goods: &[&[u8]],
    runs: &[u32],
    others: &[&[u8]],
    input: InputShape,
    settings: &NormalitySettings,
) -> Result<Measured, NormalityError> {
    let Fitted { mut model, measures: mut of_goods, residuals, .. } =
        fitted(goods, runs, input, settings)?;
    let mut of_others: Vec<Vec<f32>> = others
        .par_iter()
        .enumerate()
        .map(|(index, image)| model.measures(image).map_err(|e| e.of_image(index)))
        .collect::<Result<_, _>>()?;
    // cells are few enough to be looked at one by one
    let window = if model.look.cells.is_some() { (1, 1) } else { WINDOW };
    let Some(scale) = model.scales.iter().rposition(|scale| scale.window == window) else {
        return Ok(Measured { model, goods: of_goods, others: of_others });
    };
    let z = |residual: &Vec<f32>| model.scales[scale].z(residual, model.look.grid());
    let z_goods: Vec<Vec<f32>> = residuals.par_iter().map(z).collect();
    let z_others: Vec<Vec<f32>> = others
        .par_iter()
        .map(|image| Ok(z(&model.residual(&model.look.planes(image)?).0)))
        .collect::<Result<_, NormalityError>>()?;
    let step = others.len().div_ceil(MOST_OTHERS).max(1);
    let learn = |left_out: Option<usize>| {
        let some = z_others.iter().enumerate().filter(|(i, _)| Some(i % PARTS) != left_out);
        faults(scale, &some.map(|(_, z)| z).step_by(step).collect::<Vec<_>>(), &z_goods)
    };
    let Some(whole) = learn(None) else {
        return Ok(Measured { model, goods: of_goods, others: of_others });
    };
    let parts: Vec<Option<Faults>> = (0..PARTS).map(|part| learn(Some(part))).collect();
    for (measures, z) in of_goods.iter_mut().zip(&z_goods) {
        measures.extend(whole.measures(z));
    }
    for (index, (measures, z)) in of_others.iter_mut().zip(&z_others).enumerate() {
        measures.extend(parts[index % PARTS].as_ref().unwrap_or(&whole).measures(z));
    }
    model.faults = Some(whole);
    Ok(Measured { model, goods: of_goods, others: of_others })
}

/// The principal components of these deviations; absent where they are too few or all alike.
fn faults(scale: usize, others: &[&Vec<f32>], goods: &[Vec<f32>]) -> Option<Faults> {
    let count = (others.len() / OTHERS_A_WAY).min(MOST_WAYS);
    if count == 0 {
        return None;
    }
    let length = others[0].len();
    let mut rows = Array2::zeros((others.len(), length));
    for (mut row, other) in rows.rows_mut().into_iter().zip(others) {
        // strong ones show the way no better than others, and must not be all that is learnt
        let mean = other.iter().map(|z| z * z).sum::<f32>() / length as f32;
        let tame = 1.0 / mean.sqrt().max(1.0);
        row.iter_mut().zip(*other).for_each(|(to, z)| *to = z * tame);
    }
    let mut ways = Vec::with_capacity(count);
    for vector in leading_eigenvectors(rows.dot(&rows.t()), count) {
        let way = rows.t().dot(&vector);
        let norm = way.dot(&way).sqrt();
        if norm > 1e-6 {
            ways.push((way / norm).to_vec());
        }
    }
    // they may be as flat as Goods where this scale looks
    if ways.is_empty() {
        return None;
    }
    let mut faults = Faults { scale, spread: vec![1.0; ways.len()], ways };
    let along: Vec<Vec<f32>> = goods.par_iter().map(|z| faults.along(z)).collect();
    for (at, spread) in faults.spread.iter_mut().enumerate() {
        let squares: f32 = along.iter().map(|a| a[at] * a[at]).sum();
        *spread = (squares / along.len() as f32).sqrt().max(1e-4);
    }
    Some(faults)
}

impl Faults {
    /// How far these standardised means go each way.
    fn along(&self, z: &[f32]) -> Vec<f32> {
        let dot = |way: &Vec<f32>| way.iter().zip(z).map(|(w, z)| w * z).sum();
        self.ways.iter().map(dot).collect()
    }

    /// See [`NormalityModel::measures`].
    pub fn measures(&self, z: &[f32]) -> [f32; 2] {
        of_ratios(&self.along(z), &self.spread)
    }
}
