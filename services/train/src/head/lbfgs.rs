//! Limited-memory BFGS (Nocedal and Wright, Numerical Optimization, algorithm 7.5) for smooth
//! convex functions, with a backtracking line search.

use std::collections::VecDeque;

/// Pairs of steps that stand for the curvature.
const MEMORY: usize = 10;
/// Least share of the promised decrease that a step must bring (Armijo).
const ARMIJO: f64 = 1e-4;

/// Where the search ended.
#[derive(Debug)]
pub(super) struct Minimum {
    /// The arguments.
    pub at: Vec<f64>,
    /// The function's value there.
    pub value: f64,
    /// Steps made.
    pub steps: usize,
}

/// Minimises `function`, which gives its value and gradient, from `start` until the gradient's
/// largest component is at most `tolerance`, or for `max_steps`. A value that is no number ends
/// the search where it stands, with that value.
pub(super) fn minimise(
    start: Vec<f64>,
    max_steps: usize,
    tolerance: f64,
    mut function: impl FnMut(&[f64]) -> (f64, Vec<f64>),
) -> Minimum {
    let mut x = start;
    let (mut value, mut gradient) = function(&x);
    let mut history: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::with_capacity(MEMORY);
    for step in 0..max_steps {
        let largest = gradient.iter().fold(0.0f64, |m, g| m.max(g.abs()));
        if !value.is_finite() || largest <= tolerance {
            return Minimum { at: x, value, steps: step };
        }
        let mut direction = direction(&gradient, &history);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            // rounding spoilt the curvature: start again from the gradient
            history.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = -dot(&gradient, &gradient);
        }
        let first = if history.is_empty() { 1.0 / (-slope).sqrt().max(1.0) } else { 1.0 };
        let Some((next, next_value, next_gradient)) =
            search(&x, value, &direction, slope, first, &mut function)
        else {
            return Minimum { at: x, value, steps: step };
        };
        let s: Vec<f64> = next.iter().zip(&x).map(|(a, b)| a - b).collect();
        let y: Vec<f64> = next_gradient.iter().zip(&gradient).map(|(a, b)| a - b).collect();
        let sy = dot(&s, &y);
        if sy > 1e-12 * dot(&y, &y).max(f64::MIN_POSITIVE) {
            if history.len() == MEMORY {
                history.pop_front();
            }
            history.push_back((s, y, sy));
        }
        (x, value, gradient) = (next, next_value, next_gradient);
    }
    Minimum { at: x, value, steps: max_steps }
}

/// Halves the step until the function has decreased enough; `None` where no step does.
fn search(
    x: &[f64],
    value: f64,
    direction: &[f64],
    slope: f64,
    first: f64,
    function: &mut impl FnMut(&[f64]) -> (f64, Vec<f64>),
) -> Option<(Vec<f64>, f64, Vec<f64>)> {
    let mut length = first;
    for _ in 0..40 {
        let next: Vec<f64> = x.iter().zip(direction).map(|(x, d)| x + length * d).collect();
        let (next_value, gradient) = function(&next);
        if next_value <= value + ARMIJO * length * slope {
            return Some((next, next_value, gradient));
        }
        length *= 0.5;
    }
    None
}

/// The two-loop recursion: minus the inverse curvature times the gradient.
fn direction(gradient: &[f64], history: &VecDeque<(Vec<f64>, Vec<f64>, f64)>) -> Vec<f64> {
    let mut q: Vec<f64> = gradient.to_vec();
    let mut alphas = Vec::with_capacity(history.len());
    for (s, y, sy) in history.iter().rev() {
        let alpha = dot(s, &q) / sy;
        q.iter_mut().zip(y).for_each(|(q, y)| *q -= alpha * y);
        alphas.push(alpha);
    }
    if let Some((_, y, sy)) = history.back() {
        let scale = sy / dot(y, y);
        q.iter_mut().for_each(|q| *q *= scale);
    }
    for ((s, y, sy), alpha) in history.iter().zip(alphas.into_iter().rev()) {
        let beta = dot(y, &q) / sy;
        q.iter_mut().zip(s).for_each(|(q, s)| *q += (alpha - beta) * s);
    }
    q.iter_mut().for_each(|q| *q = -*q);
    q
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badly_scaled_parabola_is_solved_exactly() {
        let scales: Vec<f64> = (0..20).map(|i| 10f64.powi(i % 5)).collect();
        let found = minimise(vec![0.0; 20], 500, 1e-9, |x| {
            let value = x.iter().zip(&scales).map(|(x, s)| 0.5 * s * (x - 3.0).powi(2)).sum();
            (value, x.iter().zip(&scales).map(|(x, s)| s * (x - 3.0)).collect())
        });
        assert!(found.at.iter().all(|x| (x - 3.0).abs() < 1e-6), "{found:?}");
    }

    #[test]
    fn a_function_that_is_no_number_ends_the_search() {
        let found = minimise(vec![1.0], 100, 1e-9, |_| (f64::NAN, vec![f64::NAN]));
        assert_eq!((found.steps, found.value.is_nan()), (0, true));
    }
}
