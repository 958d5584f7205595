//! A run on noise: whether what the graph seems to say is true.

use super::{Explained, ImportError, ImportRequest, Report, parts::Parts};
use crate::{
    Runtime, Session, Stopper, Tensor, explain,
    manifest::{Batch, Explain, InputSpec, ScoreKind},
    scan::SafeFile,
    score::all_finite,
    session::{Output, SessionError},
};
use hydra_proto::ContentHash;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Images of noise in a trial: enough to tell probabilities from numbers that look like them once.
const IMAGES: usize = 3;
/// Relative difference between an image's scores alone and in a batch, from rounding alone.
const SAME: f32 = 1e-3;
/// Largest relative error of the gradient that is trusted. Rounding gives up to 1e-4.
const MAX_ERROR: f64 = 1e-2;
/// Maps whose gradient is compared with differences at import.
const COMPARED_MAPS: usize = 32;

/// What the network did.
pub(super) struct Trial {
    /// Scores, image by image.
    scores: Vec<Vec<f32>>,
    /// Whether several images can be run at once.
    pub batch: Batch,
    /// The body, with all its outputs.
    body: SafeFile,
}

/// Runs body and head on noise, each image alone and then together.
pub(super) fn run(
    parts: &Parts,
    input: &InputSpec,
    scores: &str,
    runtime: &Runtime,
) -> Result<Trial, ImportError> {
    let body = parts.body.clone().into_file();
    let mut bench = Bench {
        body: Session::open(runtime, &body, None)?,
        head: match &parts.head {
            Some(head) => Some(Session::open(runtime, &head.clone().into_file(), None)?),
            None => None,
        },
        head_inputs: parts.head.iter().flat_map(|h| h.inputs().map(str::to_owned)).collect(),
        stopper: Stopper::new(runtime)?,
    };
    let images: Vec<Vec<f32>> = (0..IMAGES as u64).map(|seed| noise(input, seed)).collect();
    let alone: Vec<Vec<f32>> = images
        .iter()
        .map(|image| bench.scores(input, image, 1, scores).map(|out| out.values))
        .collect::<Result<_, SessionError>>()?;
    for scores in &alone {
        all_finite(scores)?;
    }
    let together = bench.scores(input, &images.concat(), IMAGES, scores);
    let same = together.is_ok_and(|out| {
        out.values.len() == alone.concat().len()
            && (0..IMAGES).all(|i| close(out.row(i, IMAGES), &alone[i]))
    });
    let batch = if same { Batch::Any } else { Batch::One };
    Ok(Trial { scores: alone, batch, body })
}

struct Bench {
    body: Session,
    head: Option<Session>,
    head_inputs: Vec<String>,
    stopper: Stopper,
}

impl Bench {
    fn scores(
        &mut self,
        input: &InputSpec,
        values: &[f32],
        batch: usize,
        name: &str,
    ) -> Result<Output, SessionError> {
        let shape = input.dims(batch);
        let tensor = Tensor { name: &input.name, shape: &shape, values };
        let Some(head) = &mut self.head else {
            return Ok(self.body.run(&[tensor], &[name], &self.stopper)?.remove(0));
        };
        let wanted: Vec<&str> = self.head_inputs.iter().map(String::as_str).collect();
        let features = self.body.run(&[tensor], &wanted, &self.stopper)?;
        let tensors: Vec<Tensor> = wanted
            .iter()
            .zip(&features)
            .map(|(name, out)| Tensor { name, shape: &out.shape, values: &out.values })
            .collect();
        Ok(head.run(&tensors, &[name], &self.stopper)?.remove(0))
    }
}

fn close(a: &[f32], b: &[f32]) -> bool {
    let size = b.iter().map(|v| v.abs()).fold(1e-6, f32::max);
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x - y).abs() <= SAME * size)
}

/// A picture of noise as the network wants it; the same every time.
fn noise(input: &InputSpec, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut pixels = vec![0; input.shape().size_bytes()];
    rng.fill_bytes(&mut pixels);
    let mut values = Vec::with_capacity(pixels.len());
    // the number of pixels is the input's own
    let _ = crate::prepare::append(input, &pixels, &mut values);
    values
}

impl Trial {
    /// What the scores are, by their looks: a hand-written softmax has no operator of that name.
    pub(super) fn kind(
        &self,
        by_graph: ScoreKind,
        request: &ImportRequest,
    ) -> Result<ScoreKind, ImportError> {
        if request.score_kind.is_some() {
            return Ok(by_graph);
        }
        let inside = |p: &f32| (-1e-6..=1.0 + 1e-6).contains(p);
        let sums_to_one =
            |s: &Vec<f32>| s.iter().all(inside) && (s.iter().sum::<f32>() - 1.0).abs() < 1e-3;
        let look_like_it = self.scores.iter().all(sums_to_one);
        match by_graph {
            ScoreKind::Logits if look_like_it && request.labels.len() > 1 => Ok(ScoreKind::Softmax),
            ScoreKind::Softmax if !look_like_it && request.labels.len() > 1 => {
                let sums: Vec<f32> = self.scores.iter().map(|s| s.iter().sum()).collect();
                Err(ImportError::Output(format!(
                    "it ends in a softmax that is not over the labels: the scores sum to {sums:?}"
                )))
            }
            kind => Ok(kind),
        }
    }

    /// The explanation, if it agrees with differences of the logits, else a lesser one; and the
    /// graph that it needs.
    pub(super) fn checked(
        &self,
        explained: Explained,
        input: &InputSpec,
        runtime: &Runtime,
        report: &mut Report,
    ) -> (Explain, Option<SafeFile>) {
        match explained {
            Explained::AsAsked(explain) => {
                report.note(match &explain {
                    Explain::None { reason } => format!("no heat maps: {reason}"),
                    _ => "heat maps: the network's own output".to_owned(),
                });
                (explain, None)
            }
            Explained::Eigen { maps, reason } => {
                report.note(format!("heat maps: eigen-cam, not of a class, because {reason}"));
                (Explain::Eigen { maps, reason }, None)
            }
            Explained::Tail { maps, method, tail, file } => {
                match self.worst_error(&maps, &tail, &file, input, runtime) {
                    Ok(error) if error <= MAX_ERROR => {
                        let name = method.as_str();
                        report.note(format!(
                            "heat maps: {name}, within {error:.0e} of differences of the logit"
                        ));
                        let graph = ContentHash::of(file.bytes());
                        (Explain::Tail { method, maps, graph }, Some(file))
                    }
                    Ok(error) => {
                        let reason = format!("its gradient is off by {error:.0e}");
                        self.checked(Explained::Eigen { maps, reason }, input, runtime, report)
                    }
                    Err(reason) => {
                        let reason = format!("its gradient cannot be checked: {reason}");
                        self.checked(Explained::Eigen { maps, reason }, input, runtime, report)
                    }
                }
            }
        }
    }

    fn worst_error(
        &self,
        maps: &str,
        tail: &explain::Tail,
        file: &SafeFile,
        input: &InputSpec,
        runtime: &Runtime,
    ) -> Result<f64, String> {
        let text = |error: SessionError| error.to_string();
        let mut body = Session::open(runtime, &self.body, None).map_err(text)?;
        let (shape, values) = (input.dims(1), noise(input, 0));
        let tensor = Tensor { name: &input.name, shape: &shape, values: &values };
        let stopper = Stopper::new(runtime).map_err(text)?;
        let maps = body.run(&[tensor], &[maps], &stopper).map_err(text)?.remove(0);
        let mut worst = 0.0_f64;
        for score in [0, tail.scores() - 1] {
            let checkup = explain::verify(tail, file, &maps, score, COMPARED_MAPS, runtime)?;
            worst = worst.max(checkup.relative_error);
        }
        Ok(worst)
    }
}
