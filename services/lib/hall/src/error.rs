//! Why the hall could not draw or write.

use std::path::PathBuf;

/// Why a plot could not be drawn or written.
#[derive(Debug, thiserror::Error)]
pub enum HallError {
    /// No plot type of that name is drawn here.
    #[error("the simulated hall has no plot type {name:?}")]
    UnknownPlotType {
        /// As asked for.
        name: String,
    },
    /// The fault makes no sense on this plot, or cannot be made that strong on it.
    #[error("fault {kind} cannot be drawn on {plot_type} with expected delta chi-square {dchi2}")]
    NotApplicable {
        /// The plot type.
        plot_type: String,
        /// The fault's name.
        kind: &'static str,
        /// The strength asked for.
        dchi2: f64,
    },
    /// File names hold six digits of run and four of chunk.
    #[error("run {run} chunk {chunk} is outside runs 1 to 999999 and chunks 1 to 9999")]
    OutOfRange {
        /// As asked for.
        run: u32,
        /// As asked for.
        chunk: u32,
    },
    /// The PNG encoder failed.
    #[error("plot cannot be encoded as PNG")]
    Encode {
        /// What `png` says.
        #[source]
        source: png::EncodingError,
    },
    /// A file or folder could not be written.
    #[error("{} cannot be written", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
}

impl From<png::EncodingError> for HallError {
    fn from(source: png::EncodingError) -> Self {
        Self::Encode { source }
    }
}
