//! One loaded graph and its sessions.

use crate::{
    Output, Runtime, Session, SessionError, Stopper, Tensor,
    bundle::{Shapes, shapes_of},
    edit,
    scan::{Checked, SafeFile},
    session::SharedWeights,
};
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

/// A graph up to this size keeps its file, and opens sessions when they are needed. A larger one
/// opens all at once and lets the file go.
const SMALL_BYTES: usize = 4 << 20;
/// Memory of a session beside its weights; measured 150 to 280 KB for small graphs.
const SESSION_BYTES: u64 = 256 << 10;

/// Counts the memory of all graphs.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<AtomicU64>);

impl Meter {
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Why a loaded graph gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum SlotError {
    /// The run failed.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// All sessions were lost to threads that hang; the graph must be loaded again.
    #[error("all sessions of the network are lost to hanging threads")]
    Exhausted,
}

/// Weight of the newest run in the running mean of the time an image takes.
const NEWEST: f32 = 0.2;

/// A loaded graph. Any thread may run it; each run has a session for itself.
pub struct Slot {
    shapes: Shapes,
    outputs: Vec<String>,
    runtime: Runtime,
    /// Of a small graph.
    file: Option<SafeFile>,
    weights: SharedWeights,
    idle: Mutex<Vec<Session>>,
    session_bytes: u64,
    bytes: AtomicU64,
    meter: Meter,
    /// Running mean of microseconds an image, as bits; 0 before the first run.
    pace: AtomicU32,
}

impl Slot {
    /// Opens a checked graph with only `outputs` left, and runs each session once on zeros.
    pub(super) fn open(
        mut checked: Checked,
        outputs: &[String],
        sessions: usize,
        runtime: &Runtime,
        meter: &Meter,
    ) -> Result<Self, SessionError> {
        let shapes = shapes_of(&checked);
        let wanted: Vec<&str> = outputs.iter().map(String::as_str).collect();
        edit::prune(&mut checked.graph, &wanted);
        let inputs: Vec<(String, Vec<usize>)> = checked
            .inputs()
            .map(|name| (name.to_owned(), checked.shape(name).unwrap_or_default().to_vec()))
            .collect();
        let file = checked.into_file();
        let size = file.bytes().len();
        let session_bytes = SESSION_BYTES + (size + size / 4) as u64;
        let mut slot = Self {
            shapes,
            outputs: outputs.to_vec(),
            runtime: runtime.clone(),
            file: None,
            weights: SharedWeights::default(),
            idle: Mutex::default(),
            session_bytes,
            bytes: AtomicU64::new(0),
            meter: meter.clone(),
            pace: AtomicU32::new(0),
        };
        let small = size <= SMALL_BYTES;
        for _ in 0..if small { 1 } else { sessions.max(1) } {
            let mut session = slot.more(&file)?;
            warm(&mut session, &inputs, &wanted, runtime)?;
            slot.idle().push(session);
        }
        if small {
            slot.reserve(size as u64);
            slot.file = Some(file);
        }
        Ok(slot)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Session>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.meter.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn more(&self, file: &SafeFile) -> Result<Session, SessionError> {
        let session = Session::open(&self.runtime, file, Some(&self.weights))?;
        self.reserve(self.session_bytes);
        Ok(session)
    }

    /// Estimated memory.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// All outputs that the graph's file has, with their shapes for one image.
    pub fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// The outputs that it was opened for.
    pub fn outputs(&self) -> impl Iterator<Item = &str> {
        self.outputs.iter().map(String::as_str)
    }

    /// Time that an image took lately; zero before the first run. Decides how many are run at once.
    pub fn pace(&self) -> Duration {
        let us = f32::from_bits(self.pace.load(Ordering::Relaxed));
        Duration::from_secs_f32(us.max(0.0) / 1e6)
    }

    /// Notes that `images` images took `took`.
    pub fn took(&self, took: Duration, images: usize) {
        let us = took.as_secs_f32() * 1e6 / images.max(1) as f32;
        let before = f32::from_bits(self.pace.load(Ordering::Relaxed));
        let mean = if before > 0.0 { before + NEWEST * (us - before) } else { us };
        self.pace.store(mean.to_bits(), Ordering::Relaxed);
    }

    /// Runs once on a session of its own.
    ///
    /// # Errors
    /// [`SlotError`].
    pub fn run(
        &self,
        inputs: &[Tensor<'_>],
        wanted: &[&str],
        stopper: &Stopper,
    ) -> Result<Vec<Output>, SlotError> {
        let idle = self.idle().pop();
        let mut session = match (idle, &self.file) {
            (Some(session), _) => session,
            (None, Some(file)) => self.more(file)?,
            (None, None) => return Err(SlotError::Exhausted),
        };
        let outputs = session.run(inputs, wanted, stopper);
        self.idle().push(session);
        Ok(outputs?)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.meter.0.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

/// A first run on zeros: kernels lay their memory out, and what cannot run shows here.
fn warm(
    session: &mut Session,
    inputs: &[(String, Vec<usize>)],
    wanted: &[&str],
    runtime: &Runtime,
) -> Result<(), SessionError> {
    let zeros: Vec<Vec<f32>> =
        inputs.iter().map(|(_, shape)| vec![0.0; shape.iter().product()]).collect();
    let tensors: Vec<Tensor> = inputs
        .iter()
        .zip(&zeros)
        .map(|((name, shape), values)| Tensor { name, shape, values })
        .collect();
    session.run(&tensors, wanted, &Stopper::new(runtime)?).map(|_| ())
}
