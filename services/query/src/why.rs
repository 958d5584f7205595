//! "Why did Hydra miss this?": facts -> sentences, the most telling first. Pure functions.

use crate::api::{Neighbour, Quality, Trend, Verdict, VerdictState};
use hydra_proto::Threshold;
use hydra_store::read::{Alike, Labelled};
use std::collections::BTreeMap;

/// Neighbours that are told.
const NEAREST: usize = 6;
/// A model that saw fewer Bad examples has hardly seen what Bad is.
const FEW: u64 = 20;
/// Below this similarity, nothing in training looks like the image.
const ALIKE: f32 = 0.8;

/// The images with a known label whose features point most nearly the same way, nearest first.
pub fn nearest(alike: &Alike) -> Vec<Neighbour> {
    let others = alike.others.iter().filter(|other| other.features.len() == alike.own.len());
    let mut found: Vec<(f32, &Labelled)> = others
        .map(|other| (cosine(&alike.own, &other.features), other))
        .filter(|(similarity, _)| similarity.is_finite())
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found.truncate(NEAREST);
    found
        .into_iter()
        .map(|(similarity, other)| Neighbour {
            image: other.image.to_string(),
            label: other.label.clone(),
            similarity,
            in_training: alike.in_training,
        })
        .collect()
}

/// Why there is nothing to compare an image with; empty where there is.
pub fn nothing_alike(alike: &Alike, nearest: &[Neighbour]) -> &'static str {
    if !nearest.is_empty() {
        ""
    } else if alike.own.is_empty() {
        "This image cannot be compared with those in training: its model gives no features, or \
         they were not stored."
    } else {
        "Which images its model was trained on is not known here: it was trained elsewhere, and \
         nobody has labelled images that it judged."
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot: f32 = a.iter().zip(b).map(|(x, y)| x * y).sum();
    let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    dot / (norm(a) * norm(b))
}

/// Images in training by label, where training wrote them into its evaluation.
pub fn trained_on(evaluation: Option<&str>) -> BTreeMap<String, u64> {
    let value = evaluation.and_then(|text| serde_json::from_str(text).ok());
    let value: serde_json::Value = value.unwrap_or_default();
    let places = ["/training/labels", "/train/labels", "/training_labels", "/trained_on"];
    let found = places.iter().find_map(|place| value.pointer(place)?.as_object());
    let counts = found.into_iter().flatten();
    counts.filter_map(|(label, count)| Some((label.clone(), count.as_u64()?))).collect()
}

/// What there is to tell.
#[derive(Debug, Default)]
pub struct Facts<'a> {
    /// The image asked about, and what was said of it.
    pub verdict: Option<&'a Verdict>,
    /// How far it is from the time that was asked about, in seconds.
    pub distance_s: f64,
    /// Seconds after which an image would be missing, if there is a cadence.
    pub stale_after_s: Option<f64>,
    /// Whether a model was active.
    pub has_model: bool,
    /// Its labels.
    pub labels: &'a [String],
    /// Those labels that mean trouble.
    pub bad_labels: &'a [String],
    /// What it was trained on.
    pub trained_on: BTreeMap<String, u64>,
    /// The nearest labelled images.
    pub nearest: &'a [Neighbour],
    /// What a person says of the image.
    pub person: Option<Quality>,
}

/// The facts as sentences, the most telling first.
pub fn findings(facts: &Facts<'_>, trend: &Trend) -> Vec<String> {
    let mut told = Vec::new();
    let Some(verdict) = facts.verdict else {
        return vec!["No image of this plot type has ever come.".to_owned()];
    };
    if facts.stale_after_s.is_some_and(|limit| facts.distance_s > limit) {
        let minutes = (facts.distance_s / 60.0).round();
        told.push(format!(
            "There was no image at that time: the nearest is {minutes} min away. What was not \
             drawn was not judged."
        ));
    }
    if !facts.has_model || verdict.state == VerdictState::NoVerdict {
        told.push("No model was active then: nobody but people looked at this plot.".to_owned());
        return told;
    }
    training(facts, &mut told);
    judgement(facts, verdict, &mut told);
    neighbours(facts, &mut told);
    movement(facts, trend, &mut told);
    if told.is_empty() {
        told.push("Nothing unusual: the model knew such plots and was sure.".to_owned());
    }
    told
}

fn training(facts: &Facts<'_>, told: &mut Vec<String>) {
    let knows_bad = facts.labels.iter().any(|label| facts.bad_labels.contains(label));
    if !knows_bad {
        told.push("The active model has no Bad label: it can never say Bad.".to_owned());
        return;
    }
    if facts.trained_on.is_empty() {
        return;
    }
    let bad: u64 = facts.bad_labels.iter().filter_map(|label| facts.trained_on.get(label)).sum();
    if bad == 0 {
        told.push("The model was never shown a Bad plot of this type.".to_owned());
    } else if bad < FEW {
        told.push(format!(
            "The model was shown only {bad} Bad plots of this type: too few to know many faults."
        ));
    }
}

fn judgement(facts: &Facts<'_>, verdict: &Verdict, told: &mut Vec<String>) {
    let confidence = verdict.confidence.unwrap_or(0.0) * 100.0;
    let label = verdict.label.as_deref().unwrap_or("nothing");
    match verdict.state {
        VerdictState::Unconfirmed => told.push(format!(
            "It was not missed altogether: the model said {label} with {confidence:.0} %, below \
             its threshold, and the plot was shown as Unconfirmed."
        )),
        VerdictState::Novel => told.push(
            "It was not missed altogether: the plot was shown as Novel, unlike anything in \
             training."
                .to_owned(),
        ),
        VerdictState::Confirmed if verdict.is_bad => {
            told.push(format!("It was not missed: the model said {label} with {confidence:.0} %."));
        }
        _ => {}
    }
    match facts.person {
        Some(Quality::Bad) if !verdict.is_bad => {
            told.push(
                "A person has labelled this image Bad since; the next training knows it."
                    .to_owned(),
            );
        }
        Some(Quality::Good) if verdict.is_bad => {
            told.push("A person has labelled this image Good since.".to_owned());
        }
        _ => {}
    }
}

fn neighbours(facts: &Facts<'_>, told: &mut Vec<String>) {
    let Some(first) = facts.nearest.first() else { return };
    let (label, similarity) = (&first.label, first.similarity);
    let is_bad = |label: &String| facts.bad_labels.contains(label);
    let known = if first.in_training { "image in training" } else { "labelled image" };
    let missed = facts.verdict.is_some_and(|verdict| !verdict.is_bad);
    if facts.verdict.is_some_and(|verdict| verdict.image == first.image) {
        told.push(format!("This very image was in training, as {label}."));
    } else if similarity < ALIKE {
        told.push(format!(
            "No {known} looks like it: such a plot was never seen. The nearest, {label}, is only \
             {similarity:.2} alike."
        ));
    } else if is_bad(label) && missed {
        told.push(format!(
            "The {known} most like it ({similarity:.2}) is {label}: the model should have known. \
             Retrain it, or lower its threshold."
        ));
    } else {
        told.push(format!(
            "The {known} most like it ({similarity:.2}) is {label}: to the model the two look \
             the same."
        ));
    }
    if facts.nearest.iter().any(|near| is_bad(&near.label)) || !missed || similarity < ALIKE {
        return;
    }
    told.push(format!("None of the {} nearest was Bad.", facts.nearest.len()));
}

/// Whether confidence in trouble rose around that time without reaching the threshold.
fn movement(facts: &Facts<'_>, trend: &Trend, told: &mut Vec<String>) {
    for (label, column) in trend.labels.iter().zip(&trend.probabilities) {
        if !facts.bad_labels.contains(label) {
            continue;
        }
        let known: Vec<f32> = column.iter().flatten().copied().collect();
        let (Some(first), Some(most)) = (known.first(), known.iter().copied().reduce(f32::max))
        else {
            continue;
        };
        let threshold = trend
            .releases
            .last()
            .and_then(|release| release.thresholds.get(label))
            .copied()
            .unwrap_or(Threshold::DEFAULT.get());
        if most < threshold && most > first + 0.15 {
            told.push(format!(
                "{label} rose from {:.0} % to {:.0} % around that time but stayed below its \
                 threshold of {:.0} %.",
                first * 100.0,
                most * 100.0,
                threshold * 100.0
            ));
        }
    }
    let models: std::collections::BTreeSet<_> =
        trend.releases.iter().map(|release| &release.model).collect();
    if models.len() > 1 {
        told.push("The active model was changed around that time.".to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_proto::ImageId;

    fn verdict(label: &str, state: VerdictState) -> Verdict {
        Verdict {
            image: String::new(),
            plot_type: String::new(),
            run: 1,
            chunk: None,
            taken_at_us: 0,
            arrived_at_us: 0,
            decided_at_us: 0,
            label: Some(label.into()),
            confidence: Some(0.9),
            threshold: Some(0.5),
            is_bad: label == "Bad",
            state,
            reason: String::new(),
            note: String::new(),
            model: None,
            heatmap: None,
            kept: true,
            width: 1,
            height: 1,
        }
    }

    /// What is told of a plot that was called Good by a model that knows Bad, but for `change`.
    fn tell(change: impl FnOnce(&mut Facts<'_>)) -> Vec<String> {
        tell_of(&verdict("Good", VerdictState::Confirmed), change)
    }

    fn tell_of(said: &Verdict, change: impl FnOnce(&mut Facts<'_>)) -> Vec<String> {
        let labels = ["Good".to_owned(), "Bad".to_owned()];
        let mut facts = facts(said, &labels);
        change(&mut facts);
        findings(&facts, &Trend::default())
    }

    /// A model with these labels, of which all but the first are Bad, that was shown enough.
    fn facts<'a>(said: &'a Verdict, labels: &'a [String]) -> Facts<'a> {
        Facts {
            verdict: Some(said),
            has_model: true,
            labels,
            bad_labels: &labels[1..],
            trained_on: counts(&[("Good", 400), ("Bad", 100)]),
            ..Default::default()
        }
    }

    fn counts(of: &[(&str, u64)]) -> BTreeMap<String, u64> {
        of.iter().map(|(label, count)| ((*label).to_owned(), *count)).collect()
    }

    #[test]
    fn a_model_without_a_bad_label_is_the_first_thing_told() {
        let told = tell(|facts| facts.labels = &facts.labels[..1]);
        assert!(told[0].contains("no Bad label"), "{told:?}");
    }

    #[test]
    fn few_or_no_bad_examples_are_told() {
        let none = tell(|facts| facts.trained_on = counts(&[("Good", 400)]));
        assert!(none[0].contains("never shown a Bad plot"), "{none:?}");
        let few = tell(|facts| facts.trained_on = counts(&[("Bad", 3)]));
        assert!(few[0].contains("only 3 Bad plots"), "{few:?}");
    }

    #[test]
    fn what_was_not_missed_is_said_to_be_so() {
        let told = tell_of(&verdict("Bad", VerdictState::Unconfirmed), |_| ());
        assert!(told[0].contains("not missed altogether"), "{told:?}");
    }

    #[test]
    fn no_image_and_no_model_are_told_alone() {
        assert!(findings(&Facts::default(), &Trend::default())[0].contains("ever come"));
        assert!(tell(|facts| facts.has_model = false)[0].contains("No model was active"));
    }

    #[test]
    fn the_nearest_come_first_and_features_of_another_length_are_passed_over() {
        let labelled = |byte: u8, label: &str, features: &[f32]| Labelled {
            image: ImageId::from_bytes([byte; 24]),
            label: label.into(),
            features: features.to_vec(),
        };
        let all = [
            labelled(1, "Bad", &[0.0, 1.0]),
            labelled(2, "Good", &[1.0, 0.1]),
            labelled(3, "Bad", &[1.0]),
            labelled(4, "Bad", &[0.0, 0.0]),
        ];
        let alike = Alike { own: vec![1.0, 0.0], others: all.to_vec(), in_training: true };
        let found = nearest(&alike);
        let labels: Vec<&str> = found.iter().map(|n| n.label.as_str()).collect();
        assert_eq!(labels, ["Good", "Bad"]);
        assert!(found[0].similarity > 0.99 && found[0].in_training);
        assert_eq!(nothing_alike(&alike, &found), "");
        let unknown = Alike { own: vec![1.0], ..Default::default() };
        assert!(nothing_alike(&unknown, &nearest(&unknown)).contains("trained elsewhere"));
        let blind = Alike::default();
        assert!(nothing_alike(&blind, &nearest(&blind)).contains("no features"));
    }

    #[test]
    fn what_is_like_it_in_training_explains_a_miss() {
        let near = |label: &str, similarity: f32| Neighbour {
            image: "other".into(),
            label: label.into(),
            similarity,
            in_training: true,
        };
        let with = |nearest: &[Neighbour]| {
            let said = verdict("Good", VerdictState::Confirmed);
            let labels = ["Good".to_owned(), "Bad".to_owned()];
            let facts = Facts { nearest, ..facts(&said, &labels) };
            findings(&facts, &Trend::default()).join(" ")
        };
        let good = with(&[near("Good", 0.97), near("Good", 0.9)]);
        assert!(good.contains("image in training most like it (0.97) is Good"), "{good}");
        assert!(good.contains("None of the 2 nearest was Bad"), "{good}");
        let mixed = with(&[near("Good", 0.97), near("Bad", 0.9)]);
        assert!(!mixed.contains("None of"), "{mixed}");
        let bad = with(&[near("Bad", 0.97)]);
        assert!(bad.contains("should have known"), "{bad}");
        let far = with(&[near("Bad", 0.2)]);
        assert!(far.contains("never seen"), "{far}");
    }

    #[test]
    fn training_counts_are_found_where_training_writes_them() {
        let text = r#"{"training": {"labels": {"Good": 5, "Bad": 2}}}"#;
        assert_eq!(trained_on(Some(text))["Bad"], 2);
        assert!(trained_on(Some("[]")).is_empty() && trained_on(None).is_empty());
    }
}
