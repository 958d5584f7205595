//! Checks of the whole hall that need its inside: stated against measured strength, boxes.

use crate::{
    Fault, FaultKind, Hall, Moment, Painter, PlotType, Strength, chi2, measured_dchi2,
    render::{Look, Sheet},
};
use rayon::prelude::*;

const STRENGTHS: [Strength; 3] = [Strength::SUBTLE, Strength::MEDIUM, Strength::STRONG];

/// Every plot type with every fault that applies to it.
fn cases(hall: &Hall, kinds: impl Fn(FaultKind) -> bool) -> Vec<(&PlotType, Strength, FaultKind)> {
    let mut cases = Vec::new();
    for plot_type in hall.plot_types() {
        for strength in STRENGTHS {
            let kinds = hall.applicable(plot_type, strength).into_iter().filter(|k| kinds(*k));
            cases.extend(kinds.map(|kind| (plot_type, strength, kind)));
        }
    }
    cases
}

fn sum_over_bins(
    means: &[Vec<f64>],
    counts: &[Vec<u32>],
    term: impl Fn(usize, usize, f64, u32) -> f64,
) -> f64 {
    let mut sum = 0.0;
    for (panel, (means, counts)) in means.iter().zip(counts).enumerate() {
        for (bin, (&mean, &count)) in means.iter().zip(counts).enumerate() {
            sum += term(panel, bin, mean, count);
        }
    }
    sum
}

#[test]
fn the_stated_delta_chi_square_is_the_one_that_counts_show() {
    const CHUNKS: u32 = 40;
    let hall = Hall::new(11);
    let has_counts = |kind: FaultKind| kind.has_amplitude() && kind != FaultKind::LowStatistics;
    let worst = cases(&hall, has_counts).into_par_iter().map(|(plot_type, strength, kind)| {
        let onset = Moment { run: hall.first_run(), chunk: 1 };
        let fault = Fault { kind, strength, onset, seed: 3 };
        let (mut stated, mut measured, mut squares) = (0.0, 0.0, 0.0);
        for chunk in 1..=CHUNKS {
            let at = Moment { run: onset.run, chunk };
            let Ok(expected) = hall.expected(plot_type, at, &fault) else { return };
            let data = hall.data(plot_type, at, Some(&fault)).unwrap();
            stated += data.truth.fault.unwrap().expected_dchi2.unwrap();
            let shown =
                sum_over_bins(&expected.nominal, &data.counts, |panel, bin, mean, count| {
                    let faulty = expected.faulty[panel][bin];
                    if faulty == mean { 0.0 } else { measured_dchi2(mean, faulty, count) }
                });
            measured += shown;
            squares += shown * shown;
        }
        let n = f64::from(CHUNKS);
        let (stated, measured) = (stated / n, measured / n);
        let error = ((squares / n - measured * measured) / n).sqrt();
        let name = format!("{} {kind} {}", plot_type.name, strength.0);
        assert!((stated / strength.0 - 1.0).abs() < 0.002, "{name}: states {stated}");
        assert!((measured - stated).abs() < 4.5 * error, "{name}: {measured} +- {error}");
    });
    worst.collect::<Vec<_>>();
}

#[test]
fn the_stated_strength_is_what_a_chi_square_test_against_nominal_gains() {
    // low counts aside, where the chi-square of a bin is no longer one on average
    const CHUNKS: u32 = 40;
    let hall = Hall::new(12);
    for (name, kind) in [
        ("SVT_occupancy", FaultKind::DeadBoard),
        ("HTCC_occupancy", FaultKind::HotChannel),
        ("ECAL_occupancy", FaultKind::MissingSector),
        ("CDC_occupancy", FaultKind::Noise),
        ("BEAM_asymmetry", FaultKind::SwappedCables),
        ("DC_time", FaultKind::ShiftedPeak),
        ("ECAL_pi0", FaultKind::WrongGain),
    ] {
        let plot_type = hall.plot_type(name).unwrap();
        let onset = Moment { run: hall.first_run() + 1, chunk: 1 };
        let fault = Fault { kind, strength: Strength::STRONG, onset, seed: 1 };
        let mut gain = 0.0;
        for chunk in 1..=CHUNKS {
            let at = Moment { run: onset.run, chunk };
            let nominal = hall.expected(plot_type, at, &fault).unwrap().nominal;
            let of =
                |fault: Option<&Fault>| {
                    let counts = hall.data(plot_type, at, fault).unwrap().counts;
                    sum_over_bins(&nominal, &counts, |_, _, mean, count| {
                        if mean > 0.0 { chi2(mean, count) } else { 0.0 }
                    })
                };
            gain += (of(Some(&fault)) - of(None)) / f64::from(CHUNKS);
        }
        assert!((gain / 900.0 - 1.0).abs() < 0.12, "{name} {kind}: {gain}");
    }
}

#[test]
fn the_box_holds_what_a_local_fault_changes() {
    let hall = Hall::new(13);
    cases(&hall, FaultKind::is_local).into_par_iter().for_each_init(
        || (Painter::new(), Painter::new()),
        |(good, bad), (plot_type, strength, kind)| {
            let at = Moment { run: hall.first_run() + 40, chunk: 5 };
            let fault = Fault { kind, strength, onset: at, seed: 5 };
            if !hall.can_draw(plot_type, &fault) {
                return;
            }
            let nominal = hall.data(plot_type, at, None).unwrap();
            let faulty = hall.data(plot_type, at, Some(&fault)).unwrap();
            let look = Look::new(plot_type, None);
            let sheet = |counts| Sheet {
                plot_type,
                look: &look,
                header: &nominal.header,
                counts,
                // the same axes, colour scales and statistics, so that only bins differ
                scale: &nominal.counts,
            };
            good.paint(&sheet(&nominal.counts));
            bad.paint(&sheet(&faulty.counts));
            let (mut a, mut b) = (Vec::new(), Vec::new());
            good.rgb(&mut a);
            bad.rgb(&mut b);
            let truth = faulty.truth.fault.unwrap();
            assert!(truth.local);
            let (mut inside, mut all) = (0u64, 0u64);
            for (index, (a, b)) in a.chunks(3).zip(b.chunks(3)).enumerate() {
                let energy: u64 =
                    a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum();
                let (x, y) = (index as u32 % look.width, index as u32 / look.width);
                all += energy;
                inside += if truth.area.contains(x, y) { energy } else { 0 };
            }
            let name = format!("{} {kind} {}", plot_type.name, strength.0);
            assert!(all > 0, "{name} changes nothing");
            assert!(inside * 10 >= all * 9, "{name}: {inside} of {all} in {:?}", truth.area);
        },
    );
}

#[test]
fn the_header_tells_nothing_of_the_fault() {
    let hall = Hall::new(14);
    let mut painter = Painter::new();
    let at = Moment { run: hall.first_run() + 3, chunk: 7 };
    let plot_type = hall.plot_type("DC_occupancy").unwrap();
    hall.paint(&mut painter, plot_type, at, None).unwrap();
    let (mut good, header) = (Vec::new(), 3 * 26 * plot_type.width as usize);
    painter.rgb(&mut good);
    for kind in FaultKind::ALL {
        let onset = Moment { chunk: 5, ..at };
        let fault = Fault { kind, strength: Strength::MEDIUM, onset, seed: 9 };
        if !hall.can_draw(plot_type, &fault) {
            continue;
        }
        let (truth, _) = hall.paint(&mut painter, plot_type, at, Some(&fault)).unwrap();
        let mut bad = Vec::new();
        painter.rgb(&mut bad);
        if (truth.width, truth.height) == (plot_type.width, plot_type.height) {
            assert!(bad[..header] == good[..header], "{kind}");
        }
    }
}

#[test]
fn every_fault_that_applies_can_be_drawn_in_every_strength() {
    let hall = Hall::new(15);
    cases(&hall, |_| true).into_par_iter().for_each_init(Painter::new, |painter, case| {
        let (plot_type, strength, kind) = case;
        for seed in 0..3 {
            let at = Moment { run: hall.first_run() + 7 * seed as u32, chunk: 2 };
            let fault = Fault { kind, strength, onset: at, seed };
            if hall.can_draw(plot_type, &fault) {
                let drawn = hall.draw_with(painter, plot_type, at, Some(&fault)).unwrap();
                let truth = drawn.truth.fault.unwrap();
                assert_eq!(truth.kind, kind.name());
                let area = truth.area;
                assert!(area.x + area.width <= drawn.width && area.y + area.height <= drawn.height);
            }
        }
    });
}

#[test]
fn stuck_plots_repeat_the_chunk_before_their_onset_under_a_new_header() {
    let hall = Hall::new(16);
    let plot_type = hall.plot_type("FTOF_ADC").unwrap();
    let moment = |chunk| Moment { run: hall.first_run(), chunk };
    let fault = Fault {
        kind: FaultKind::StuckHistogram,
        strength: Strength::STRONG,
        onset: moment(4),
        seed: 0,
    };
    let before = hall.draw(plot_type, moment(3), None).unwrap();
    for chunk in [4, 5, 9] {
        let stuck = hall.draw(plot_type, moment(chunk), Some(&fault)).unwrap();
        assert_eq!(stuck.counts, before.counts);
        assert_ne!(stuck.png, before.png);
        assert_eq!(stuck.truth.label, "Bad");
    }
}
