//! Goods of the training part -> what guards the classifier against plots unlike any of them.

use super::images::Prepared;
use super::{Kind, LearnError};
use hydra_normality::{NormalityModel, NormalitySettings, fit_normality};
use hydra_proto::Label;
use hydra_proto::registry::InputShape;
use rayon::prelude::*;

/// Share of Goods that a guard may call novel.
pub const GUARD_RATE: f64 = 0.005;
/// Fewer Goods say too little of what is normal; a classifier of so few goes unguarded.
const FEWEST: usize = 50;
/// More Goods cost time and change little.
const MOST: usize = 600;
/// Columns that a guard compares.
const COLUMNS: u32 = 96;

/// The guard of each plot type. Siblings that are one network have one guard, so that they stay
/// one file.
///
/// # Errors
/// [`LearnError::Pixels`].
pub(super) fn guards(
    ready: &[Prepared<'_>],
    kind: Kind,
    shape: InputShape,
) -> Result<Vec<Option<NormalityModel>>, LearnError> {
    if kind == Kind::Full {
        let one = guard(&ready.iter().collect::<Vec<_>>(), shape)?;
        return Ok(vec![one; ready.len()]);
    }
    ready.iter().map(|set| guard(&[set], shape)).collect()
}

/// Examples of the training part that show what is normal.
pub(super) fn goods_of(set: &Prepared<'_>) -> Vec<usize> {
    let good = set.labels.labels().iter().position(Label::counts_as_good);
    let of_train = set.split.train.iter().map(|i| &set.labelled[*i]);
    let goods = of_train.filter(|one| Some(one.class) == good).map(|one| one.example);
    // a plot drawn for training is no example of what is normal
    goods.filter(|example| !set.data.examples()[*example].synthetic).collect()
}

fn guard(sets: &[&Prepared<'_>], shape: InputShape) -> Result<Option<NormalityModel>, LearnError> {
    let goods: Vec<(&Prepared<'_>, usize)> =
        sets.iter().flat_map(|set| goods_of(set).into_iter().map(move |e| (*set, e))).collect();
    if goods.len() < FEWEST {
        return Ok(None);
    }
    let step = goods.len().div_ceil(MOST);
    let goods: Vec<_> = goods.into_iter().step_by(step).collect();
    let pixels = goods
        .par_iter()
        .map(|(set, example)| set.data.pixels(*example, shape))
        .collect::<Result<Vec<_>, _>>()?;
    let views: Vec<&[u8]> = pixels.iter().map(Vec::as_slice).collect();
    let runs: Vec<u32> = goods.iter().map(|(set, e)| set.data.examples()[*e].run).collect();
    let detail = ((shape.width + COLUMNS / 2) / COLUMNS).max(1) as usize;
    let settings =
        NormalitySettings { false_alarm_rate: GUARD_RATE, detail, ..NormalitySettings::default() };
    match fit_normality(&views, &runs, shape, &settings) {
        Ok(model) => Ok(Some(model)),
        Err(error) => {
            tracing::warn!(%error, "a classifier goes unguarded");
            Ok(None)
        }
    }
}
