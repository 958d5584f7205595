//! What training reads and keeps: labelled images, frozen test sets, images that were trained on.

use crate::{
    Database, StoreError,
    entity::{conditions, image, label, model, pin, training_image},
    id, plot_type,
    retention::pin_images,
};
use hydra_proto::{ContentHash, ImageId, Label, ModelDigest, PlotTypeName};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{HashMap, HashSet};

/// Rows in one statement.
const CHUNK: usize = 1_000;

/// An image with what a person says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelledImage {
    /// The image.
    pub image: ImageId,
    /// Blob key of the original.
    pub content: ContentHash,
    /// What is drawn.
    pub plot_type: PlotTypeName,
    /// Run number.
    pub run: u32,
    /// Chunk of the run.
    pub chunk: Option<u32>,
    /// What a person says.
    pub label: Label,
    /// JSON object of the conditions it was taken under, may be empty.
    pub conditions: String,
    /// The original is still in the blob store.
    pub stored: bool,
    /// Width and height of the original.
    pub canvas: (u32, u32),
}

/// Every labelled image of a plot type, oldest first.
///
/// # Errors
/// [`StoreError::Missing`] names an unknown plot type.
pub async fn labelled(db: &Database, name: PlotTypeName) -> Result<Vec<LabelledImage>, StoreError> {
    db.run(|pool| async move {
        let plot_type_id = plot_type::id(&pool, &name).await?;
        let labels: Vec<(Vec<u8>, String)> = label::Entity::find()
            .select_only()
            .columns([label::Column::ImageId, label::Column::Label])
            .filter(label::Column::PlotTypeId.eq(plot_type_id))
            .order_by_asc(label::Column::ImageId)
            .into_tuple()
            .all(&pool)
            .await?;
        let mut list = Vec::with_capacity(labels.len());
        let mut bodies: HashMap<Vec<u8>, String> = HashMap::new();
        for chunk in labels.chunks(CHUNK) {
            let ids: Vec<Vec<u8>> = chunk.iter().map(|(id, _)| id.clone()).collect();
            let rows =
                image::Entity::find().filter(image::Column::Id.is_in(ids)).all(&pool).await?;
            let wanted: HashSet<Vec<u8>> = rows
                .iter()
                .filter_map(|row| row.conditions_id.clone())
                .filter(|id| !bodies.contains_key(id))
                .collect();
            let found = conditions::Entity::find().filter(conditions::Column::Id.is_in(wanted));
            bodies.extend(found.all(&pool).await?.into_iter().map(|row| (row.id, row.body)));
            let rows: HashMap<Vec<u8>, image::Model> =
                rows.into_iter().map(|row| (row.id.clone(), row)).collect();
            for (id, label) in chunk {
                let Some(row) = rows.get(id) else { continue };
                let body = row.conditions_id.as_ref().and_then(|id| bodies.get(id));
                list.push(labelled_image(row, &name, label, body)?);
            }
        }
        Ok::<_, StoreError>(list)
    })
    .await
}

fn labelled_image(
    row: &image::Model,
    plot_type: &PlotTypeName,
    label: &str,
    conditions: Option<&String>,
) -> Result<LabelledImage, StoreError> {
    let label = label.parse();
    let label = label.map_err(|error| StoreError::Refused(format!("a stored label: {error}")))?;
    Ok(LabelledImage {
        image: id::image(&row.id)?,
        content: id::content(&row.content)?,
        plot_type: plot_type.clone(),
        run: u32::try_from(row.run).unwrap_or(0),
        chunk: row.chunk.and_then(|chunk| u32::try_from(chunk).ok()),
        label,
        conditions: conditions.cloned().unwrap_or_default(),
        stored: row.stored,
        canvas: (u32::try_from(row.width).unwrap_or(0), u32::try_from(row.height).unwrap_or(0)),
    })
}

/// What earlier trainings fixed for a plot type.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixed {
    /// The frozen test set: never trained on.
    pub test: HashSet<ImageId>,
    /// Images that some model was trained on: never tested on.
    pub trained: HashSet<ImageId>,
}

fn test_reason(plot_type: &PlotTypeName) -> String {
    format!("test set of {plot_type}")
}

fn trained_reason(plot_type: &PlotTypeName) -> String {
    format!("trained on for {plot_type}")
}

/// The frozen test set of a plot type, and all that was ever trained on.
///
/// # Errors
/// When the database does not answer.
pub async fn fixed(db: &Database, plot_type: &PlotTypeName) -> Result<Fixed, StoreError> {
    let reasons = [test_reason(plot_type), trained_reason(plot_type)];
    let [test, trained] = reasons;
    Ok(Fixed { test: pinned(db, test).await?, trained: pinned(db, trained).await? })
}

async fn pinned(db: &Database, reason: String) -> Result<HashSet<ImageId>, StoreError> {
    db.run(|pool| async move {
        let rows: Vec<Vec<u8>> = pin::Entity::find()
            .select_only()
            .column(pin::Column::ImageId)
            .filter(pin::Column::Reason.eq(reason))
            .into_tuple()
            .all(&pool)
            .await?;
        rows.iter().map(|id| id::image(id)).collect::<Result<HashSet<_>, StoreError>>()
    })
    .await
}

/// Freezes test images and flags training images, for ever. Both stay safe from retention.
///
/// # Errors
/// When the database does not answer.
pub async fn fix(
    db: &Database,
    plot_type: &PlotTypeName,
    test: &[ImageId],
    trained: &[ImageId],
) -> Result<(), StoreError> {
    pin_images(db, test.to_vec(), &test_reason(plot_type)).await?;
    pin_images(db, trained.to_vec(), &trained_reason(plot_type)).await
}

/// An image that a model was taught.
#[derive(Clone, Debug, PartialEq)]
pub struct Taught {
    /// The image.
    pub image: ImageId,
    /// The label that it was taught.
    pub label: String,
    /// As the finished model sees it.
    pub features: Vec<f32>,
}

/// Writes down what a model of the library was taught for a plot type. Again changes nothing.
///
/// # Errors
/// [`StoreError::Missing`] names an unknown plot type or model.
pub async fn remember(
    db: &Database,
    model: ModelDigest,
    plot_type: &PlotTypeName,
    taught: Vec<Taught>,
) -> Result<(), StoreError> {
    let name = plot_type.clone();
    db.run(move |pool| async move {
        let plot_type_id = plot_type::id(&pool, &name).await?;
        let model_id = model::Entity::find()
            .select_only()
            .column(model::Column::Id)
            .filter(model::Column::Digest.eq(model.as_bytes().to_vec()))
            .into_tuple::<i32>()
            .one(&pool)
            .await?
            .ok_or_else(|| StoreError::Missing(format!("model {model}")))?;
        // features are long: few rows a statement
        for chunk in taught.chunks(100) {
            let rows = chunk.iter().map(|one| training_image::ActiveModel {
                model_id: Set(model_id),
                plot_type_id: Set(plot_type_id),
                image_id: Set(one.image.as_bytes().to_vec()),
                label: Set(one.label.clone()),
                features: Set(one.features.iter().flat_map(|x| x.to_le_bytes()).collect()),
            });
            training_image::Entity::insert_many(rows)
                .on_conflict_do_nothing()
                .exec_without_returning(&pool)
                .await?;
        }
        Ok::<_, StoreError>(())
    })
    .await
}

/// How a label file names an image.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageKey {
    /// By its id.
    Id(ImageId),
    /// By its bytes; of one plot type if that is given.
    Content {
        /// SHA-256 of the original.
        content: ContentHash,
        /// Of this one only.
        plot_type: Option<PlotTypeName>,
    },
    /// By its place in the run.
    Place {
        /// What is drawn.
        plot_type: PlotTypeName,
        /// Run number.
        run: u32,
        /// Chunk of the run; without it the image without one.
        chunk: Option<u32>,
    },
}

/// The images that each key names, none where it is unknown. The same bytes may have come in
/// several runs, and a place may have been drawn anew.
///
/// # Errors
/// [`StoreError::Missing`] names an unknown plot type.
pub async fn find_images(
    db: &Database,
    keys: Vec<ImageKey>,
) -> Result<Vec<Vec<ImageId>>, StoreError> {
    use image::Column as C;
    db.run(move |pool| async move {
        let mut plot_types: HashMap<PlotTypeName, i32> = HashMap::new();
        let mut found = Vec::with_capacity(keys.len());
        for key in &keys {
            let mut find = image::Entity::find().select_only().column(C::Id);
            let named = match key {
                ImageKey::Id(id) => {
                    find = find.filter(C::Id.eq(id.as_bytes().to_vec()));
                    None
                }
                ImageKey::Content { content, plot_type } => {
                    find = find.filter(C::Content.eq(content.as_bytes().to_vec()));
                    plot_type.as_ref()
                }
                ImageKey::Place { plot_type, run, chunk } => {
                    find = find.filter(C::Run.eq(i64::from(*run)));
                    find = match chunk {
                        Some(chunk) => find.filter(C::Chunk.eq(i64::from(*chunk))),
                        None => find.filter(C::Chunk.is_null()),
                    };
                    Some(plot_type)
                }
            };
            if let Some(name) = named {
                let id = match plot_types.get(name) {
                    Some(id) => *id,
                    None => plot_type::id(&pool, name).await?,
                };
                plot_types.insert(name.clone(), id);
                find = find.filter(C::PlotTypeId.eq(id));
            }
            let rows: Vec<Vec<u8>> = find.into_tuple().all(&pool).await?;
            found.push(rows.iter().map(|id| id::image(id)).collect::<Result<_, StoreError>>()?);
        }
        Ok::<_, StoreError>(found)
    })
    .await
}

/// The newest images of a plot type whose originals are still there, newest first, at most
/// `limit`. One without a label counts as `Ignore`: it is looked at and never judged on.
///
/// # Errors
/// [`StoreError::Missing`] names an unknown plot type.
pub async fn newest(
    db: &Database,
    name: PlotTypeName,
    limit: u64,
) -> Result<Vec<LabelledImage>, StoreError> {
    db.run(|pool| async move {
        let plot_type_id = plot_type::id(&pool, &name).await?;
        let rows = image::Entity::find()
            .filter(image::Column::PlotTypeId.eq(plot_type_id))
            .filter(image::Column::Stored.eq(true))
            .order_by_desc(image::Column::TakenUs)
            .limit(limit)
            .all(&pool)
            .await?;
        let mut list = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(CHUNK) {
            let ids: Vec<Vec<u8>> = chunk.iter().map(|row| row.id.clone()).collect();
            let labels: HashMap<Vec<u8>, String> = label::Entity::find()
                .select_only()
                .columns([label::Column::ImageId, label::Column::Label])
                .filter(label::Column::ImageId.is_in(ids))
                .into_tuple::<(Vec<u8>, String)>()
                .all(&pool)
                .await?
                .into_iter()
                .collect();
            for row in chunk {
                let label = labels.get(&row.id).map_or(Label::IGNORE, String::as_str);
                list.push(labelled_image(row, &name, label, None)?);
            }
        }
        Ok::<_, StoreError>(list)
    })
    .await
}
