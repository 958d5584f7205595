//! Whether a confidence of 0.9 is right nine times in ten, and how to make it so.

use super::Scored;
use serde::{Deserialize, Serialize};

/// Bins of confidence in the calibration error.
const BINS: usize = 15;

/// Images whose confidence falls into one bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Images.
    pub count: usize,
    /// Mean confidence.
    pub confidence: f64,
    /// Share of right verdicts.
    pub accuracy: f64,
}

/// Bins of equal width over the confidence of the verdict; empty ones have count 0.
pub fn reliability(scored: &[Scored]) -> Vec<ReliabilityBin> {
    let mut sums = vec![(0usize, 0.0f64, 0usize); BINS];
    for one in scored {
        let (said, confidence) = one.top();
        let bin = ((f64::from(confidence) * BINS as f64) as usize).min(BINS - 1);
        let (count, sum, right) = &mut sums[bin];
        *count += 1;
        *sum += f64::from(confidence);
        *right += usize::from(said == one.truth);
    }
    let mean = |sum: f64, count: usize| if count > 0 { sum / count as f64 } else { 0.0 };
    sums.into_iter()
        .map(|(count, sum, right)| ReliabilityBin {
            count,
            confidence: mean(sum, count),
            accuracy: mean(right as f64, count),
        })
        .collect()
}

/// Expected calibration error: mean distance of confidence and accuracy over the bins, weighted
/// by their images (Guo et al., arXiv:1706.04599, equation 3).
pub fn calibration_error(scored: &[Scored]) -> f64 {
    let bins = reliability(scored);
    let total: usize = bins.iter().map(|b| b.count).sum();
    let gap = |b: &ReliabilityBin| b.count as f64 * (b.accuracy - b.confidence).abs();
    bins.iter().map(gap).sum::<f64>() / total.max(1) as f64
}

/// The probabilities at a temperature: `p^(1/T)`, normalised, which is the soft-max of the
/// logits divided by `T`.
pub fn tempered(probabilities: &[f32], temperature: f64) -> Vec<f32> {
    let logs: Vec<f64> =
        probabilities.iter().map(|p| f64::from(*p).max(1e-12).ln() / temperature).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exp: Vec<f64> = logs.iter().map(|l| (l - largest).exp()).collect();
    let sum: f64 = exp.iter().sum();
    exp.into_iter().map(|e| (e / sum) as f32).collect()
}

/// The temperature that makes the truths most probable (Guo et al., section 4.2), in
/// [0.05, 20]; 1 without images.
pub fn fit_temperature(scored: &[Scored]) -> f64 {
    if scored.is_empty() {
        return 1.0;
    }
    let cost = |log_t: f64| -> f64 {
        let of = |one: &Scored| {
            let p = tempered(&one.probabilities, log_t.exp())[one.truth];
            -f64::from(p).max(1e-12).ln()
        };
        scored.iter().map(of).sum()
    };
    // golden section: the cost is convex in 1/T and so has one minimum in ln T
    let ratio = (5f64.sqrt() - 1.0) / 2.0;
    let (mut low, mut high) = (0.05f64.ln(), 20f64.ln());
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut cost_a, mut cost_b) = (cost(a), cost(b));
    while high - low > 1e-4 {
        if cost_a < cost_b {
            (high, b, cost_b) = (b, a, cost_a);
            a = high - ratio * (high - low);
            cost_a = cost(a);
        } else {
            (low, a, cost_a) = (a, b, cost_b);
            b = low + ratio * (high - low);
            cost_b = cost(b);
        }
    }
    ((low + high) / 2.0).exp()
}

#[cfg(test)]
mod tests {
    use super::super::confusion::tests::scored;
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    /// Verdicts that are right as often as their confidence says, then made too sure by `factor`.
    fn overconfident(factor: f64) -> Vec<Scored> {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        (0..4000)
            .map(|run| {
                let p: f32 = rng.random_range(0.5..1.0);
                let truth = usize::from(!rng.random_bool(f64::from(p)));
                let mut one = scored(run, truth, &[p, 1.0 - p]);
                one.probabilities = tempered(&one.probabilities, 1.0 / factor);
                one
            })
            .collect()
    }

    #[test]
    fn a_temperature_undoes_overconfidence() {
        let mut all = overconfident(3.0);
        assert!(calibration_error(&all) > 0.1);
        let temperature = fit_temperature(&all);
        assert!((temperature - 3.0).abs() < 0.2, "{temperature}");
        for one in &mut all {
            one.probabilities = tempered(&one.probabilities, temperature);
        }
        assert!(calibration_error(&all) < 0.02, "{}", calibration_error(&all));
    }

    #[test]
    fn a_certain_and_right_model_has_no_error_and_keeps_its_order() {
        let all = [scored(1, 0, &[1.0, 0.0]), scored(2, 1, &[0.0, 1.0])];
        assert!(calibration_error(&all) < 1e-9);
        let cool = tempered(&[0.7, 0.2, 0.1], 0.5);
        assert!(
            cool[0] > 0.7 && cool[1] > cool[2] && (cool.iter().sum::<f32>() - 1.0).abs() < 1e-6
        );
        assert_eq!(fit_temperature(&[]), 1.0);
    }
}
