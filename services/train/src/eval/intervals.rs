//! Intervals of figures.

use super::Scored;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A figure with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// The figure.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// Normal deviate of a 95 % interval.
const Z95: f64 = 1.959_963_985;

/// A share with Wilson's score interval (J. Am. Stat. Assoc. 22 (1927) 209); `None` of nothing.
pub fn wilson(hits: usize, of: usize) -> Option<Figure> {
    if of == 0 {
        return None;
    }
    let (n, p) = (of as f64, hits as f64 / of as f64);
    let z2 = Z95 * Z95;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    // rounding must not take the figure out of its own interval
    Some(Figure {
        value: p,
        low: (centre - half).clamp(0.0, p),
        high: (centre + half).clamp(p, 1.0),
    })
}

/// A figure with a percentile bootstrap interval over runs: chunks of a run are no independent
/// images. `figure` may be `None` on a resample that lacks a class; such are left out.
pub fn by_runs(
    scored: &[Scored],
    resamples: usize,
    seed: u64,
    figure: impl Fn(&[&Scored]) -> Option<f64>,
) -> Option<Figure> {
    let mut runs: BTreeMap<u32, Vec<&Scored>> = BTreeMap::new();
    scored.iter().for_each(|s| runs.entry(s.run).or_default().push(s));
    let runs: Vec<Vec<&Scored>> = runs.into_values().collect();
    let value = figure(&scored.iter().collect::<Vec<_>>())?;
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut drawn: Vec<f64> = (0..resamples)
        .filter_map(|_| {
            let sample: Vec<&Scored> = (0..runs.len())
                .flat_map(|_| runs[rng.random_range(0..runs.len())].iter().copied())
                .collect();
            figure(&sample)
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let at =
        |q: f64| drawn.get((q * drawn.len().saturating_sub(1) as f64).round() as usize).copied();
    let (low, high) = (at(0.025).unwrap_or(value), at(0.975).unwrap_or(value));
    Some(Figure { value, low: low.min(value), high: high.max(value) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wilson_gives_the_published_intervals() {
        // Newcombe, Stat. Med. 17 (1998) 857, table I: 81 of 263 and 0 of 20
        let figure = wilson(81, 263).unwrap();
        assert!((figure.low - 0.2553).abs() < 1e-4 && (figure.high - 0.3662).abs() < 1e-4);
        let figure = wilson(0, 20).unwrap();
        assert!(figure.low == 0.0 && (figure.high - 0.1611).abs() < 1e-4);
        assert_eq!(wilson(0, 0), None);
    }
}
