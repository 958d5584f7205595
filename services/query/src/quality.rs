//! Verdicts of a run -> quality intervals: which time of which detector analysis can trust.
//!
//! A plot shows what happened since the one before it. So an image speaks for the time from the
//! one before (at most one and a half cadences back) to its own; what lies between is unknown.
//! Where one set a run is drawn, an image speaks for its run. A person's label outweighs a model's
//! verdict. Of a detector the worst of its plot types decides: of those that somebody judged in this
//! run, and of those for which a model was active then. One of the latter that did not come at all is
//! unknown for the whole run: what was to be watched was not seen. Those that nobody was to judge
//! decide nothing, or no detector with an unwatched plot would ever be good.

use crate::api::{Quality, QualityInterval, QualitySource};
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
mod tests {
    use super::*;
    use hydra_proto::ImageId;
    use hydra_store::{
        catalog::{Seconds, Spec},
        read::DetectorRow,
    };

    const RUN: Span = Span { from_us: 0, to_us: 1_000 };

    fn declared(cadence_us: Option<f64>) -> Declared {
        let row = |id: i32, name: &str| PlotTypeRow {
            id,
            name: name.parse().unwrap(),
            detector_id: Some(1),
            state: PlotTypeState::Declared,
            spec: Spec {
                cadence_s: cadence_us.map(|us| Seconds::try_from(us / 1e6).unwrap()),
                ..Default::default()
            },
            releases: BTreeMap::new(),
        };
        let detector = DetectorRow {
            id: 1,
            name: "DC".into(),
            contact: String::new(),
            guidance: String::new(),
        };
        Declared {
            detectors: vec![detector],
            plot_types: vec![row(1, "A"), row(2, "B")],
            ..Default::default()
        }
    }

    fn image(plot_type_id: i32, taken_us: i64, label: &str, kind: Kind) -> Mention {
        let mut id = [0_u8; 24];
        id[16..].copy_from_slice(&taken_us.to_be_bytes());
        let state = match kind {
            Kind::Unconfirmed => VerdictState::Unconfirmed,
            Kind::Novel => VerdictState::Novel,
            _ => VerdictState::Confirmed,
        };
        Mention {
            image: ImageId::from_bytes(id),
            plot_type_id,
            taken_us,
            verdict: Some((label.into(), state, kind)),
            label: None,
        }
    }

    fn every_100(plot_type_id: i32) -> Vec<Mention> {
        (1..=10).map(|i| image(plot_type_id, i * 100, "Good", Kind::Fine)).collect()
    }

    fn text(intervals: &[QualityInterval]) -> Vec<String> {
        let line = |i: &QualityInterval| {
            format!(
                "{}-{} {:?} {:?} {}",
                i.from_us,
                i.to_us,
                i.verdict,
                i.source,
                i.plot_types.join("+")
            )
        };
        intervals.iter().map(line).collect()
    }

    fn of(declared: &Declared, mentions: &[Mention]) -> Vec<String> {
        text(&intervals(7, RUN, declared, mentions, &HashSet::new()))
    }

    #[test]
    fn a_run_of_good_plots_is_one_good_interval() {
        let images = [every_100(1), every_100(2)].concat();
        assert_eq!(of(&declared(Some(100.0)), &images), ["0-1000 Good Model "]);
    }

    #[test]
    fn a_bad_plot_spoils_the_time_it_shows_and_no_more() {
        let mut images = [every_100(1), every_100(2)].concat();
        images[4] = image(1, 500, "Bad", Kind::Bad);
        assert_eq!(
            of(&declared(Some(100.0)), &images),
            ["0-400 Good Model ", "400-500 Bad Model A", "500-1000 Good Model "]
        );
    }

    #[test]
    fn a_gap_is_unknown_explicitly() {
        let mut images = every_100(1);
        images.retain(|m| m.taken_us <= 300 || m.taken_us >= 800);
        assert_eq!(
            of(&declared(Some(100.0)), &images),
            ["0-300 Good Model ", "300-650 Unknown None A", "650-1000 Good Model "]
        );
    }

    #[test]
    fn a_person_outweighs_the_model() {
        let mut images = every_100(1);
        images[4] = image(1, 500, "Bad", Kind::Bad);
        images[4].label = Some("Good".into());
        images[7].label = Some("Bad".into());
        assert_eq!(
            of(&declared(Some(100.0)), &images),
            [
                "0-400 Good Model ",
                "400-500 Good Person ",
                "500-700 Good Model ",
                "700-800 Bad Person A",
                "800-1000 Good Model "
            ]
        );
    }

    #[test]
    fn what_is_not_sure_is_unknown_and_so_is_bad_without_beam() {
        for kind in [Kind::Unconfirmed, Kind::Novel, Kind::Neutral] {
            let mut images = every_100(1);
            images[4] = image(1, 500, "Bad", kind);
            let lines = of(&declared(Some(100.0)), &images);
            assert_eq!(lines[1], "400-500 Unknown Model A", "{kind:?}");
        }
    }

    #[test]
    fn a_plot_type_without_a_model_decides_nothing() {
        let mut unjudged = every_100(2);
        unjudged.iter_mut().for_each(|m| m.verdict = None);
        let images = [every_100(1), unjudged].concat();
        assert_eq!(of(&declared(Some(100.0)), &images), ["0-1000 Good Model "]);
    }

    #[test]
    fn what_a_model_was_to_watch_and_what_did_not_come_is_unknown_for_the_run() {
        let with = |images: &[Mention], watched: &[i32]| {
            let watched = watched.iter().copied().collect();
            text(&intervals(7, RUN, &declared(Some(100.0)), images, &watched))
        };
        assert_eq!(with(&every_100(1), &[1, 2]), ["0-1000 Unknown None B"]);
        assert_eq!(with(&[], &[1, 2]), ["0-1000 Unknown None A+B"]);
        assert_eq!(with(&every_100(1), &[1]), ["0-1000 Good Model "], "B had no model");
        let mut images = every_100(1);
        images[4] = image(1, 500, "Bad", Kind::Bad);
        let told = with(&images, &[1, 2]);
        assert_eq!(told[1], "400-500 Bad Model A", "what is Bad is so whatever else is missing");
        let mut unjudged = every_100(2);
        unjudged.iter_mut().for_each(|m| m.verdict = None);
        let both = [every_100(1), unjudged].concat();
        assert_eq!(
            with(&both, &[1, 2]),
            ["0-1000 Unknown None B"],
            "it came, its model was silent"
        );
    }

    #[test]
    fn one_set_a_run_speaks_for_its_run() {
        let images = [image(1, 900, "Good", Kind::Fine), image(2, 901, "Bad", Kind::Bad)];
        assert_eq!(of(&declared(None), &images), ["0-1000 Bad Model B"]);
    }

    #[test]
    fn a_detector_that_nobody_judged_is_unknown() {
        assert_eq!(of(&declared(Some(100.0)), &[]), ["0-1000 Unknown None "]);
    }

    #[test]
    fn intervals_cover_the_run_without_hole_or_overlap() {
        let mut seed = 7_u64;
        let mut dice = |n: u64| {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % n
        };
        for _ in 0..200 {
            let images: Vec<Mention> = (0..dice(30))
                .map(|_| {
                    let kinds = [Kind::Fine, Kind::Bad, Kind::Unconfirmed, Kind::Neutral];
                    let kind = kinds[dice(4) as usize];
                    let label = if kind == Kind::Fine { "Good" } else { "Bad" };
                    image(1 + dice(2) as i32, dice(1_200) as i64 - 100, label, kind)
                })
                .collect();
            let watched = if dice(2) == 0 { HashSet::new() } else { HashSet::from([1, 2]) };
            let found = intervals(7, RUN, &declared(Some(60.0)), &images, &watched);
            assert_eq!((found[0].from_us, found[found.len() - 1].to_us), (0, 1_000));
            assert!(found.windows(2).all(|pair| pair[0].to_us == pair[1].from_us));
        }
    }

    #[test]
    fn csv_has_a_head_and_a_line_each() {
        let images = [image(1, 9, "Bad", Kind::Bad)];
        let intervals = intervals(7, RUN, &declared(None), &images, &HashSet::new());
        assert_eq!(
            csv(&intervals),
            "detector,run,from_us,to_us,verdict,source,plot_types\r\n\"DC\",7,0,1000,bad,model,\"A\"\r\n"
        );
    }
}
