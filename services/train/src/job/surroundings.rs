//! What a model must know of the plots that it was made from, beside their pixels: how they were
//! laid out, and under which conditions they were taken.

use super::StoredError;
use futures::{StreamExt, TryStreamExt};
use hydra_blobs::Blobs;
use hydra_model::manifest::{PlotLayout, Seen};
use hydra_store::training::LabelledImage;
use hydra_vision::{Limits, Workbench};

/// Plots that are looked at; more would tell no more.
const MOST: usize = 60;
/// Plots that are decoded at the same time.
const AT_ONCE: usize = 4;

/// What is known of the surroundings of some plots.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Surroundings {
    /// How they were laid out.
    pub layouts: Vec<PlotLayout>,
    /// Under which conditions.
    pub conditions: Seen,
}

impl Surroundings {
    /// Of labelled images: conditions of all, layouts of the Goods.
    ///
    /// # Errors
    /// When the blob store is away; what cannot be decoded is passed over.
    pub async fn of(blobs: &Blobs, rows: &[LabelledImage]) -> Result<Self, StoredError> {
        let mut in_order: Vec<&LabelledImage> = rows.iter().collect();
        in_order.sort_by_key(|row| (row.run, row.chunk));
        let conditions = Seen::of(in_order.iter().map(|row| row.conditions.as_str()));
        let goods: Vec<&LabelledImage> =
            in_order.into_iter().filter(|row| row.stored && row.label.counts_as_good()).collect();
        let step = goods.len().div_ceil(MOST).max(1);
        let wanted: Vec<_> = goods.into_iter().step_by(step).map(|row| row.content).collect();
        let work = wanted.into_iter().map(|content| {
            let blobs = blobs.clone();
            async move {
                let bytes = match blobs.get(&content).await {
                    Ok(bytes) => bytes,
                    Err(error) if error.is_transient() => return Err(StoredError::Blob(error)),
                    Err(_) => return Ok(None),
                };
                let look = move || {
                    let mut bench = Workbench::new(Limits::default());
                    let mut picture = bench.open(&bytes).ok()?;
                    let sight = picture.sight();
                    Some(PlotLayout::seen(picture.width(), picture.height(), &sight))
                };
                Ok(tokio::task::spawn_blocking(look).await?)
            }
        });
        let seen: Vec<Option<PlotLayout>> =
            futures::stream::iter(work).buffered(AT_ONCE).try_collect().await?;
        let seen: Vec<PlotLayout> = seen.into_iter().flatten().collect();
        Ok(Self { layouts: PlotLayout::common(&seen), conditions })
    }
}
