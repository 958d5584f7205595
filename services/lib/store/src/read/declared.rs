//! What people declared: the hall, its detectors, its plot types and their models.

use crate::{
    Database, PlotTypeState, StoreError,
    catalog::{Hall, Spec},
    entity::{alias, detector, model, model_label, news, plot_type, setting},
    id, json,
};
use hydra_proto::{ModelDigest, PlotTypeName};
use sea_orm::{ConnectionTrait, EntityTrait, QueryOrder, QuerySelect};
use std::collections::{BTreeMap, HashMap};

/// What people declared, and what came in by itself.
#[derive(Clone, Debug, Default)]
pub struct Declared {
    /// The hall as a whole.
    pub hall: Hall,
    /// What the crew should know.
    pub news: Vec<(String, Option<i64>)>,
    /// In the order of the pages.
    pub detectors: Vec<DetectorRow>,
    /// In the order of the pages; discovered ones at the end.
    pub plot_types: Vec<PlotTypeRow>,
    /// By row id.
    pub models: HashMap<i32, ModelRow>,
}

/// A detector.
#[derive(Clone, Debug)]
pub struct DetectorRow {
    /// Row id.
    pub id: i32,
    /// Its name.
    pub name: String,
    /// Whom to call.
    pub contact: String,
    /// What to do.
    pub guidance: String,
}

/// A plot type with its releases.
#[derive(Clone, Debug)]
pub struct PlotTypeRow {
    /// Row id.
    pub id: i32,
    /// Its name.
    pub name: PlotTypeName,
    /// Row id of its detector.
    pub detector_id: Option<i32>,
    /// How it came to be known.
    pub state: PlotTypeState,
    /// What was declared of it.
    pub spec: Spec,
    /// Which models are released for it, by alias.
    pub releases: BTreeMap<String, AliasRow>,
}

/// A model that an alias points at.
#[derive(Clone, Debug, PartialEq)]
pub struct AliasRow {
    /// Row id of the model.
    pub model_id: i32,
    /// By label.
    pub thresholds: BTreeMap<String, f32>,
    /// Since when.
    pub since_us: i64,
}

/// What pages show of a model everywhere.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelRow {
    /// Its digest.
    pub digest: ModelDigest,
    /// In the order of its scores.
    pub labels: Vec<String>,
}

/// All that people declared.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn declared(db: &Database) -> Result<Declared, StoreError> {
    db.run(|pool| async move {
        let hall = match setting::Entity::find_by_id("hall").one(&pool).await? {
            Some(row) => json::read("the hall's settings", &row.value)?,
            None => Hall::default(),
        };
        let news = news::Entity::find().order_by_asc(news::Column::Position).all(&pool).await?;
        let detectors = detector::Entity::find()
            .order_by_asc(detector::Column::Position)
            .order_by_asc(detector::Column::Name)
            .all(&pool)
            .await?;
        Ok::<_, StoreError>(Declared {
            hall,
            news: news.into_iter().map(|row| (row.text, row.since_us)).collect(),
            plot_types: plot_types(&pool, &detectors).await?,
            detectors: detectors
                .into_iter()
                .map(|row| DetectorRow {
                    id: row.id,
                    name: row.name,
                    contact: row.contact,
                    guidance: row.guidance,
                })
                .collect(),
            models: models(&pool).await?,
        })
    })
    .await
}

async fn plot_types<C: ConnectionTrait>(
    db: &C,
    detectors: &[detector::Model],
) -> Result<Vec<PlotTypeRow>, StoreError> {
    let mut releases: HashMap<i32, BTreeMap<String, AliasRow>> = HashMap::new();
    for row in alias::Entity::find().all(db).await? {
        let entry = AliasRow {
            model_id: row.model_id,
            thresholds: json::read("thresholds", &row.thresholds)?,
            since_us: row.since_us,
        };
        releases.entry(row.plot_type_id).or_default().insert(row.alias, entry);
    }
    let mut rows = Vec::new();
    for row in plot_type::Entity::find().all(db).await? {
        rows.push((
            row.position,
            PlotTypeRow {
                id: row.id,
                name: row.name.parse().map_err(|e| StoreError::unreadable("a plot type", e))?,
                detector_id: row.detector_id,
                state: PlotTypeState::from_column(row.state)?,
                spec: json::read("a plot type", &row.spec)?,
                releases: releases.remove(&row.id).unwrap_or_default(),
            },
        ));
    }
    let place: HashMap<i32, usize> = detectors.iter().enumerate().map(|(i, d)| (d.id, i)).collect();
    rows.sort_by_key(|(position, row)| {
        let detector = row.detector_id.and_then(|id| place.get(&id).copied());
        let discovered = row.state == PlotTypeState::Discovered;
        (discovered, detector.unwrap_or(usize::MAX), *position, row.id)
    });
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

async fn models<C: ConnectionTrait>(db: &C) -> Result<HashMap<i32, ModelRow>, StoreError> {
    let digests: Vec<(i32, Vec<u8>)> = model::Entity::find()
        .select_only()
        .columns([model::Column::Id, model::Column::Digest])
        .into_tuple()
        .all(db)
        .await?;
    let mut models = HashMap::with_capacity(digests.len());
    for (row_id, digest) in digests {
        models.insert(row_id, ModelRow { digest: id::model(&digest)?, labels: Vec::new() });
    }
    let labels = model_label::Entity::find()
        .order_by_asc(model_label::Column::ModelId)
        .order_by_asc(model_label::Column::Position)
        .all(db)
        .await?;
    for row in labels {
        if let Some(model) = models.get_mut(&row.model_id) {
            model.labels.push(row.label);
        }
    }
    Ok(models)
}
