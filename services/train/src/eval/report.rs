//! Everything that is said of a model's quality, in one piece.

use super::calibration::{ReliabilityBin, calibration_error, reliability};
use super::confusion::{ClassFigures, Confusion, class_figures, confusion, macro_f1};
use super::intervals::{Figure, by_runs, wilson};
use super::rank::auroc;
use super::{Scored, thresholds};
use hydra_proto::Label;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Figures on a test set, at thresholds and a temperature from validation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Labels in the model's order.
    pub labels: Vec<Label>,
    /// Images judged.
    pub images: usize,
    /// Runs that they come from.
    pub runs: usize,
    /// Expert against model.
    pub confusion: Confusion,
    /// By label, in the model's order.
    pub classes: Vec<ClassFigures>,
    /// Right verdicts, of all.
    pub accuracy: Option<Figure>,
    /// Mean F1 over the labels that occur.
    pub macro_f1: Option<Figure>,
    /// All labels that are not Good against Good, by `1 - P(Good)`.
    pub bad_against_good: Option<Figure>,
    /// Of the images that are not Good, those with a confirmed verdict that is not Good.
    pub bad_recall: Option<Figure>,
    /// Of the Good images, those with a confirmed verdict that is not Good.
    pub false_alarms: Option<Figure>,
    /// Verdicts below their label's threshold, of all.
    pub unconfirmed: Option<Figure>,
    /// Expected calibration error.
    pub calibration_error: f64,
    /// Confidence against accuracy.
    pub reliability: Vec<ReliabilityBin>,
    /// Accuracy and false alarms by run condition.
    pub conditions: BTreeMap<String, ConditionFigures>,
    /// Thresholds in force, by label.
    pub thresholds: Vec<f32>,
}

/// Figures under one run condition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConditionFigures {
    /// Images.
    pub images: usize,
    /// See [`Evaluation::accuracy`].
    pub accuracy: Option<Figure>,
    /// See [`Evaluation::bad_recall`].
    pub bad_recall: Option<Figure>,
    /// See [`Evaluation::false_alarms`].
    pub false_alarms: Option<Figure>,
}

const RESAMPLES: usize = 400;

/// Judges scores that are already calibrated. `seed` fixes the bootstrap.
pub fn evaluate(scored: &[Scored], labels: &[Label], thresholds: &[f32], seed: u64) -> Evaluation {
    let good = labels.iter().position(Label::counts_as_good);
    let all: Vec<&Scored> = scored.iter().collect();
    let mut by_condition: BTreeMap<String, Vec<&Scored>> = BTreeMap::new();
    all.iter().for_each(|s| by_condition.entry(s.condition.clone()).or_default().push(s));
    let mut runs: Vec<u32> = scored.iter().map(|s| s.run).collect();
    runs.sort_unstable();
    runs.dedup();
    let figures = |some: &[&Scored]| Alarms::count(some, good, thresholds);
    let total = figures(&all);
    let count = labels.len();
    Evaluation {
        labels: labels.to_vec(),
        images: scored.len(),
        runs: runs.len(),
        confusion: confusion(scored, count),
        classes: class_figures(scored, count, seed),
        accuracy: total.accuracy(),
        macro_f1: by_runs(scored, RESAMPLES, seed, |sample| {
            let owned: Vec<Scored> = sample.iter().map(|s| (*s).clone()).collect();
            macro_f1(&owned, count)
        }),
        bad_against_good: good.and_then(|good| {
            by_runs(scored, RESAMPLES, seed, |sample| bad_against_good(sample, good))
        }),
        bad_recall: total.bad_recall(),
        false_alarms: total.false_alarms(),
        unconfirmed: wilson(total.unconfirmed, total.images),
        calibration_error: calibration_error(scored),
        reliability: reliability(scored),
        conditions: by_condition
            .into_iter()
            .map(|(name, some)| (name, figures(&some).of_condition()))
            .collect(),
        thresholds: thresholds.to_vec(),
    }
}

/// Area under the curve of `1 - P(Good)` for all that is not Good.
pub fn bad_against_good(scored: &[&Scored], good: usize) -> Option<f64> {
    auroc(scored.iter().map(|s| (1.0 - s.probabilities[good], s.truth != good)))
}

/// Bad recall at a false-alarm rate: the threshold on `1 - P(Good)` is set on validation's
/// Goods, both shares are counted on test. Gives (recall, false alarms).
pub fn recall_at(
    validation: &[Scored],
    test: &[Scored],
    good: usize,
    rate: f64,
) -> (Option<Figure>, Option<Figure>) {
    let score = |s: &Scored| (1.0 - s.probabilities[good], s.truth != good);
    let scores: Vec<(f32, bool)> = validation.iter().map(score).collect();
    let threshold = thresholds::threshold_at_rate(&scores, rate);
    let called = |bad: bool| {
        let of: Vec<(f32, bool)> = test.iter().map(score).filter(|s| s.1 == bad).collect();
        wilson(of.iter().filter(|s| s.0 >= threshold).count(), of.len())
    };
    (called(true), called(false))
}

/// Counts of verdicts at thresholds.
#[derive(Default)]
struct Alarms {
    images: usize,
    right: usize,
    unconfirmed: usize,
    goods: usize,
    alarms_on_good: usize,
    others: usize,
    alarms_on_others: usize,
}

impl Alarms {
    fn count(scored: &[&Scored], good: Option<usize>, thresholds: &[f32]) -> Self {
        let mut sum = Self::default();
        for one in scored {
            let (said, confidence) = one.top();
            let confirmed = confidence >= thresholds.get(said).copied().unwrap_or(0.5);
            let alarm = confirmed && Some(said) != good;
            sum.images += 1;
            sum.right += usize::from(said == one.truth);
            sum.unconfirmed += usize::from(!confirmed);
            if Some(one.truth) == good {
                sum.goods += 1;
                sum.alarms_on_good += usize::from(alarm);
            } else {
                sum.others += 1;
                sum.alarms_on_others += usize::from(alarm);
            }
        }
        sum
    }

    fn accuracy(&self) -> Option<Figure> {
        wilson(self.right, self.images)
    }

    fn bad_recall(&self) -> Option<Figure> {
        wilson(self.alarms_on_others, self.others)
    }

    fn false_alarms(&self) -> Option<Figure> {
        wilson(self.alarms_on_good, self.goods)
    }

    fn of_condition(&self) -> ConditionFigures {
        ConditionFigures {
            images: self.images,
            accuracy: self.accuracy(),
            bad_recall: self.bad_recall(),
            false_alarms: self.false_alarms(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::confusion::tests::scored;
    use super::*;

    fn labels() -> Vec<Label> {
        ["Good", "Bad"].iter().map(|l| l.parse().unwrap()).collect()
    }

    #[test]
    fn alarms_count_confirmed_verdicts_only() {
        let all = [
            scored(1, 0, &[0.9, 0.1]),
            scored(2, 0, &[0.4, 0.6]),
            scored(3, 1, &[0.3, 0.7]),
            scored(4, 1, &[0.1, 0.9]),
        ];
        let strict = evaluate(&all, &labels(), &[0.5, 0.8], 1);
        assert_eq!(strict.false_alarms.unwrap().value, 0.0);
        assert_eq!(strict.bad_recall.unwrap().value, 0.5);
        assert_eq!(strict.unconfirmed.unwrap().value, 0.5);
        let loose = evaluate(&all, &labels(), &[0.5, 0.5], 1);
        assert_eq!(loose.false_alarms.unwrap().value, 0.5);
        assert_eq!(loose.bad_recall.unwrap().value, 1.0);
        assert_eq!(loose.bad_against_good.unwrap().value, 1.0);
    }

    #[test]
    fn conditions_have_figures_of_their_own() {
        let mut all = vec![scored(1, 0, &[0.9, 0.1]), scored(2, 0, &[0.1, 0.9])];
        all[1].condition = "target LH2".into();
        let report = evaluate(&all, &labels(), &[0.5, 0.5], 1);
        assert_eq!(report.conditions["target LH2"].false_alarms.unwrap().value, 1.0);
        assert_eq!(report.conditions[""].false_alarms.unwrap().value, 0.0);
        let text = serde_json::to_string(&report).unwrap();
        let read: Evaluation = serde_json::from_str(&text).unwrap();
        assert_eq!((read.confusion, read.labels), (report.confusion, report.labels));
    }

    #[test]
    fn recall_is_counted_at_the_rate_that_validation_sets() {
        let validation: Vec<Scored> =
            (0..100).map(|i| scored(i, 0, &[1.0 - i as f32 / 100.0, i as f32 / 100.0])).collect();
        let test =
            [scored(1, 0, &[0.99, 0.01]), scored(2, 1, &[0.005, 0.995]), scored(3, 1, &[0.5, 0.5])];
        let (recall, alarms) = recall_at(&validation, &test, 0, 0.01);
        assert_eq!(recall.unwrap().value, 0.5);
        assert_eq!(alarms.unwrap().value, 0.0);
    }
}
