//! `hydra model`: what is made of labels, and what is released.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

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
        /// What the network expects of pixels.
        #[arg(long, value_enum, default_value = "unit")]
        normalisation: Pixels,
        /// Width and height, e.g. `299x299`, where the file leaves them open.
        #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
        size: Option<(u32, u32)>,
        /// The output with the scores, where there are several that could be it.
        #[arg(long, value_name = "OUTPUT")]
        scores: Option<String>,
        /// What the scores are, where the network's end does not show it.
        #[arg(long, value_enum)]
        score_kind: Option<Scores>,
        /// An output with the embedding.
        #[arg(long, value_name = "OUTPUT")]
        embedding: Option<String>,
        /// An output that is a heat map by label already.
        #[arg(long, value_name = "OUTPUT")]
        map: Option<String>,
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

/// `299x299` -> width and height in pixels.
fn size(text: &str) -> Result<(u32, u32), String> {
    let parts = text.split_once('x').map(|(width, height)| (width.parse(), height.parse()));
    match parts {
        Some((Ok(width), Ok(height))) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err("a size is WIDTHxHEIGHT in pixels, e.g. 299x299".to_owned()),
    }
}

/// Pixels as a network expects them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pixels {
    /// 0 to 1.
    Unit,
    /// -1 to 1, as Keras does for Inception and MobileNet.
    Signed,
    /// Less the mean of ImageNet, divided by its deviation, as torchvision does.
    Imagenet,
    /// 0 to 255 as they are: the network normalises itself.
    None,
}

/// What the numbers at a network's end are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scores {
    /// Any numbers, one a label; their soft-max is the probability.
    Logits,
    /// Probabilities that sum to 1, one a label.
    Softmax,
    /// One probability: of the second of two labels.
    Sigmoid,
    /// One number whose logistic function is the probability of the second of two labels.
    SigmoidLogit,
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
    /// How; without it what suits the labels: deviations for one plot type with enough Goods and
    /// no more than a few thousand labels, full for any other and where a setting of a network
    /// is given.
    #[arg(long, value_enum)]
    pub recipe: Option<RecipeKind>,
    /// The model that it starts from: digest, or the first digits of it.
    #[arg(long)]
    pub parent: Option<String>,
    /// A recipe as JSON, as `model show` prints it, instead of what suits the labels; the other
    /// options change it.
    #[arg(long, value_name = "FILE", conflicts_with = "recipe")]
    pub settings: Option<PathBuf>,
    /// Thresholds from which at most so many false alarms a week come of a plot type, instead of
    /// those of the best F1.
    #[arg(long, value_name = "A_WEEK")]
    pub false_alarms: Option<f64>,
    /// Plots of a plot type a week, for --false-alarms: one every five minutes.
    #[arg(long, default_value_t = 2016.0, requires = "false_alarms")]
    pub plots_a_week: f64,
    /// Tensors of torchvision (`state_dict`, a .pth file) that a network starts from, without its
    /// last layer; with --architecture resnet18 or inception-v3.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["parent", "file"])]
    pub weights: Option<PathBuf>,
    /// compact, small-residual, resnet18 or inception-v3.
    #[arg(long)]
    pub architecture: Option<String>,
    /// What the network sees, WIDTHxHEIGHT pixels; without it the canvas, made smaller.
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    pub input: Option<(u32, u32)>,
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

impl TrainArgs {
    /// Whether something is asked for that only a network has.
    pub fn wants_network(&self) -> bool {
        let named = [&self.parent, &self.architecture, &self.shown];
        named.iter().any(|option| option.is_some())
            || self.input.is_some()
            || self.epochs.is_some()
            || self.weights.is_some()
            || self.synthetic > 0
    }
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

/// A release.
#[derive(Clone, Debug, Args)]
pub struct Release {
    /// The model's digest, or the first digits of it.
    pub digest: String,
    /// Why, for the record.
    #[arg(long)]
    pub why: String,
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_is_two_numbers_above_nought() {
        assert_eq!(size("640x304"), Ok((640, 304)));
        for bad in ["", "640", "640x", "x304", "0x304", "640x-1", "640 x 304", "640x304x3"] {
            assert!(size(bad).is_err(), "{bad:?}");
        }
    }
}
