//! The plot types of the simulated hall: what each shows, to whom it matters and how to read it.

mod beam;
mod calorimetry;
mod timing;
mod tracking;

use crate::{
    panel::{Axis, Fill, Panel, View},
    physics::{Occupancy, Physics, Shape, Spectrum, Spot, TweakKind},
    seed,
    wiring::Wiring,
};
use hydra_proto::{Label, PlotTypeName};
use rand_chacha::ChaCha8Rng;

/// Seconds between two plots of one type.
const CADENCE_S: u32 = 300;

/// Said of an occupancy plot where one channel counts far too often.
pub(crate) const HOT_CHANNEL: &str = "HotChannel";

/// Which drawing program a plot looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// Framed pads, statistics boxes, ticks inside.
    Root,
    /// Filled histograms, bold titles.
    Groot,
}

/// Colour scales of maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    Bird,
    Viridis,
    Rainbow,
}

/// One sort of plot, as a hall's catalog declares it.
#[derive(Clone, Debug)]
pub struct PlotType {
    /// Unique in the hall.
    pub name: PlotTypeName,
    /// What it monitors, e.g. `DC`.
    pub detector: &'static str,
    /// On top of the canvas.
    pub title: &'static str,
    /// Cards are grouped by this.
    pub group: &'static str,
    /// What a shift taker should look for.
    pub guidance: &'static str,
    /// Whom to call.
    pub contact: &'static str,
    /// Every label that an expert may give; the first is `Good`.
    pub labels: Vec<Label>,
    /// Seconds between two plots.
    pub cadence_s: u32,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Panels across.
    pub columns: u32,
    /// Panels down.
    pub rows: u32,
    pub(crate) style: Style,
    pub(crate) scale: Scale,
    pub(crate) panels: Vec<Panel>,
}

impl PlotType {
    /// How many histograms are on the canvas.
    pub fn panel_count(&self) -> usize {
        self.panels.len()
    }

    /// Whether every cell of the canvas is a channel, so that single channels can fail.
    pub fn shows_channels(&self) -> bool {
        self.panels.iter().any(|panel| !panel.wiring.is_empty())
    }
}

/// Every plot type, with the patterns that belong to `seed`.
pub(crate) fn plot_types(seed: u64) -> Vec<PlotType> {
    [tracking::plot_types, calorimetry::plot_types, timing::plot_types, beam::plot_types]
        .iter()
        .flat_map(|of| of(seed))
        .collect()
}

/// What a plot type is called and whose it is.
struct Card {
    name: &'static str,
    detector: &'static str,
    group: &'static str,
    title: &'static str,
    guidance: &'static str,
}

/// How the canvas is laid out.
struct Layout {
    size: (u32, u32),
    grid: (u32, u32),
    style: Style,
    scale: Scale,
}

fn plot_type(card: Card, layout: Layout, panels: Vec<Panel>) -> PlotType {
    let contact = match card.group {
        "Tracking" => "tracking on call, 5101",
        "Calorimetry" => "calorimeter on call, 5102",
        "Time of flight" => "timing on call, 5103",
        _ => "shift leader, 5100",
    };
    let mut labels = vec![Label::GOOD, Label::BAD, Label::NO_DATA];
    if matches!(card.name, "CDC_occupancy" | "FCAL_occupancy") {
        labels.push(HOT_CHANNEL);
    }
    let parsed = labels.iter().map(|label| label.parse().expect("a label that is spelt here"));
    PlotType {
        name: card.name.parse().expect("a name that is spelt here"),
        detector: card.detector,
        title: card.title,
        group: card.group,
        guidance: card.guidance,
        contact,
        labels: parsed.collect(),
        cadence_s: CADENCE_S,
        width: layout.size.0,
        height: layout.size.1,
        columns: layout.grid.0,
        rows: layout.grid.1,
        style: layout.style,
        scale: layout.scale,
        panels,
    }
}

/// The fixed pattern of one panel: efficiencies, calibration constants.
fn pattern(seed: u64, name: &str, panel: usize) -> ChaCha8Rng {
    seed::stream(seed, "pattern", &[seed::text(name), panel as u64])
}

/// A number from -1 at the first to 1 at the last of `count`.
fn from_middle(index: usize, count: usize) -> f64 {
    if count < 2 { 0.0 } else { 2.0 * index as f64 / (count - 1) as f64 - 1.0 }
}

/// A 1-D panel with a channel a bin.
fn channel_line(
    title: &str,
    x: Axis,
    view: View,
    entries_and_spread: (f64, f64),
    wiring: Wiring,
    weight: impl Fn(usize) -> f64,
    random: &mut ChaCha8Rng,
) -> Panel {
    let spots = (0..x.bins).map(|bin| Spot {
        weight: weight(bin),
        radial: from_middle(bin, x.bins),
        side: 0.0,
    });
    let (entries, spread) = entries_and_spread;
    let occupancy = Occupancy::new(entries, spread, spots, &wiring, random);
    Panel {
        title: title.to_owned(),
        x,
        y: Axis::new("Counts", 0.0, 1.0, 1),
        view,
        physics: Physics::Occupancy(occupancy),
        wiring,
        tweaks: Vec::new(),
        stats: true,
        full_colour: 0,
    }
}

/// What a spectrum follows and how it can be distorted.
struct Behaviour<'a> {
    /// How far a time offset of one resolution moves the peaks, in units of the axis.
    time_unit: f64,
    follows_gain: bool,
    tweaks: &'a [TweakKind],
    fill: Fill,
}

/// A 1-D panel with peaks and background, each with its entries in a nominal chunk.
fn spectrum(title: &str, x: Axis, parts: &[(Shape, f64)], behaviour: &Behaviour<'_>) -> Panel {
    let physics = Spectrum::new(&x, parts, behaviour.time_unit, behaviour.follows_gain);
    Panel {
        title: title.to_owned(),
        x,
        y: Axis::new("Counts", 0.0, 1.0, 1),
        view: View::Histogram { fill: behaviour.fill, log: false },
        physics: Physics::Spectrum(physics),
        wiring: Wiring::default(),
        tweaks: behaviour.tweaks.to_vec(),
        stats: true,
        full_colour: 0,
    }
}
