//! `hydra bench`: speed and cost.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `hydra bench`.
#[derive(Clone, Debug, Args)]
pub struct Bench {
    /// What to measure; everything if nothing is named.
    #[arg(value_enum)]
    pub parts: Vec<Part>,
    /// Repetitions of each pair of measurements.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..=50))]
    pub rounds: u8,
    /// Fewer images and rows; the figures are rougher.
    #[arg(long)]
    pub quick: bool,
    /// Images in the tables at the end, instead of ten million (of 300,000 with `--quick`).
    #[arg(long)]
    pub rows: Option<usize>,
    /// Write the figures to this file too.
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// A Python with Pillow and OpenCV, to compare with.
    #[arg(long, default_value = "python3")]
    pub python: PathBuf,
    /// Be one of the processes whose model sleeps.
    #[arg(long, hide = true)]
    pub sleeping_worker: bool,
}

/// What `hydra bench` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// From a producer's message to the row, against the bare network.
    Whole,
    /// The network in integers of 8 bits.
    EightBits,
    /// A burst of one plot of each type; many plot types on one trunk.
    Trunk,
    /// A null model against bare lapin.
    Plumbing,
    /// What a worker's memory grows by.
    Memory,
    /// 80 plot types against 10,000.
    PlotTypes,
    /// One process against eight.
    Workers,
    /// Decoding and resizing against Pillow and OpenCV.
    Pictures,
    /// Rows a second, and in large tables.
    Rows,
    /// Heat maps against inference.
    Maps,
}

impl Part {
    /// The cheap ones first.
    pub const ALL: [Self; 10] = [
        Self::Pictures,
        Self::Maps,
        Self::Whole,
        Self::EightBits,
        Self::Trunk,
        Self::Workers,
        Self::Plumbing,
        Self::Memory,
        Self::PlotTypes,
        Self::Rows,
    ];
}
