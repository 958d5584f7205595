//! Images that were confirmed to producers and had no row yet when a process with memory instead of
//! a broker ended: they are announced again.

use crate::process::Parts;
use futures::{StreamExt, TryStreamExt};
use hydra_ingest::announced;
use hydra_proto::ImageId;
use hydra_stage::{Destination, Outgoing};
use hydra_store::read::present;
use std::time::{Duration, SystemTime};
use tracing::{info, warn};

/// Images that the database is asked about at once.
const BATCH: usize = 500;

/// Between two tries, where blob store or database does not answer.
const AGAIN: Duration = Duration::from_secs(10);

/// Announces what was taken before `since` and is not in the database. Neither a store nor a
/// database that is away ends the process: it is tried again until it is done or the process stops.
pub async fn resume_until_done(parts: &Parts, since: SystemTime) {
    loop {
        match resume(parts, since).await {
            Ok(0) => return,
            Ok(images) => {
                info!(images, "taken before and not judged yet: announced again");
                return;
            }
            Err(error) => warn!(error = format!("{error:#}"), "what was taken before must wait"),
        }
        tokio::select! {
            () = tokio::time::sleep(AGAIN) => {}
            () = parts.stop.cancelled() => return,
        }
    }
}

/// How many were announced; those of a try that failed are announced once more.
async fn resume(parts: &Parts, since: SystemTime) -> anyhow::Result<usize> {
    let before = move |(image, at): (ImageId, SystemTime)| {
        futures::future::ready(Ok((at < since).then_some(image)))
    };
    let earlier = parts.blobs.markers().try_filter_map(before);
    let mut batches = std::pin::pin!(earlier.try_chunks(BATCH));
    let mut count = 0;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|broken| broken.1)?;
        let known = present(&parts.database, batch.clone()).await?;
        for image in batch.into_iter().filter(|image| !known.contains(image)) {
            let note = parts.blobs.get_marker(&image).await?.unwrap_or_default();
            let Some(event) = announced(&note) else { continue };
            let (queue, message) = Outgoing::of(&event).caused_by(&image.to_string(), 0);
            parts.transport.publish(Destination::Queue(queue.to_owned()), message).await?;
            count += 1;
        }
    }
    Ok(count)
}
