//! The whole way, from labels in the database to what the model says.

use super::*;
use hydra_blobs::Blobs;
use hydra_model::Runtime;
use hydra_model::RuntimeConfig;
use hydra_proto::{ImageId, events};
use hydra_store::entity::{alias, image};
use hydra_store::keeping::{Batch, NewImage, commit, plot_types};
use hydra_store::orm::EntityTrait;
use hydra_store::{Database, DatabaseConfig, label};
use rand::{RngExt, SeedableRng};
use std::sync::Arc;

fn by() -> By {
    By { who: "test".into(), why: "test".into() }
}

/// A frame with counts that fluctuate, on paper of this shade; with a hole where asked for.
fn plot(seed: u64, shade: u8, hole: bool) -> Vec<u8> {
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
async fn labelled(trainer: &Trainer, plots: Vec<(u32, Vec<u8>)>, label: &str, target: &str) {
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

#[tokio::test]
async fn goods_alone_make_a_candidate_that_learns_new_conditions_from_twenty_more() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("hydra.db").display());
    let database = Database::connect(&DatabaseConfig::at(&url)).await.unwrap();
    database.migrate().await.unwrap();
    let trainer = Trainer {
        database: database.clone(),
        blobs: Blobs::in_memory(),
        runtime: Runtime::load(&RuntimeConfig::default()).unwrap(),
        folder: dir.path().join("jobs"),
        device: crate::device(),
    };
    let names = ["A".parse().unwrap()];
    let recipe = NormalRecipe::default();
    let of = |range: std::ops::Range<u32>, shade, hole| -> Vec<(u32, Vec<u8>)> {
        range.map(|run| (run, plot(run.into(), shade, hole))).collect()
    };
    labelled(&trainer, of(1..11, 255, false), "Good", "LH2").await;
    let refused = trainer.normal("few", &names, &recipe, true, &by()).await.unwrap_err();
    assert!(refused.to_string().contains("A: 10 Good plots, at least 20"), "{refused}");
    labelled(&trainer, of(11..81, 255, false), "Good", "LH2").await;
    labelled(&trainer, of(201..209, 255, true), "Bad", "LH2").await;
    let made = trainer.normal("first", &names, &recipe, true, &by()).await.unwrap().remove(0);
    let figures = &made.figures;
    assert_eq!((figures.others, figures.others_novel, figures.learnt_from), (8, 8, 0));
    let shelf = Library::new(trainer.blobs.clone());
    let manifest = shelf.manifest(&made.digest).await.unwrap();
    assert_eq!(manifest.layouts.len(), 1);
    assert_eq!(manifest.layouts[0].panels.as_ref().unwrap().len(), 1);
    assert_eq!(manifest.conditions.unfamiliar(r#"{"target":"C12"}"#).unwrap(), "target C12");
    let aliases =
        database.run(|pool| async move { alias::Entity::find().all(&pool).await }).await.unwrap();
    assert_eq!((aliases.len(), aliases[0].alias.as_str()), (1, "candidate"));

    // another target dims the paper; twenty Goods of it teach the model
    labelled(&trainer, of(301..321, 235, false), "Good", "C12").await;
    let recipe = NormalRecipe { parent: Some(made.digest), ..recipe };
    let child = trainer.normal("second", &names, &recipe, false, &by()).await.unwrap();
    let child = &child[0];
    assert_eq!((child.figures.learnt_from, child.figures.others_novel), (20, 8));
    let manifest = shelf.manifest(&child.digest).await.unwrap();
    assert_eq!(manifest.parent, Some(made.digest));
    assert_eq!(manifest.conditions.unfamiliar(r#"{"target":"C12"}"#), None);
    let (before, _) = trainer.known(made.digest).await.unwrap();
    let (after, _) = trainer.known(child.digest).await.unwrap();
    let mut bench = hydra_vision::Workbench::default();
    let mut novel = |model: &NormalityModel, run: u64| {
        let png = plot(run, 235, false);
        let pixels = bench.open(&png).unwrap().resized(&INPUT).to_vec();
        model.judge(&pixels).unwrap().novel()
    };
    let count = |model: &NormalityModel, novel: &mut dyn FnMut(&NormalityModel, u64) -> bool| {
        (400..440).filter(|run| novel(model, *run)).count()
    };
    assert_eq!(count(&before, &mut novel), 40, "every plot is new to the parent");
    let alarms = count(&after, &mut novel);
    assert!(alarms <= 3, "{alarms} of 40");
}
