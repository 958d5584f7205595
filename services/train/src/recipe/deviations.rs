//! Goods say what is normal; a head reads how far a plot is from that, scale by scale.
//!
//! A fault is a small part of a plot, and labels are few: what a network would have to learn from
//! them, where deviations are and how large noise is, the Goods know already. What is left to learn
//! is which deviations matter, a hundred numbers or so.

use super::guard::{GUARD_RATE, goods_of};
use super::images::Prepared;
use super::learn::{Files, Learnt, concluded};
use super::said::Said;
use super::{LearnError, Recipe};
use crate::eval::Scored;
use crate::eval::calibration::{fit_temperature, tempered};
use crate::head::{Head, HeadSettings, fit_head, softmax};
use hydra_model::Runtime;
use hydra_normality::{Measured, NormalityModel, NormalitySettings, Verdict, fit_measured};
use ndarray::{Array2, Axis};
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
    let fit = |settings, columns: std::ops::Range<usize>| {
        let some = rows.slice_axis(Axis(1), columns.clone().into());
        let head = fit_head(some, &classes, &weights, labels, settings)?;
        Ok::<_, LearnError>(widened(&head, &columns, count))
    };
    // few labels tell more of a few numbers, many more of all: validation decides
    let strict = HeadSettings { l2: STRICT * recipe.head.l2, ..recipe.head };
    let heads = [
        fit(recipe.head, count - model.summary_count()..count)?,
        fit(strict, 0..count)?,
        fit(recipe.head, 0..count)?,
    ];
    let known = measured_validation(set, recipe, &model)?;
    let loss = |head: &Head| held_out_loss(head, &known);
    let head = heads.into_iter().min_by(|a, b| loss(a).total_cmp(&loss(b)));
    let head = head.expect("there are three");
    let file = model.to_classifier(Verdict { weight: &head.weight, bias: &head.bias }, &[]);
    let said = Said::by_file(runtime, &file, shape, set, head.features())?;
    let mut one = concluded(set, said, head, recipe, shape);
    one.files = Files::Network(file);
    one.architecture = ARCHITECTURE;
    one.guard_rate = Some(model.false_alarm_rate);
    Ok(one)
}

/// How much harder weights are pulled to zero where all measures are read.
const STRICT: f64 = 30.0;

/// A head that reads these columns, as one that reads all.
fn widened(head: &Head, columns: &std::ops::Range<usize>, count: usize) -> Head {
    let mut weight = vec![0.0; head.labels() * count];
    for (to, from) in weight.chunks_exact_mut(count).zip(head.weight.chunks_exact(columns.len())) {
        to[columns.clone()].copy_from_slice(from);
    }
    Head { weight, bias: head.bias.clone() }
}

/// What validation measures; the probabilities are still to be said.
fn measured_validation(
    set: &Prepared<'_>,
    recipe: &Recipe,
    model: &NormalityModel,
) -> Result<Vec<(Vec<f32>, Scored)>, LearnError> {
    let of = |i: &usize| {
        let one = &set.labelled[*i];
        let example = &set.data.examples()[one.example];
        let pixels = set.data.pixels(one.example, recipe.input)?;
        let measures = model.measures(&pixels);
        let measures = measures.map_err(|e| LearnError::Recipe(format!("{}: {e}", set.name)))?;
        let scored = Scored {
            image: example.image,
            run: example.run,
            condition: example.condition.clone(),
            truth: one.class,
            probabilities: Vec::new(),
        };
        Ok((measures, scored))
    };
    set.split.validation.par_iter().map(of).collect()
}

/// The mean cross-entropy of images that were not trained on, at the temperature that suits them.
fn held_out_loss(head: &Head, known: &[(Vec<f32>, Scored)]) -> f64 {
    let said = |(measures, scored): &(Vec<f32>, Scored)| Scored {
        probabilities: softmax(&head.logits(measures)),
        ..scored.clone()
    };
    let all: Vec<Scored> = known.iter().map(said).collect();
    let temperature = fit_temperature(&all);
    let of = |one: &Scored| {
        let p = tempered(&one.probabilities, temperature)[one.truth];
        -f64::from(p.max(1e-6)).ln()
    };
    all.iter().map(of).sum::<f64>() / all.len().max(1) as f64
}

fn views(images: &[Vec<u8>]) -> Vec<&[u8]> {
    images.iter().map(Vec::as_slice).collect()
}
