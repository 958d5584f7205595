//! The present state of the hall: what one task of `query` follows for all pages.

use super::images::{Seen, complete};
use crate::{
    Database, Kind, PlotTypeState, StoreError,
    catalog::{Hall, Spec},
    counter,
    entity::{
        alias, dead_letter, detector, heatmap, image, model, model_label, news, plot_type,
        sequence, setting,
    },
    id, json,
};
use hydra_proto::{ImageId, ModelDigest, PlotTypeName};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{BTreeMap, HashMap};

/// How far the database has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Commits of keep; rows become visible in this order, none is skipped.
    pub commits: i64,
    /// Changes of catalog, release or threshold.
    pub generation: i64,
}

/// How far the database has come.
///
/// # Errors
/// When the database does not answer.
pub async fn progress(db: &Database) -> Result<Progress, StoreError> {
    db.run(|pool| async move {
        Ok::<_, StoreError>(Progress {
            commits: counter::current(&pool, counter::COMMITS).await?,
            generation: counter::current(&pool, counter::GENERATION).await?,
        })
    })
    .await
}

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

/// The newest images of a plot type, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn newest(db: &Database, plot_type_id: i32, count: u64) -> Result<Vec<Seen>, StoreError> {
    use image::Column as C;
    db.run(move |pool| async move {
        let mut rows = image::Entity::find()
            .filter(C::PlotTypeId.eq(plot_type_id))
            .order_by_desc(C::TakenUs)
            .order_by_desc(C::Id)
            .limit(count)
            .all(&pool)
            .await?;
        rows.reverse();
        complete(&pool, rows).await
    })
    .await
}

/// What came after a commit.
#[derive(Clone, Debug, Default)]
pub struct Fresh {
    /// Images, oldest commit first.
    pub images: Vec<Seen>,
    /// Images that got a heat map.
    pub heatmaps: Vec<HeatmapMark>,
    /// Sequences of Bad that changed.
    pub incidents: Vec<SequenceRow>,
    /// The commit up to which this is complete.
    pub upto: i64,
}

/// That there is a heat map.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatmapMark {
    /// The image.
    pub image: ImageId,
    /// Row id of the model.
    pub model_id: i32,
    /// The class.
    pub label: String,
}

/// What came after commit `since`, up to commit `upto`, in pieces of about `limit` images: where
/// there are more, `upto` of the answer is smaller than what was asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn fresh(db: &Database, since: i64, upto: i64, limit: u64) -> Result<Fresh, StoreError> {
    db.run(move |pool| async move {
        let mut rows = image::Entity::find()
            .filter(image::Column::CommitNo.gt(since))
            .filter(image::Column::CommitNo.lte(upto))
            .order_by_asc(image::Column::CommitNo)
            .limit(limit)
            .all(&pool)
            .await?;
        let mut upto = upto;
        if rows.len() as u64 == limit
            && let Some(cut) = rows.last().map(|row| row.commit_no)
        {
            // The last commit may be cut in two: it is read whole, alone if need be.
            let whole: Vec<image::Model> =
                image::Entity::find().filter(image::Column::CommitNo.eq(cut)).all(&pool).await?;
            rows.retain(|row| row.commit_no < cut);
            rows.extend(whole);
            upto = cut;
        }
        Ok::<_, StoreError>(Fresh {
            images: complete(&pool, rows).await?,
            heatmaps: fresh_heatmaps(&pool, since, upto).await?,
            incidents: fresh_incidents(&pool, since, upto).await?,
            upto,
        })
    })
    .await
}

async fn fresh_heatmaps<C: ConnectionTrait>(
    db: &C,
    since: i64,
    upto: i64,
) -> Result<Vec<HeatmapMark>, StoreError> {
    use heatmap::Column as C;
    let rows: Vec<(Vec<u8>, i32, String)> = heatmap::Entity::find()
        .select_only()
        .columns([C::ImageId, C::ModelId, C::Label])
        .filter(C::CommitNo.gt(since))
        .filter(C::CommitNo.lte(upto))
        .into_tuple()
        .all(db)
        .await?;
    rows.into_iter()
        .map(|(image, model_id, label)| {
            Ok(HeatmapMark { image: id::image(&image)?, model_id, label })
        })
        .collect()
}

async fn fresh_incidents<C: ConnectionTrait>(
    db: &C,
    since: i64,
    upto: i64,
) -> Result<Vec<SequenceRow>, StoreError> {
    let rows = sequence::Entity::find()
        .filter(sequence::Column::CommitNo.gt(since))
        .filter(sequence::Column::CommitNo.lte(upto))
        .filter(sequence::Column::Kind.eq(Kind::Bad as i16))
        .all(db)
        .await?;
    rows.into_iter().map(SequenceRow::from_row).collect()
}

/// A sequence of images with the same trouble.
#[derive(Clone, Debug, PartialEq)]
pub struct SequenceRow {
    /// 16 bytes.
    pub id: Vec<u8>,
    /// Row id of the plot type.
    pub plot_type_id: i32,
    /// Bad, unconfirmed or novel.
    pub kind: Kind,
    /// Of its newest image.
    pub label: String,
    /// Its first image.
    pub first: ImageId,
    /// When that was drawn.
    pub first_us: i64,
    /// Its newest image.
    pub last: ImageId,
    /// When that was drawn.
    pub last_us: i64,
    /// When it was over.
    pub end_us: Option<i64>,
    /// Whether it goes on.
    pub open: bool,
    /// How many images.
    pub images: u32,
}

impl SequenceRow {
    pub(super) fn from_row(row: sequence::Model) -> Result<Self, StoreError> {
        Ok(Self {
            plot_type_id: row.plot_type_id,
            kind: Kind::from_column(row.kind)?,
            label: row.label,
            first: id::image(&row.first_image)?,
            first_us: row.first_us,
            last: id::image(&row.last_image)?,
            last_us: row.last_us,
            end_us: row.end_us,
            open: row.open,
            images: u32::try_from(row.images).unwrap_or(u32::MAX),
            id: row.id,
        })
    }
}

/// The open sequences of Bad, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn open_incidents(db: &Database) -> Result<Vec<SequenceRow>, StoreError> {
    use sequence::Column as C;
    db.run(|pool| async move {
        let rows = sequence::Entity::find()
            .filter(C::Open.eq(true))
            .filter(C::Kind.eq(Kind::Bad as i16))
            .all(&pool)
            .await?;
        let mut rows: Vec<SequenceRow> =
            rows.into_iter().map(SequenceRow::from_row).collect::<Result<_, _>>()?;
        rows.sort_by(|a, b| (a.first_us, &a.id).cmp(&(b.first_us, &b.id)));
        Ok::<_, StoreError>(rows)
    })
    .await
}

/// That a message about a plot type was given up.
#[derive(Clone, Debug, PartialEq)]
pub struct BuriedMark {
    /// Row id of the plot type.
    pub plot_type_id: i32,
    /// When.
    pub buried_us: i64,
    /// By which stage.
    pub stage: String,
    /// Why, in one word.
    pub reason: String,
    /// The image, where it could be read.
    pub image: Option<ImageId>,
}

/// The newest messages that were given up and that nobody dealt with, at most `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn buried(db: &Database, limit: u64) -> Result<Vec<BuriedMark>, StoreError> {
    use dead_letter::Column as C;
    db.run(move |pool| async move {
        let rows = dead_letter::Entity::find()
            .filter(C::Handled.is_null())
            .order_by_desc(C::BuriedUs)
            .limit(limit)
            .all(&pool)
            .await?;
        Ok::<_, StoreError>(
            rows.into_iter()
                .filter_map(|row| {
                    Some(BuriedMark {
                        plot_type_id: row.plot_type_id?,
                        buried_us: row.buried_us,
                        stage: row.stage,
                        reason: row.reason,
                        image: row.image_id.as_deref().and_then(|bytes| id::image(bytes).ok()),
                    })
                })
                .collect(),
        )
    })
    .await
}
