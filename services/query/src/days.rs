//! Images a day. Days that are over do not change, so only the newest are summed up again.

use hydra_store::{Database, StoreError, now_us, read};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Mutex;

/// Days that can be asked for.
pub const MOST_DAYS: i32 = 1_000;
/// The newest day is summed up again after so long.
const FRESH: Duration = Duration::from_secs(10);
/// Late images may still count for the day before.
const OPEN_DAYS: i32 = 2;
const DAY_US: i64 = 86_400_000_000;

/// Images by day, in days since 1970 UTC; cheap to clone.
#[derive(Clone, Default)]
pub struct Days {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    days: BTreeMap<i32, u64>,
    summed: Option<Instant>,
    upto: i32,
}

impl Days {
    /// The last `count` days that had images, newest first, before day `before`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn newest(
        &self,
        db: &Database,
        before: Option<i32>,
        count: usize,
    ) -> Result<Vec<(i32, u64)>, StoreError> {
        let mut known = self.known.lock().await;
        let today = i32::try_from(now_us() / DAY_US).unwrap_or(i32::MAX - 1);
        let is_old = known.summed.is_none_or(|summed| summed.elapsed() > FRESH);
        if is_old || known.upto < today {
            let from =
                if known.summed.is_some() { known.upto - OPEN_DAYS } else { today - MOST_DAYS };
            for (day, images) in read::days(db, from, today + 1).await? {
                known.days.insert(day, images);
            }
            known.upto = today;
            known.summed = Some(Instant::now());
        }
        let end = before.unwrap_or(i32::MAX);
        Ok(known.days.range(..end).rev().take(count).map(|(day, n)| (*day, *n)).collect())
    }
}
