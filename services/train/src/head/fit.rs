//! Fits a head to cached embeddings.

use super::{Head, lbfgs};
use ndarray::{Array1, Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

/// How a head is fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct HeadSettings {
    /// Weight of the squared coefficients of standardised features, against the mean loss.
    pub l2: f64,
    /// Share of a target that is spread over all labels.
    pub label_smoothing: f32,
    /// 1 gives every label the same total weight, 0 leaves images as they come.
    pub class_balance: f64,
    /// Steps at most.
    pub max_steps: usize,
}

impl Default for HeadSettings {
    fn default() -> Self {
        Self { l2: 1e-2, label_smoothing: 0.0, class_balance: 1.0, max_steps: 300 }
    }
}

/// Why a head cannot be fitted.
#[derive(Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Nothing to tell apart.
    #[error("labels of one class only: nothing to tell apart")]
    OneClass,
    /// Features, labels and weights do not go together.
    #[error("{features} embeddings, {labels} labels and {weights} weights do not go together")]
    Lengths {
        /// Rows of features.
        features: usize,
        /// Labels.
        labels: usize,
        /// Weights.
        weights: usize,
    },
    /// An embedding or weight is NaN or infinite, or a weight negative.
    #[error("example {index} has an embedding or a weight that is no number")]
    NotFinite {
        /// Which.
        index: usize,
    },
    /// A label outside the classes.
    #[error("example {index} has label {label} of {classes}")]
    Label {
        /// Which.
        index: usize,
        /// As given.
        label: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The fit gave no numbers.
    #[error("the fit diverged")]
    Diverged,
}

/// Soft-max regression by L-BFGS. `features` is `[examples, features]`, `labels` index the
/// `classes` labels, `weights` count each example. Features are standardised for the fit, and
/// the standardisation is folded into the result, so that the head reads raw embeddings.
///
/// # Errors
/// See [`FitError`].
pub fn fit_head(
    features: ArrayView2<'_, f32>,
    labels: &[usize],
    weights: &[f32],
    classes: usize,
    settings: HeadSettings,
) -> Result<Head, FitError> {
    check(features, labels, weights, classes)?;
    let weights = class_balanced(labels, weights, classes, settings.class_balance);
    let (mean, inverse_sigma) = standardisation(features, &weights);
    let x = (&features - &mean) * &inverse_sigma;
    let problem = Problem {
        targets: targets(labels, classes, settings.label_smoothing),
        x,
        weights,
        l2: settings.l2,
    };
    let start = vec![0.0; classes * (features.ncols() + 1)];
    let found = lbfgs::minimise(start, settings.max_steps, 1e-5, |p| problem.loss(p));
    if !found.value.is_finite() {
        return Err(FitError::Diverged);
    }
    tracing::debug!(loss = found.value, steps = found.steps, "head fitted");
    let (w, mut bias) = problem.unpack(&found.at);
    let weight = w * &inverse_sigma;
    bias -= &weight.dot(&mean);
    Ok(Head { weight: weight.into_iter().collect(), bias: bias.to_vec() })
}

fn check(
    features: ArrayView2<'_, f32>,
    labels: &[usize],
    weights: &[f32],
    classes: usize,
) -> Result<(), FitError> {
    if features.nrows() != labels.len() || labels.len() != weights.len() {
        let (labels, weights) = (labels.len(), weights.len());
        return Err(FitError::Lengths { features: features.nrows(), labels, weights });
    }
    for (index, (row, (label, weight))) in
        features.rows().into_iter().zip(labels.iter().zip(weights)).enumerate()
    {
        if !row.iter().all(|v| v.is_finite()) || !weight.is_finite() || *weight < 0.0 {
            return Err(FitError::NotFinite { index });
        }
        if *label >= classes {
            return Err(FitError::Label { index, label: *label, classes });
        }
    }
    let present = |class| labels.iter().zip(weights).any(|(l, w)| *l == class && *w > 0.0);
    match (0..classes).filter(|class| present(*class)).count() {
        0 | 1 => Err(FitError::OneClass),
        _ => Ok(()),
    }
}

/// Weights that sum to one, each multiplied by (mean class total / its class's total) to the
/// power `balance`.
pub(crate) fn class_balanced(
    labels: &[usize],
    weights: &[f32],
    classes: usize,
    balance: f64,
) -> Array1<f32> {
    let mut totals = vec![0.0f64; classes];
    labels.iter().zip(weights).for_each(|(l, w)| totals[*l] += f64::from(*w));
    let present = totals.iter().filter(|t| **t > 0.0).count().max(1);
    let mean = totals.iter().sum::<f64>() / present as f64;
    let factor = |label: usize| (mean / totals[label]).powf(balance);
    let balanced: Vec<f64> = labels
        .iter()
        .zip(weights)
        .map(|(l, w)| if *w > 0.0 { f64::from(*w) * factor(*l) } else { 0.0 })
        .collect();
    let sum: f64 = balanced.iter().sum();
    balanced.into_iter().map(|w| (w / sum.max(f64::MIN_POSITIVE)) as f32).collect()
}

/// Mean and 1 / standard deviation; a feature that never changes gets 0, so that it cannot act.
fn standardisation(x: ArrayView2<'_, f32>, weights: &Array1<f32>) -> (Array1<f32>, Array1<f32>) {
    let mean = weights.dot(&x);
    let variance = weights.dot(&(&x - &mean).mapv(|d| d * d));
    let floor = 1e-12 * variance.iter().fold(0.0f32, |m, v| m.max(*v));
    (mean, variance.mapv(|v| if v > floor { 1.0 / v.sqrt() } else { 0.0 }))
}

fn targets(labels: &[usize], classes: usize, smoothing: f32) -> Array2<f32> {
    let mut targets = Array2::from_elem((labels.len(), classes), smoothing / classes as f32);
    labels.iter().enumerate().for_each(|(i, l)| targets[[i, *l]] += 1.0 - smoothing);
    targets
}

struct Problem {
    x: Array2<f32>,
    targets: Array2<f32>,
    weights: Array1<f32>,
    l2: f64,
}

impl Problem {
    /// Coefficients by label and, behind them, the biases.
    fn unpack(&self, parameters: &[f64]) -> (Array2<f32>, Array1<f32>) {
        let (classes, features) = (self.targets.ncols(), self.x.ncols());
        let (w, b) = parameters.split_at(classes * features);
        let w = w.iter().map(|v| *v as f32).collect::<Array1<f32>>();
        let w = w.into_shape_with_order((classes, features)).expect("as many as were packed");
        (w, b.iter().map(|v| *v as f32).collect())
    }

    /// Mean cross-entropy plus half the squared coefficients, and its gradient.
    fn loss(&self, parameters: &[f64]) -> (f64, Vec<f64>) {
        let (w, b) = self.unpack(parameters);
        let mut logits = self.x.dot(&w.t()) + &b;
        let mut value = 0.0;
        for ((mut row, target), weight) in
            logits.rows_mut().into_iter().zip(self.targets.rows()).zip(&self.weights)
        {
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let log_sum = row.iter().map(|l| (l - largest).exp()).sum::<f32>().ln() + largest;
            let cross: f32 = row.iter().zip(&target).map(|(l, t)| t * (log_sum - l)).sum();
            value += f64::from(cross) * f64::from(*weight);
            // the row becomes the gradient by the logits
            row.iter_mut().zip(&target).for_each(|(l, t)| *l = ((*l - log_sum).exp() - t) * weight);
        }
        let l2 = self.l2;
        value += 0.5 * l2 * w.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>();
        let by_weight = logits.t().dot(&self.x);
        let by_bias = logits.sum_axis(Axis(0));
        let penalty = w.iter().map(|v| l2 * f64::from(*v));
        let gradient = by_weight.iter().zip(penalty).map(|(g, p)| f64::from(*g) + p);
        (value, gradient.chain(by_bias.iter().map(|g| f64::from(*g))).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;
    use rand_distr::{Distribution, StandardNormal};

    /// Embeddings of which three features tell three labels apart, on very different scales.
    fn clouds(count: usize, features: usize) -> (Array2<f32>, Vec<usize>) {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let labels: Vec<usize> = (0..count).map(|_| rng.random_range(0..3)).collect();
        let x = Array2::from_shape_fn((count, features), |(i, f)| {
            let noise: f32 = StandardNormal.sample(&mut rng);
            let scale = 10f32.powi((f % 7) as i32 - 3);
            (noise + if labels[i] == f { 4.0 } else { 0.0 }) * scale + 100.0 * scale
        });
        (x, labels)
    }

    fn accuracy(head: &Head, x: &Array2<f32>, labels: &[usize]) -> f64 {
        let right = x.rows().into_iter().zip(labels).filter(|(row, label)| {
            let logits = head.logits(&row.to_vec());
            (0..3).max_by(|a, b| logits[*a].total_cmp(&logits[*b])) == Some(**label)
        });
        right.count() as f64 / labels.len() as f64
    }

    #[test]
    fn a_head_learns_what_raw_embeddings_of_any_scale_tell() {
        let (x, labels) = clouds(600, 40);
        let weights = vec![1.0; 600];
        let head = fit_head(x.view(), &labels, &weights, 3, HeadSettings::default()).unwrap();
        assert!(accuracy(&head, &x, &labels) > 0.95);
    }

    #[test]
    fn a_weight_of_zero_leaves_an_example_out() {
        let (x, mut labels) = clouds(600, 10);
        let mut weights = vec![1.0; 600];
        for i in 0..300 {
            labels[i] = (labels[i] + 1) % 3;
            weights[i] = 0.0;
        }
        let head = fit_head(x.view(), &labels, &weights, 3, HeadSettings::default()).unwrap();
        let rest = x.slice_axis(Axis(0), ndarray::Slice::from(300..)).to_owned();
        assert!(accuracy(&head, &rest, &labels[300..]) > 0.95);
    }

    #[test]
    fn balancing_lets_a_rare_label_be_heard() {
        let mut weights = class_balanced(&[0, 0, 0, 1], &[1.0; 4], 2, 1.0);
        assert!((weights[3] - 0.5).abs() < 1e-6);
        weights = class_balanced(&[0, 0, 0, 1], &[1.0; 4], 2, 0.0);
        assert!((weights[3] - 0.25).abs() < 1e-6);
    }

    #[test]
    fn what_cannot_be_fitted_is_refused_with_its_reason() {
        let x = Array2::<f32>::ones((2, 3));
        let settings = HeadSettings::default();
        let fit = |labels: &[usize], weights: &[f32]| {
            fit_head(x.view(), labels, weights, 2, settings).unwrap_err()
        };
        assert_eq!(fit(&[0, 0], &[1.0, 1.0]), FitError::OneClass);
        assert_eq!(fit(&[0, 1], &[1.0, 0.0]), FitError::OneClass);
        assert!(matches!(fit(&[0], &[1.0]), FitError::Lengths { .. }));
        assert!(matches!(fit(&[0, 2], &[1.0, 1.0]), FitError::Label { index: 1, .. }));
        assert!(matches!(fit(&[0, 1], &[1.0, f32::NAN]), FitError::NotFinite { index: 1 }));
        let mut x = x.clone();
        x[[1, 2]] = f32::INFINITY;
        let refused = fit_head(x.view(), &[0, 1], &[1.0; 2], 2, settings);
        assert_eq!(refused.unwrap_err(), FitError::NotFinite { index: 1 });
    }

    #[test]
    fn embeddings_that_never_change_give_even_odds() {
        let x = Array2::<f32>::ones((4, 3));
        let head = fit_head(x.view(), &[0, 1, 0, 1], &[1.0; 4], 2, HeadSettings::default());
        let logits = head.unwrap().logits(&[1.0, 1.0, 1.0]);
        assert!((logits[0] - logits[1]).abs() < 1e-4);
    }
}
