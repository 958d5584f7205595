//! A picture of 1380x640 for each plot type, so that pages can be looked at and timed.

use crate::{fill::Hall, ingest::new_image};
use hydra_blobs::Blobs;
use hydra_hall::{Moment, Painter};
use hydra_proto::ImageId;
use hydra_store::{
    Database,
    keeping::{self, Batch},
    now_us,
};
use hydra_vision::{Limits, Workbench};
use std::sync::Arc;

/// Draws and commits a newest image for every plot type.
pub async fn draw(db: &Database, hall: &Hall, blobs: &Blobs) {
    let simulated = hydra_hall::Hall::new(1);
    let wide: Vec<_> = simulated.plot_types().iter().filter(|t| t.width >= 1380).collect();
    assert!(!wide.is_empty(), "no plot of the simulated hall is 1380 pixels wide");
    let run = hall.last_run as u32 + 1 + ((now_us() - hall.to_us) / 60_000_000) as u32;
    let (mut painter, mut bench) = (Painter::new(), Workbench::new(Limits::default()));
    let mut images = Vec::with_capacity(hall.plots.len());
    for (n, (name, _)) in hall.plots.iter().enumerate() {
        let plot_type = wide[n % wide.len()];
        let at = Moment { run: simulated.first_run(), chunk: 1 + n as u32 / 8 };
        let drawn = simulated.draw_with(&mut painter, plot_type, at, None).unwrap();
        let mut picture = bench.open(&drawn.png).unwrap();
        let small = picture.thumbnail();
        let mut new = new_image(hall, run, n as u64);
        let content = blobs.put(drawn.png.into()).await.unwrap();
        let thumbnail = blobs.put(small.into()).await.unwrap();
        new.image.id = ImageId::of(name, run, Some(1), &content).as_bytes().to_vec();
        new.image.content = content.as_bytes().to_vec();
        new.image.thumbnail = Some(thumbnail.as_bytes().to_vec());
        for said in &mut new.predictions {
            said.image_id.clone_from(&new.image.id);
        }
        images.push(new);
    }
    keeping::commit(db, Arc::new(Batch { images, ..Default::default() })).await.unwrap();
}
