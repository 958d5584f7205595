//! One job on a worker thread: a few pictures through the network that takes them, and each
//! asker's own head behind it.

use bytes::Bytes;
use hydra_model::{Model, Output, Slot, SlotError, Tensor, Worker, manifest::InputSpec, prepare};
use hydra_proto::events::Pixels;
use hydra_vision::{Limits, Unpacker, Workbench};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Where a picture's pixels come from.
#[derive(Clone)]
pub(crate) enum Source {
    /// From the message, at the size that the model wants.
    Packed(Pixels),
    /// From the original: the message was made before this model was released.
    Original(Bytes),
}

/// A picture for one body, and all who want to know something of it.
pub(crate) struct Picture {
    pub source: Source,
    /// Index of the question, and the model that answers it.
    pub askers: Vec<(usize, Arc<Model>)>,
}

/// Pictures that go through one body together.
pub(crate) struct Chunk {
    pub body: Arc<Slot>,
    pub input: InputSpec,
    pub pictures: Vec<Picture>,
}

/// What a model gave for one picture.
#[derive(Clone, Debug, Default)]
pub(crate) struct Raw {
    pub scores: Vec<f32>,
    pub novelty: Option<Vec<f32>>,
    pub embedding: Vec<f32>,
    /// The picture's share of the body's time.
    pub work: Duration,
}

/// Why there is nothing for a picture.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The message's pixels are not what it says.
    #[error("the pixels cannot be used: {0}")]
    Pixels(String),
    /// The network failed.
    #[error("{0}")]
    Network(String),
    /// The model must be loaded again first.
    #[error("{0}")]
    Lost(String),
}

impl From<SlotError> for Trouble {
    fn from(error: SlotError) -> Self {
        let lost = matches!(error, SlotError::Exhausted);
        let text = format!("{:#}", anyhow::Error::new(error));
        if lost { Self::Lost(text) } else { Self::Network(text) }
    }
}

/// What a thread keeps: buffers.
#[derive(Default)]
pub(crate) struct Bench {
    unpacker: Unpacker,
    workbench: Option<Workbench>,
    pixels: Vec<u8>,
    input: Vec<f32>,
}

/// Answers by the index of the question.
pub(crate) type Answers = Vec<(usize, Result<Raw, Trouble>)>;

/// Runs a chunk. Every asker gets an answer.
pub(crate) fn run(worker: &mut Worker<Bench>, chunk: Chunk) -> Answers {
    let Chunk { body, input, pictures } = chunk;
    worker.kept.input.clear();
    let mut answers = Answers::new();
    let mut fed = Vec::with_capacity(pictures.len());
    for picture in pictures {
        match append(&mut worker.kept, &picture.source, &input) {
            Ok(()) => fed.push(picture),
            Err(trouble) => answers.extend(to_all(&picture, &Err(trouble))),
        }
    }
    if !fed.is_empty() {
        match networks(worker, &body, &input, &fed) {
            Ok(found) => answers.extend(found),
            Err(trouble) => {
                let trouble = Err(trouble);
                answers.extend(fed.iter().flat_map(|picture| to_all(picture, &trouble)));
            }
        }
    }
    answers
}

fn to_all(picture: &Picture, answer: &Result<Raw, Trouble>) -> Answers {
    picture.askers.iter().map(|(question, _)| (*question, answer.clone())).collect()
}

/// Appends a picture to the input batch.
fn append(bench: &mut Bench, source: &Source, spec: &InputSpec) -> Result<(), Trouble> {
    let refused = |error: String| Trouble::Pixels(error);
    let Bench { unpacker, workbench, pixels, input } = bench;
    let bytes: &[u8] = match source {
        Source::Packed(packed) => {
            unpacker.unpack_into(packed, pixels).map_err(|error| refused(error.to_string()))?;
            pixels
        }
        Source::Original(original) => {
            let workbench = workbench.get_or_insert_with(|| Workbench::new(Limits::default()));
            let opened = workbench.open(original);
            let mut picture = opened.map_err(|error| refused(error.to_string()))?;
            pixels.clear();
            pixels.extend_from_slice(picture.resized(&spec.shape()));
            pixels
        }
    };
    prepare::append(spec, bytes, input)
        .map_err(|wanted| refused(format!("{} bytes, {wanted} are wanted", bytes.len())))
}

/// The body once for all pictures, then the head of each model for those that ask for it.
fn networks(
    worker: &mut Worker<Bench>,
    body: &Slot,
    spec: &InputSpec,
    pictures: &[Picture],
) -> Result<Answers, Trouble> {
    let begun = Instant::now();
    let count = pictures.len();
    // models that share an opened body ask for the same of its outputs
    let names: Vec<&str> = body.outputs().collect();
    let shape = spec.dims(count);
    let tensor = Tensor { name: &spec.name, shape: &shape, values: &worker.kept.input };
    let outputs = body.run(&[tensor], &names, &worker.stopper)?;
    let took = begun.elapsed();
    body.took(took, count);
    let given = Given { names, outputs, count };
    let each = took / u32::try_from(count).unwrap_or(u32::MAX);

    let mut answers = Answers::new();
    for (model, rows) in by_model(pictures) {
        let own = match &model.head {
            None => Ok(None),
            Some(head) => given.through(model, head, &rows, worker).map(Some),
        };
        for (at, (question, row)) in rows.iter().enumerate() {
            let answer = own.as_ref().map_err(Clone::clone).map(|own| {
                let find = |name: &str| {
                    let from_head = own.as_ref().and_then(|head| head.row(name, at));
                    from_head.or_else(|| given.row(name, *row)).map(<[f32]>::to_vec)
                };
                let manifest = &model.manifest;
                Raw {
                    scores: find(&manifest.output.scores).unwrap_or_default(),
                    novelty: manifest.novelty.as_ref().and_then(|spec| find(&spec.output)),
                    embedding: manifest
                        .output
                        .embedding
                        .as_deref()
                        .and_then(find)
                        .unwrap_or_default(),
                    work: each,
                }
            });
            answers.push((*question, answer));
        }
    }
    Ok(answers)
}

/// For each model, its questions with the row of their picture in the batch.
fn by_model(pictures: &[Picture]) -> Vec<(&Model, Vec<(usize, usize)>)> {
    let mut models: Vec<(&Model, Vec<(usize, usize)>)> = Vec::new();
    for (row, picture) in pictures.iter().enumerate() {
        for (question, model) in &picture.askers {
            match models.iter_mut().find(|(known, _)| known.digest == model.digest) {
                Some((_, rows)) => rows.push((*question, row)),
                None => models.push((model, vec![(*question, row)])),
            }
        }
    }
    models
}

/// Outputs of a run, by name and row.
struct Given<'a> {
    names: Vec<&'a str>,
    outputs: Vec<Output>,
    count: usize,
}

impl<'a> Given<'a> {
    fn row(&self, name: &str, row: usize) -> Option<&[f32]> {
        let at = self.names.iter().position(|known| *known == name)?;
        Some(self.outputs[at].row(row, self.count))
    }

    /// These rows through a model's head, in one run.
    fn through<'m>(
        &self,
        model: &'m Model,
        head: &'m hydra_model::Head,
        rows: &[(usize, usize)],
        worker: &Worker<Bench>,
    ) -> Result<Given<'m>, Trouble> {
        let mut fed = Vec::with_capacity(head.inputs.len());
        for name in &head.inputs {
            let mut values = Vec::new();
            for (_, row) in rows {
                let features = self.row(name, *row).ok_or_else(|| {
                    Trouble::Network(format!("model {}: the trunk gives no {name:?}", model.digest))
                })?;
                values.extend_from_slice(features);
            }
            let mut shape = model.body.shapes().get(name).cloned().unwrap_or_default();
            if let Some(batch) = shape.first_mut() {
                *batch = rows.len();
            }
            fed.push((name, shape, values));
        }
        let tensors: Vec<Tensor> =
            fed.iter().map(|(name, shape, values)| Tensor { name, shape, values }).collect();
        let names: Vec<&str> = head.slot.outputs().collect();
        let outputs = head.slot.run(&tensors, &names, &worker.stopper)?;
        Ok(Given { names, outputs, count: rows.len() })
    }
}
