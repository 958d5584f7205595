//! The present state of the hall: what one task of `query` follows for all pages.

use super::images::{Seen, complete};
use crate::{
    Database, Kind, StoreError, counter,
    entity::{dead_letter, heatmap, image, sequence},
    id,
};
use hydra_proto::{ContentHash, ImageId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

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
    /// Blob key of the map.
    pub map: ContentHash,
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
    let rows: Vec<(Vec<u8>, i32, String, Vec<u8>)> = heatmap::Entity::find()
        .select_only()
        .columns([C::ImageId, C::ModelId, C::Label, C::Map])
        .filter(C::CommitNo.gt(since))
        .filter(C::CommitNo.lte(upto))
        .into_tuple()
        .all(db)
        .await?;
    rows.into_iter()
        .map(|(image, model_id, label, map)| {
            let (image, map) = (id::image(&image)?, id::content(&map)?);
            Ok(HeatmapMark { image, model_id, label, map })
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
