//! A hall of one plot type for tests of jobs.

use super::Trainer;
use hydra_blobs::Blobs;
use hydra_model::{Runtime, RuntimeConfig};
use hydra_proto::{ImageId, PlotTypeName, events};
use hydra_store::entity::image;
use hydra_store::keeping::{Batch, NewImage, commit, plot_types};
use hydra_store::release::By;
use hydra_store::{Database, DatabaseConfig, label};
use rand::{RngExt, SeedableRng};
use std::path::Path;
use std::sync::Arc;

/// One with nothing in it, on SQLite in a folder.
pub async fn trainer(folder: &Path) -> Trainer {
    let url = format!("sqlite:{}", folder.join("hydra.db").display());
    let database = Database::connect(&DatabaseConfig::at(&url)).await.unwrap();
    database.migrate().await.unwrap();
    Trainer {
        database,
        blobs: Blobs::in_memory(),
        runtime: Runtime::load(&RuntimeConfig::default()).unwrap(),
        folder: folder.join("jobs"),
        device: crate::device(),
    }
}

/// Whoever tests.
pub fn by() -> By {
    By { who: "test".into(), why: "test".into() }
}

/// A frame with counts that fluctuate, on paper of this shade; with a hole where asked for.
pub fn plot(seed: u64, shade: u8, hole: bool) -> Vec<u8> {
    let (wide, high) = (288, 192);
    let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let mut rgb = vec![shade; wide * high * 3];
    for bin in 0..32 {
        let count = 90.0 + rng.random_range(-12.0..12.0f64);
        let count = if hole && (10..14).contains(&bin) { 4.0 } else { count };
        for y in 0..count as usize {
            for x in 0..7 {
                let at = ((180 - y) * wide + 20 + bin * 8 + x) * 3;
                rgb[at..at + 3].copy_from_slice(&[60, 80, 200]);
            }
        }
    }
    for x in 18..=278 {
        for y in [20, 182] {
            rgb[(y * wide + x) * 3..][..3].fill(0);
        }
    }
    for y in 20..=182 {
        for x in [18, 278] {
            rgb[(y * wide + x) * 3..][..3].fill(0);
        }
    }
    hydra_vision::write_rgb_png(wide as u32, high as u32, &rgb)
}

/// Keeps plots as `keep` does, and labels them.
pub async fn labelled(trainer: &Trainer, plots: Vec<(u32, Vec<u8>)>, label: &str, target: &str) {
    let name: PlotTypeName = "A".parse().unwrap();
    let (_, facts) = plot_types(&trainer.database, vec![name.clone()]).await.unwrap();
    let body = format!(r#"{{"target":"{target}"}}"#);
    let mut images = Vec::new();
    let mut ids = Vec::new();
    for (run, png) in plots {
        let content = trainer.blobs.put(png.into()).await.unwrap();
        let id = ImageId::of(&name, run, Some(1), &content);
        let conditions = hydra_store::entity::conditions::Model {
            id: hydra_store::id::conditions(run, &body),
            body: body.clone(),
        };
        ids.push(id);
        images.push(NewImage {
            image: image::Model {
                id: id.as_bytes().to_vec(),
                plot_type_id: facts[&name].id,
                run: run.into(),
                chunk: Some(1),
                taken_us: i64::from(run),
                arrived_us: i64::from(run),
                committed_us: 0,
                commit_no: 0,
                content: content.as_bytes().to_vec(),
                thumbnail: None,
                width: 288,
                height: 192,
                size_bytes: 1,
                source: String::new(),
                conditions_id: Some(conditions.id.clone()),
                beam: None,
                kept: true,
                stored: true,
                no_verdict_reason: None,
            },
            period: String::new(),
            conditions: Some(conditions),
            predictions: vec![],
            embeddings: vec![],
            wire: events::Image::default(),
            data: vec![],
            may_be_stuck: false,
            unfamiliar: None,
        });
    }
    commit(&trainer.database, Arc::new(Batch { images, ..Batch::default() })).await.unwrap();
    let set = ids.into_iter().map(|id| (id, Some(label.parse().unwrap())));
    label::set(&trainer.database, set.collect(), by()).await.unwrap();
}
