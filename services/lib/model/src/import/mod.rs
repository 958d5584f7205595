//! Somebody's ONNX file -> a sealed bundle, and a report of what was found in it.
//!
//! Import finds the picture's input and the scores, looks what the scores are, finds the last
//! convolution's maps and writes the graph that explains, and then runs the network on noise to
//! see whether all of that is true. What could not be found is said in the report; what
//! contradicts the request is an error.

mod input;
mod parts;
mod report;
mod request;
mod trial;

pub use report::Report;
pub use request::ImportRequest;

use crate::{
    Runtime, SessionError,
    bundle::{Bundle, BundleError},
    edit,
    explain::{self, Plan},
    manifest::{
        Batch, Explain, InputSpec, Manifest, ManifestError, Method, OutputSpec, SCHEMA, ScoreKind,
    },
    scan::{Checked, Limits, SafeFile, ScanError, scan, short},
    score::BadScores,
};
use parts::Parts;

/// Why a file cannot become a model.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// As given.
        path: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is refused before any runtime sees it.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// It is no classifier of pictures, or its size must be told.
    #[error("input: {0}")]
    Input(String),
    /// Its outputs do not fit the labels, or a name is wrong.
    #[error("output: {0}")]
    Output(String),
    /// The runtime refuses it.
    #[error(transparent)]
    Runtime(#[from] SessionError),
    /// It runs and gives nonsense.
    #[error("a trial on noise failed")]
    Scores(#[from] BadScores),
    /// The parts do not fit together.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

impl From<ManifestError> for ImportError {
    fn from(error: ManifestError) -> Self {
        Self::Bundle(error.into())
    }
}

/// The file or files of a network.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// One file from pixels to scores.
    Network(&'a [u8]),
    /// A shared network from pixels to features, and a head from features to scores. The head's
    /// input has the name of one of the trunk's outputs.
    TrunkAndHead {
        /// Pixels to features.
        trunk: &'a [u8],
        /// Features to scores.
        head: &'a [u8],
    },
}

/// A bundle, and what was found on the way.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The model.
    pub bundle: Bundle,
    /// For people.
    pub report: Report,
}

/// Reads a file from disk, refusing one that is too large before it is read, and imports it.
///
/// # Errors
/// [`ImportError`].
pub fn import_file(
    path: &std::path::Path,
    request: &ImportRequest,
    runtime: &Runtime,
) -> Result<Imported, ImportError> {
    let unreadable = |source| ImportError::Read { path: path.display().to_string(), source };
    let facts = std::fs::metadata(path).map_err(unreadable)?;
    if !facts.is_file() {
        let kind = std::io::ErrorKind::InvalidInput;
        return Err(unreadable(std::io::Error::new(kind, "it is not a plain file")));
    }
    let (size_bytes, max_bytes) = (facts.len(), Limits::default().file_bytes);
    if size_bytes > max_bytes {
        return Err(ScanError::TooLarge { size_bytes, max_bytes }.into());
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    import(Source::Network(&bytes), request, runtime)
}

/// Makes a bundle of a network. Takes seconds of computing.
///
/// # Errors
/// [`ImportError`].
pub fn import(
    source: Source<'_>,
    request: &ImportRequest,
    runtime: &Runtime,
) -> Result<Imported, ImportError> {
    let limits = Limits::default();
    let (body, head) = match source {
        Source::Network(bytes) => (scan(bytes, &limits)?, None),
        Source::TrunkAndHead { trunk, head } => (scan(trunk, &limits)?, Some(scan(head, &limits)?)),
    };
    let mut report = Report::default();
    let (body, mut input) = input::open(body, request, &mut report)?;
    let mut parts = Parts::of(body, head)?;
    let scores = parts.scores(request)?;
    let kind = score_kind(&parts, &scores, request);
    parts.keep_outputs(&scores, request)?;
    let whole = parts.whole()?;
    let explain = explained(&mut parts, &whole, &scores, request, runtime, &mut report)?;
    let trial = trial::run(&parts, &input, &scores, runtime)?;
    let kind = trial.kind(kind, request)?;
    input.batch = trial.batch;
    report.found_output(&scores, kind, trial.batch, whole.products);
    let (explain, tail) = trial.checked(explain, &input, runtime, &mut report);
    let (graphs, mut files) = parts.into_files();
    files.extend(tail);
    let manifest = Manifest {
        schema: SCHEMA,
        plot_type: request.plot_type.clone(),
        labels: request.labels.clone(),
        graphs,
        input,
        output: OutputSpec { scores, kind, embedding: request.embedding.clone() },
        temperature: request.temperature,
        thresholds: request.thresholds.clone(),
        explain,
        novelty: request.novelty.clone(),
        layouts: request.layouts.clone(),
        conditions: request.conditions.clone(),
        training_set: request.training_set,
        evaluation: request.evaluation.clone(),
        parent: request.parent,
        architecture: request.architecture.clone(),
        created_at: request.created_at.clone(),
    };
    Ok(Imported { bundle: Bundle::seal(manifest, files)?, report })
}

/// What the network's last operator says of the scores; the trial on noise has the last word.
fn score_kind(parts: &Parts, scores: &str, request: &ImportRequest) -> ScoreKind {
    let last = parts.last();
    let ending = explain::ending(&last.graph, scores);
    let count: usize = last.shape(scores).unwrap_or_default().iter().product();
    match (request.score_kind, ending.last, count) {
        (Some(kind), _, _) => kind,
        (None, explain::Last::Softmax, _) => ScoreKind::Softmax,
        (None, explain::Last::Sigmoid, 1) => ScoreKind::Sigmoid,
        (None, _, 1) if request.labels.len() == 2 => ScoreKind::SigmoidLogit,
        // the softmax of log-probabilities are the probabilities
        _ => ScoreKind::Logits,
    }
}

/// How the network will be explained, as far as its graph shows.
enum Explained {
    AsAsked(Explain),
    Eigen { maps: String, reason: String },
    Tail { maps: String, method: Method, tail: Box<explain::Tail>, file: SafeFile },
}

fn explained(
    parts: &mut Parts,
    whole: &Checked,
    scores: &str,
    request: &ImportRequest,
    runtime: &Runtime,
    report: &mut Report,
) -> Result<Explained, ImportError> {
    if let Some((output, method)) = &request.map {
        let (output, method) = (output.clone(), *method);
        return Ok(Explained::AsAsked(Explain::Output { method, output }));
    }
    let plan = explain::plan(whole, &parts.in_whole(scores), runtime);
    let maps = match &plan {
        Plan::None { reason } => {
            let reason = reason.clone();
            return Ok(Explained::AsAsked(Explain::None { reason }));
        }
        Plan::Tail { maps, .. } | Plan::Eigen { maps, .. } => maps.clone(),
    };
    let Some(shape) = parts.body.shape(&maps).map(<[usize]>::to_vec) else {
        let reason = "its last maps are in the head".to_owned();
        return Ok(Explained::AsAsked(Explain::None { reason }));
    };
    report.found_maps(&maps, &shape);
    edit::expose(&mut parts.body.graph, &maps, &shape);
    Ok(match plan {
        Plan::Tail { maps, method, tail, file } => Explained::Tail { maps, method, tail, file },
        Plan::Eigen { maps, reason } => Explained::Eigen { maps, reason },
        Plan::None { reason } => Explained::AsAsked(Explain::None { reason }),
    })
}

/// The input, for the report.
fn described(input: &InputSpec) -> String {
    let colour = if input.channels == 1 { "grey" } else { "RGB" };
    let InputSpec { name, width, height, layout, .. } = input;
    format!("{:?}: {width}x{height} pixels, {colour}, {layout:?}", short(name))
}

/// One or any number of images a run.
fn batch_text(batch: Batch) -> &'static str {
    match batch {
        Batch::Any => "any number of images a run",
        Batch::One => "one image a run",
    }
}

#[cfg(test)]
mod tests;
