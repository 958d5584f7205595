//! The command line.

mod bench;
mod dead;
mod hall;
mod model;
mod plots;

pub use bench::{Bench, Part};
pub use dead::{Dead, DeadChoice};
pub use hall::{Catalog, Label};
pub use model::{Model, NormalArgs, Pixels, RecipeKind, Release, Scores, TrainArgs};
pub use plots::{Layout, Publish, Simulate};

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Watches the monitoring plots of a physics experiment.
#[derive(Debug, Parser)]
#[command(name = "hydra", version, about, max_term_width = 100)]
pub struct Cli {
    /// Configuration file; without it ./hydra.toml is read where there is one.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run all roles in this one process: memory instead of a broker, SQLite, a folder.
    Up,
    /// A simulated hall, watched: plots are drawn, faults appear, are called Bad and go away.
    Demo(Demo),
    /// Run one or more roles against RabbitMQ and the database.
    Run {
        /// The roles.
        #[arg(required = true, value_enum)]
        roles: Vec<Role>,
    },
    /// Declare every exchange and queue, for halls whose roles may not (broker.declare = false).
    Topology,
    /// Bring the database to the schema of this version.
    Migrate(Migrate),
    /// Publish the plots of a folder to RabbitMQ.
    Publish(Publish),
    /// Draw a simulated hall into folders, or publish it.
    Simulate(Simulate),
    /// Models: import, look, release.
    #[command(subcommand)]
    Model(Model),
    /// Labels: what experts say of images, in and out.
    #[command(subcommand)]
    Label(Label),
    /// The hall's detectors and plot types, kept in a file.
    #[command(subcommand)]
    Catalog(Catalog),
    /// Messages that were given up.
    #[command(subcommand)]
    Dead(Dead),
    /// Measure speed and cost; see `make bench`.
    Bench(Bench),
    /// Check broker, database, blob store, ONNX Runtime and models; say what to do.
    Doctor(Doctor),
    /// Print every setting with its default and what it is for, as a configuration file.
    Settings,
}

/// Arguments of `hydra doctor`.
#[derive(Debug, Args)]
pub struct Doctor {
    /// Also read every blob that the database names, e.g. after a restore; may take hours.
    #[arg(long)]
    pub blobs: bool,
}

/// A queue consumer or service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Role {
    /// Takes images by AMQP, HTTP and from watched folders.
    Ingest,
    /// Makes pixels and thumbnails.
    Resize,
    /// Runs the models.
    Infer,
    /// Explains verdicts.
    Gradcam,
    /// Writes rows, keeps alarm state, applies retention.
    Keep,
    /// Serves pages and the API.
    Query,
    /// Trains models that are asked for; what comes of it is a candidate.
    Train,
}

impl Role {
    /// Every role that exists.
    pub const ALL: [Self; 7] = [
        Self::Ingest,
        Self::Resize,
        Self::Infer,
        Self::Gradcam,
        Self::Keep,
        Self::Query,
        Self::Train,
    ];

    /// As on the command line, in queues and in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Resize => "resize",
            Self::Infer => "infer",
            Self::Gradcam => "gradcam",
            Self::Keep => "keep",
            Self::Query => "query",
            Self::Train => "train",
        }
    }
}

/// `hydra demo`.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// End after so many seconds; without it the demo runs until Ctrl-C.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// When the seconds are over only the hall stops, as a monitoring program does that died; the
    /// pages stay until Ctrl-C.
    #[arg(long, requires = "seconds")]
    pub stay: bool,
    /// Seed of the simulated hall.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Where the demo keeps its database, images and models.
    #[arg(long, default_value = ".hydra/demo")]
    pub dir: PathBuf,
    /// Seconds between two chunks.
    #[arg(long, default_value_t = 2.0)]
    pub every_s: f64,
}

/// `hydra migrate`.
#[derive(Clone, Debug, Args)]
pub struct Migrate {
    /// Change nothing: print the statements that give a user the rights of this role (keep,
    /// worker, train, query or control), to be run by the database's owner.
    #[arg(long, value_name = "ROLE", requires = "user")]
    pub grants: Option<String>,
    /// The user, as the database writes it: `'hydra_query'@'%'` on MariaDB, `hydra_query` on
    /// PostgreSQL. It must exist.
    #[arg(long, requires = "grants")]
    pub user: Option<String>,
    /// Give the users PREFIX_keep, PREFIX_worker, PREFIX_train, PREFIX_query and PREFIX_control, which
    /// must exist, the rights of their roles on the schema of this version: it may have tables
    /// that they know nothing of. The user who migrates must be allowed to.
    #[arg(long, value_name = "PREFIX", conflicts_with = "grants")]
    pub users: Option<String>,
}
