//! A checked model file -> a session of one thread that turns tensors into tensors.

use crate::{Runtime, scan::SafeFile};
use ort::{
    session::{RunOptions, builder::PrepackedWeights},
    value::TensorRef,
};
use std::sync::Arc;

/// Why a session could not be opened or run.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The runtime refuses the graph.
    #[error("the network cannot be loaded")]
    Load(#[source] ort::Error),
    /// The run failed, or was stopped.
    #[error("the network failed")]
    Run(#[source] ort::Error),
    /// The network does not give what its description promises.
    #[error("the network has no output {name:?} of floats")]
    Output {
        /// The output's name.
        name: String,
    },
}

/// A named tensor of floats, row-major.
#[derive(Clone, Copy, Debug)]
pub struct Tensor<'a> {
    /// The graph's name for it.
    pub name: &'a str,
    /// Elements along each axis.
    pub shape: &'a [usize],
    /// As many as the shape says.
    pub values: &'a [f32],
}

/// A tensor that a run gave.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Elements along each axis.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Vec<f32>,
}

impl Output {
    /// The part that belongs to image number `index` of a batch of `batch`.
    pub fn row(&self, index: usize, batch: usize) -> &[f32] {
        let each = self.values.len() / batch.max(1);
        &self.values[index * each..(index + 1) * each]
    }
}

/// Stops a run from another thread, between two operators.
#[derive(Clone)]
pub struct Stopper(Arc<RunOptions>);

impl Stopper {
    /// One for the runs of one job; there is none before the runtime is loaded.
    ///
    /// # Errors
    /// [`SessionError::Run`] when the runtime has no memory for it.
    pub fn new(_runtime: &Runtime) -> Result<Self, SessionError> {
        RunOptions::new().map(|options| Self(Arc::new(options))).map_err(SessionError::Run)
    }

    /// Ends the run that is under way with an error, and every later one.
    pub fn stop(&self) {
        if let Err(error) = self.0.terminate() {
            tracing::warn!(%error, "a run cannot be stopped");
        }
    }
}

/// Weights in the layout that the kernels want, shared by the sessions of one graph.
#[derive(Clone, Debug)]
pub struct SharedWeights(PrepackedWeights);

impl Default for SharedWeights {
    fn default() -> Self {
        Self(PrepackedWeights::new())
    }
}

/// A loaded network. Runs on the caller's thread alone, one run at a time.
#[derive(Debug)]
pub struct Session(ort::session::Session);

impl Session {
    /// Loads a network. The file's bytes are not needed afterwards.
    ///
    /// # Errors
    /// [`SessionError::Load`].
    pub fn open(
        runtime: &Runtime,
        file: &SafeFile,
        weights: Option<&SharedWeights>,
    ) -> Result<Self, SessionError> {
        let build = || -> ort::Result<ort::session::Session> {
            // One thread each and as many sessions as cores: measured faster than one session of
            // many threads, and spinning threads cost 60 % where cores are shared.
            let mut builder = ort::session::Session::builder(&runtime.environment)?
                .with_intra_threads(1)?
                .with_inter_threads(1)?
                .with_intra_op_spinning(false)?
                .with_inter_op_spinning(false)?;
            if let Some(SharedWeights(weights)) = weights {
                builder = builder.with_prepacked_weights(weights)?;
            }
            builder.commit_from_memory(file.bytes())
        };
        build().map(Self).map_err(SessionError::Load)
    }

    /// Names of the outputs, in order.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.0.outputs().iter().map(|output| output.name())
    }

    /// Runs once and gives the outputs named in `wanted`, in that order.
    ///
    /// # Errors
    /// [`SessionError::Run`] when the runtime fails or `stopper` ended it,
    /// [`SessionError::Output`] when an output is not there.
    pub fn run(
        &mut self,
        inputs: &[Tensor<'_>],
        wanted: &[&str],
        stopper: &Stopper,
    ) -> Result<Vec<Output>, SessionError> {
        let mut fed = Vec::with_capacity(inputs.len());
        for input in inputs {
            let tensor = TensorRef::from_array_view((input.shape, input.values));
            fed.push((input.name, tensor.map_err(SessionError::Run)?));
        }
        let given = self.0.run_with_options(fed, &stopper.0).map_err(SessionError::Run)?;
        let take = |name: &&str| {
            let missing = || SessionError::Output { name: (*name).to_owned() };
            let value = given.get(*name).ok_or_else(missing)?;
            let (shape, values) = value.try_extract_tensor::<f32>().map_err(|_| missing())?;
            let shape = shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
            Ok(Output { shape, values: values.to_vec() })
        };
        wanted.iter().map(take).collect()
    }
}
