//! Writes new images while the others read, in the transactions of keep.

use crate::fill::{Hall, PLOTS};
use hydra_proto::{ContentHash, ImageId, events};
use hydra_store::{
    Database, ROLE_ACTIVE,
    entity::{image, prediction},
    keeping::{self, Batch, NewImage},
    now_us,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio_util::sync::CancellationToken;

/// When each image of a live change was committed, microseconds since 1970 UTC: pages live in
/// another process.
pub type Commits = Arc<Mutex<HashMap<String, i64>>>;

/// Commits `rate` images a second, in ten batches, until `stop`; returns how many.
pub async fn run(
    db: Database,
    hall: Hall,
    rate: usize,
    commits: Commits,
    stop: CancellationToken,
) -> u64 {
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    let batch_size = rate.div_ceil(10);
    let mut written = 0_u64;
    // another run each minute: a database that is used again knows those of before
    let run = hall.last_run as u32 + 1 + ((now_us() - hall.to_us) / 60_000_000) as u32;
    while rate > 0 && stop.run_until_cancelled(beat.tick()).await.is_some() {
        let images: Vec<NewImage> =
            (0..batch_size as u64).map(|n| new_image(&hall, run, written + n)).collect();
        let ids: Vec<String> = images
            .iter()
            .map(|new| ImageId::from_slice(&new.image.id).unwrap().to_string())
            .collect();
        written += images.len() as u64;
        keeping::commit(&db, Arc::new(Batch { images, ..Default::default() })).await.unwrap();
        let now = now_us();
        commits.lock().unwrap().extend(ids.into_iter().map(|id| (id, now)));
    }
    written
}

pub fn new_image(hall: &Hall, run: u32, n: u64) -> NewImage {
    let (plot, plot_type_id) = &hall.plots[(n % PLOTS) as usize];
    let chunk = 1 + (n / PLOTS) as u32;
    let content = ContentHash::of(&n.to_be_bytes());
    let id = ImageId::of(plot, run, Some(chunk), &content).as_bytes().to_vec();
    let taken_us = now_us();
    let (label, kind) = if n.is_multiple_of(500) { ("Bad", 2) } else { ("Good", 1) };
    let said = prediction::Model {
        image_id: id.clone(),
        model_id: hall.model_id,
        plot_type_id: *plot_type_id,
        role: ROLE_ACTIVE,
        taken_us,
        label: label.into(),
        confidence: 0.95,
        threshold: 0.7,
        state: 0,
        kind,
        scores: "[0.95,0.02,0.03]".into(),
        p_value: None,
        note: String::new(),
        work_us: 30_000,
    };
    NewImage {
        data: Vec::new(),
        may_be_stuck: false,
        unfamiliar: None,
        image: image::Model {
            id,
            plot_type_id: *plot_type_id,
            run: run.into(),
            chunk: Some(chunk.into()),
            taken_us,
            arrived_us: taken_us,
            committed_us: 0,
            commit_no: 0,
            content: content.as_bytes().to_vec(),
            thumbnail: Some(content.as_bytes().to_vec()),
            width: 1380,
            height: 640,
            size_bytes: 50_000,
            source: "load".into(),
            conditions_id: None,
            beam: Some(42.5),
            kept: true,
            stored: true,
            no_verdict_reason: None,
        },
        period: "load".into(),
        conditions: None,
        predictions: vec![said],
        embeddings: Vec::new(),
        wire: events::Image { plot_type: plot.to_string(), ..Default::default() },
    }
}
