//! Weights out of a PyTorch file, of which only tensors are read.

use super::{Array, Weights};
use pytorch_reader::{DType, PickleValue, PytorchError, PytorchReader};
use std::path::{Path, PathBuf};

/// Why a `.pth` file was refused.
#[derive(Debug, thiserror::Error)]
pub enum TorchError {
    /// Not a file that PyTorch wrote, or damaged.
    #[error("{} is not a readable PyTorch file", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        #[source]
        source: PytorchError,
    },
    /// The pickle asks for a Python object, which could be code.
    #[error("{} holds a Python object of type {kind}: save the state_dict, only tensors are read",
        path.display())]
    NotATensor {
        /// The file.
        path: PathBuf,
        /// Name of the Python type.
        kind: String,
    },
    /// A tensor of a type that weights do not have.
    #[error("tensor {name} of {} is {found:?}, weights are float32", path.display())]
    ElementType {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// As found.
        found: DType,
    },
    /// The data of a tensor cannot be read.
    #[error("tensor {name} of {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        name: String,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// No tensor at all.
    #[error("{} holds no tensors", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Reads the tensors of a `state_dict`. No Python is run, and a file with anything beside
/// tensors and plain values in it is refused. Integer tensors (torchvision's step counters)
/// are skipped.
///
/// # Errors
/// See [`TorchError`].
pub fn read_torch(path: &Path) -> Result<Weights, TorchError> {
    let unreadable = |source| TorchError::Unreadable { path: path.into(), source };
    let tree = PytorchReader::read_pickle_data(path, None).map_err(unreadable)?;
    refuse_objects(path, &tree)?;
    let file = PytorchReader::new(path).map_err(unreadable)?;
    let mut weights = Weights::default();
    for tensor in file.into_tensors().into_values() {
        let name = tensor.name.clone();
        match tensor.dtype() {
            DType::F32 => {}
            DType::I64 | DType::I32 => continue,
            found => return Err(TorchError::ElementType { path: path.into(), name, found }),
        }
        let bytes = tensor.read().map_err(|source| {
            let name = name.clone();
            TorchError::Read { path: path.into(), name, source }
        })?;
        let data = bytes.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]]));
        let array = Array { shape: tensor.shape().to_vec(), data: data.collect() };
        weights.insert(name, array);
    }
    if weights.iter().next().is_none() {
        return Err(TorchError::Empty { path: path.into() });
    }
    Ok(weights)
}

fn refuse_objects(path: &Path, value: &PickleValue) -> Result<(), TorchError> {
    match value {
        PickleValue::Unsupported(kind) if kind != "torch.Tensor" => {
            Err(TorchError::NotATensor { path: path.into(), kind: kind.clone() })
        }
        PickleValue::List(items) => items.iter().try_for_each(|v| refuse_objects(path, v)),
        PickleValue::Dict(items) => items.values().try_for_each(|v| refuse_objects(path, v)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pth");
        std::fs::write(&path, bytes).unwrap();
        (dir, path)
    }

    #[test]
    fn a_pickle_that_would_run_a_command_is_refused_and_not_run() {
        // {'w': os.system('touch ...')} as `pickle.dumps` of protocol 2 writes it
        let dir = tempfile::tempdir().unwrap();
        let trace = dir.path().join("ran");
        let command = format!("touch {}", trace.display());
        let mut pickle = b"\x80\x02}q\x00X\x01\x00\x00\x00wq\x01cposix\nsystem\nX".to_vec();
        pickle.extend((command.len() as u32).to_le_bytes());
        pickle.extend(command.as_bytes());
        pickle.extend(b"\x85Rs.");
        let (_keep, path) = written(&pickle);
        match read_torch(&path) {
            Err(TorchError::NotATensor { kind, .. }) => assert_eq!(kind, "posix.system"),
            other => panic!("{other:?}"),
        }
        assert!(!trace.exists());
    }

    #[test]
    fn text_and_empty_files_are_refused() {
        for bytes in [&b""[..], b"weights, honestly", b"\x80\x02}q\x00."] {
            let (_keep, path) = written(bytes);
            assert!(read_torch(&path).is_err(), "{bytes:?}");
        }
    }
}
