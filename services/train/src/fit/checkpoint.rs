//! A training on disk: what is needed to go on as if nothing had happened.
//!
//! The file is in the safetensors layout (length, JSON, numbers), so that other tools read it.
//! It is written beside the old one, synced and renamed: after a crash or on a full disk the old
//! one is there, whole.

use super::progress::EpochFigures;
use crate::weights::{Array, Weights};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Why a checkpoint cannot be written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk is full or the folder not writable; the checkpoint before it is untouched.
    #[error("the checkpoint {} cannot be written", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is there and cannot be read.
    #[error("the checkpoint {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is no checkpoint, or damaged.
    #[error("{} is no checkpoint: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// It is of other images, another network or other settings.
    #[error(
        "the checkpoint {} is of another training (other images, labels, network or settings): \
        remove it to start anew", path.display()
    )]
    Other {
        /// The file.
        path: PathBuf,
    },
}

/// Where a training stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// What can be told in a few numbers.
    pub state: State,
    /// The network now.
    pub weights: Weights,
    /// The network at its best epoch; absent before the first ended.
    pub best: Option<Weights>,
    /// The optimiser's moments.
    pub moments: BTreeMap<String, Array>,
}

/// The numbers of a [`Checkpoint`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Hash over settings, network, images and classes.
    pub training: String,
    /// Epochs that ended.
    pub epochs: Vec<EpochFigures>,
    /// Steps done in the epoch under way.
    pub step: usize,
    /// Sum of the losses of these steps.
    pub loss_sum: f64,
    /// Steps of the optimiser.
    pub optimiser_steps: u64,
    /// Index into `epochs`.
    pub best_epoch: Option<usize>,
}

#[derive(Serialize, Deserialize)]
struct Entry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

/// Longest description that is read.
const MOST_HEADER_BYTES: u64 = 64 << 20;

impl Checkpoint {
    /// Writes the file in place of the one before.
    ///
    /// # Errors
    /// [`CheckpointError::Write`]; the one before is untouched.
    pub fn save(&self, path: &Path) -> Result<(), CheckpointError> {
        let bytes = self.to_bytes();
        let partial = path.with_extension("partial");
        let written = (|| {
            let mut file = File::create(&partial)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            fs::rename(&partial, path)?;
            File::open(path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(".".as_ref()))?
                .sync_all()
        })();
        written.map_err(|source| {
            // what is half-written is of no use, and on a full disk in the way
            let _already_reported = fs::remove_file(&partial);
            CheckpointError::Write { path: path.into(), source }
        })
    }

    /// Reads the file if it is there and of this `training`.
    ///
    /// # Errors
    /// [`CheckpointError`]: damaged, unreadable, or of another training.
    pub fn load(path: &Path, training: &str) -> Result<Option<Self>, CheckpointError> {
        let mut bytes = Vec::new();
        match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CheckpointError::Read { path: path.into(), source }),
        }
        let read = Self::from_bytes(&bytes)
            .map_err(|why| CheckpointError::Damaged { path: path.into(), why })?;
        if read.state.training != training {
            return Err(CheckpointError::Other { path: path.into() });
        }
        Ok(Some(read))
    }

    fn arrays(&self) -> Vec<(String, &Array)> {
        let mut list: Vec<(String, &Array)> = Vec::new();
        list.extend(self.weights.iter().map(|(name, array)| (format!("now.{name}"), array)));
        let best = self.best.iter().flat_map(|best| best.iter());
        list.extend(best.map(|(name, array)| (format!("best.{name}"), array)));
        list.extend(self.moments.iter().map(|(name, array)| (format!("moment.{name}"), array)));
        list
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut header = serde_json::Map::new();
        let mut data: Vec<u8> = Vec::new();
        for (name, array) in self.arrays() {
            let start = data.len();
            data.extend(array.data.iter().flat_map(|v| v.to_le_bytes()));
            let entry = Entry {
                dtype: "F32".into(),
                shape: array.shape.clone(),
                data_offsets: [start, data.len()],
            };
            header.insert(name, serde_json::to_value(entry).unwrap_or_default());
        }
        let state = serde_json::to_string(&self.state).unwrap_or_default();
        header.insert("__metadata__".into(), serde_json::json!({ "state": state }));
        let header = serde_json::Value::Object(header).to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.append(&mut data);
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let (length, rest) = bytes.split_first_chunk::<8>().ok_or("it is too short")?;
        let length = u64::from_le_bytes(*length);
        if length > MOST_HEADER_BYTES || length > rest.len() as u64 {
            return Err("its description is longer than the file".into());
        }
        let (header, data) = rest.split_at(length as usize);
        let mut header: BTreeMap<String, serde_json::Value> =
            serde_json::from_slice(header).map_err(|e| e.to_string())?;
        let metadata = header.remove("__metadata__").unwrap_or_default();
        let state = metadata["state"].as_str().ok_or("it has no state")?;
        let mut read = Self {
            state: serde_json::from_str(state).map_err(|e| e.to_string())?,
            weights: Weights::default(),
            best: None,
            moments: BTreeMap::new(),
        };
        for (name, entry) in header {
            let Entry { shape, data_offsets: [start, end], .. } =
                serde_json::from_value(entry).map_err(|e| e.to_string())?;
            let bytes = data.get(start..end).ok_or_else(|| format!("{name} is cut off"))?;
            let floats = bytes.as_chunks::<4>().0.iter().map(|four| f32::from_le_bytes(*four));
            let array = Array { shape, data: floats.collect() };
            if array.data.len() != array.shape.iter().product::<usize>() {
                return Err(format!("{name} does not fill its shape"));
            }
            match name.split_once('.') {
                Some(("now", name)) => read.weights.insert(name, array),
                Some(("best", name)) => {
                    read.best.get_or_insert_with(Weights::default).insert(name, array);
                }
                Some(("moment", name)) => {
                    read.moments.insert(name.to_owned(), array);
                }
                _ => return Err(format!("it holds {name:?}")),
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Checkpoint {
        let mut weights = Weights::default();
        weights.insert("fc.bias", Array { shape: vec![2], data: vec![0.5, -1.0] });
        let moment = Array { shape: vec![2], data: vec![0.25, 4.0] };
        Checkpoint {
            state: State { training: "a".into(), step: 7, ..State::default() },
            best: Some(weights.clone()),
            weights,
            moments: BTreeMap::from([("first.fc.bias".to_owned(), moment)]),
        }
    }

    #[test]
    fn a_checkpoint_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.checkpoint");
        assert_eq!(Checkpoint::load(&path, "a").unwrap(), None);
        checkpoint().save(&path).unwrap();
        assert_eq!(Checkpoint::load(&path, "a").unwrap(), Some(checkpoint()));
        let other = Checkpoint::load(&path, "b").unwrap_err();
        assert!(matches!(other, CheckpointError::Other { .. }), "{other}");
    }

    #[test]
    fn a_cut_or_foreign_file_is_called_damaged() {
        let whole = checkpoint().to_bytes();
        for bytes in
            [&whole[..whole.len() - 3], &whole[..20], b"", b"\xff\xff\xff\xff\xff\xff\xff\xff{}"]
        {
            assert!(Checkpoint::from_bytes(bytes).is_err());
        }
    }

    #[test]
    fn a_folder_that_takes_nothing_is_said_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("absent").join("x.checkpoint");
        let refused = checkpoint().save(&path).unwrap_err();
        assert!(matches!(refused, CheckpointError::Write { .. }));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
