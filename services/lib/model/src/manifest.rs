//! What a model is, in words that survive it: the manifest of a bundle.

mod conditions;
mod input;
mod layout;

pub use conditions::Seen;
pub use input::{Batch, InputSpec, Layout, Normalisation};
pub use layout::{Layout as PlotLayout, Panel as PlotPanel};

use hydra_proto::{ContentHash, Label, ModelDigest, PlotTypeName, Threshold};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the manifest's own form.
pub const SCHEMA: u32 = 1;
/// Most labels of one model.
pub const MAX_LABELS: usize = 1024;

/// Everything about a model but its graphs. Its bytes are never changed: their SHA-256 is the
/// model's name, and the graphs in turn are named by theirs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The plot type that it was made for, where there was one.
    #[serde(default)]
    pub plot_type: Option<PlotTypeName>,
    /// What the outputs mean, in their order.
    pub labels: Vec<Label>,
    /// The network.
    pub graphs: Graphs,
    /// What it takes.
    pub input: InputSpec,
    /// What it gives.
    pub output: OutputSpec,
    /// Divides the logits before the softmax, so that confidence means frequency
    /// (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017). 1 changes nothing.
    pub temperature: f32,
    /// Proposed with a release; the release's own are what counts.
    #[serde(default)]
    pub thresholds: BTreeMap<Label, Threshold>,
    /// How a heat map is made.
    pub explain: Explain,
    /// Tells plots that are unlike anything in training.
    #[serde(default)]
    pub novelty: Option<Novelty>,
    /// How the plots were laid out that it was trained on; one that is not, is novel.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layouts: Vec<PlotLayout>,
    /// The conditions that it was trained under.
    #[serde(default, skip_serializing_if = "Seen::is_empty")]
    pub conditions: Seen,
    /// SHA-256 of the list of image ids that it was trained on.
    #[serde(default)]
    pub training_set: Option<ContentHash>,
    /// What the evaluation found, in the form of whoever evaluated it.
    #[serde(default)]
    pub evaluation: serde_json::Value,
    /// The model that training began from.
    #[serde(default)]
    pub parent: Option<ModelDigest>,
    /// Kind of network, for people.
    pub architecture: String,
    /// When it was made, RFC 3339.
    pub created_at: String,
}

/// The files of a network, by their SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Graphs {
    /// One file from pixels to scores.
    Network(ContentHash),
    /// A network from pixels to features that many models share, and one from features to scores
    /// that is this model's own. The head's input has the name of a trunk's output.
    TrunkAndHead {
        /// Pixels to features.
        trunk: ContentHash,
        /// Features to scores.
        head: ContentHash,
    },
}

impl Graphs {
    /// The file that takes the pixels.
    pub fn body(&self) -> ContentHash {
        match self {
            Self::Network(body) | Self::TrunkAndHead { trunk: body, .. } => *body,
        }
    }

    /// Every file.
    pub fn all(&self) -> Vec<ContentHash> {
        [Some(self.body()), self.head()].into_iter().flatten().collect()
    }

    /// The file of this model's own head, where the body is shared.
    pub fn head(&self) -> Option<ContentHash> {
        match self {
            Self::Network(_) => None,
            Self::TrunkAndHead { head, .. } => Some(*head),
        }
    }
}

/// What the scores are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreKind {
    /// Any numbers, one a label; their softmax is the probability.
    Logits,
    /// Probabilities that sum to 1, one a label.
    Softmax,
    /// One probability: of the second of two labels.
    Sigmoid,
    /// One number whose logistic function is the probability of the second of two labels.
    SigmoidLogit,
}

impl ScoreKind {
    /// Numbers that the network gives for `labels` labels.
    pub fn outputs(self, labels: usize) -> usize {
        match self {
            Self::Logits | Self::Softmax => labels,
            Self::Sigmoid | Self::SigmoidLogit => 1,
        }
    }
}

/// The outputs and what they mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSpec {
    /// Name of the output with the scores.
    pub scores: String,
    /// What they are.
    pub kind: ScoreKind,
    /// Name of the output with the embedding, where there is one (the body's, or the head's).
    #[serde(default)]
    pub embedding: Option<String>,
}

/// How a map is called that shows where a class was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Grad-CAM of a network that ends in global average pooling and a linear layer
    /// (Selvaraju et al., ICCV 2017; there it equals Zhou et al.'s CAM but for a factor).
    GradCam,
    /// Grad-CAM by the gradient through the operators of another head.
    Gradient,
    /// First principal component of the maps (Muhammad and Yeasin, IJCNN 2020): shows what the
    /// network looks at, not why it chose a class.
    EigenCam,
    /// The model's own map.
    Model,
}

impl Method {
    /// As it is stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GradCam => "grad-cam",
            Self::Gradient => "gradient",
            Self::EigenCam => "eigen-cam",
            Self::Model => "model",
        }
    }
}

/// How a heat map is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Explain {
    /// It is not.
    None {
        /// Why not.
        reason: String,
    },
    /// The network makes it: batch, (labels or 1,) height, width.
    Output {
        /// What it is.
        method: Method,
        /// Name of the output.
        output: String,
    },
    /// The body gives the last maps under the name `maps`, and the graph turns them and the
    /// one-hot `target` into the weighted sum `cam`.
    Tail {
        /// What it is.
        method: Method,
        /// Name of the body's output with the last maps: batch, channels, height, width.
        maps: String,
        /// The graph from `maps` and `target` to `cam`.
        graph: ContentHash,
    },
    /// From the last maps alone.
    Eigen {
        /// Name of the body's output with the last maps.
        maps: String,
        /// Why there is no gradient.
        reason: String,
    },
}

impl Explain {
    /// The method, if there is one.
    pub fn method(&self) -> Option<Method> {
        match self {
            Self::None { .. } => None,
            Self::Output { method, .. } | Self::Tail { method, .. } => Some(*method),
            Self::Eigen { .. } => Some(Method::EigenCam),
        }
    }
}

/// An output that tells whether a plot is unlike anything in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Novelty {
    /// Name of the output; one number an image.
    pub output: String,
    /// What the number is.
    pub kind: NoveltyKind,
    /// The bound: below it for a p-value, above it for a score, a plot is novel.
    pub threshold: f32,
    /// Which verdicts it overrules.
    #[serde(default)]
    pub guards: Guards,
}

/// Which verdicts a guard overrules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guards {
    /// All: it knows everything that was trained on.
    #[default]
    Every,
    /// Those that say that all is well: it knows Goods alone, and every known fault is unlike them.
    Good,
}

/// What a novelty output is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoveltyKind {
    /// Probability of a plot at least as unusual among normal ones.
    PValue,
    /// Grows with unusualness.
    Score,
}

/// Why a manifest is refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Not JSON of this form.
    #[error("the manifest cannot be read")]
    Json(#[from] serde_json::Error),
    /// Of a later program.
    #[error("the manifest is of schema {found}, this program reads {SCHEMA}")]
    Schema {
        /// In the manifest.
        found: u32,
    },
    /// A field that contradicts itself or another.
    #[error("manifest: {field} {why}")]
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
}

/// Most bytes of a manifest: evaluation included.
pub const MAX_MANIFEST_BYTES: usize = 16 << 20;

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        if bytes.len() > MAX_MANIFEST_BYTES {
            let why = format!("has {} bytes, at most {MAX_MANIFEST_BYTES} are taken", bytes.len());
            return Err(ManifestError::Field { field: "file", why });
        }
        // before the fields, so that a later form is called by its name
        let Version { schema: found } = serde_json::from_slice(bytes)?;
        if found != SCHEMA {
            return Err(ManifestError::Schema { found });
        }
        let manifest: Self = serde_json::from_slice(bytes)?;
        manifest.check()?;
        Ok(manifest)
    }

    /// The bytes that are kept, and whose digest names the model.
    ///
    /// # Errors
    /// [`ManifestError`] when it contradicts itself.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        self.check()?;
        Ok(serde_json::to_vec_pretty(self)?)
    }

    /// Checks what the types do not.
    fn check(&self) -> Result<(), ManifestError> {
        let refuse = |field, why: String| Err(ManifestError::Field { field, why });
        let labels = self.labels.len();
        let least = if self.novelty.is_some() { 1 } else { 2 };
        if !(least..=MAX_LABELS).contains(&labels) {
            return refuse("labels", format!("are {labels}, {least} to {MAX_LABELS} are possible"));
        }
        let mut sorted: Vec<&Label> = self.labels.iter().collect();
        sorted.sort();
        if let Some(twice) = sorted.windows(2).find(|pair| pair[0] == pair[1]) {
            return refuse("labels", format!("name {:?} twice", twice[0].as_str()));
        }
        if let Some(other) = self.thresholds.keys().find(|label| !self.labels.contains(label)) {
            return refuse("thresholds", format!("name {:?}, which is no label", other.as_str()));
        }
        let single = matches!(self.output.kind, ScoreKind::Sigmoid | ScoreKind::SigmoidLogit);
        if single && labels != 2 {
            return refuse("labels", format!("are {labels}, a single output needs 2"));
        }
        let InputSpec { width, height, channels, layout, normalisation, .. } = &self.input;
        if !(1..=4096).contains(width) || !(1..=4096).contains(height) {
            return refuse("input", format!("is {width}x{height} pixels"));
        }
        if !matches!((channels, layout), (1, _) | (3, Layout::Nchw | Layout::Nhwc)) {
            return refuse("input", format!("has {channels} channels in layout {layout:?}"));
        }
        if !normalisation.is_usable(*channels) {
            return refuse("normalisation", "has no usable scale, mean and std".into());
        }
        if !(self.temperature.is_finite() && self.temperature > 0.0) {
            return refuse("temperature", format!("is {}", self.temperature));
        }
        if self.novelty.as_ref().is_some_and(|n| !n.threshold.is_finite()) {
            return refuse("novelty", "has no finite threshold".into());
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests;
