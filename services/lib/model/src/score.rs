//! A network's raw scores -> calibrated probabilities, or a refusal to pass nonsense on.

use crate::manifest::{Manifest, Novelty, NoveltyKind, ScoreKind};

/// Why scores are no probabilities. A row with such numbers is never stored.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum BadScores {
    /// Not a number, or infinite.
    #[error("the network gave {0} among its outputs")]
    NotFinite(f32),
    /// Another number of scores than labels ask for.
    #[error("the network gave {found} scores, {wanted} were promised")]
    Count {
        /// Given.
        found: usize,
        /// Promised.
        wanted: usize,
    },
    /// Not between 0 and 1, or not summing to 1.
    #[error("the network's probabilities sum to {sum} (smallest {smallest})")]
    NotProbabilities {
        /// Their sum.
        sum: f32,
        /// The smallest.
        smallest: f32,
    },
}

/// How far probabilities of a network may miss their sum: a quantised softmax misses by a step
/// or two of 1/256 a label.
const SUM_TOLERANCE: f32 = 0.02;

/// Calibrated probabilities in the order of the labels, from the scores of one image.
///
/// # Errors
/// [`BadScores`].
pub fn probabilities(manifest: &Manifest, raw: &[f32]) -> Result<Vec<f32>, BadScores> {
    let kind = manifest.output.kind;
    let wanted = kind.outputs(manifest.labels.len());
    if raw.len() != wanted {
        return Err(BadScores::Count { found: raw.len(), wanted });
    }
    all_finite(raw)?;
    let temperature = manifest.temperature;
    match kind {
        ScoreKind::Logits => Ok(softmax(raw.iter().map(|z| z / temperature))),
        ScoreKind::Softmax => {
            check_probabilities(raw, raw.iter().sum())?;
            let sum: f32 = raw.iter().map(|p| p.max(0.0)).sum();
            if temperature == 1.0 {
                return Ok(raw.iter().map(|p| p.max(0.0) / sum).collect());
            }
            Ok(softmax(raw.iter().map(|p| (p / sum).max(f32::MIN_POSITIVE).ln() / temperature)))
        }
        ScoreKind::Sigmoid => {
            check_probabilities(raw, 1.0)?;
            let p = raw[0].clamp(f32::MIN_POSITIVE, 1.0 - f32::EPSILON / 2.0);
            Ok(pair((p / (1.0 - p)).ln() / temperature))
        }
        ScoreKind::SigmoidLogit => Ok(pair(raw[0] / temperature)),
    }
}

/// Refuses numbers that are none.
///
/// # Errors
/// [`BadScores::NotFinite`].
pub fn all_finite(values: &[f32]) -> Result<(), BadScores> {
    values.iter().find(|v| !v.is_finite()).map_or(Ok(()), |v| Err(BadScores::NotFinite(*v)))
}

fn check_probabilities(raw: &[f32], sum: f32) -> Result<(), BadScores> {
    let smallest = raw.iter().copied().fold(f32::INFINITY, f32::min);
    let largest = raw.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let inside = smallest >= -1e-3 && largest <= 1.0 + SUM_TOLERANCE;
    if inside && (sum - 1.0).abs() <= SUM_TOLERANCE {
        return Ok(());
    }
    Err(BadScores::NotProbabilities { sum, smallest })
}

/// exp(z) over the sum of all, safe against overflow.
fn softmax(logits: impl Iterator<Item = f32> + Clone) -> Vec<f32> {
    let largest = logits.clone().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f32> = logits.map(|z| (z - largest).exp()).collect();
    let sum: f32 = powers.iter().sum();
    powers.into_iter().map(|p| p / sum).collect()
}

/// Probabilities of both labels from the logit of the second.
fn pair(logit: f32) -> Vec<f32> {
    vec![1.0 / (1.0 + logit.exp()), 1.0 / (1.0 + (-logit).exp())]
}

/// What a novelty output says of one image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// Unlike anything in training.
    pub novel: bool,
    /// Probability of a normal plot at least as unusual, where the output is one.
    pub p_value: Option<f64>,
}

/// Reads a novelty output.
///
/// # Errors
/// [`BadScores`] when it is no number, or no probability.
pub fn novelty(spec: &Novelty, raw: &[f32]) -> Result<Verdict, BadScores> {
    let &[value] = raw else {
        return Err(BadScores::Count { found: raw.len(), wanted: 1 });
    };
    all_finite(raw)?;
    match spec.kind {
        NoveltyKind::PValue if !(0.0..=1.0).contains(&value) => {
            Err(BadScores::NotProbabilities { sum: value, smallest: value })
        }
        NoveltyKind::PValue => {
            Ok(Verdict { novel: value < spec.threshold, p_value: Some(f64::from(value)) })
        }
        NoveltyKind::Score => Ok(Verdict { novel: value > spec.threshold, p_value: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{Guards, tests::manifest};

    fn with(kind: ScoreKind, temperature: f32) -> Manifest {
        let mut manifest = manifest();
        manifest.output.kind = kind;
        manifest.temperature = temperature;
        manifest
    }

    fn close(found: &[f32], wanted: &[f32]) {
        let worst = found.iter().zip(wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(found.len() == wanted.len() && worst < 1e-6, "{found:?} {wanted:?}");
    }

    #[test]
    fn the_four_kinds_of_scores_agree() {
        let z = 1.2_f32;
        let p = 1.0 / (1.0 + (-z).exp());
        for temperature in [1.0, 2.5] {
            let q = 1.0 / (1.0 + (-z / temperature).exp());
            let wanted = [1.0 - q, q];
            let of = |kind, raw: &[f32]| probabilities(&with(kind, temperature), raw).unwrap();
            close(&of(ScoreKind::Logits, &[0.3, 0.3 + z]), &wanted);
            close(&of(ScoreKind::Softmax, &[1.0 - p, p]), &wanted);
            close(&of(ScoreKind::Sigmoid, &[p]), &wanted);
            close(&of(ScoreKind::SigmoidLogit, &[z]), &wanted);
        }
    }

    #[test]
    fn extreme_scores_stay_probabilities() {
        for (kind, raw) in [
            (ScoreKind::Logits, vec![1e30, -1e30]),
            (ScoreKind::Softmax, vec![1.0, 0.0]),
            (ScoreKind::Sigmoid, vec![1.0]),
            (ScoreKind::Sigmoid, vec![0.0]),
            (ScoreKind::SigmoidLogit, vec![-1e30]),
        ] {
            for temperature in [0.1, 1.0, 3.0] {
                let p = probabilities(&with(kind, temperature), &raw).unwrap();
                let sum: f32 = p.iter().sum();
                assert!((sum - 1.0).abs() < 1e-5 && p.iter().all(|p| (0.0..=1.0).contains(p)));
            }
        }
    }

    #[test]
    fn nonsense_is_never_a_probability() {
        let refused = |kind, raw: &[f32]| probabilities(&with(kind, 1.0), raw).unwrap_err();
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert!(matches!(refused(ScoreKind::Logits, &[0.0, bad]), BadScores::NotFinite(_)));
        }
        assert!(matches!(refused(ScoreKind::Logits, &[0.0]), BadScores::Count { .. }));
        for bad in [[0.5, 0.9], [1.5, -0.5], [0.0, 0.0]] {
            let error = refused(ScoreKind::Softmax, &bad);
            assert!(matches!(error, BadScores::NotProbabilities { .. }));
        }
    }

    #[test]
    fn novelty_is_below_a_p_value_or_above_a_score() {
        let spec =
            |kind| Novelty { output: "n".into(), kind, threshold: 0.01, guards: Guards::Every };
        let p = spec(NoveltyKind::PValue);
        assert!(novelty(&p, &[0.001]).unwrap().novel);
        assert_eq!(novelty(&p, &[0.5]).unwrap(), Verdict { novel: false, p_value: Some(0.5) });
        assert!(novelty(&spec(NoveltyKind::Score), &[0.5]).unwrap().novel);
        assert!(novelty(&p, &[1.5]).is_err() && novelty(&p, &[f32::NAN]).is_err());
    }
}
