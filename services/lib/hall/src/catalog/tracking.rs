//! Drift chambers, straw chamber, silicon.

use super::{
    Behaviour, Card, Layout, PlotType, Scale, Style, channel_line, from_middle, pattern, plot_type,
    spectrum,
};
use crate::{
    conditions::normal,
    panel::{Axis, Disc, Fill, Panel, View},
    physics::{Band, Columns, Occupancy, Physics, Shape, Spot, TweakKind},
    wiring::Wiring,
};

const WIRES: usize = 112;
const LAYERS: usize = 36;
/// Straws on each of the 28 rings of the straw chamber.
const STRAWS: [usize; 28] = [
    42, 42, 54, 54, 66, 66, 80, 80, 93, 93, 106, 106, 123, 123, 135, 135, 146, 146, 158, 158, 170,
    170, 182, 182, 197, 197, 209, 209,
];

pub(super) fn plot_types(seed: u64) -> Vec<PlotType> {
    vec![
        dc_occupancy(seed),
        dc_time(),
        dc_residuals(seed),
        cdc_occupancy(seed),
        cdc_dedx(),
        svt_occupancy(seed),
    ]
}

fn card(
    name: &'static str,
    detector: &'static str,
    title: &'static str,
    guidance: &'static str,
) -> Card {
    Card { name, detector, group: "Tracking", title, guidance }
}

fn dc_occupancy(seed: u64) -> PlotType {
    let sector = |index: usize| {
        let wiring = Wiring::grid((WIRES, LAYERS), (16, 6), (28, 12));
        let mut random = pattern(seed, "DC_occupancy", index);
        let side = (std::f64::consts::TAU * index as f64 / 6.0).cos();
        let spots = (0..WIRES * LAYERS).map(|bin| {
            let (wire, layer) = (bin % WIRES, bin / WIRES);
            let weight = ((-(wire as f64) / 45.0).exp() + 0.25)
                * [1.0, 0.95, 0.8, 0.78, 0.7, 0.66][layer / 6];
            Spot { weight, radial: from_middle(wire, WIRES), side }
        });
        let occupancy = Occupancy::new(20_000.0, 0.08, spots, &wiring, &mut random);
        Panel {
            title: format!("Sector {}", index + 1),
            x: Axis::new("Wire", 1.0, 113.0, WIRES),
            y: Axis::new("Layer", 1.0, 37.0, LAYERS),
            view: View::Colours { log: false },
            physics: Physics::Occupancy(occupancy),
            wiring,
            tweaks: Vec::new(),
            stats: false,
            full_colour: 24,
        }
    };
    plot_type(
        card(
            "DC_occupancy",
            "DC",
            "DC occupancy",
            "Hits fall smoothly from low to high wire numbers, alike in all six sectors. Holes of \
             16 wires are boards without high voltage or readout.",
        ),
        Layout { size: (1380, 640), grid: (3, 2), style: Style::Groot, scale: Scale::Rainbow },
        (0..6).map(sector).collect(),
    )
}

fn dc_time() -> PlotType {
    let ends = [160.0, 180.0, 420.0, 480.0, 620.0, 700.0];
    let highs = [300.0, 300.0, 800.0, 800.0, 1000.0, 1000.0];
    let panel = |index: usize| {
        let (end, high) = (ends[index], highs[index]);
        let unit = high / 100.0;
        let drift = Shape::Drift { start: 2.0 * unit, rise: unit, end, fall: 3.0 * unit };
        spectrum(
            &format!("Superlayer {}", index + 1),
            Axis::new("Drift time (ns)", -0.1 * high, high, 110),
            &[(drift, 3_200.0), (Shape::Flat, 200.0)],
            &Behaviour {
                time_unit: 2.0 * unit,
                follows_gain: false,
                tweaks: &[TweakKind::Shift, TweakKind::Widen],
                fill: Fill::Blue,
            },
        )
    };
    plot_type(
        card(
            "DC_time",
            "DC",
            "DC drift time",
            "A steep rise at the time zero, a plateau, and an end that depends on the superlayer. \
             A moved rise is a wrong time zero.",
        ),
        Layout { size: (1380, 640), grid: (3, 2), style: Style::Groot, scale: Scale::Rainbow },
        (0..6).map(panel).collect(),
    )
}

fn dc_residuals(seed: u64) -> PlotType {
    let panel = |index: usize| {
        let mean = 0.002 * normal(&mut pattern(seed, "DC_residuals", index));
        spectrum(
            &format!("Sector {}", index + 1),
            Axis::new("Residual (cm)", -0.2, 0.2, 100),
            &[
                (Shape::Gauss { mean, sigma: 0.032 }, 1_900.0),
                (Shape::Gauss { mean, sigma: 0.08 }, 450.0),
                (Shape::Flat, 100.0),
            ],
            &Behaviour {
                time_unit: 0.02,
                follows_gain: false,
                tweaks: &[TweakKind::Shift, TweakKind::Widen],
                fill: Fill::Green,
            },
        )
    };
    plot_type(
        card(
            "DC_residuals",
            "DC",
            "DC time residuals",
            "Narrow peaks at zero, alike in all sectors. A shift means alignment or time zero, a \
             wider peak gas, pressure or calibration.",
        ),
        Layout { size: (1380, 640), grid: (3, 2), style: Style::Groot, scale: Scale::Rainbow },
        (0..6).map(panel).collect(),
    )
}

fn cdc_occupancy(seed: u64) -> PlotType {
    let radius_cm = |ring: usize| 10.7 + 1.65 * ring as f64;
    let straws: Vec<(usize, f64)> = STRAWS
        .iter()
        .enumerate()
        .flat_map(|(ring, &count)| {
            let turn = std::f64::consts::TAU / count as f64;
            // every second ring is staggered by half a straw
            let offset = 0.5 * (ring % 2) as f64;
            (0..count).map(move |straw| (ring, turn * (straw as f64 + offset)))
        })
        .collect();
    let disc = |&(ring, angle): &(usize, f64)| {
        let radius = radius_cm(ring);
        Disc { x: radius * angle.cos(), y: radius * angle.sin(), radius: 0.78 }
    };
    let spots = straws.iter().map(|&(ring, angle)| Spot {
        weight: radius_cm(ring).powf(-0.7) * (1.0 + 0.1 * angle.sin()),
        radial: from_middle(ring, STRAWS.len()),
        side: angle.cos(),
    });
    let wiring = Wiring::rings(&STRAWS, 12, 12, 4);
    let mut random = pattern(seed, "CDC_occupancy", 0);
    let occupancy = Occupancy::new(70_000.0, 0.07, spots, &wiring, &mut random);
    let panel = Panel {
        title: "CDC straw occupancy".to_owned(),
        x: Axis::new("x (cm)", -60.0, 60.0, 1),
        y: Axis::new("y (cm)", -60.0, 60.0, 1),
        view: View::Discs(straws.iter().map(disc).collect()),
        physics: Physics::Occupancy(occupancy),
        wiring,
        tweaks: Vec::new(),
        stats: true,
        full_colour: 70,
    };
    plot_type(
        card(
            "CDC_occupancy",
            "CDC",
            "CDC occupancy",
            "Hits fall smoothly from the inner to the outer rings, all round. White wedges or arcs \
             are high voltage boards that are off, a single bright straw is a hot channel.",
        ),
        Layout { size: (900, 800), grid: (1, 1), style: Style::Root, scale: Scale::Bird },
        vec![panel],
    )
}

fn cdc_dedx() -> PlotType {
    let (x, y) =
        (Axis::new("Momentum (GeV/c)", 0.2, 2.5, 60), Axis::new("dE/dx (keV/cm)", 0.0, 12.0, 60));
    // most probable loss over 1/beta^2, with the relativistic rise as a small logarithm
    let loss = |momentum: f64, mass: f64| {
        let ratio = momentum / mass;
        let beta_squared = ratio * ratio / (1.0 + ratio * ratio);
        1.9 / beta_squared * (1.0 + 0.06 * (1.0 + ratio).ln())
    };
    let particles = [(0.1396, 0.58), (0.4937, 0.10), (0.9383, 0.32)];
    let spectrum = |bin: usize| x.centre(bin) * (-x.centre(bin) / 0.45).exp();
    let sum: f64 = (0..x.bins).map(spectrum).sum();
    let column = |bin: usize| {
        let entries = 4_500.0 * spectrum(bin) / sum;
        let band = |&(mass, share): &(f64, f64)| {
            let mean = loss(x.centre(bin), mass);
            Band { mean, sigma: 0.11 * mean, entries: entries * share }
        };
        particles.iter().map(band).collect()
    };
    let columns = Columns {
        bands: (0..x.bins).map(column).collect(),
        background: vec![2.0; x.bins],
        time_unit: 0.0,
        follows_gain: true,
    };
    let panel = Panel {
        title: "dE/dx in the CDC".to_owned(),
        x,
        y,
        view: View::Colours { log: false },
        physics: Physics::Columns(columns),
        wiring: Wiring::default(),
        tweaks: vec![TweakKind::Gain, TweakKind::Widen],
        stats: true,
        full_colour: 0,
    };
    plot_type(
        card(
            "CDC_dedx",
            "CDC",
            "CDC dE/dx",
            "Pions lie flat near 2 keV/cm, protons rise steeply below 1 GeV/c. Bands that sit \
             higher or lower mean a wrong gain or gas pressure.",
        ),
        Layout { size: (1000, 640), grid: (1, 1), style: Style::Root, scale: Scale::Viridis },
        vec![panel],
    )
}

fn svt_occupancy(seed: u64) -> PlotType {
    let panel = |index: usize| {
        channel_line(
            &format!("Region {}", index + 1),
            Axis::new("Strip", 0.0, 256.0, 256),
            View::Histogram { fill: Fill::Orange, log: false },
            (256.0 * (30.0 - 4.0 * index as f64), 0.06),
            Wiring::line(256, 32, 64),
            |strip| 1.0 + 0.25 * (0.025 * strip as f64 + index as f64).sin(),
            &mut pattern(seed, "SVT_occupancy", index),
        )
    };
    plot_type(
        card(
            "SVT_occupancy",
            "SVT",
            "SVT strip occupancy",
            "Smooth over all strips of a region. Gaps of 32 strips are readout chips, single spikes \
             noisy strips.",
        ),
        Layout { size: (1380, 640), grid: (2, 2), style: Style::Groot, scale: Scale::Rainbow },
        (0..4).map(panel).collect(),
    )
}
