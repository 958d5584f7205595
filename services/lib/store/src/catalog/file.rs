//! The catalog's file: TOML, unknown keys refused.

use super::spec::{Fraction, Gate, Retention, Retrain, Seconds, Spec, default_bad_labels};
use hydra_proto::{ImageId, Label, PlotTypeName};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use toml::value::Datetime;

/// A hall, as it declares itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalog {
    /// The hall as a whole.
    #[serde(default)]
    pub hall: Hall,
    /// What the crew should know, in the order of the pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub news: Vec<News>,
    /// In the order of the pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub detector: Vec<Detector>,
    /// In the order of the pages.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plot_type: Vec<PlotType>,
}

/// The hall as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hall {
    /// How to tell beam from no beam; without it a Bad verdict always counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beam: Option<Beam>,
}

/// How to tell beam from no beam.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beam {
    /// The number among an image's conditions that is the beam reading.
    pub condition: String,
    /// From this reading on there is beam.
    pub min: f64,
}

/// A line of news.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct News {
    /// Plain text.
    pub text: String,
    /// Since when it is shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Datetime>,
}

/// A detector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Detector {
    /// Its name; names obey the rules of plot types' names.
    pub name: PlotTypeName,
    /// Whom to call.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contact: String,
    /// What to do.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub guidance: String,
}

/// A plot type; see [`Spec`] for what each field means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // the fields of Spec, in the order of the file
pub struct PlotType {
    pub name: PlotTypeName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<PlotTypeName>,
    /// Kept and shown, never judged.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disabled: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
    #[serde(default = "default_bad_labels", skip_serializing_if = "are_default_bad_labels")]
    pub bad_labels: Vec<Label>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub may_repeat: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cadence_s: Option<Seconds>,
    #[serde(default = "all", skip_serializing_if = "is_all")]
    pub collect_fraction: Fraction,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub guidance: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub contact: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<ImageId>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub gate: Gate,
    #[serde(default, skip_serializing_if = "is_default")]
    pub retention: Retention,
    #[serde(default, skip_serializing_if = "is_default")]
    pub retrain: Retrain,
}

fn all() -> Fraction {
    Fraction::ALL
}
fn is_all(fraction: &Fraction) -> bool {
    *fraction == Fraction::ALL
}
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
fn are_default_bad_labels(labels: &[Label]) -> bool {
    labels == default_bad_labels()
}

/// Why a catalog was refused; in one line, naming the key or the entry.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCatalog {
    /// It is not TOML of this shape.
    #[error("line {line}: {message}")]
    Syntax {
        /// From 1.
        line: usize,
        /// Which key, and what is wrong with it.
        message: String,
    },
    /// Two entries of one name.
    #[error("{0} is there twice")]
    Twice(String),
    /// A plot type of a detector that the file does not declare.
    #[error("plot type {plot_type}: there is no detector {detector}")]
    NoDetector {
        /// Whose.
        plot_type: String,
        /// Which.
        detector: String,
    },
    /// A label that means trouble and that experts may not give.
    #[error("plot type {plot_type}: bad_labels names {label}, labels does not")]
    NotALabel {
        /// Whose.
        plot_type: String,
        /// Which.
        label: String,
    },
    /// A date without a time or a time zone.
    #[error("news {0:?}: since must be a time with a zone, e.g. 2026-11-23T08:00:00Z")]
    Since(String),
    /// The number is none.
    #[error("hall.beam.min is not a number")]
    Beam,
}

impl Catalog {
    /// Reads a file's text and checks it.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(text: &str) -> Result<Self, InvalidCatalog> {
        let catalog: Self = toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start).min(text.len());
            let line = text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count() + 1;
            InvalidCatalog::Syntax { line, message: error.message().replace('\n', " ") }
        })?;
        catalog.check()?;
        Ok(catalog)
    }

    fn check(&self) -> Result<(), InvalidCatalog> {
        let detectors = unique("detector", self.detector.iter().map(|d| &d.name))?;
        unique("plot type", self.plot_type.iter().map(|p| &p.name))?;
        unique("news", self.news.iter().map(|n| &n.text))?;
        for plot_type in &self.plot_type {
            let name = || plot_type.name.to_string();
            if let Some(detector) = &plot_type.detector
                && !detectors.contains(&detector)
            {
                let detector = detector.to_string();
                return Err(InvalidCatalog::NoDetector { plot_type: name(), detector });
            }
            let stranger = plot_type.bad_labels.iter().find(|l| !plot_type.labels.contains(l));
            if let Some(label) = stranger.filter(|_| !plot_type.labels.is_empty()) {
                let label = label.to_string();
                return Err(InvalidCatalog::NotALabel { plot_type: name(), label });
            }
        }
        for news in &self.news {
            news.since_us()?;
        }
        let beam = self.hall.beam.as_ref();
        if beam.is_some_and(|beam| !beam.min.is_finite()) {
            return Err(InvalidCatalog::Beam);
        }
        Ok(())
    }
}

fn unique<T: std::hash::Hash + Eq + std::fmt::Display>(
    what: &str,
    names: impl Iterator<Item = T>,
) -> Result<HashSet<T>, InvalidCatalog> {
    let mut seen = HashSet::new();
    for name in names {
        let text = format!("{what} {name}");
        if !seen.insert(name) {
            return Err(InvalidCatalog::Twice(text));
        }
    }
    Ok(seen)
}

impl News {
    /// Microseconds since 1970 UTC.
    pub(super) fn since_us(&self) -> Result<Option<i64>, InvalidCatalog> {
        use time::{OffsetDateTime, format_description::well_known::Rfc3339};
        let Some(since) = &self.since else { return Ok(None) };
        let parsed = OffsetDateTime::parse(&since.to_string(), &Rfc3339);
        let since = parsed.map_err(|_| InvalidCatalog::Since(self.text.clone()))?;
        Ok(i64::try_from(since.unix_timestamp_nanos() / 1_000).ok())
    }
}

impl PlotType {
    /// As the database stores it.
    pub(super) fn spec(&self) -> Spec {
        let entry = self.clone();
        Spec {
            labels: entry.labels,
            bad_labels: entry.bad_labels,
            may_repeat: entry.may_repeat,
            cadence_s: entry.cadence_s,
            collect_fraction: entry.collect_fraction,
            gate: entry.gate,
            retention: entry.retention,
            retrain: entry.retrain,
            group: entry.group,
            guidance: entry.guidance,
            contact: entry.contact,
            reference: entry.reference,
        }
    }

    /// Out of the database.
    pub(super) fn of(
        name: PlotTypeName,
        detector: Option<PlotTypeName>,
        disabled: bool,
        spec: Spec,
    ) -> Self {
        Self {
            name,
            detector,
            disabled,
            labels: spec.labels,
            bad_labels: spec.bad_labels,
            may_repeat: spec.may_repeat,
            cadence_s: spec.cadence_s,
            collect_fraction: spec.collect_fraction,
            group: spec.group,
            guidance: spec.guidance,
            contact: spec.contact,
            reference: spec.reference,
            gate: spec.gate,
            retention: spec.retention,
            retrain: spec.retrain,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_refused_and_named_with_their_line() {
        let error = Catalog::parse("[[plot_type]]\nname = 'CDC'\ncadense_s = 5\n").unwrap_err();
        let text = error.to_string();
        assert!(text.contains("line 3") && text.contains("cadense_s"), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }

    #[test]
    fn entries_that_contradict_each_other_are_refused() {
        for (text, told) in [
            ("[[plot_type]]\nname='A'\n[[plot_type]]\nname='A'", "plot type A is there twice"),
            ("[[plot_type]]\nname='A'\ndetector='B'", "no detector B"),
            (
                "[[plot_type]]\nname='A'\nlabels=['Good']\nbad_labels=['Bad']",
                "bad_labels names Bad",
            ),
            ("[[news]]\ntext='x'\nsince=2026-11-23", "with a zone"),
            ("[[plot_type]]\nname='../x'", "line 2"),
            ("[[plot_type]]\nname='A'\ncollect_fraction=2", "fraction"),
            ("[hall.beam]\ncondition='I'\nmin=nan", "hall.beam.min"),
        ] {
            let error = Catalog::parse(text).unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn what_is_left_out_is_left_out_again() {
        let text = "[[plot_type]]\nname = \"CDC\"\ncadence_s = 300.0\n";
        let catalog = Catalog::parse(text).unwrap();
        let written = toml::to_string(&catalog).unwrap();
        assert!(
            !written.contains("collect_fraction") && written.contains("cadence_s"),
            "{written}"
        );
        assert_eq!(Catalog::parse(&written).unwrap(), catalog);
    }
}
