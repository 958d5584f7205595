//! Faults of the drawing program: the counts are right, the picture is not the usual one.

use crate::{
    catalog::PlotType,
    panel::{Panel, View},
};
use rand::{Rng, RngExt, seq::IndexedRandom};

/// What is drawn otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LayoutFault {
    /// The horizontal axis of a panel is booked twice as long.
    Range(usize),
    /// A panel's counts are on a logarithmic scale, or no longer are.
    Logarithm(usize),
    /// The two axes of a panel are exchanged.
    Exchanged(usize),
    /// Rows and columns of the canvas are exchanged.
    Grid,
    /// The first panel is gone, the others move up.
    Missing,
    /// The panels come in reverse order.
    Reversed,
    /// Another canvas size.
    Canvas(u32, u32),
}

impl LayoutFault {
    /// One that can happen to this plot type.
    pub fn pick(plot_type: &PlotType, random: &mut impl Rng) -> Self {
        let panel = random.random_range(0..plot_type.panels.len());
        let mut possible = vec![Self::Canvas(plot_type.width * 3 / 4, plot_type.height * 9 / 8)];
        match plot_type.panels[panel].view {
            View::Histogram { .. } => {
                possible.extend([Self::Range(panel), Self::Logarithm(panel)]);
            }
            View::Colours { .. } => possible.extend([
                Self::Range(panel),
                Self::Logarithm(panel),
                Self::Exchanged(panel),
            ]),
            View::Discs(_) => possible.push(Self::Range(panel)),
            View::Asymmetry => possible.push(Self::Range(panel)),
        }
        if plot_type.columns != plot_type.rows {
            possible.push(Self::Grid);
        }
        if plot_type.panels.len() > 1 {
            possible.push(Self::Missing);
        }
        // among panels with equal axes only the titles would tell
        let axis = |panel: &Panel| (panel.x.low, panel.x.high, panel.x.bins);
        if plot_type.panels.windows(2).any(|pair| axis(&pair[0]) != axis(&pair[1])) {
            possible.push(Self::Reversed);
        }
        possible.choose(random).cloned().unwrap_or(Self::Range(0))
    }

    /// The panel that is drawn otherwise, where it is only one.
    pub fn panel(&self) -> Option<usize> {
        match self {
            Self::Range(panel) | Self::Logarithm(panel) | Self::Exchanged(panel) => Some(*panel),
            Self::Grid | Self::Missing | Self::Reversed | Self::Canvas(..) => None,
        }
    }

    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Range(_) => "axis booked twice as long".into(),
            Self::Logarithm(_) => "linear and logarithmic scale exchanged".into(),
            Self::Exchanged(_) => "horizontal and vertical axis exchanged".into(),
            Self::Grid => "rows and columns of panels exchanged".into(),
            Self::Missing => "first panel missing".into(),
            Self::Reversed => "panels in reverse order".into(),
            Self::Canvas(width, height) => format!("canvas of {width} by {height} pixels"),
        }
    }
}
