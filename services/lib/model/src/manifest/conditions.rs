//! The run conditions that a model was trained under, so that others can be called by name.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A number may be this share of the range that was seen outside of it.
const MARGIN: f64 = 0.25;
/// A word with more values than this names something (a shift leader, a file), no condition.
const MOST_WORDS: usize = 50;
/// From so many different values on, a number that never falls is a counter.
const COUNTER: usize = 5;

/// What was seen of each condition.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Values of conditions that are words, e.g. the target.
    #[serde(default)]
    pub words: BTreeMap<String, BTreeSet<String>>,
    /// Least and largest value of conditions that are numbers, e.g. the beam current.
    #[serde(default)]
    pub numbers: BTreeMap<String, [f64; 2]>,
}

impl Seen {
    /// Nothing is known.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty() && self.numbers.is_empty()
    }

    /// Of the conditions of these plots, JSON objects in the order in which the plots were taken.
    /// Plots without any (imported ones) say nothing. A condition that is missing from some of the
    /// others is none; neither are counters (the number of events so far) and names without end.
    pub fn of<'a>(plots: impl IntoIterator<Item = &'a str>) -> Self {
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        let told = |plot: &Value| plot.as_object().is_some_and(|conditions| !conditions.is_empty());
        let plots: Vec<Value> = plots.into_iter().filter_map(read).filter(told).collect();
        let mut seen = Self::default();
        for key in plots.first().and_then(Value::as_object).into_iter().flat_map(|o| o.keys()) {
            let values: Vec<&Value> = plots.iter().filter_map(|plot| plot.get(key)).collect();
            let words: Vec<&str> = values.iter().filter_map(|value| value.as_str()).collect();
            let numbers: Vec<f64> = values.iter().filter_map(|value| value.as_f64()).collect();
            if words.len() == plots.len() {
                let different: BTreeSet<String> = words.into_iter().map(str::to_owned).collect();
                if different.len() <= MOST_WORDS {
                    seen.words.insert(key.clone(), different);
                }
            } else if numbers.len() == plots.len() && !counts(&numbers) {
                let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
                let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                seen.numbers.insert(key.clone(), [least, most]);
            }
        }
        seen
    }

    /// What of these conditions (a JSON object) was not seen, e.g. `target C12`; nothing where all
    /// was, or where nothing is known of either.
    pub fn unfamiliar(&self, conditions: &str) -> Option<String> {
        let conditions: Value = serde_json::from_str(conditions).ok()?;
        let new_word = |(key, known): (&String, &BTreeSet<String>)| {
            let word = conditions.get(key)?.as_str()?;
            (!known.contains(word)).then(|| format!("{key} {word}"))
        };
        let new_number = |(key, [least, most]): (&String, &[f64; 2])| {
            let number = conditions.get(key)?.as_f64()?;
            let margin = MARGIN * (most - least) + 1e-3 * most.abs().max(least.abs());
            let inside = (least - margin..=most + margin).contains(&number);
            (!inside).then(|| format!("{key} {number}"))
        };
        let words = self.words.iter().filter_map(new_word);
        let told: Vec<String> = words.chain(self.numbers.iter().filter_map(new_number)).collect();
        (!told.is_empty()).then(|| told.join(", "))
    }
}

/// Whether these numbers only grow.
fn counts(numbers: &[f64]) -> bool {
    let steps = numbers.windows(2).filter(|pair| pair[1] > pair[0]).count();
    steps + 1 >= COUNTER && numbers.windows(2).all(|pair| pair[1] >= pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(n: usize) -> String {
        let target = ["LH2", "LD2"][n / 3 % 2];
        let current = 25.0 + (n * 7 % 20) as f64;
        format!(r#"{{"target": "{target}", "beam_na": {current}, "events": {}}}"#, n * 1000)
    }

    fn seen() -> Seen {
        let plots: Vec<String> = (0..40).map(plot).collect();
        Seen::of(plots.iter().map(String::as_str))
    }

    #[test]
    fn what_was_seen_is_familiar_and_counters_are_no_condition() {
        let seen = seen();
        assert_eq!(seen.numbers.len(), 1);
        assert_eq!(seen.unfamiliar(&plot(900)), None);
        assert_eq!(seen.unfamiliar(r#"{"beam_na": 47.5}"#), None, "within a quarter of the range");
        assert_eq!(seen.unfamiliar("no JSON"), None);
    }

    #[test]
    fn another_target_or_beam_is_named() {
        let told = seen().unfamiliar(r#"{"target": "C12", "beam_na": 80.0}"#);
        assert_eq!(told.as_deref(), Some("target C12, beam_na 80"));
    }

    #[test]
    fn where_nothing_is_known_nothing_is_new() {
        assert!(Seen::of(["", ""]).is_empty());
        let some = Seen::of(["", r#"{"target": "LH2"}"#, "{}"]);
        assert_eq!(some.unfamiliar(r#"{"target": "C12"}"#).as_deref(), Some("target C12"));
        assert_eq!(Seen::of([]).unfamiliar(r#"{"target": "C12"}"#), None);
    }
}
