//! One image with all that is known about it.

use super::images::{Said, Seen, by_id};
use crate::{
    Database, StoreError,
    entity::{conditions, heatmap, label, prediction, run},
    id,
};
use hydra_proto::{ContentHash, ImageId};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder};

/// An image with all that is known about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Whole {
    /// The image and the verdict that counts.
    pub seen: Seen,
    /// Run period, may be empty.
    pub period: String,
    /// Its conditions, a JSON object; may be empty.
    pub conditions: String,
    /// What every model said, the one in force first.
    pub said: Vec<Said>,
    /// Heat maps that are there.
    pub heatmaps: Vec<HeatmapRow>,
    /// What a person says it is.
    pub label: Option<LabelRow>,
}

/// A heat map.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatmapRow {
    /// Row id of the model.
    pub model_id: i32,
    /// The class it explains.
    pub label: String,
    /// Blob key of an 8-bit grey PNG.
    pub map: ContentHash,
    /// How it was made.
    pub method: String,
}

/// A label that a person gave.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelRow {
    /// The label.
    pub label: String,
    /// Who.
    pub who: String,
    /// When.
    pub at_us: i64,
}

/// An image with all that is known about it, if it is there.
///
/// # Errors
/// When the database does not answer.
pub async fn whole(db: &Database, wanted: ImageId) -> Result<Option<Whole>, StoreError> {
    db.run(move |pool| async move {
        let Some(seen) = by_id(&pool, &[wanted]).await?.pop() else {
            return Ok::<_, StoreError>(None);
        };
        let key = wanted.as_bytes().to_vec();
        let conditions = match &seen.conditions_id {
            Some(id) => conditions::Entity::find_by_id(id.clone()).one(&pool).await?,
            None => None,
        };
        let run = run::Entity::find_by_id(i64::from(seen.run)).one(&pool).await?;
        let said = prediction::Entity::find()
            .filter(prediction::Column::ImageId.eq(key.clone()))
            .order_by_asc(prediction::Column::Role)
            .all(&pool)
            .await?;
        let label = label::Entity::find_by_id(key).one(&pool).await?;
        Ok(Some(Whole {
            seen,
            period: run.map(|row| row.period).unwrap_or_default(),
            conditions: conditions.map(|row| row.body).unwrap_or_default(),
            said: said.into_iter().map(Said::from_row).collect::<Result<_, _>>()?,
            heatmaps: heatmaps_of(&pool, wanted).await?,
            label: label.map(|row| LabelRow { label: row.label, who: row.who, at_us: row.at_us }),
        }))
    })
    .await
}

/// The heat maps of an image.
///
/// # Errors
/// When the database does not answer.
pub async fn heatmaps(db: &Database, image: ImageId) -> Result<Vec<HeatmapRow>, StoreError> {
    db.run(move |pool| async move { heatmaps_of(&pool, image).await }).await
}

async fn heatmaps_of<C: ConnectionTrait>(
    db: &C,
    image: ImageId,
) -> Result<Vec<HeatmapRow>, StoreError> {
    let rows = heatmap::Entity::find()
        .filter(heatmap::Column::ImageId.eq(image.as_bytes().to_vec()))
        .order_by_desc(heatmap::Column::MadeUs)
        .all(db)
        .await?;
    rows.into_iter()
        .map(|row| {
            let map = id::content(&row.map)?;
            Ok(HeatmapRow { model_id: row.model_id, label: row.label, map, method: row.method })
        })
        .collect()
}

/// The conditions with this id, a JSON object; empty when they are not there.
///
/// # Errors
/// When the database does not answer.
pub async fn conditions(db: &Database, id: Vec<u8>) -> Result<String, StoreError> {
    db.run(move |pool| async move {
        let row = conditions::Entity::find_by_id(id).one(&pool).await?;
        Ok::<_, StoreError>(row.map(|row| row.body).unwrap_or_default())
    })
    .await
}
