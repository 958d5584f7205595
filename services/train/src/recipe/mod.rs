//! Labels, pixels and a recipe -> models with their evaluation, ready for the library.
//!
//! Nothing here touches a database: what is read and kept is the caller's business, so that the
//! same code serves the stage, the command line and the benches.

mod bundle;
mod deviations;
mod embed;
mod embeddings;
mod finish;
mod guard;
mod images;
mod learn;
mod parent;
mod said;
mod suited;
mod taught;

pub use bundle::bundle_of;
pub use deviations::ARCHITECTURE as DEVIATIONS;
pub use embeddings::Embeddings;
pub use finish::{Counts, Figures, Thresholds, judge};
pub use guard::GUARD_RATE;
pub use images::{PlotSet, Prepared, Split, check};
pub use learn::{Files, Learnt, Network, learn};
pub use parent::{Parent, ParentError};
pub use suited::{Material, compared_for, input_for};
pub use taught::{MOST_FEATURES, MOST_TAUGHT, Taught};

use crate::align::{ReferenceError, Shown};
use crate::data::{LabelError, PixelError};
use crate::eval::split::{SplitError, SplitSettings};
use crate::eval::thresholds::ThresholdRule;
use crate::fit::{FitSettings, TrainError};
use crate::graph::{Architecture, GraphError};
use crate::head::{FitError, HeadSettings};
use crate::runner::RunnerError;
use crate::weights::WeightsError;
use hydra_model::import::ImportError;
use hydra_normality::NormalitySettings;
use hydra_proto::ModelDigest;
use hydra_proto::registry::InputShape;
use serde::{Deserialize, Serialize};

/// Which way a model is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A parent's trunk stays as it is, and a head is fitted to its embeddings: seconds.
    Transfer,
    /// Every weight is trained; from a parent's weights where there is one. Several plot types
    /// (siblings) become one model.
    Full,
    /// One trunk for all plot types, trained on all their labels together, and a head for each.
    Trunk,
    /// The Goods say what is normal, and a head is fitted to how far plots are from it: seconds.
    Deviations,
}

/// How a model is made: what `recipe_json` of a training job holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Which way.
    pub kind: Kind,
    /// The model whose trunk or weights it starts from.
    #[serde(default)]
    pub parent: Option<ModelDigest>,
    /// The network; a transfer takes its parent's.
    #[serde(default = "default_architecture")]
    pub architecture: Architecture,
    /// What the network sees; a transfer takes its parent's.
    #[serde(default = "default_input")]
    pub input: InputShape,
    /// What the network sees of a plot; a transfer shows what its parent's trunk was shown.
    #[serde(default = "default_shown")]
    pub shown: Shown,
    /// The loop.
    #[serde(default)]
    pub fit: FitSettings,
    /// The last layer, where it is fitted to embeddings or deviations.
    #[serde(default)]
    pub head: HeadSettings,
    /// What is normal, where deviations from it are read.
    #[serde(default)]
    pub normal: NormalitySettings,
    /// Which images judge.
    #[serde(default)]
    pub split: SplitSettings,
    /// So many Bad images a plot type are made by drawing faults onto its training Goods.
    #[serde(default)]
    pub synthetic: usize,
    /// When a verdict is confirmed.
    #[serde(default = "default_rule")]
    pub thresholds: ThresholdRule,
}

impl Recipe {
    /// A recipe with the usual settings.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            parent: None,
            architecture: default_architecture(),
            input: default_input(),
            shown: if kind == Kind::Trunk { Shown::Deviations } else { default_shown() },
            fit: FitSettings::default(),
            head: HeadSettings::default(),
            normal: NormalitySettings {
                cells: kind == Kind::Deviations,
                ..NormalitySettings::default()
            },
            split: SplitSettings::default(),
            synthetic: 0,
            thresholds: default_rule(),
        }
    }
}

fn default_shown() -> Shown {
    Shown::Pixels
}

fn default_architecture() -> Architecture {
    Architecture::Compact
}

fn default_input() -> InputShape {
    InputShape { width: 128, height: 96, channels: 3, letterbox: false }
}

/// The original's. A promise of few false alarms a week needs thousands of Goods to keep it.
fn default_rule() -> ThresholdRule {
    ThresholdRule::BestF1
}

/// Why there is no model. Nothing was kept, and the active model is untouched.
#[derive(Debug, thiserror::Error)]
pub enum LearnError {
    /// The labels of a plot type cannot be trained on.
    #[error("labels of {plot_types}")]
    Labels {
        /// Which plot types.
        plot_types: String,
        /// Why.
        #[source]
        source: LabelError,
    },
    /// There is no honest split.
    #[error("split of {plot_types}")]
    Split {
        /// Which plot types.
        plot_types: String,
        /// Why.
        #[source]
        source: SplitError,
    },
    /// The plot types of a merged model are of different labels.
    #[error("{first} and {second} have different labels ({what}): they cannot be one model")]
    Siblings {
        /// One.
        first: String,
        /// The other.
        second: String,
        /// Which.
        what: String,
    },
    /// A recipe that lacks what it needs.
    #[error("{0}")]
    Recipe(String),
    /// Too few Goods to align with.
    #[error("reference of {plot_type}")]
    Reference {
        /// Whose.
        plot_type: String,
        /// Why.
        #[source]
        source: ReferenceError,
    },
    /// The network does not fit the image.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The head cannot be fitted.
    #[error("the head")]
    Head(#[from] FitError),
    /// Weights do not fit.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The guard does not fit the network, which would be our mistake.
    #[error("the guard")]
    Guard(#[from] hydra_normality::GuardError),
    /// Pixels are not to be had.
    #[error(transparent)]
    Pixels(#[from] PixelError),
    /// The network that was made cannot be run.
    #[error(transparent)]
    Run(#[from] RunnerError),
    /// The network that was made cannot be sealed.
    #[error("the new model is refused")]
    Import(#[from] ImportError),
}
