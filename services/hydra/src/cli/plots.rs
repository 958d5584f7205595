//! `hydra publish` and `hydra simulate`: plots into the hall.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `hydra publish`.
#[derive(Clone, Debug, Args)]
pub struct Publish {
    /// The folder; names and paths tell plot type, run and chunk.
    pub dir: PathBuf,
    /// Whose names the files have.
    #[arg(long, value_enum, default_value = "rsai")]
    pub layout: Layout,
    /// Who sends, as shown to people.
    #[arg(long, default_value = "publish")]
    pub source: String,
}

/// `hydra simulate`.
#[derive(Clone, Debug, Args)]
pub struct Simulate {
    /// Write folders below this one; without it the plots are published to RabbitMQ.
    #[arg(long)]
    pub out: Option<PathBuf>,
    /// Layout of the folders.
    #[arg(long, value_enum, default_value = "rsai")]
    pub layout: Layout,
    /// Seed: the same seed draws the same bytes.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Runs to draw.
    #[arg(long, default_value_t = 1)]
    pub runs: u32,
    /// Chunks a run; without it as many as the hall has.
    #[arg(long)]
    pub chunks: Option<u32>,
    /// Write `<name>.truth.json` beside each image.
    #[arg(long)]
    pub truth: bool,
    /// Draw no faults.
    #[arg(long)]
    pub healthy: bool,
    /// Seconds from chunk to chunk, as a hall takes them: plots are then taken at the present time.
    /// Without it, as fast as they are drawn, and taken when the hall says.
    #[arg(long, value_name = "SECONDS")]
    pub every_s: Option<f64>,
}

/// Folder layouts of monitoring programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Layout {
    /// `RunPeriod-.../Run080464/CDC_occupancy_0001.png`.
    Rsai,
    /// `clas12mon_<run>_<time>/<DET>_<tab>.png`.
    Mon12,
    /// One set a run, no chunk; for reading only.
    Panguin,
}
