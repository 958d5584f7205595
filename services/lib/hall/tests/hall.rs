//! The hall from outside: seeds, conditions, plot types, scenarios, samples.

#![allow(clippy::unwrap_used)]

use hydra_hall::{
    Fault, FaultKind, Hall, Mix, Moment, Painter, Scenario, Strength, Trouble, Truth,
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// One hash a plot type, a bad plot in three.
fn hashes(hall: &Hall, reverse: bool) -> Vec<String> {
    let mut plot_types: Vec<usize> = (0..hall.plot_types().len()).collect();
    if reverse {
        plot_types.reverse();
    }
    let mut hashes: Vec<(usize, String)> = plot_types
        .into_par_iter()
        .map_init(Painter::new, |painter, index| {
            let plot_type = &hall.plot_types()[index];
            let mut hash = Sha256::new();
            for chunk in 1..=3 {
                let at = Moment { run: hall.first_run() + 5, chunk };
                let fault = Fault {
                    kind: FaultKind::LowStatistics,
                    strength: Strength::MEDIUM,
                    onset: at,
                    seed: 1,
                };
                let fault = (chunk == 3).then_some(&fault);
                let drawn = hall.draw_with(painter, plot_type, at, fault).unwrap();
                hash.update(&drawn.png);
                hash.update(serde_json::to_vec(&drawn.truth).unwrap());
            }
            (index, format!("{:x?}", hash.finalize()))
        })
        .collect();
    hashes.sort();
    hashes.into_iter().map(|(_, hash)| hash).collect()
}

#[test]
fn the_same_seed_draws_the_same_bytes_in_any_order_and_another_draws_others() {
    let first = hashes(&Hall::new(7), false);
    assert_eq!(first, hashes(&Hall::new(7), true));
    let other = hashes(&Hall::new(8), false);
    assert!(first.iter().zip(&other).all(|(a, b)| a != b));
    assert_eq!(first.iter().collect::<BTreeSet<_>>().len(), first.len());
}

#[test]
fn there_are_plots_enough_of_every_sort() {
    let hall = Hall::new(1);
    let plot_types = hall.plot_types();
    assert!(plot_types.len() >= 16);
    let detectors: BTreeSet<&str> = plot_types.iter().map(|p| p.detector).collect();
    assert!(detectors.len() >= 6);
    let names: BTreeSet<&str> = plot_types.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names.len(), plot_types.len());
    assert!(names.contains("Faraday Cup"), "a name with a space");
    assert!(plot_types.iter().any(|p| p.panel_count() == 9 && (p.width, p.height) == (1380, 640)));
    assert!(plot_types.iter().any(|p| p.panel_count() == 1));
    assert!(plot_types.iter().all(|p| !p.guidance.is_empty() && p.labels[0].as_str() == "Good"));
    assert!(hall.plot_type("DC_nothing").is_err());
}

#[test]
fn every_kind_of_fault_applies_to_some_plot_in_medium_strength() {
    let hall = Hall::new(1);
    for kind in FaultKind::ALL {
        let on = |p: &&hydra_hall::PlotType| hall.applies(p, kind, Strength::MEDIUM);
        assert!(hall.plot_types().iter().filter(on).count() >= 4, "{kind}");
    }
}

#[test]
fn conditions_stay_within_a_group_of_runs_and_change_with_the_next() {
    let hall = Hall::new(2);
    let runs = hall.first_run()..hall.first_run() + 60;
    let conditions: Vec<_> = runs.map(|run| hall.conditions(run)).collect();
    let mut changes = 0;
    for pair in conditions.windows(2) {
        assert_eq!(pair[0].group == pair[1].group, pair[0] == pair[1]);
        changes += usize::from(pair[0].group != pair[1].group);
    }
    assert!((5..=12).contains(&changes), "{changes}");
    let targets: BTreeSet<&str> = conditions.iter().map(|c| c.target.as_str()).collect();
    assert!(targets.len() >= 2);
}

#[test]
fn a_pair_differs_only_where_the_fault_is() {
    let hall = Hall::new(3);
    let plot_type = hall.plot_type("SVT_occupancy").unwrap();
    let at = Moment { run: hall.first_run(), chunk: 2 };
    let fault =
        Fault { kind: FaultKind::DeadBoard, strength: Strength::STRONG, onset: at, seed: 4 };
    let (good, bad) = hall.draw_pair(&mut Painter::new(), plot_type, at, &fault).unwrap();
    assert_eq!((good.truth.label.as_str(), bad.truth.label.as_str()), ("Good", "Bad"));
    let panel = bad.truth.fault.unwrap().panel.unwrap();
    for (index, (good, bad)) in good.counts.iter().zip(&bad.counts).enumerate() {
        let changed = good.iter().zip(bad).filter(|(a, b)| a != b).count();
        assert!(if index == panel { (20..=32).contains(&changed) } else { changed == 0 });
        assert!(good.iter().zip(bad).all(|(good, bad)| bad <= good));
    }
}

#[test]
fn truth_survives_its_file() {
    let hall = Hall::new(4);
    let plot_type = hall.plot_type("FCAL_occupancy").unwrap();
    let at = Moment { run: hall.first_run(), chunk: 2 };
    let fault =
        Fault { kind: FaultKind::HotChannel, strength: Strength::SUBTLE, onset: at, seed: 4 };
    let truth = hall.draw(plot_type, at, Some(&fault)).unwrap().truth;
    assert_eq!(truth.label, "HotChannel");
    let text = serde_json::to_string(&truth).unwrap();
    assert!(text.contains("\"box\":{\"x\":"));
    assert_eq!(serde_json::from_str::<Truth>(&text).unwrap(), truth);
}

#[test]
fn samples_are_distinct_and_mixed_as_told() {
    let hall = Hall::new(5);
    let runs = hall.first_run()..hall.first_run() + 60;
    for name in ["BEAM_asymmetry", "CDC_occupancy"] {
        let plot_type = hall.plot_type(name).unwrap();
        let mix = Mix { bad_share: 0.25, ..Mix::default() };
        let samples = hall.samples(plot_type, 200, runs.clone(), &mix, 1);
        assert_eq!(samples.len(), 200);
        let distinct: BTreeSet<Moment> = samples.iter().map(|sample| sample.at).collect();
        assert_eq!(distinct.len(), 200);
        let faults: Vec<Fault> = samples.iter().filter_map(|sample| sample.fault).collect();
        assert_eq!(faults.len(), 50);
        assert!(faults.iter().all(|fault| fault.kind != FaultKind::StuckHistogram));
        assert!(faults.iter().all(|fault| hall.can_draw(plot_type, fault)));
        let kinds: BTreeSet<FaultKind> = faults.iter().map(|fault| fault.kind).collect();
        assert!(kinds.len() >= 5, "{kinds:?}");
        assert_eq!(samples, hall.samples(plot_type, 200, runs.clone(), &mix, 1));
        assert_ne!(samples, hall.samples(plot_type, 200, runs.clone(), &mix, 2));
    }
}

#[test]
fn a_scenario_starts_quiet_and_its_faults_come_and_go() {
    let hall = Hall::new(6);
    let from = Moment { run: hall.first_run(), chunk: 3 };
    let trouble = Trouble::default();
    let scenario = Scenario::random(&hall, from, 150, &trouble, 1);
    assert_eq!(scenario, Scenario::random(&hall, from, 150, &trouble, 1));
    let moments: Vec<Moment> = hall.moments(from).take(150).collect();
    let (mut bad, mut shown) = (0, BTreeSet::new());
    for plot_type in hall.plot_types() {
        for (index, &at) in moments.iter().enumerate() {
            let Some(fault) = scenario.fault(&plot_type.name, at) else { continue };
            assert!(index >= 10 && fault.onset <= at);
            bad += 1;
            shown.insert(fault.kind);
        }
    }
    let share = f64::from(bad) / (moments.len() * hall.plot_types().len()) as f64;
    assert!((0.03..0.25).contains(&share), "{share}");
    assert!(shown.len() >= 8, "{shown:?}");
    let name = &hall.plot_types()[0].name;
    assert_eq!(Scenario::quiet().fault(name, moments[50]), None);
}

#[test]
fn the_hall_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>(_: &T) {}
    shared(&Hall::new(1));
}
