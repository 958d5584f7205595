//! Originals of the blob store -> pixels of one shape in a file, read image by image: memory is
//! bounded by the batch, however many labels there are, and no plot is decoded twice.

use crate::data::{Dataset, Example, PixelError};
use crate::recipe::Embeddings;
use futures::{StreamExt, TryStreamExt};
use hydra_blobs::{BlobError, Blobs};
use hydra_proto::ContentHash;
use hydra_proto::registry::InputShape;
use hydra_store::training::LabelledImage;
use hydra_vision::{Limits, Workbench};
use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Plots that are fetched and decoded at the same time.
const AT_ONCE: usize = 4;

/// Why there are no pixels.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// The folder or the file in it.
    #[error("pixels cannot be kept in {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: std::io::Error,
    },
    /// The blob store is away.
    #[error("an original cannot be had")]
    Blob(#[from] BlobError),
    /// Decoding broke off.
    #[error("decoding broke off")]
    Broken(#[from] tokio::task::JoinError),
}

/// Labelled images with their pixels in a file.
pub struct Stored {
    examples: Vec<Example>,
    shape: InputShape,
    file: File,
    /// Place in the file of each example.
    places: Vec<usize>,
    /// Places that were left empty, for nobody needs their pixels.
    empty: HashSet<usize>,
    /// Images that could not be used, and why.
    pub left_out: Vec<String>,
}

impl Stored {
    /// Fetches, decodes and resizes every image once; what cannot be decoded is left out and
    /// named. A file that an earlier attempt left in `folder` is used again. Images whose
    /// embeddings are `known` are taken as they are, without pixels.
    ///
    /// # Errors
    /// See [`StoredError`].
    pub async fn open(
        blobs: &Blobs,
        rows: Vec<LabelledImage>,
        shape: InputShape,
        folder: &Path,
        known: Option<&Embeddings>,
    ) -> Result<Self, StoredError> {
        let is_known = |i: &usize| known.is_some_and(|known| known.has(&rows[*i].content));
        let empty: HashSet<usize> = (0..rows.len()).filter(is_known).collect();
        let entry =
            |(i, row): (usize, &LabelledImage)| format!("{} {}", row.content, empty.contains(&i));
        let named = rows.iter().enumerate().map(entry).collect::<Vec<_>>().join(", ");
        let name = ContentHash::of(format!("{shape:?} {named}").as_bytes()).to_string();
        let path = folder.join(format!("{name}.pixels"));
        let io = |path: &Path| {
            let path = path.to_path_buf();
            move |source| StoredError::File { path, source }
        };
        tokio::fs::create_dir_all(folder).await.map_err(io(folder))?;
        let bad = path.with_extension("bad.json");
        if !path.exists() || !bad.exists() {
            let partial = path.with_extension("partial");
            let file = Arc::new(File::create(&partial).map_err(io(&partial))?);
            let refused = fill(blobs, &rows, &empty, shape, file, &partial).await?;
            let text = serde_json::to_vec(&refused).unwrap_or_default();
            std::fs::write(&bad, text).map_err(io(&bad))?;
            std::fs::rename(&partial, &path).map_err(io(&path))?;
        }
        let read = std::fs::read(&bad).map_err(io(&bad))?;
        let refused: Vec<(usize, String)> = serde_json::from_slice(&read).unwrap_or_default();
        let file = File::open(&path).map_err(io(&path))?;
        let left_out =
            refused.iter().map(|(i, why)| format!("{}: {why}", rows[*i].image)).collect();
        let usable = |i: &usize| refused.iter().all(|(bad, _)| bad != i);
        let places: Vec<usize> = (0..rows.len()).filter(usable).collect();
        let examples = places.iter().map(|i| example(&rows[*i])).collect();
        Ok(Self { examples, shape, file, places, empty, left_out })
    }
}

/// The labels of images alone, before anything is decoded.
pub(super) fn listed(rows: &[LabelledImage]) -> Vec<Example> {
    rows.iter().map(example).collect()
}

fn example(row: &LabelledImage) -> Example {
    Example {
        image: row.image,
        content: row.content,
        plot_type: row.plot_type.clone(),
        run: row.run,
        chunk: row.chunk,
        label: row.label.clone(),
        weight: 1.0,
        condition: condition(&row.conditions),
        synthetic: false,
    }
}

/// The conditions that are words, e.g. `target LH2`; numbers would make a group of every run.
fn condition(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let words = value.as_object().into_iter().flatten();
    let words = words.filter_map(|(key, value)| Some(format!("{key} {}", value.as_str()?)));
    words.collect::<Vec<_>>().join(", ")
}

/// Writes all pixels but those of `empty` places; gives what could not be had.
async fn fill(
    blobs: &Blobs,
    rows: &[LabelledImage],
    empty: &HashSet<usize>,
    shape: InputShape,
    file: Arc<File>,
    path: &Path,
) -> Result<Vec<(usize, String)>, StoredError> {
    let one = |(index, row): (usize, &LabelledImage)| {
        let (content, stored, file) = (row.content, row.stored, file.clone());
        let path = path.to_path_buf();
        async move {
            if !stored {
                return Ok(Some((index, "its original was deleted".to_owned())));
            }
            let bytes = match blobs.get(&content).await {
                Ok(bytes) => bytes,
                Err(error) if error.is_transient() => return Err(StoredError::Blob(error)),
                Err(error) => return Ok(Some((index, error.to_string()))),
            };
            let work = tokio::task::spawn_blocking(move || {
                let mut bench = Workbench::new(Limits::default());
                let mut picture = match bench.open(&bytes) {
                    Ok(picture) => picture,
                    Err(refused) => return Ok(Some((index, refused.to_string()))),
                };
                let at = index as u64 * shape.size_bytes() as u64;
                file.write_all_at(picture.resized(&shape), at)
                    .map_err(|source| StoredError::File { path, source })?;
                Ok::<_, StoredError>(None)
            });
            work.await?
        }
    };
    let work: Vec<_> =
        rows.iter().enumerate().filter(|(i, _)| !empty.contains(i)).map(one).collect();
    let all = futures::stream::iter(work).buffer_unordered(AT_ONCE);
    let mut refused: Vec<(usize, String)> =
        all.try_filter_map(|one| async move { Ok(one) }).try_collect().await?;
    refused.sort();
    let whole = rows.len() as u64 * shape.size_bytes() as u64;
    let kept = file.set_len(whole).and_then(|()| file.sync_all());
    kept.map_err(|source| StoredError::File { path: path.to_path_buf(), source })?;
    Ok(refused)
}

impl Dataset for Stored {
    fn examples(&self) -> &[Example] {
        &self.examples
    }

    fn pixels(&self, index: usize, shape: InputShape) -> Result<Vec<u8>, PixelError> {
        let failed = |source: std::io::Error| PixelError { index, source: Box::new(source) };
        if shape != self.shape {
            return Err(failed(std::io::Error::other("asked for in another shape")));
        }
        if self.empty.contains(&self.places[index]) {
            return Err(failed(std::io::Error::other("its pixels were not fetched")));
        }
        let mut pixels = vec![0; shape.size_bytes()];
        let at = self.places[index] as u64 * pixels.len() as u64;
        self.file.read_exact_at(&mut pixels, at).map_err(failed)?;
        Ok(pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_proto::{ImageId, PlotTypeName};

    fn row(run: u32, content: ContentHash, stored: bool) -> LabelledImage {
        let plot_type: PlotTypeName = "A".parse().unwrap();
        LabelledImage {
            image: ImageId::of(&plot_type, run, None, &content),
            content,
            plot_type,
            run,
            chunk: None,
            label: "Good".parse().unwrap(),
            conditions: r#"{"beam_nA": 40.1, "target": "LH2"}"#.into(),
            stored,
            canvas: (8, 8),
        }
    }

    #[tokio::test]
    async fn what_cannot_be_decoded_is_left_out_and_named() {
        let (blobs, dir) = (Blobs::in_memory(), tempfile::tempdir().unwrap());
        let png = hydra_vision::write_rgb_png(8, 8, &[200; 192]);
        let good = blobs.put(png.into()).await.unwrap();
        let text = blobs.put("no image".as_bytes().into()).await.unwrap();
        let absent = ContentHash::of(b"never stored");
        let rows =
            vec![row(1, text, true), row(2, good, true), row(3, absent, true), row(4, good, false)];
        let shape = InputShape { width: 4, height: 4, channels: 3, letterbox: false };
        for _again in 0..2 {
            let stored = Stored::open(&blobs, rows.clone(), shape, dir.path(), None).await.unwrap();
            assert_eq!(stored.examples().len(), 1);
            assert_eq!(stored.examples()[0].condition, "target LH2");
            assert_eq!(stored.pixels(0, shape).unwrap(), vec![200; 48]);
            assert_eq!(stored.left_out.len(), 3, "{:?}", stored.left_out);
            assert!(stored.left_out[2].contains("deleted"));
        }
    }
}
