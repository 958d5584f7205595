//! Verdicts of a run -> quality intervals: which time of which detector analysis can trust.
//!
//! A plot shows what happened since the one before it. So an image speaks for the time from the
//! one before (at most one and a half cadences back) to its own; what lies between is unknown.
//! Where one set a run is drawn, an image speaks for its run. A person's label outweighs a model's
//! verdict. Of a detector the worst of its plot types decides: of those that somebody judged in this
//! run, and of those for which a model was active then. One of the latter that did not come at all is
//! unknown for the whole run: what was to be watched was not seen. Those that nobody was to judge
//! decide nothing, or no detector with an unwatched plot would ever be good.

mod cache;

use crate::api::{Quality, QualityInterval, QualitySource};
pub use cache::{Basis, Cache};
use hydra_proto::{Label, events::VerdictState};
use hydra_store::{
    Kind, PlotTypeState,
    read::{Declared, Mention, PlotTypeRow, Span},
};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// An image speaks for so many cadences at most.
const REACH: f64 = 1.5;
/// The end of a run is covered by an image that is at most so many cadences older.
const TAIL: f64 = 0.5;

type Said = (Quality, QualitySource);

/// For one plot type: from when, to when, what.
struct Stretch {
    span: Span,
    said: Said,
}

/// The intervals of every detector in one run, which lasted for `span`; in the order of the
/// detectors, then of time. `watched` are the row ids of the plot types that had a model then.
pub fn intervals(
    run: u32,
    span: Span,
    declared: &Declared,
    mentions: &[Mention],
    watched: &HashSet<i32>,
) -> Vec<QualityInterval> {
    let mut by_plot_type: HashMap<i32, Vec<&Mention>> = HashMap::new();
    for mention in mentions {
        by_plot_type.entry(mention.plot_type_id).or_default().push(mention);
    }
    let mut all = Vec::new();
    for detector in &declared.detectors {
        let of_detector = declared.plot_types.iter().filter(|row| {
            row.detector_id == Some(detector.id) && row.state == PlotTypeState::Declared
        });
        let judged = of_detector.filter_map(|row| {
            let mut images = by_plot_type.remove(&row.id).unwrap_or_default();
            images.sort_by_key(|mention| (mention.taken_us, mention.image));
            let stretches = stretches(row, &images, span);
            let is_judged = stretches.iter().any(|s| s.said.1 != QualitySource::None);
            (is_judged || watched.contains(&row.id)).then(|| (row.name.to_string(), stretches))
        });
        let judged: BTreeMap<String, Vec<Stretch>> = judged.collect();
        all.extend(sweep(run, &detector.name, span, &judged));
    }
    all
}

/// What one image says.
fn said(row: &PlotTypeRow, mention: &Mention) -> Said {
    if let Some(label) = &mention.label {
        return (quality_of(row, label), QualitySource::Person);
    }
    match &mention.verdict {
        None => (Quality::Unknown, QualitySource::None),
        // Bad without beam, or not sure: nothing can be said.
        Some((_, state, kind)) if *state != VerdictState::Confirmed || *kind == Kind::Neutral => {
            (Quality::Unknown, QualitySource::Model)
        }
        Some((label, ..)) => (quality_of(row, label), QualitySource::Model),
    }
}

fn quality_of(row: &PlotTypeRow, label: &str) -> Quality {
    if row.spec.bad_labels.iter().any(|bad| bad.as_str() == label) {
        return Quality::Bad;
    }
    if label.parse::<Label>().is_ok_and(|label| label.counts_as_good()) {
        return Quality::Good;
    }
    Quality::Unknown
}

fn stretches(row: &PlotTypeRow, images: &[&Mention], run: Span) -> Vec<Stretch> {
    let declared_us = row.spec.cadence_s.map(|cadence| cadence.get() * 1e6);
    let Some(cadence_us) = declared_us.or_else(|| median_gap_us(images)) else {
        // One set a run: its last word is for the whole run.
        let last = images.last().map(|mention| Stretch { span: run, said: said(row, mention) });
        return last.into_iter().collect();
    };
    let reach_us = (cadence_us * REACH) as i64;
    let mut before_us = run.from_us;
    let mut stretches: Vec<Stretch> = Vec::with_capacity(images.len());
    for mention in images {
        let from_us = before_us.max(mention.taken_us.saturating_sub(reach_us));
        let span = Span { from_us, to_us: mention.taken_us };
        if span.from_us < span.to_us {
            stretches.push(Stretch { span, said: said(row, mention) });
        }
        before_us = mention.taken_us;
    }
    if let Some(last) = stretches.last_mut()
        && run.to_us.saturating_sub(last.span.to_us) <= (cadence_us * TAIL) as i64
    {
        last.span.to_us = run.to_us;
    }
    stretches
}

fn median_gap_us(images: &[&Mention]) -> Option<f64> {
    if images.len() < 4 {
        return None;
    }
    let mut gaps: Vec<i64> =
        images.windows(2).map(|pair| pair[1].taken_us - pair[0].taken_us).collect();
    gaps.sort_unstable();
    gaps.get(gaps.len() / 2).map(|gap| *gap as f64).filter(|gap| *gap > 0.0)
}

/// Walks along the ends of all stretches and says of each piece what the worst of them says.
fn sweep(
    run: u32,
    detector: &str,
    span: Span,
    judged: &BTreeMap<String, Vec<Stretch>>,
) -> Vec<QualityInterval> {
    let mut ends: BTreeSet<i64> = [span.from_us, span.to_us].into();
    for stretch in judged.values().flatten() {
        ends.extend([stretch.span.from_us, stretch.span.to_us]);
    }
    let ends: Vec<i64> =
        ends.into_iter().filter(|us| (span.from_us..=span.to_us).contains(us)).collect();
    let mut at: BTreeMap<&str, usize> = judged.keys().map(|name| (name.as_str(), 0)).collect();
    let mut intervals: Vec<QualityInterval> = Vec::new();
    for pair in ends.windows(2) {
        let (from_us, to_us) = (pair[0], pair[1]);
        let says = judged.iter().map(|(name, stretches)| {
            let next = at.entry(name).or_default();
            while stretches.get(*next).is_some_and(|s| s.span.to_us <= from_us) {
                *next += 1;
            }
            let stretch = stretches.get(*next).filter(|s| s.span.from_us <= from_us);
            (name.as_str(), stretch.map_or((Quality::Unknown, QualitySource::None), |s| s.said))
        });
        let (verdict, source, plot_types) = worst(says.collect());
        match intervals.last_mut() {
            Some(last)
                if (last.verdict, last.source) == (verdict, source)
                    && last.plot_types == plot_types =>
            {
                last.to_us = to_us;
            }
            _ => intervals.push(QualityInterval {
                detector: detector.to_owned(),
                run,
                from_us,
                to_us,
                verdict,
                source,
                plot_types,
            }),
        }
    }
    intervals
}

fn worst(says: Vec<(&str, Said)>) -> (Quality, QualitySource, Vec<String>) {
    let Some(verdict) = says.iter().map(|(_, (quality, _))| *quality).max() else {
        return (Quality::Unknown, QualitySource::None, Vec::new());
    };
    let deciding = says.iter().filter(|(_, (quality, _))| *quality == verdict);
    let source = deciding.clone().map(|(_, (_, source))| *source).max();
    let names = if verdict == Quality::Good {
        Vec::new()
    } else {
        deciding.map(|(name, _)| (*name).to_owned()).collect()
    };
    (verdict, source.unwrap_or(QualitySource::None), names)
}

/// The intervals as CSV (RFC 4180). Names hold no quote and no line break.
pub fn csv(intervals: &[QualityInterval]) -> String {
    let mut text = String::from("detector,run,from_us,to_us,verdict,source,plot_types\r\n");
    for interval in intervals {
        let verdict = match interval.verdict {
            Quality::Good => "good",
            Quality::Unknown => "unknown",
            Quality::Bad => "bad",
        };
        let source = match interval.source {
            QualitySource::None => "none",
            QualitySource::Model => "model",
            QualitySource::Person => "person",
        };
        text += &format!(
            "\"{}\",{},{},{},{verdict},{source},\"{}\"\r\n",
            interval.detector,
            interval.run,
            interval.from_us,
            interval.to_us,
            interval.plot_types.join(";")
        );
    }
    text
}

#[cfg(test)]
mod tests;
