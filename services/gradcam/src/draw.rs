//! The map of one class for one picture, on a worker thread.

use bytes::Bytes;
use hydra_model::{
    Model, Output, SlotError, Tensor, Worker,
    explain::{eigen_cam, names},
    manifest::{Explain, ScoreKind},
    prepare,
    score::all_finite,
};
use hydra_proto::events::Pixels;
use hydra_vision::{Limits, Map, Unpacker, Workbench};
use std::sync::Arc;

/// Where the picture's pixels come from.
pub(crate) enum Source {
    /// From the message. The size of the plot is needed where the model letterboxes.
    Packed { pixels: Pixels, plot: Option<(u32, u32)> },
    /// From the original.
    Original(Bytes),
}

/// One map to make.
pub(crate) struct Task {
    pub model: Arc<Model>,
    /// Index of the label to explain.
    pub label: usize,
    pub source: Source,
}

/// Why there is no map.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoMap {
    /// The message's pixels, or the original, cannot be used; for good.
    #[error("the pixels cannot be used: {0}")]
    Pixels(String),
    /// The model says that it cannot be explained; for good.
    #[error("model {model} cannot explain: {reason}")]
    Unexplained { model: String, reason: String },
    /// The run failed.
    #[error("the network failed")]
    Network(#[from] SlotError),
    /// The network gave nonsense.
    #[error("no map: {0}")]
    Nonsense(String),
}

/// What a thread keeps: buffers.
#[derive(Default)]
pub(crate) struct Bench {
    unpacker: Unpacker,
    workbench: Option<Workbench>,
    pixels: Vec<u8>,
    input: Vec<f32>,
}

/// The map, and the weight that its 255 stands for.
pub(crate) fn draw(worker: &mut Worker<Bench>, task: Task) -> Result<(Map, f32), NoMap> {
    let plot = load(&mut worker.kept, &task)?;
    let weights = weigh(worker, &task)?;
    all_finite(&weights.values).map_err(|error| NoMap::Nonsense(error.to_string()))?;
    let (width, height) = size(&weights.shape)?;
    let (map, maximum) = Map::from_weights(width, height, &weights.values)
        .ok_or_else(|| NoMap::Nonsense(format!("it would be {width}x{height} places")))?;
    let input = &task.model.manifest.input;
    match plot.filter(|_| input.letterbox) {
        None => Ok((map, maximum)),
        Some(plot) => crate::letterbox::crop(&map, plot, (input.width, input.height))
            .map(|map| (map, maximum))
            .ok_or_else(|| NoMap::Nonsense("its frame is too large".into())),
    }
}

/// Fills the input; gives the plot's own size, where it is known.
fn load(bench: &mut Bench, task: &Task) -> Result<Option<(u32, u32)>, NoMap> {
    let spec = &task.model.manifest.input;
    let Bench { unpacker, workbench, pixels, input } = bench;
    let plot = match &task.source {
        Source::Packed { pixels: packed, plot } => {
            let unpacked = unpacker.unpack_into(packed, pixels);
            unpacked.map_err(|error| NoMap::Pixels(error.to_string()))?;
            *plot
        }
        Source::Original(original) => {
            let workbench = workbench.get_or_insert_with(|| Workbench::new(Limits::default()));
            let opened = workbench.open(original);
            let mut picture = opened.map_err(|error| NoMap::Pixels(error.to_string()))?;
            pixels.clear();
            pixels.extend_from_slice(picture.resized(&spec.shape()));
            Some((picture.width(), picture.height()))
        }
    };
    input.clear();
    prepare::append(spec, pixels, input)
        .map_err(|wanted| NoMap::Pixels(format!("{} bytes, {wanted} are wanted", pixels.len())))?;
    Ok(plot)
}

/// The weight of each place for the label.
fn weigh(worker: &Worker<Bench>, task: &Task) -> Result<Output, NoMap> {
    let model = &task.model;
    match &model.manifest.explain {
        Explain::None { reason } => {
            Err(NoMap::Unexplained { model: model.digest.to_string(), reason: reason.clone() })
        }
        Explain::Output { output, .. } => {
            let maps = whole(worker, model, output)?;
            let labels = model.manifest.labels.len();
            Ok(match maps.shape[..] {
                // one map for each label
                [1, n, height, width] if n == labels && n > 1 => {
                    let values = maps.row(task.label, n).to_vec();
                    Output { shape: vec![1, 1, height, width], values }
                }
                _ => maps,
            })
        }
        Explain::Tail { maps, .. } => {
            let maps = body(worker, model, &[maps])?.remove(0);
            let target = target(model, task.label);
            let inputs = [
                Tensor { name: names::MAPS, shape: &maps.shape, values: &maps.values },
                Tensor { name: names::TARGET, shape: &[1, target.len()], values: &target },
            ];
            let tail = model.tail.as_ref().ok_or_else(|| {
                NoMap::Nonsense("the model was loaded without its explanation".into())
            })?;
            Ok(tail.run(&inputs, &[names::CAM], &worker.stopper)?.remove(0))
        }
        Explain::Eigen { maps, .. } => {
            let maps = body(worker, model, &[maps])?.remove(0);
            let [_, channels, height, width] = maps.shape[..] else {
                return Err(NoMap::Nonsense(format!("maps of shape {:?}", maps.shape)));
            };
            all_finite(&maps.values).map_err(|error| NoMap::Nonsense(error.to_string()))?;
            let values = eigen_cam(&maps.values, channels);
            Ok(Output { shape: vec![1, 1, height, width], values })
        }
    }
}

/// One-hot over the scores. Two labels that share one score pull it in opposite directions.
fn target(model: &Model, label: usize) -> Vec<f32> {
    match model.manifest.output.kind {
        ScoreKind::Logits | ScoreKind::Softmax => {
            let mut target = vec![0.0; model.manifest.labels.len()];
            target[label] = 1.0;
            target
        }
        ScoreKind::Sigmoid | ScoreKind::SigmoidLogit => vec![if label == 1 { 1.0 } else { -1.0 }],
    }
}

fn body(worker: &Worker<Bench>, model: &Model, wanted: &[&str]) -> Result<Vec<Output>, SlotError> {
    let spec = &model.manifest.input;
    let shape = spec.dims(1);
    let tensor = Tensor { name: &spec.name, shape: &shape, values: &worker.kept.input };
    model.body.run(&[tensor], wanted, &worker.stopper)
}

/// An output of the body, or of the head behind it.
fn whole(worker: &Worker<Bench>, model: &Model, output: &str) -> Result<Output, SlotError> {
    let Some(head) = &model.head else {
        return Ok(body(worker, model, &[output])?.remove(0));
    };
    let wanted: Vec<&str> = head.inputs.iter().map(String::as_str).collect();
    let features = body(worker, model, &wanted)?;
    let tensors: Vec<Tensor> = wanted
        .iter()
        .zip(&features)
        .map(|(name, feature)| Tensor { name, shape: &feature.shape, values: &feature.values })
        .collect();
    Ok(head.slot.run(&tensors, &[output], &worker.stopper)?.remove(0))
}

/// Width and height of a map.
fn size(shape: &[usize]) -> Result<(u32, u32), NoMap> {
    let side = |side: usize| u32::try_from(side).unwrap_or(u32::MAX);
    match shape {
        [1, 1, height, width] | [1, height, width] => Ok((side(*width), side(*height))),
        other => Err(NoMap::Nonsense(format!("it has the shape {other:?}"))),
    }
}
