//! Goods say what is normal; a head reads how far a plot is from that, scale by scale.
//!
//! A fault is a small part of a plot, and labels are few: what a network would have to learn from
//! them, where deviations are and how large noise is, the Goods know already. What is left to learn
//! is which deviations matter, a hundred numbers or so.

use super::guard::{GUARD_RATE, goods_of};
use super::images::Prepared;
use super::learn::{Files, Learnt, concluded};
use super::{LearnError, Recipe};
use crate::head::fit_head;
use hydra_model::Runtime;
use hydra_normality::{Measured, NormalitySettings, Verdict, fit_measured};
use ndarray::Array2;
use rayon::prelude::*;
use std::collections::HashMap;

/// Kind of these models, for people.
pub const ARCHITECTURE: &str = "deviations";

/// The model of one plot type.
///
/// # Errors
/// Where Goods are too few, or labels cannot be told apart.
pub(super) fn learnt(
    set: &Prepared<'_>,
    recipe: &Recipe,
    runtime: &Runtime,
) -> Result<Learnt, LearnError> {
    let shape = recipe.input;
    let goods = goods_of(set);
    let read = |which: &[usize]| {
        let pixels = which.par_iter().map(|example| set.data.pixels(*example, shape));
        pixels.collect::<Result<Vec<_>, _>>()
    };
    let of = |i: &usize| set.labelled[*i].example;
    let others: Vec<usize> =
        set.split.train.iter().map(of).filter(|e| !goods.contains(e)).collect();
    let (pixels, rest) = (read(&goods)?, read(&others)?);
    let runs: Vec<u32> = goods.iter().map(|e| set.data.examples()[*e].run).collect();
    let settings = NormalitySettings { false_alarm_rate: GUARD_RATE, ..recipe.normal.clone() };
    let Measured { model, goods: of_goods, others: of_others } =
        fit_measured(&views(&pixels), &runs, &views(&rest), shape, &settings)
            .map_err(|error| LearnError::Recipe(format!("{}: {error}", set.name)))?;
    let mut known: HashMap<usize, Vec<f32>> = goods.into_iter().zip(of_goods).collect();
    known.extend(others.into_iter().zip(of_others));
    let rows: Vec<f32> = set.split.train.iter().flat_map(|i| &known[&of(i)]).copied().collect();
    let count = model.measure_count();
    let rows = Array2::from_shape_vec((set.split.train.len(), count), rows)
        .expect("every image has as many measures");
    let classes: Vec<usize> = set.split.train.iter().map(|i| set.labelled[*i].class).collect();
    let weights: Vec<f32> = set.split.train.iter().map(|i| set.labelled[*i].weight).collect();
    let labels = set.labels.labels().len();
    let head = fit_head(rows.view(), &classes, &weights, labels, recipe.head)?;
    let file = model.to_classifier(Verdict { weight: &head.weight, bias: &head.bias }, &[]);
    let mut one = concluded(set, &file, head, recipe, shape, runtime)?;
    one.files = Files::Network(file);
    one.architecture = ARCHITECTURE;
    one.guard_rate = Some(model.false_alarm_rate);
    Ok(one)
}

fn views(images: &[Vec<u8>]) -> Vec<&[u8]> {
    images.iter().map(Vec::as_slice).collect()
}
