//! Beam diagnostics and the trigger.

use super::{
    Behaviour, Card, Layout, PlotType, Scale, Style, channel_line, pattern, plot_type, spectrum,
};
use crate::{
    conditions::normal,
    panel::{Axis, Fill, Panel, View},
    physics::{Asymmetry, Band, Columns, Physics, Shape, TweakKind},
    wiring::Wiring,
};

pub(super) fn plot_types(seed: u64) -> Vec<PlotType> {
    vec![beam_asymmetry(), beam_position(), faraday_cup(seed), trigger_bits(seed)]
}

fn card(
    name: &'static str,
    detector: &'static str,
    title: &'static str,
    guidance: &'static str,
) -> Card {
    Card { name, detector, group: "Beam and trigger", title, guidance }
}

fn asymmetry(title: &str, x: Axis, half_range: f64, physics: Asymmetry) -> Panel {
    Panel {
        title: title.to_owned(),
        x,
        y: Axis::new("Asymmetry", -half_range, half_range, 1),
        view: View::Asymmetry,
        physics: Physics::Asymmetry(physics),
        wiring: Wiring::default(),
        tweaks: vec![TweakKind::Gain],
        stats: false,
        full_colour: 0,
    }
}

fn beam_asymmetry() -> PlotType {
    let by_angle =
        Asymmetry { entries: 60_000.0, offset: 0.0, amplitude: 0.14, phase: 0.0, period: 360.0 };
    let by_time =
        Asymmetry { entries: 60_000.0, offset: 0.0, amplitude: 0.09, phase: 0.0, period: 0.0 };
    let mut first =
        asymmetry("Beam spin asymmetry", Axis::new("Angle (deg)", 0.0, 360.0, 24), 0.3, by_angle);
    first.tweaks.push(TweakKind::Shift);
    let second =
        asymmetry("Asymmetry in this chunk", Axis::new("Time (s)", 0.0, 300.0, 20), 0.25, by_time);
    plot_type(
        card(
            "BEAM_asymmetry",
            "BEAM",
            "Beam spin asymmetry",
            "A sine wave of about 0.12 over the angle, and a steady 0.08 over time. An upside-down \
             wave is a flipped helicity signal, a flat one a lost polarisation.",
        ),
        Layout { size: (1380, 640), grid: (2, 1), style: Style::Root, scale: Scale::Bird },
        vec![first, second],
    )
}

fn beam_position() -> PlotType {
    const BINS: usize = 50;
    let panel = |(title, centre, sigma): (&str, f64, f64)| {
        let (x, y) = (Axis::new("x (mm)", -3.0, 3.0, BINS), Axis::new("y (mm)", -3.0, 3.0, BINS));
        let column = |bin: usize| {
            let z = (x.centre(bin) - centre) / sigma;
            let share = (-0.5 * z * z).exp() * x.bin_width() / (2.5066 * sigma);
            vec![Band { mean: -0.5 * centre, sigma: 0.8 * sigma, entries: 2_500.0 * share }]
        };
        let columns = Columns {
            bands: (0..BINS).map(column).collect(),
            background: vec![2.0; BINS],
            time_unit: 0.5 * sigma,
            follows_gain: false,
        };
        Panel {
            title: title.to_owned(),
            x,
            y,
            view: View::Colours { log: false },
            physics: Physics::Columns(columns),
            wiring: Wiring::default(),
            tweaks: vec![TweakKind::Shift, TweakKind::Widen],
            stats: true,
            full_colour: 0,
        }
    };
    plot_type(
        card(
            "BEAM_position",
            "BEAM",
            "Beam position",
            "One round spot on each monitor, below a millimetre wide, near the middle. A moved or \
             wide spot: call the accelerator.",
        ),
        Layout { size: (1200, 600), grid: (2, 1), style: Style::Root, scale: Scale::Viridis },
        [("Monitor 2C24", 0.3, 0.55), ("Monitor 2H01", -0.2, 0.75)].map(panel).into(),
    )
}

fn faraday_cup(seed: u64) -> PlotType {
    let peak = |title: &str, axis: Axis, mean: f64, sigma: f64| {
        spectrum(
            title,
            axis,
            &[(Shape::Gauss { mean, sigma }, 1_200.0), (Shape::Flat, 40.0)],
            &Behaviour {
                time_unit: 0.5 * sigma,
                follows_gain: false,
                tweaks: &[TweakKind::Shift, TweakKind::Widen],
                fill: Fill::Green,
            },
        )
    };
    let current = channel_line(
        "Counts in this chunk",
        Axis::new("Time (s)", 0.0, 300.0, 60),
        View::Histogram { fill: Fill::Blue, log: false },
        (6_000.0, 0.0),
        Wiring::default(),
        |_| 1.0,
        &mut pattern(seed, "Faraday Cup", 1),
    );
    let charge =
        Asymmetry { entries: 30_000.0, offset: 0.0, amplitude: 0.01, phase: 0.0, period: 0.0 };
    let mut charge_asymmetry =
        asymmetry("Charge asymmetry", Axis::new("Time (s)", 0.0, 300.0, 15), 0.15, charge);
    charge_asymmetry.tweaks.clear();
    plot_type(
        card(
            "Faraday Cup",
            "BEAM",
            "Faraday cup",
            "Charge and live time peak sharply, the rate is steady over the chunk, the charge \
             asymmetry is close to zero. Steps in the rate are beam trips.",
        ),
        Layout { size: (1380, 640), grid: (2, 2), style: Style::Groot, scale: Scale::Rainbow },
        vec![
            peak("Charge by helicity window", Axis::new("Charge (pC)", 20.0, 80.0, 60), 50.0, 4.5),
            current,
            charge_asymmetry,
            peak("Live time", Axis::new("Live time (%)", 80.0, 100.0, 60), 92.0, 1.6),
        ],
    )
}

fn trigger_bits(seed: u64) -> PlotType {
    let mut random = pattern(seed, "TRG_bits", 1);
    // which bits are enabled is part of the trigger menu; rates span two orders of magnitude
    let weights: Vec<f64> = (0..32)
        .map(|bit| if bit % 8 < 5 { (4.6 + 1.1 * normal(&mut random)).exp() } else { 0.0 })
        .map(|weight| if weight > 0.0 { weight.max(20.0) } else { 0.0 })
        .collect();
    let panel = channel_line(
        "Trigger bits",
        Axis::new("Bit", 0.0, 32.0, 32),
        View::Histogram { fill: Fill::Line, log: true },
        (weights.iter().sum(), 0.03),
        Wiring::line(32, 8, 16),
        |bit| weights[bit],
        &mut pattern(seed, "TRG_bits", 0),
    );
    plot_type(
        card(
            "TRG_bits",
            "TRG",
            "Trigger bits",
            "Every enabled bit fires, at rates that change little within a run group. A missing bit \
             is a lost trigger input.",
        ),
        Layout { size: (1000, 640), grid: (1, 1), style: Style::Root, scale: Scale::Bird },
        vec![panel],
    )
}
