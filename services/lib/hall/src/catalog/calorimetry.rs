//! Calorimeters and the Cherenkov counter.

use super::{
    Behaviour, Card, Layout, PlotType, Scale, Style, channel_line, from_middle, pattern, plot_type,
    spectrum,
};
use crate::{
    conditions::normal,
    panel::{Axis, Fill, Panel, View},
    physics::{Occupancy, Physics, Shape, Spot, TweakKind},
    wiring::Wiring,
};

const SECTORS: usize = 6;
/// Lead glass blocks across and down.
const BLOCKS: usize = 59;

pub(super) fn plot_types(seed: u64) -> Vec<PlotType> {
    vec![
        ecal_occupancy(seed),
        ecal_pi0(seed),
        fcal_occupancy(seed),
        htcc_occupancy(seed),
        htcc_nphe(seed),
    ]
}

fn card(
    name: &'static str,
    detector: &'static str,
    title: &'static str,
    guidance: &'static str,
) -> Card {
    Card { name, detector, group: "Calorimetry", title, guidance }
}

fn ecal_occupancy(seed: u64) -> PlotType {
    let panel = |index: usize| {
        let stack = ["PCAL", "ECin", "ECout"][index / 3];
        let view = ["U", "V", "W"][index % 3];
        let strips = if index < 3 { 68 } else { 36 };
        let per_cell = [40.0, 50.0, 34.0][index / 3];
        let wiring = Wiring::grid((strips, SECTORS), (12, 1), (strips / 2, 2));
        let mut random = pattern(seed, "ECAL_occupancy", index);
        let spots = (0..strips * SECTORS).map(|bin| {
            let strip = from_middle(bin % strips, strips);
            let angle = std::f64::consts::TAU * (bin / strips) as f64 / SECTORS as f64;
            Spot { weight: 1.2 - 0.5 * strip * strip, radial: strip, side: angle.cos() }
        });
        let entries = per_cell * (strips * SECTORS) as f64;
        let occupancy = Occupancy::new(entries, 0.07, spots, &wiring, &mut random);
        Panel {
            title: format!("{stack} {view}"),
            x: Axis::new("Strip", 1.0, 1.0 + strips as f64, strips),
            y: Axis::new("Sector", 0.5, 6.5, SECTORS),
            view: View::Colours { log: false },
            physics: Physics::Occupancy(occupancy),
            wiring,
            tweaks: Vec::new(),
            stats: false,
            full_colour: 0,
        }
    };
    plot_type(
        card(
            "ECAL_occupancy",
            "ECAL",
            "ECAL occupancy",
            "Six rows, one a sector, alike but for fixed differences between strips. Dark steps \
             within one row are boards, a dark double row is a crate.",
        ),
        Layout { size: (1380, 640), grid: (3, 3), style: Style::Groot, scale: Scale::Rainbow },
        (0..9).map(panel).collect(),
    )
}

fn ecal_pi0(seed: u64) -> PlotType {
    let panel = |index: usize| {
        let mean = 0.135 + 0.0006 * normal(&mut pattern(seed, "ECAL_pi0", index));
        spectrum(
            &format!("Sector {}", index + 1),
            Axis::new("Two-photon mass (GeV)", 0.0, 0.3, 60),
            &[
                (Shape::Gauss { mean, sigma: 0.014 }, 800.0),
                (Shape::Exponential { scale: 0.13 }, 350.0),
                (Shape::Flat, 300.0),
            ],
            &Behaviour {
                time_unit: 0.0,
                follows_gain: true,
                tweaks: &[TweakKind::Gain, TweakKind::Widen],
                fill: Fill::Blue,
            },
        )
    };
    plot_type(
        card(
            "ECAL_pi0",
            "ECAL",
            "ECAL two-photon mass",
            "The neutral pion stands at 0.135 GeV in every sector, about 14 MeV wide. Elsewhere, the \
             gains of that sector are wrong.",
        ),
        Layout { size: (1380, 640), grid: (3, 2), style: Style::Groot, scale: Scale::Rainbow },
        (0..6).map(panel).collect(),
    )
}

fn fcal_occupancy(seed: u64) -> PlotType {
    let wiring = Wiring::grid((BLOCKS, BLOCKS), (4, 4), (15, 15));
    let mut random = pattern(seed, "FCAL_occupancy", 0);
    let middle = (BLOCKS / 2) as f64;
    let spots = (0..BLOCKS * BLOCKS).map(|bin| {
        let (x, y) = ((bin % BLOCKS) as f64 - middle, (bin / BLOCKS) as f64 - middle);
        let radius = x.hypot(y);
        let hole = x.abs() < 2.0 && y.abs() < 2.0;
        let weight = if hole || radius > 28.8 { 0.0 } else { 1.0 / (1.0 + (radius / 9.0).powi(2)) };
        Spot { weight, radial: 2.0 * radius / 28.8 - 1.0, side: x / 28.8 }
    });
    let occupancy = Occupancy::new(50_000.0, 0.07, spots, &wiring, &mut random);
    let panel = Panel {
        title: "FCAL occupancy".to_owned(),
        x: Axis::new("Column", 0.0, 59.0, BLOCKS),
        y: Axis::new("Row", 0.0, 59.0, BLOCKS),
        view: View::Colours { log: false },
        physics: Physics::Occupancy(occupancy),
        wiring,
        tweaks: Vec::new(),
        stats: true,
        full_colour: 0,
    };
    plot_type(
        card(
            "FCAL_occupancy",
            "FCAL",
            "FCAL occupancy",
            "Bright round the beam hole, falling all round to the rim. Dark squares of 4 by 4 are \
             boards, single bright blocks hot channels.",
        ),
        Layout { size: (900, 800), grid: (1, 1), style: Style::Root, scale: Scale::Bird },
        vec![panel],
    )
}

fn htcc_occupancy(seed: u64) -> PlotType {
    let panel = channel_line(
        "Hits by photomultiplier",
        Axis::new("Channel", 1.0, 49.0, 48),
        View::Histogram { fill: Fill::Line, log: false },
        (48.0 * 130.0, 0.06),
        Wiring::line(48, 8, 16),
        |channel| [1.0, 0.82, 0.7, 0.9][channel % 4] * (1.0 + 0.1 * (channel / 8 % 3) as f64),
        &mut pattern(seed, "HTCC_occupancy", 0),
    );
    plot_type(
        card(
            "HTCC_occupancy",
            "HTCC",
            "HTCC occupancy",
            "Every channel counts; the pattern of four rings repeats over the sectors. Broken \
             repetition means dead or swapped channels.",
        ),
        Layout { size: (800, 600), grid: (1, 1), style: Style::Root, scale: Scale::Bird },
        vec![panel],
    )
}

fn htcc_nphe(seed: u64) -> PlotType {
    let panel = |index: usize| {
        let scatter = 0.02 * normal(&mut pattern(seed, "HTCC_nphe", index));
        let median = (9.0 + (index / 2) as f64) * (1.0 + scatter);
        spectrum(
            &format!("Ring {} {}", index / 2 + 1, ["left", "right"][index % 2]),
            Axis::new("Photoelectrons", 0.0, 40.0, 80),
            &[
                (Shape::LogNormal { median, sigma: 0.42 }, 900.0),
                (Shape::Exponential { scale: 1.6 }, 120.0),
            ],
            &Behaviour {
                time_unit: 0.0,
                follows_gain: true,
                tweaks: &[TweakKind::Gain, TweakKind::Widen],
                fill: Fill::Purple,
            },
        )
    };
    plot_type(
        card(
            "HTCC_nphe",
            "HTCC",
            "HTCC photoelectrons",
            "A broad peak near ten photoelectrons over a small pedestal, growing from ring 1 to 4. \
             Lower or higher on one side only: wrong gain or a dirty mirror.",
        ),
        Layout { size: (1380, 640), grid: (4, 2), style: Style::Groot, scale: Scale::Rainbow },
        (0..8).map(panel).collect(),
    )
}
