//! A panel: one histogram of a canvas, with what is expected in it, its wiring and its look.

use crate::{
    conditions::Setting,
    physics::{Physics, Tweak, TweakKind},
    wiring::Wiring,
};

/// One axis, its bins equally wide.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub title: String,
    pub low: f64,
    pub high: f64,
    pub bins: usize,
}

impl Axis {
    pub fn new(title: &str, low: f64, high: f64, bins: usize) -> Self {
        Self { title: title.to_owned(), low, high, bins }
    }
    pub fn bin_width(&self) -> f64 {
        (self.high - self.low) / self.bins as f64
    }
    pub fn centre(&self, bin: usize) -> f64 {
        self.low + (bin as f64 + 0.5) * self.bin_width()
    }
}

/// A round cell of a map, in the units of the axes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disc {
    pub x: f64,
    pub y: f64,
    pub radius: f64,
}

/// How a panel's counts are shown.
#[derive(Clone, Debug)]
pub(crate) enum View {
    /// 1-D, from the baseline up; logarithmic if told so.
    Histogram { fill: Fill, log: bool },
    /// 2-D, a colour a cell; bin = row * columns + column, rows counted from below.
    Colours { log: bool },
    /// A map of round cells; bin = index.
    Discs(Vec<Disc>),
    /// Bin i and bin i + n are counts at + and -: points with error bars show their asymmetry.
    Asymmetry,
}

/// What a 1-D histogram is filled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// A line only, as ROOT does by default.
    Line,
    Blue,
    Green,
    Orange,
    Purple,
}

/// One histogram of a canvas.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub title: String,
    pub x: Axis,
    /// For a 1-D histogram only the title is used; for an asymmetry title and range.
    pub y: Axis,
    pub view: View,
    pub physics: Physics,
    pub wiring: Wiring,
    /// Which parametric faults make sense here.
    pub tweaks: Vec<TweakKind>,
    /// Whether a statistics box is shown.
    pub stats: bool,
    /// The colour scale of a map ends at its largest count, but not below this: so that chunks can be
    /// compared by eye.
    pub full_colour: u32,
}

impl Panel {
    /// Expected counts under `setting`, with a parametric fault or without.
    pub fn expected(&self, setting: &Setting, tweak: &Tweak) -> Vec<f64> {
        match &self.physics {
            Physics::Occupancy(occupancy) => occupancy.expected(setting),
            Physics::Spectrum(spectrum) => spectrum.expected(&self.x, setting, tweak),
            Physics::Columns(columns) => columns.expected(&self.x, &self.y, setting, tweak),
            Physics::Asymmetry(asymmetry) => asymmetry.expected(&self.x, setting, tweak),
        }
    }
}
