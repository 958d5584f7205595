//! `hydra label` and `hydra catalog`: what people say of the hall.

use clap::Subcommand;
use std::path::PathBuf;

/// `hydra label`.
#[derive(Debug, Subcommand)]
pub enum Label {
    /// Label images, all or none: a CSV or JSON file that names them by image, content, file, or
    /// plot type, run and chunk; or a folder with a folder of images for each label. Images that
    /// are at hand and not known yet come in; their paths tell run and chunk.
    Import {
        /// File or folder.
        path: PathBuf,
        /// Of images that the file does not say it of.
        #[arg(long)]
        plot_type: Option<String>,
        /// The run of images that come in and whose path tells none.
        #[arg(long, conflicts_with = "own_runs")]
        run: Option<u32>,
        /// Make a run of each image that comes in and whose path tells none. Figures flatter where
        /// plots drawn one after the other come on both sides of a split.
        #[arg(long)]
        own_runs: bool,
        /// Why, for the record.
        #[arg(long, default_value = "label import")]
        why: String,
    },
    /// Write the labels of a plot type, as JSON if the file ends so, else as CSV.
    Export {
        /// Which.
        plot_type: String,
        /// The file; `-` is standard output.
        path: PathBuf,
    },
}

/// `hydra catalog`.
#[derive(Debug, Subcommand)]
pub enum Catalog {
    /// Bring the database to what the file says; shows what changes.
    Apply {
        /// The catalog.
        file: PathBuf,
        /// Why, for the record.
        #[arg(long, default_value = "catalog apply")]
        why: String,
        /// Disable declared plot types that the file does not name.
        #[arg(long)]
        prune: bool,
    },
    /// Show what `apply` would change.
    Diff {
        /// The catalog.
        file: PathBuf,
        /// As for `apply`.
        #[arg(long)]
        prune: bool,
    },
    /// Write the database's catalog as a file.
    Export {
        /// The file; `-` is standard output.
        file: PathBuf,
    },
}
