//! Scores on validation and test -> temperature, thresholds, figures.

use super::images::Prepared;
use crate::eval::Scored;
use crate::eval::calibration::{calibration_error, fit_temperature, tempered};
use crate::eval::report::{Evaluation, evaluate};
use crate::eval::thresholds::{ThresholdRule, thresholds};
use crate::fit::EpochFigures;
use hydra_proto::Label;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Images by label.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// All.
    pub images: usize,
    /// Runs that they come from.
    pub runs: usize,
    /// By label.
    pub labels: BTreeMap<String, usize>,
    /// Drawn for training; never judged on.
    pub synthetic: usize,
}

/// Thresholds by label under each rule, from validation.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Thresholds {
    /// The rule whose thresholds a release proposes.
    pub rule: String,
    /// The highest that maximises F1.
    pub best_f1: BTreeMap<String, f32>,
    /// At most so many false alarms a week.
    pub false_alarms: BTreeMap<String, f32>,
}

/// All that is said of a model: the `evaluation` of its manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// What limits the figures.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What was trained on.
    pub training: Counts,
    /// What stopped training and chose temperature and thresholds.
    pub validation: Counts,
    /// On the test part, at the proposed thresholds.
    pub test: Evaluation,
    /// The same at the thresholds that maximise F1.
    pub test_best_f1: Evaluation,
    /// Divides the logits.
    pub temperature: f64,
    /// Of validation before scaling; `test.calibration_error` is after.
    pub calibration_error_unscaled: f64,
    /// Thresholds of both rules.
    pub thresholds: Thresholds,
    /// Blob key of the trained weights, from which others can go on.
    pub weights: Option<String>,
    /// Loss and accuracy by epoch; empty where only a head was fitted.
    pub epochs: Vec<EpochFigures>,
    /// The recipe.
    pub recipe: serde_json::Value,
    /// Calibrated scores of every validation image, so that thresholds can be replayed.
    pub validation_scores: Vec<Scored>,
    /// And of every test image.
    pub test_scores: Vec<Scored>,
}

/// Uncalibrated probabilities of validation and test -> everything that is said of the model.
pub fn judge(
    set: &Prepared<'_>,
    validation: &[Vec<f32>],
    test: &[Vec<f32>],
    rule: ThresholdRule,
    seed: u64,
) -> Figures {
    let labels = set.labels.labels();
    let raw = scored(set, &set.split.validation, validation);
    // on some of the classes alone a network looks better than it is
    let temperature = if set.validates_all() { fit_temperature(&raw) } else { 1.0 };
    let scale = |mut all: Vec<Scored>| {
        for one in &mut all {
            one.probabilities = tempered(&one.probabilities, temperature);
        }
        all
    };
    let validation_scores = scale(raw.clone());
    let test_scores = scale(scored(set, &set.split.test, test));
    let good = labels.iter().position(Label::counts_as_good);
    let chosen = thresholds(&validation_scores, labels.len(), good, rule);
    let f1 = thresholds(&validation_scores, labels.len(), good, ThresholdRule::BestF1);
    let weekly = match rule {
        ThresholdRule::BestF1 => {
            let rule = ThresholdRule::FalseAlarms { per_week: 1.0, images_per_week: 2016.0 };
            thresholds(&validation_scores, labels.len(), good, rule)
        }
        ThresholdRule::FalseAlarms { .. } => chosen.clone(),
    };
    let named = |values: &[f32]| {
        labels.iter().zip(values).map(|(l, t)| (l.to_string(), *t)).collect::<BTreeMap<_, _>>()
    };
    Figures {
        notes: set.notes.clone(),
        training: Counts { synthetic: set.synthetic.count(), ..counts(set, &set.split.train) },
        validation: counts(set, &set.split.validation),
        test: evaluate(&test_scores, labels, &chosen, seed),
        test_best_f1: evaluate(&test_scores, labels, &f1, seed),
        temperature,
        calibration_error_unscaled: calibration_error(&raw),
        thresholds: Thresholds {
            rule: match rule {
                ThresholdRule::BestF1 => "best F1".to_owned(),
                ThresholdRule::FalseAlarms { per_week, .. } => {
                    format!("at most {per_week} false alarms a week")
                }
            },
            best_f1: named(&f1),
            false_alarms: named(&weekly),
        },
        weights: None,
        epochs: Vec::new(),
        recipe: serde_json::Value::Null,
        validation_scores,
        test_scores,
    }
}

fn scored(set: &Prepared<'_>, which: &[usize], probabilities: &[Vec<f32>]) -> Vec<Scored> {
    which
        .iter()
        .zip(probabilities)
        .map(|(i, probabilities)| {
            let one = &set.labelled[*i];
            let example = &set.data.examples()[one.example];
            Scored {
                image: example.image,
                run: example.run,
                condition: example.condition.clone(),
                truth: one.class,
                probabilities: probabilities.clone(),
            }
        })
        .collect()
}

fn counts(set: &Prepared<'_>, which: &[usize]) -> Counts {
    let examples = set.data.examples();
    let of = |i: &usize| &examples[set.labelled[*i].example];
    let mut runs: Vec<u32> = which.iter().map(|i| of(i).run).collect();
    runs.sort_unstable();
    runs.dedup();
    let labels = set.labels.labels().iter().map(ToString::to_string);
    Counts {
        images: which.len(),
        runs: runs.len(),
        labels: labels.zip(set.counts(which)).collect(),
        synthetic: which.iter().filter(|i| of(i).synthetic).count(),
    }
}
