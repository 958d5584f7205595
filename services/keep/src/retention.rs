//! The catalog's policies -> originals, thumbnails, heat maps and rows that go in time.
//!
//! Rows first, files later: a step lets rows go of their blobs in one transaction and notes these
//! as garbage; the sweep deletes a blob that has been garbage for a day, that no row names and that
//! nobody has put again since. A crash anywhere leaves garbage, never a row without its blob.
//! What is labelled, pinned, a reference, the newest of its plot type or in an open sequence stays
//! (see [`hydra_store::retention`]).

use crate::turns::Duty;
use hydra_blobs::{BlobError, Blobs};
use hydra_store::{
    Database, StoreError,
    catalog::{Days, Retention, Spec},
    now_us,
    retention::{self, What},
};
use std::{
    collections::HashSet,
    time::{Duration, SystemTime},
};
use tokio_util::sync::CancellationToken;
use tracing::info;

const DUTY: Duty = Duty { name: "retention", first: Duration::from_secs(60) };
/// Images looked at in one transaction, short enough not to hold up the keeping.
const STEP: u64 = 500;
/// Transactions a policy and round, so that a large backlog does not starve the other plot types.
const STEPS: u64 = 200;
/// A blob is garbage this long before it is deleted: an image that was put again in the meantime
/// has its row by then.
const GARBAGE: Duration = Duration::from_secs(86_400);
/// Blobs looked up together.
const SWEEP: u64 = 10_000;
/// Rows read at once when garbage is looked for in the tables.
const PAGE: u64 = 5_000;
/// Signs of life and promises without a taker are forgotten after this long.
const TRACES: Duration = Duration::from_secs(30 * 86_400);

/// Applies the policies until `stop`; `holder` names this process.
pub async fn run(db: Database, blobs: Blobs, holder: String, stop: CancellationToken) {
    DUTY.run(&db, &holder, &stop, || round(&db, &blobs, now_us())).await;
}

/// What a round could not do.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The database.
    #[error("the database did not let retention finish")]
    Store(#[from] StoreError),
    /// The blob store.
    #[error("the blob store did not let retention finish")]
    Blobs(#[from] BlobError),
}

/// What a round removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Originals that rows let go of.
    pub originals: u64,
    /// Images whose thumbnail and heat maps went.
    pub thumbnails: u64,
    /// Images whose rows went.
    pub rows: u64,
    /// Blobs deleted.
    pub blobs: u64,
}

/// Applies every plot type's policy as of `now_us` (microseconds since 1970 UTC), then deletes old garbage.
///
/// # Errors
/// When the database or the blob store is away. What was removed until then stays removed.
pub async fn round(db: &Database, blobs: &Blobs, now_us: i64) -> Result<Removed, RetentionError> {
    let mut removed = Removed::default();
    for (plot_type_id, spec) in retention::policies(db).await? {
        for what in What::ALL {
            let Some(age) = age(&spec, what) else { continue };
            let count = match what {
                What::NotCollected | What::Originals => &mut removed.originals,
                What::Thumbnails => &mut removed.thumbnails,
                What::Rows => &mut removed.rows,
            };
            for _ in 0..STEPS {
                let step = retention::step(db, plot_type_id, what, now_us - age.us(), STEP).await?;
                *count += step.removed.len() as u64;
                if what == What::Rows {
                    for image in &step.removed {
                        // the image would be new again if it came again
                        blobs.delete_marker(image).await?;
                    }
                }
                if step.finished {
                    break;
                }
            }
        }
    }
    removed.blobs = sweep(db, blobs, now_us).await?;
    retention::tidy(db, now_us - us(TRACES)).await?;
    for (what, count) in [
        ("originals", removed.originals),
        ("thumbnails", removed.thumbnails),
        ("rows", removed.rows),
        ("blobs", removed.blobs),
    ] {
        metrics::counter!("hydra_retention_removed_total", "what" => what).increment(count);
    }
    if removed != Removed::default() {
        info!(?removed, "retention");
    }
    Ok(removed)
}

/// After how long it goes; `None` is never. Originals that the collect fraction left out stay a
/// day, so that a person can still look at what a page shows.
fn age(spec: &Spec, what: What) -> Option<Days> {
    let Retention { not_collected_days, originals_days, thumbnails_days, rows_days } =
        spec.retention;
    match what {
        What::NotCollected => not_collected_days.or_else(|| Days::try_from(1).ok()),
        What::Originals => originals_days,
        What::Thumbnails => thumbnails_days,
        What::Rows => rows_days,
    }
}

async fn sweep(db: &Database, blobs: &Blobs, now_us: i64) -> Result<u64, RetentionError> {
    let garbage = retention::garbage(db, now_us - us(GARBAGE), SWEEP).await?;
    if garbage.is_empty() {
        return Ok(0);
    }
    let hashes: HashSet<Vec<u8>> = garbage.iter().map(|(h, _)| h.as_bytes().to_vec()).collect();
    let named = retention::still_named(db, hashes, PAGE).await?;
    let (mut deleted, mut done) = (0, Vec::new());
    for (hash, since_us) in garbage {
        if !named.contains(hash.as_bytes().as_slice()) {
            let put_us = blobs.put_at(&hash).await?.map(since_1970_us);
            if put_us.is_some_and(|put_us| put_us > since_us && put_us > now_us - us(GARBAGE)) {
                // put again lately: its row may be on the way
                continue;
            }
            deleted += u64::from(blobs.delete(&hash).await?);
        }
        done.push(hash);
    }
    retention::swept(db, done).await?;
    Ok(deleted)
}

fn us(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

fn since_1970_us(at: SystemTime) -> i64 {
    us(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}
