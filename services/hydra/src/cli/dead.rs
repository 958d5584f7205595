//! `hydra dead`: messages that were given up.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `hydra dead`.
#[derive(Debug, Subcommand)]
pub enum Dead {
    /// The dead letters of all stages, or of one.
    List(DeadStage),
    /// One dead letter with its error; `--out` saves its bytes.
    Show {
        /// The message's id.
        id: String,
        /// Save the body here.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Send them to their stage again.
    Replay(DeadChoice),
    /// Throw them away.
    Drop(DeadChoice),
}

/// Which stage.
#[derive(Clone, Debug, Args)]
pub struct DeadStage {
    /// Only this stage.
    #[arg(long)]
    pub stage: Option<String>,
}

/// Which dead letters.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct DeadChoice {
    /// The message with this id.
    #[arg(long)]
    pub id: Option<String>,
    /// All of this stage.
    #[arg(long)]
    pub stage: Option<String>,
    /// All.
    #[arg(long)]
    pub all: bool,
}
