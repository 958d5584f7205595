//! The simulated hall feeds the pipeline, chunk by chunk, as a producer does by AMQP.

use crate::{
    demo::truth::Truths,
    producer::{self, Simulated},
};
use anyhow::Context;
use hydra_hall::Moment;
use hydra_proto::ContentHash;
use hydra_stage::{Destination, Transport};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// What went in.
#[derive(Clone, Default)]
pub struct Sent {
    /// How many images.
    pub images: Arc<AtomicU64>,
    /// What they were.
    pub truths: Arc<Truths>,
}

/// Draws and publishes chunk after chunk, `every` apart, until `stop`.
///
/// # Errors
/// When a plot cannot be drawn or the pipeline does not take it.
pub async fn feed(
    mut simulated: Simulated,
    from: Moment,
    every: Duration,
    transport: Arc<dyn Transport>,
    sent: Sent,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let moments: Vec<Moment> = simulated.hall.moments(from).take(100_000).collect();
    let mut next = Instant::now();
    for at in moments {
        let drawing = tokio::task::spawn_blocking(move || {
            let chunk = simulated.chunk(at);
            (simulated, chunk)
        });
        let (back, chunk) = drawing.await.context("drawing ended early")?;
        simulated = back;
        for drawn in chunk? {
            if stop.is_cancelled() {
                return Ok(());
            }
            sent.truths.note(&drawn.truth);
            let taken_at = OffsetDateTime::now_utc().format(&Rfc3339)?;
            let mut message = producer::message(&simulated.hall, drawn, taken_at)?;
            message.id = ContentHash::of(&message.body).to_string();
            transport.publish(Destination::Queue("ingest".to_owned()), message).await?;
            sent.images.fetch_add(1, Ordering::SeqCst);
        }
        next += every;
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = sleep_until(next) => {}
        }
    }
    Ok(())
}
