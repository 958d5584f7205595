//! Databases of three engines, messages as `infer` sends them, and all rows that follow from them.
#![allow(clippy::unwrap_used, dead_code, missing_docs)]

use hydra_keep::{Keep, KeepIn};
use hydra_proto::{
    ContentHash, ImageId, ModelDigest, PlotTypeName,
    events::{HeatmapMade, Image, ImageInferred, ModelRole, Prediction, Score, VerdictState},
};
use hydra_stage::{Done, Failure, Stage};
use hydra_store::{
    Database, DatabaseConfig,
    catalog::{Catalog, apply},
    entity, orm,
    release::By,
};
use hydra_testkit::{Database as Scratch, Engine};
use std::fmt::Debug;

/// When everything arrives; what is drawn is drawn before it.
pub const ARRIVED_US: i64 = 1_700_000_000_000_000;

pub async fn fresh(engine: Engine) -> (Scratch, Database) {
    let scratch = Scratch::create(engine);
    let db = Database::connect(&DatabaseConfig::at(&scratch.url)).await.unwrap();
    db.migrate().await.unwrap();
    (scratch, db)
}

/// Runs `test` on every engine.
pub async fn on_each(test: impl AsyncFn(&Database)) {
    for engine in Engine::ALL {
        println!("on {engine:?}");
        let (_scratch, db) = fresh(engine).await;
        test(&db).await;
        db.close().await;
    }
}

pub async fn declare(db: &Database, catalog: &str) {
    let by = By { who: "test".into(), why: "test".into() };
    apply(db, Catalog::parse(catalog).unwrap(), false, by).await.unwrap();
}

/// What a model says of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Says {
    pub label: &'static str,
    pub state: VerdictState,
    pub role: ModelRole,
    pub model: &'static str,
}

pub const GOOD: Says =
    Says { label: "Good", state: VerdictState::Confirmed, role: ModelRole::Active, model: "first" };
pub const BAD: Says = Says { label: "Bad", ..GOOD };
pub const UNSURE: Says = Says { state: VerdictState::Unconfirmed, ..BAD };
pub const UNSURE_GOOD: Says = Says { state: VerdictState::Unconfirmed, ..GOOD };
pub const NOVEL: Says = Says { state: VerdictState::Novel, ..GOOD };

/// An image on its way to keep.
#[derive(Clone, Debug)]
pub struct Plot {
    pub plot_type: String,
    pub run: u32,
    pub chunk: u32,
    pub content: String,
    pub taken_us: i64,
    pub conditions: String,
    pub says: Vec<Says>,
    /// Fingerprint of its data.
    pub data: Vec<u8>,
    /// Conditions that training did not have.
    pub unfamiliar: &'static str,
}

impl Plot {
    pub fn new(plot_type: &str, chunk: u32, says: &[Says]) -> Self {
        Self {
            plot_type: plot_type.into(),
            run: 7,
            chunk,
            content: format!("{plot_type} {chunk}"),
            taken_us: ARRIVED_US - 1_000_000_000 + i64::from(chunk) * 1_000,
            conditions: String::new(),
            says: says.to_vec(),
            data: Vec::new(),
            unfamiliar: "",
        }
    }

    pub fn content(&self) -> ContentHash {
        ContentHash::of(self.content.as_bytes())
    }

    pub fn id(&self) -> ImageId {
        let plot_type: PlotTypeName = self.plot_type.parse().unwrap();
        ImageId::of(&plot_type, self.run, Some(self.chunk), &self.content())
    }

    pub fn image(&self) -> Image {
        Image {
            id: self.id().to_field(),
            plot_type: self.plot_type.clone(),
            run: self.run,
            chunk: Some(self.chunk),
            content: self.content().to_field(),
            size_bytes: 100,
            source: "test".into(),
            taken_at_us: self.taken_us,
            arrived_at_us: ARRIVED_US,
            conditions_json: self.conditions.clone(),
            ..Default::default()
        }
    }

    pub fn event(&self) -> ImageInferred {
        ImageInferred {
            image: Some(self.image()),
            width: 24,
            height: 20,
            thumbnail: ContentHash::of(b"thumbnail").to_field(),
            predictions: self.says.iter().map(|says| self.prediction(says)).collect(),
            no_verdict_reason: if self.says.is_empty() { "no model".into() } else { "".into() },
            data: self.data.clone().into(),
        }
    }

    fn prediction(&self, says: &Says) -> Prediction {
        Prediction { unfamiliar: self.unfamiliar.into(), ..prediction(says) }
    }

    pub fn message(&self) -> KeepIn {
        KeepIn::Inferred(Box::new(self.event()))
    }

    pub fn heatmap(&self) -> KeepIn {
        KeepIn::Heatmap(HeatmapMade {
            image_id: self.id().to_field(),
            plot_type: self.plot_type.clone(),
            model: digest("first").to_field(),
            label: "Bad".into(),
            map: ContentHash::of(b"map").to_field(),
            method: "grad-cam".into(),
            maximum: 1.5,
        })
    }
}

pub fn digest(model: &str) -> ModelDigest {
    ModelDigest::of(model.as_bytes())
}

fn prediction(says: &Says) -> Prediction {
    let score = |label: &str| Score {
        label: label.into(),
        probability: if label == says.label { 0.9 } else { 0.1 },
    };
    Prediction {
        model: digest(says.model).to_field(),
        role: says.role.into(),
        scores: vec![score("Good"), score("Bad")],
        label: says.label.into(),
        confidence: 0.9,
        threshold: 0.5,
        state: says.state.into(),
        work_us: 100,
        ..Default::default()
    }
}

/// Gives keep a batch, and asserts that all of it was written.
pub async fn write(keep: &Keep, messages: Vec<KeepIn>) -> Vec<Done> {
    keep.handle(messages).await.into_iter().map(|done| done.unwrap()).collect()
}

pub async fn try_write(keep: &Keep, messages: Vec<KeepIn>) -> Vec<Result<Done, Failure>> {
    keep.handle(messages).await
}

pub async fn rows<E>(db: &Database) -> Vec<E::Model>
where
    E: orm::EntityTrait,
    E::Model: Send + 'static,
{
    db.run(|pool| async move { E::find().all(&pool).await }).await.unwrap()
}

async fn lines<E>(db: &Database, all: &mut Vec<String>)
where
    E: orm::EntityTrait,
    E::Model: Debug + Send + 'static,
{
    all.extend(rows::<E>(db).await.iter().map(|row| format!("{row:?}")));
}

/// Every row that keep writes, with all its columns, in an order of its own.
pub async fn everything(db: &Database) -> Vec<String> {
    let mut all = Vec::new();
    lines::<entity::image::Entity>(db, &mut all).await;
    lines::<entity::prediction::Entity>(db, &mut all).await;
    lines::<entity::embedding::Entity>(db, &mut all).await;
    lines::<entity::conditions::Entity>(db, &mut all).await;
    lines::<entity::heatmap::Entity>(db, &mut all).await;
    lines::<entity::dead_letter::Entity>(db, &mut all).await;
    lines::<entity::sequence::Entity>(db, &mut all).await;
    lines::<entity::track::Entity>(db, &mut all).await;
    lines::<entity::run::Entity>(db, &mut all).await;
    lines::<entity::run_outcome::Entity>(db, &mut all).await;
    lines::<entity::run_latency::Entity>(db, &mut all).await;
    lines::<entity::daily::Entity>(db, &mut all).await;
    lines::<entity::latest::Entity>(db, &mut all).await;
    lines::<entity::outbox::Entity>(db, &mut all).await;
    lines::<entity::plot_type::Entity>(db, &mut all).await;
    lines::<entity::model::Entity>(db, &mut all).await;
    all.sort();
    all
}

/// Sums must say what rows say, whatever happened.
pub async fn assert_sums_agree(db: &Database) {
    let images = rows::<entity::image::Entity>(db).await.len() as i64;
    let runs: i64 = rows::<entity::run::Entity>(db).await.iter().map(|row| row.images).sum();
    let outcomes = rows::<entity::run_outcome::Entity>(db).await;
    let outcomes: i64 = outcomes.iter().map(|row| row.images).sum();
    let latencies = rows::<entity::run_latency::Entity>(db).await;
    let latencies: i64 = latencies.iter().map(|row| row.images).sum();
    let daily: i64 = rows::<entity::daily::Entity>(db).await.iter().map(|row| row.images).sum();
    assert_eq!([runs, outcomes, latencies, daily], [images; 4], "runs, outcomes, latencies, days");
}
