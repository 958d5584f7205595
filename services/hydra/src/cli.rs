//! The command line.

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
    /// worker, query or control), to be run by the database's owner.
    #[arg(long, value_name = "ROLE", requires = "user")]
    pub grants: Option<String>,
    /// The user, as the database writes it: `'hydra_query'@'%'` on MariaDB, `hydra_query` on
    /// PostgreSQL. It must exist.
    #[arg(long, requires = "grants")]
    pub user: Option<String>,
}

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

/// `hydra model`.
#[derive(Debug, Subcommand)]
pub enum Model {
    /// Import an ONNX classifier as a bundle; it is not released by that.
    Import {
        /// The ONNX file.
        file: PathBuf,
        /// The plot type it is for.
        #[arg(long)]
        plot_type: String,
        /// Its labels, in the order of the outputs.
        #[arg(long, value_delimiter = ',', required = true)]
        labels: Vec<String>,
        /// Thresholds, e.g. `Bad=0.8,Good=0.5`; 0.5 where none is given.
        #[arg(long, value_delimiter = ',')]
        thresholds: Vec<String>,
        /// Keep the aspect of the image.
        #[arg(long)]
        letterbox: bool,
    },
    /// The models of all plot types, or of one.
    List {
        /// Only this one.
        #[arg(long)]
        plot_type: Option<String>,
    },
    /// All about one model.
    Show {
        /// Its digest, or the first digits of it.
        digest: String,
    },
    /// Make a model the one whose verdict counts.
    Activate(Release),
    /// Vouch for a model, for halls that serve signed models only (library.trusted_keys).
    Sign {
        /// Its digest, or the first digits of it.
        digest: String,
        /// PEM file with an ed25519 private key, made by `openssl genpkey -algorithm ed25519`.
        #[arg(long)]
        key: PathBuf,
    },
    /// Train a model on the labels of one or more plot types; it is not released by that.
    Train(TrainArgs),
    /// Learn what is normal for a plot type from its Goods alone (20, better 100 or more): plots
    /// unlike them are called Novel. With --parent, learn new conditions from Goods that the
    /// parent does not know.
    Normal(NormalArgs),
    /// Judge a model on the frozen test set of its plot type.
    Evaluate {
        /// Its digest, or the first digits of it.
        digest: String,
    },
    /// Let two models judge the labelled images of a plot type, and list where they differ.
    Compare {
        /// The one.
        first: String,
        /// The other.
        second: String,
        /// Which plot type; the first model's if absent.
        #[arg(long)]
        plot_type: Option<String>,
        /// All labelled images and not the test set alone: also what one of them was trained on.
        #[arg(long)]
        all: bool,
    },
    /// Let a model judge the newest stored images of its plot type, and compare with what was
    /// said of them at the time.
    Backtest {
        /// Its digest, or the first digits of it.
        digest: String,
        /// Images at most.
        #[arg(long, default_value_t = 1000)]
        images: u64,
    },
    /// Let a model predict in the shadow of the active one.
    Candidate(Release),
    /// Make an 8-bit model of one, about twice as fast on a processor, and say what it costs.
    Quantise {
        /// Its digest, or the first digits of it.
        digest: String,
        /// Refuse when it loses more of its accuracy, 0.003 being 0.3 points.
        #[arg(long, default_value_t = 0.003)]
        limit: f64,
    },
    /// Return to the model that was active before.
    Rollback {
        /// The plot type.
        plot_type: String,
        /// Why, for the record.
        #[arg(long)]
        why: String,
    },
}

/// `hydra model normal`.
#[derive(Clone, Debug, Args)]
pub struct NormalArgs {
    /// The plot types, a model each.
    #[arg(long, value_delimiter = ',', required = true)]
    pub plot_type: Vec<String>,
    /// Share of Good plots that may be called novel.
    #[arg(long, default_value_t = 0.01)]
    pub false_alarms: f64,
    /// The model that learns on: digest, or the first digits of it.
    #[arg(long)]
    pub parent: Option<String>,
    /// Make the models candidates.
    #[arg(long)]
    pub candidate: bool,
    /// File the job for a `train` role instead of working here; the models become candidates.
    #[arg(long)]
    pub file: bool,
    /// Why, for the record.
    #[arg(long)]
    pub why: String,
}

/// `hydra model train`.
#[derive(Clone, Debug, Args)]
pub struct TrainArgs {
    /// The plot types. With `trunk` all of a hall's; several with `full` become one network.
    #[arg(long, value_delimiter = ',', required = true)]
    pub plot_type: Vec<String>,
    /// How.
    #[arg(long, value_enum, default_value = "full")]
    pub recipe: RecipeKind,
    /// The model that it starts from: digest, or the first digits of it.
    #[arg(long)]
    pub parent: Option<String>,
    /// A recipe as JSON, as `model show` prints it; the other options change it.
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// compact, small-residual, resnet18 or inception-v3.
    #[arg(long)]
    pub architecture: Option<String>,
    /// What the network sees, WIDTHxHEIGHT pixels; without it the canvas, made smaller.
    #[arg(long)]
    pub input: Option<String>,
    /// One channel instead of three; with --input.
    #[arg(long, requires = "input")]
    pub grey: bool,
    /// What the network sees of a plot: pixels, its deviations from the plot type's Goods, or
    /// both; without it what suits the labels.
    #[arg(long)]
    pub shown: Option<String>,
    /// Draw so many Bad images a plot type by putting faults onto its training Goods. None of
    /// them is in a validation or test set.
    #[arg(long, default_value_t = 0)]
    pub synthetic: usize,
    /// Where a class comes from fewer than three runs, cut its runs into blocks of chunks instead
    /// of refusing. Figures then flatter.
    #[arg(long)]
    pub within_runs: bool,
    /// Passes over the training images, at most; without it by their number.
    #[arg(long)]
    pub epochs: Option<usize>,
    /// Everything random follows from it.
    #[arg(long)]
    pub seed: Option<u64>,
    /// Make the model a candidate, which predicts in the shadow.
    #[arg(long)]
    pub candidate: bool,
    /// Do not train here, but file a job for a `train` role.
    #[arg(long)]
    pub file: bool,
    /// Why, for the record.
    #[arg(long, default_value = "model train")]
    pub why: String,
}

/// Recipes of `hydra model train`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RecipeKind {
    /// The parent's trunk, and a head fitted to its embeddings: seconds.
    Transfer,
    /// Every weight, from the parent's or from scratch.
    Full,
    /// One trunk for all the plot types, and a head for each.
    Trunk,
    /// What is normal from the Goods, and a head fitted to deviations from it: seconds.
    Deviations,
}

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

/// A release.
#[derive(Clone, Debug, Args)]
pub struct Release {
    /// The model's digest, or the first digits of it.
    pub digest: String,
    /// Why, for the record.
    #[arg(long)]
    pub why: String,
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
    pub const ALL: [Self; 9] = [
        Self::Pictures,
        Self::Maps,
        Self::Whole,
        Self::Trunk,
        Self::Workers,
        Self::Plumbing,
        Self::Memory,
        Self::PlotTypes,
        Self::Rows,
    ];
}
