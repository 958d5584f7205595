//! Runs an ONNX file of ours on pixels: embeddings, calibration, comparisons.

use hydra_model::manifest::{Batch, InputSpec, Layout, Normalisation};
use hydra_model::scan::{Limits, ScanError, scan};
use hydra_model::{Output, Runtime, Session, SessionError, Stopper, Tensor, prepare};
use hydra_proto::registry::InputShape;

/// Name of the input of every file that we write: float32 `[n, channels, height, width]`, pixel
/// values from 0 to 255. Normalisation is inside.
pub const PIXELS: &str = "pixels";

/// Why a file of ours could not be run.
#[derive(Debug, thiserror::Error)]
pub enum RunnerError {
    /// The scanner refuses the file.
    #[error("the network is refused")]
    Scan(#[from] ScanError),
    /// ONNX Runtime refuses it or failed.
    #[error("the network cannot be run")]
    Session(#[from] SessionError),
    /// The bytes given are not whole images.
    #[error("{found} bytes are no whole number of images of {wanted} bytes")]
    Pixels {
        /// Bytes given.
        found: usize,
        /// Bytes of an image.
        wanted: usize,
    },
}

/// What a bundle says of the input of our files.
pub fn input_spec(shape: InputShape) -> InputSpec {
    InputSpec {
        name: PIXELS.into(),
        width: shape.width,
        height: shape.height,
        channels: shape.channels,
        layout: Layout::Nchw,
        batch: Batch::Any,
        letterbox: shape.letterbox,
        normalisation: Normalisation::inside(),
    }
}

/// A loaded file. Runs on the caller's thread.
pub struct Runner {
    session: Session,
    spec: InputSpec,
    stopper: Stopper,
}

impl Runner {
    /// Checks and loads a file of ours for images of `shape`.
    ///
    /// # Errors
    /// Where the scanner or the runtime refuses it.
    pub fn open(runtime: &Runtime, onnx: &[u8], shape: InputShape) -> Result<Self, RunnerError> {
        let spec = input_spec(shape);
        let scanned = scan(onnx, &Limits::default())?;
        let file = scanned.sized(&[(PIXELS, spec.dims(1))])?.into_file();
        let session = Session::open(runtime, &file, None)?;
        Ok(Self { session, spec, stopper: Stopper::new(runtime)? })
    }

    /// Runs whole interleaved 8-bit images, one after the other, and gives the outputs `wanted`.
    ///
    /// # Errors
    /// Where the bytes are not whole images, or the run fails.
    pub fn run(&mut self, pixels: &[u8], wanted: &[&str]) -> Result<Vec<Output>, RunnerError> {
        let size = self.spec.shape().size_bytes();
        let refused = RunnerError::Pixels { found: pixels.len(), wanted: size };
        if pixels.is_empty() || !pixels.len().is_multiple_of(size) {
            return Err(refused);
        }
        let mut values = Vec::with_capacity(pixels.len());
        for image in pixels.chunks_exact(size) {
            if prepare::append(&self.spec, image, &mut values).is_err() {
                return Err(refused);
            }
        }
        let shape = self.spec.dims(pixels.len() / size);
        let input = Tensor { name: PIXELS, shape: &shape, values: &values };
        Ok(self.session.run(&[input], wanted, &self.stopper)?)
    }
}
