//! The gradient against differences of the logit: what import shows of a network before it
//! promises anything.

use super::{names, safe, tail::Tail, vjp};
use crate::{
    Runtime,
    scan::SafeFile,
    session::{Output, Session, SessionError, Stopper, Tensor},
};

/// How well the gradient agrees with differences.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Checkup {
    /// |difference - gradient| over |difference|, the norm over the maps.
    pub relative_error: f64,
    /// The norm of the weights; 0 where the class does not depend on the maps at all.
    pub norm: f64,
}

/// Compares the mean gradient over each map with central differences of a score's logit.
///
/// Map c is raised and lowered as a whole by `step` times the maps' own size, so the slope is
/// places * a_c. Of several steps the one that agrees best counts: too small a step drowns in
/// the rounding of 32-bit floats, too large a one leaves the region where the network is smooth.
/// At most `sample` maps are compared: those of the largest weights, and others spread over all.
pub(crate) fn verify(
    tail: &Tail,
    file: &SafeFile,
    maps: &Output,
    score: usize,
    sample: usize,
    runtime: &Runtime,
) -> Result<Checkup, String> {
    let text = |error: SessionError| error.to_string();
    let forward = safe(&vjp::forward_only(tail)?, &tail.inputs()[..1])?;
    let mut forward = Session::open(runtime, &forward, None).map_err(text)?;
    let mut gradient = Session::open(runtime, file, None).map_err(text)?;
    let stopper = Stopper::new(runtime).map_err(text)?;

    let mut target = vec![0.0; tail.scores()];
    *target.get_mut(score).ok_or("no such score")? = 1.0;
    let inputs = [
        Tensor { name: names::MAPS, shape: &maps.shape, values: &maps.values },
        Tensor { name: names::TARGET, shape: &[1, target.len()], values: &target },
    ];
    let weights = gradient.run(&inputs, &[names::WEIGHTS], &stopper).map_err(text)?;
    let weights = &weights[0].values;

    let mut logit = |values: &[f32]| -> Result<f64, String> {
        let input = [Tensor { name: names::MAPS, shape: &maps.shape, values }];
        let outputs = forward.run(&input, &[vjp::LOGITS], &stopper).map_err(text)?;
        Ok(f64::from(outputs[0].values[score]))
    };
    let places = maps.values.len() / weights.len().max(1);
    let size = (maps.values.iter().map(|v| f64::from(v * v)).sum::<f64>()
        / maps.values.len() as f64)
        .sqrt()
        .max(1e-3);
    let mut best = Vec::new();
    for channel in sampled(weights, sample) {
        let weight = weights[channel];
        let mut closest = (f64::INFINITY, 0.0);
        for step in [1e-3, 1e-2, 0.1, 1.0] {
            let step = (step * size) as f32;
            let shifted = |by: f32| {
                let mut values = maps.values.clone();
                values[channel * places..(channel + 1) * places].iter_mut().for_each(|v| *v += by);
                values
            };
            let slope = (logit(&shifted(step))? - logit(&shifted(-step))?) / f64::from(2.0 * step);
            let slope = slope / places as f64;
            let error = (slope - f64::from(weight)).abs();
            if error < closest.0 {
                closest = (error, slope);
            }
        }
        best.push(closest);
    }
    let norm = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>().sqrt();
    let error = norm(&mut best.iter().map(|(error, _)| *error));
    let slopes = norm(&mut best.iter().map(|(_, slope)| *slope));
    let norm = norm(&mut weights.iter().map(|w| f64::from(*w)));
    let relative_error = if slopes > 0.0 { error / slopes } else { error };
    Ok(Checkup { relative_error, norm })
}

/// Half of the sample are the maps of the largest weights, the others are evenly spread.
fn sampled(weights: &[f32], sample: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..weights.len()).collect();
    all.sort_by(|a, b| weights[*b].abs().total_cmp(&weights[*a].abs()));
    all.truncate(sample / 2);
    let every = weights.len().div_ceil((sample / 2).max(1)).max(1);
    all.extend((0..weights.len()).step_by(every));
    all.sort_unstable();
    all.dedup();
    all
}
