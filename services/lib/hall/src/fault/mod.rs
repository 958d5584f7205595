//! Faults: which there are, how strong, since when.

pub(crate) mod effect;
mod layout;
mod place;

pub(crate) use effect::Effect;
pub(crate) use layout::LayoutFault;
pub(crate) use place::{Placed, place};

use serde::{Deserialize, Serialize};
use std::fmt;

/// What can go wrong with a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// One to four neighbouring channels count too little or not at all.
    DeadChannel,
    /// All channels of a board.
    DeadBoard,
    /// One channel counts far too often.
    HotChannel,
    /// A larger part of the detector counts too little or not at all.
    MissingSector,
    /// A peak stands elsewhere.
    ShiftedPeak,
    /// The axis is stretched or compressed.
    WrongGain,
    /// A peak is wider.
    WidenedResolution,
    /// Counts that are none, over a part of the detector or under a spectrum.
    Noise,
    /// The channels of two boards (or both helicities) are exchanged.
    SwappedCables,
    /// The whole plot holds far fewer events than it should.
    LowStatistics,
    /// Nothing at all.
    EmptyPlot,
    /// The program draws otherwise: axis, scale, order or number of panels, canvas.
    WrongLayout,
    /// The data of an earlier chunk again, though the header moves on.
    StuckHistogram,
}

impl FaultKind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::DeadChannel,
        Self::DeadBoard,
        Self::HotChannel,
        Self::MissingSector,
        Self::ShiftedPeak,
        Self::WrongGain,
        Self::WidenedResolution,
        Self::Noise,
        Self::SwappedCables,
        Self::LowStatistics,
        Self::EmptyPlot,
        Self::WrongLayout,
        Self::StuckHistogram,
    ];

    /// As in truth files.
    pub fn name(self) -> &'static str {
        match self {
            Self::DeadChannel => "dead_channel",
            Self::DeadBoard => "dead_board",
            Self::HotChannel => "hot_channel",
            Self::MissingSector => "missing_sector",
            Self::ShiftedPeak => "shifted_peak",
            Self::WrongGain => "wrong_gain",
            Self::WidenedResolution => "widened_resolution",
            Self::Noise => "noise",
            Self::SwappedCables => "swapped_cables",
            Self::LowStatistics => "low_statistics",
            Self::EmptyPlot => "empty_plot",
            Self::WrongLayout => "wrong_layout",
            Self::StuckHistogram => "stuck_histogram",
        }
    }

    /// Whether it has an amplitude, which is then solved for the strength that is asked for. The
    /// others (empty, layout, stuck) are there or not.
    pub fn has_amplitude(self) -> bool {
        !matches!(self, Self::EmptyPlot | Self::WrongLayout | Self::StuckHistogram)
    }

    /// Whether a single image shows it: stuck data are as good as they were the first time.
    pub fn shows_in_one_image(self) -> bool {
        self != Self::StuckHistogram
    }

    /// Whether it sits somewhere on the canvas rather than everywhere.
    pub fn is_local(self) -> bool {
        self.has_amplitude() && self != Self::LowStatistics
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How visible a fault is: the expected delta chi-square between the counts with and without it
/// (see [`crate::expected_dchi2`]), positive.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct Strength(pub f64);

impl Strength {
    /// An expert finds it when told where to look.
    pub const SUBTLE: Self = Self(60.0);
    /// An expert finds it.
    pub const MEDIUM: Self = Self(250.0);
    /// Anyone finds it.
    pub const STRONG: Self = Self(900.0);

    /// The name of the nearest of the three, on a logarithmic scale.
    pub fn name(self) -> &'static str {
        match self.0 {
            ..122.0 => "subtle",
            122.0..474.0 => "medium",
            _ => "strong",
        }
    }
}

/// A chunk of a run; later moments are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    /// 1 to 999,999.
    pub run: u32,
    /// From 1 on.
    pub chunk: u32,
}

/// A fault of one plot type: the same seed breaks the same part for as long as it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fault {
    /// What.
    pub kind: FaultKind,
    /// How visible; kinds without amplitude ignore it.
    pub strength: Strength,
    /// The first chunk that shows it.
    pub onset: Moment,
    /// Chooses the part that breaks.
    pub seed: u64,
}
