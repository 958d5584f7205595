//! Time of flight and the accelerator's radio frequency.

use super::{Behaviour, Card, Layout, PlotType, Scale, Style, pattern, plot_type, spectrum};
use crate::{
    conditions::normal,
    panel::{Axis, Fill, Panel, View},
    physics::{Band, Columns, Physics, Shape, TweakKind},
    wiring::Wiring,
};

/// Of one panel of the array; wide enough for single paddles to be seen.
const PADDLES: usize = 23;
const TIME_BINS: usize = 48;

pub(super) fn plot_types(seed: u64) -> Vec<PlotType> {
    vec![
        ftof_time(seed),
        ftof_adc(seed),
        rf_selftiming("RF_selftiming-01", "RF self timing, signal 1", 0.20),
        rf_selftiming("RF_selftiming-02", "RF self timing, signal 2", 0.24),
    ]
}

fn card(
    name: &'static str,
    detector: &'static str,
    title: &'static str,
    guidance: &'static str,
) -> Card {
    Card { name, detector, group: "Time of flight", title, guidance }
}

fn ftof_time(seed: u64) -> PlotType {
    let panel = |index: usize| {
        let mut random = pattern(seed, "FTOF_time", index);
        let bands = (0..PADDLES).map(|paddle| {
            let rate = (-(paddle as f64) / 18.0).exp() + 0.3;
            let mean = 0.25 * normal(&mut random);
            vec![Band { mean, sigma: 0.33, entries: 150.0 * rate }]
        });
        let columns = Columns {
            bands: bands.collect(),
            background: vec![8.0; PADDLES],
            time_unit: 0.33,
            follows_gain: false,
        };
        Panel {
            title: format!("Sector {}", index + 1),
            x: Axis::new("Paddle", 1.0, 24.0, PADDLES),
            y: Axis::new("Time offset (ns)", -3.0, 3.0, TIME_BINS),
            view: View::Colours { log: false },
            physics: Physics::Columns(columns),
            wiring: Wiring::columns((PADDLES, TIME_BINS), 4, 8),
            tweaks: vec![TweakKind::Shift, TweakKind::Widen],
            stats: false,
            full_colour: 30,
        }
    };
    plot_type(
        card(
            "FTOF_time",
            "FTOF",
            "FTOF time offset by paddle",
            "Every paddle lies near zero within half a nanosecond. Paddles that jump together are a \
             board with a wrong time zero, empty columns are dead.",
        ),
        Layout { size: (1380, 640), grid: (3, 2), style: Style::Groot, scale: Scale::Rainbow },
        (0..6).map(panel).collect(),
    )
}

fn ftof_adc(seed: u64) -> PlotType {
    let panel = |index: usize| {
        let peak = 620.0 * (1.0 + 0.01 * normal(&mut pattern(seed, "FTOF_ADC", index)));
        spectrum(
            &format!("Sector {}", index + 1),
            Axis::new("ADC channel", 0.0, 2000.0, 80),
            &[
                (Shape::Moyal { peak, width: 75.0 }, 1_300.0),
                (Shape::Exponential { scale: 160.0 }, 300.0),
            ],
            &Behaviour {
                time_unit: 0.0,
                follows_gain: true,
                tweaks: &[TweakKind::Gain, TweakKind::Widen],
                fill: Fill::Orange,
            },
        )
    };
    plot_type(
        card(
            "FTOF_ADC",
            "FTOF",
            "FTOF energy loss",
            "Minimum ionising particles peak near channel 620 in every sector, with a long tail. A \
             peak that moved is a wrong gain.",
        ),
        Layout { size: (1380, 640), grid: (3, 2), style: Style::Groot, scale: Scale::Rainbow },
        (0..6).map(panel).collect(),
    )
}

fn rf_selftiming(name: &'static str, title: &'static str, sigma: f64) -> PlotType {
    let panel = spectrum(
        title,
        Axis::new("Time difference (ns)", -5.0, 5.0, 200),
        &[(Shape::Comb { period: 2.004, sigma }, 2_400.0), (Shape::Flat, 120.0)],
        &Behaviour {
            time_unit: sigma,
            follows_gain: false,
            tweaks: &[TweakKind::Shift, TweakKind::Widen],
            fill: Fill::Line,
        },
    );
    plot_type(
        card(
            name,
            "RF",
            title,
            "Peaks every 2 ns, the middle one at zero, equally wide. Filled valleys mean jitter, a \
             moved comb a slipped phase.",
        ),
        Layout { size: (800, 600), grid: (1, 1), style: Style::Root, scale: Scale::Bird },
        vec![panel],
    )
}
