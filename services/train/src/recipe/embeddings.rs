//! Embeddings that a trunk made, kept in a file from one training of a head to the next: a trunk
//! that reads a plot as it is says the same of it every time.

use super::{LearnError, Network};
use crate::export;
use hydra_proto::ContentHash;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of all files of a folder at most; those that were not written for longest go.
const MOST_BYTES: u64 = 2 << 30;
const HASH: usize = ContentHash::LEN;

/// What one trunk made of images, by their content.
#[derive(Debug)]
pub struct Embeddings {
    path: PathBuf,
    features: usize,
    rows: HashMap<ContentHash, Vec<f32>>,
}

impl Embeddings {
    /// Those of `network`'s trunk that `folder` has, which may be none. No trunk that compares a
    /// plot with others before it looks is kept: what it says changes with them.
    ///
    /// # Errors
    /// Where the network's weights do not fit it.
    pub fn of(network: &Network, folder: &Path) -> Result<Option<Self>, LearnError> {
        if network.shown.aligns() {
            return Ok(None);
        }
        let graph = network.graph()?;
        let trunk = export::trunk(&graph, &network.weights, &[])?;
        let read = [&trunk[..], format!("{:?}", network.input).as_bytes()].concat();
        let path = folder.join(format!("{}.embeddings", ContentHash::of(&read)));
        let features = graph.feature_count();
        let rows = match fs::read(&path) {
            Ok(bytes) => parsed(&bytes, features).unwrap_or_else(|| {
                tracing::warn!(path = %path.display(), "damaged embeddings are made again");
                HashMap::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(%error, path = %path.display(), "embeddings are made again");
                }
                HashMap::new()
            }
        };
        Ok(Some(Self { path, features, rows }))
    }

    /// The embedding of an image.
    pub fn get(&self, content: &ContentHash) -> Option<&[f32]> {
        self.rows.get(content).map(Vec::as_slice)
    }

    /// Whether there is one of an image.
    pub fn has(&self, content: &ContentHash) -> bool {
        self.rows.contains_key(content)
    }

    /// Takes more in and writes the file anew. A folder that cannot be written costs time the next
    /// time and nothing else: it is warned of.
    pub fn add(&mut self, fresh: impl IntoIterator<Item = (ContentHash, Vec<f32>)>) {
        let fits = |(_, row): &(ContentHash, Vec<f32>)| row.len() == self.features;
        self.rows.extend(fresh.into_iter().filter(fits));
        if let Err(error) = self.write() {
            tracing::warn!(%error, path = %self.path.display(), "embeddings are not kept");
        }
    }

    fn write(&self) -> io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let mut bytes = Vec::with_capacity(self.rows.len() * (HASH + 4 * self.features) + HASH);
        for (content, row) in &self.rows {
            bytes.extend(content.as_bytes());
            bytes.extend(row.iter().flat_map(|value| value.to_le_bytes()));
        }
        bytes.extend(ContentHash::of(&bytes).as_bytes());
        make_room(folder, &self.path, MOST_BYTES.saturating_sub(bytes.len() as u64))?;
        let mut partial = tempfile::NamedTempFile::new_in(folder)?;
        partial.write_all(&bytes)?;
        partial.as_file().sync_all()?;
        partial.persist(&self.path)?;
        File::open(folder)?.sync_all()
    }
}

/// Records of content and features, then the hash over all of them.
fn parsed(bytes: &[u8], features: usize) -> Option<HashMap<ContentHash, Vec<f32>>> {
    let (records, sum) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    let size = HASH + 4 * features;
    if ContentHash::of(records).as_bytes() != sum || !records.len().is_multiple_of(size) {
        return None;
    }
    let record = |record: &[u8]| {
        let (content, row) = record.split_at(HASH);
        let content = ContentHash::from_bytes(content.try_into().ok()?);
        let row = row.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
        Some((content, row))
    };
    records.chunks_exact(size).map(record).collect()
}

/// Deletes the oldest embeddings beside `but` until the others are no larger than `most`.
fn make_room(folder: &Path, but: &Path, most: u64) -> io::Result<()> {
    let mut others: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if path != but && path.extension().is_some_and(|name| name == "embeddings") {
            let about = entry.metadata()?;
            others.push((about.modified()?, about.len(), path));
        }
    }
    others.sort();
    let mut bytes: u64 = others.iter().map(|(_, bytes, _)| bytes).sum();
    for (_, size, path) in others {
        if bytes <= most {
            break;
        }
        fs::remove_file(path)?;
        bytes -= size;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::align::Shown;
    use crate::graph::Architecture;
    use crate::weights::Weights;
    use hydra_proto::registry::InputShape;

    fn network(seed: u64, shown: Shown) -> Network {
        let input = InputShape { width: 32, height: 32, channels: 3, letterbox: false };
        let architecture = Architecture::Compact;
        let outputs = 2;
        let network = |weights| Network { architecture, input, shown, outputs, weights };
        let empty = network(Weights::default());
        network(Weights::random(&empty.graph().unwrap(), seed))
    }

    fn open(folder: &Path, seed: u64) -> Embeddings {
        Embeddings::of(&network(seed, Shown::Pixels), folder).unwrap().unwrap()
    }

    #[test]
    fn what_one_trunk_made_is_there_again_and_no_other_trunks() {
        let folder = tempfile::tempdir().unwrap();
        let mut first = open(folder.path(), 1);
        let (a, b) = (ContentHash::of(b"a"), ContentHash::of(b"b"));
        let row: Vec<f32> = (0..first.features).map(|i| i as f32 / 7.0).collect();
        first.add([(a, row.clone()), (b, vec![1.0])]);
        assert!(!first.has(&b), "of another length");
        assert_eq!(open(folder.path(), 1).get(&a), Some(&row[..]));
        assert!(open(folder.path(), 2).rows.is_empty());
        let aligned = network(1, Shown::Deviations);
        assert!(Embeddings::of(&aligned, folder.path()).unwrap().is_none());
    }

    #[test]
    fn a_file_that_is_torn_or_changed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let mut made = open(folder.path(), 1);
        let row = vec![1.0; made.features];
        made.add([(ContentHash::of(b"a"), row)]);
        let whole = fs::read(&made.path).unwrap();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 1;
            assert!(parsed(&changed, made.features).is_none(), "byte {at}");
            assert!(parsed(&whole[..at], made.features).is_none(), "{at} bytes");
        }
        fs::write(&made.path, &whole[1..]).unwrap();
        assert!(open(folder.path(), 1).rows.is_empty());
    }

    #[test]
    fn the_oldest_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, age_s| {
            let path = folder.path().join(name);
            fs::write(&path, [0; 100]).unwrap();
            let then = SystemTime::now() - std::time::Duration::from_secs(age_s);
            File::options().write(true).open(&path).unwrap().set_modified(then).unwrap();
            path
        };
        let (old, new, own) =
            (file("o.embeddings", 9), file("n.embeddings", 5), file("w.embeddings", 99));
        let other = file("training.checkpoint", 500);
        make_room(folder.path(), &own, 150).unwrap();
        assert!(!old.exists() && new.exists() && own.exists() && other.exists());
    }
}
