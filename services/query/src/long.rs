//! Sequences of trouble that lasted longer than a day: few, and known here, so that what reaches
//! into a past range is found without a look at all that came later.

use hydra_store::{
    Database, StoreError, now_us,
    read::{self, LONG_US},
};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// The newest are looked up again after so long.
const FRESH: Duration = Duration::from_secs(10);
/// Late images lengthen a sequence whose newest image is at most so old.
const LATE_US: i64 = 2 * 86_400_000_000;

/// Long sequences; cheap to clone.
#[derive(Clone, Default)]
pub struct Longs {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    /// First and newest image, microseconds since 1970 UTC, by id.
    spans: HashMap<Vec<u8>, (i64, i64)>,
    read: Option<Instant>,
    upto_us: i64,
}

impl Longs {
    /// Ids of those that were going on at a time in the past; none for one that is not past.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn at(&self, db: &Database, at_us: i64) -> Result<Vec<Vec<u8>>, StoreError> {
        let now = now_us();
        if at_us > now - LONG_US {
            return Ok(Vec::new());
        }
        let mut known = self.known.lock().await;
        if known.read.is_none_or(|read| read.elapsed() > FRESH) {
            for row in read::long(db, known.upto_us - LATE_US).await? {
                known.spans.insert(row.id, (row.first_us, row.last_us));
            }
            known.upto_us = now;
            known.read = Some(Instant::now());
        }
        let spans = known.spans.iter();
        let there = spans.filter(|(_, (first_us, last_us))| *first_us < at_us && *last_us >= at_us);
        Ok(there.map(|(id, _)| id.clone()).collect())
    }
}
