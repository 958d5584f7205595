//! Models, labels, embeddings.

use super::CHUNK;
use crate::{
    Database, StoreError,
    entity::{alias, embedding, label, model, model_plot_type, training_image},
    id,
    keeping::listed,
};
use hydra_proto::{ImageId, ModelDigest};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, FromQueryResult, QueryFilter, QueryOrder,
    QuerySelect, QueryTrait,
};
use std::collections::{BTreeMap, HashMap};

/// A model of the library.
#[derive(Clone, Debug, PartialEq)]
pub struct LibraryRow {
    /// Row id.
    pub id: i32,
    /// Its digest.
    pub digest: ModelDigest,
    /// The model it was trained on from.
    pub parent: Option<ModelDigest>,
    /// When it came into the library.
    pub created_us: i64,
    /// JSON, as it was signed off.
    pub manifest: String,
    /// JSON, as training wrote it.
    pub evaluation: Option<String>,
    /// Row ids of the plot types it was made for.
    pub plot_types: Vec<i32>,
    /// Plot types and aliases that point at it.
    pub aliases: Vec<(i32, String)>,
}

/// Which models.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WhichModels {
    /// Made for this plot type (row id).
    pub plot_type_id: Option<i32>,
    /// Released for some plot type.
    pub released: bool,
}

/// Models, newest first, with row ids below `before`.
///
/// # Errors
/// When the database does not answer.
pub async fn models(
    db: &Database,
    which: WhichModels,
    before: Option<i32>,
    limit: u64,
) -> Result<Vec<LibraryRow>, StoreError> {
    db.run(move |pool| async move {
        let mut find = model::Entity::find().order_by_desc(model::Column::Id).limit(limit);
        if let Some(before) = before {
            find = find.filter(model::Column::Id.lt(before));
        }
        if let Some(plot_type_id) = which.plot_type_id {
            let made_for = model_plot_type::Entity::find()
                .select_only()
                .column(model_plot_type::Column::ModelId)
                .filter(model_plot_type::Column::PlotTypeId.eq(plot_type_id))
                .into_query();
            find = find.filter(model::Column::Id.in_subquery(made_for));
        }
        if which.released {
            let released = alias::Entity::find()
                .select_only()
                .column(alias::Column::ModelId)
                .filter(alias::Column::Alias.is_in(["active", "candidate"]))
                .into_query();
            find = find.filter(model::Column::Id.in_subquery(released));
        }
        described(&pool, find.all(&pool).await?).await
    })
    .await
}

/// A model by its digest, if it is there.
///
/// # Errors
/// When the database does not answer.
pub async fn library_model(
    db: &Database,
    digest: ModelDigest,
) -> Result<Option<LibraryRow>, StoreError> {
    db.run(move |pool| async move {
        let found = model::Entity::find()
            .filter(model::Column::Digest.eq(digest.as_bytes().to_vec()))
            .one(&pool)
            .await?;
        described(&pool, found.into_iter().collect()).await.map(|mut rows| rows.pop())
    })
    .await
}

async fn described<C: ConnectionTrait>(
    db: &C,
    rows: Vec<model::Model>,
) -> Result<Vec<LibraryRow>, StoreError> {
    let mut plot_types: HashMap<i32, Vec<i32>> = HashMap::new();
    let mut aliases: HashMap<i32, Vec<(i32, String)>> = HashMap::new();
    for chunk in rows.chunks(CHUNK) {
        let ids: Vec<i32> = chunk.iter().map(|row| row.id).collect();
        let made_for = model_plot_type::Entity::find()
            .filter(model_plot_type::Column::ModelId.is_in(listed(ids.clone())))
            .all(db)
            .await?;
        for row in made_for {
            plot_types.entry(row.model_id).or_default().push(row.plot_type_id);
        }
        let pointing = alias::Entity::find()
            .filter(alias::Column::ModelId.is_in(listed(ids)))
            .order_by_asc(alias::Column::PlotTypeId)
            .all(db)
            .await?;
        for row in pointing {
            aliases.entry(row.model_id).or_default().push((row.plot_type_id, row.alias));
        }
    }
    rows.into_iter()
        .map(|row| {
            Ok(LibraryRow {
                digest: id::model(&row.digest)?,
                parent: row.parent.as_deref().map(id::model).transpose()?,
                created_us: row.created_us,
                manifest: row.manifest,
                evaluation: row.evaluation,
                plot_types: plot_types.remove(&row.id).unwrap_or_default(),
                aliases: aliases.remove(&row.id).unwrap_or_default(),
                id: row.id,
            })
        })
        .collect()
}

#[derive(FromQueryResult)]
struct Count {
    plot_type_id: i32,
    label: String,
    images: i64,
}

/// Labelled images by plot type (row id) and label. The index holds all of it.
///
/// # Errors
/// When the database does not answer.
pub async fn label_counts(
    db: &Database,
) -> Result<HashMap<i32, BTreeMap<String, u64>>, StoreError> {
    use label::Column as C;
    db.run(|pool| async move {
        let rows = label::Entity::find()
            .select_only()
            .columns([C::PlotTypeId, C::Label])
            .column_as(C::ImageId.count(), "images")
            .group_by(C::PlotTypeId)
            .group_by(C::Label)
            .into_model::<Count>()
            .all(&pool)
            .await?;
        let mut counts: HashMap<i32, BTreeMap<String, u64>> = HashMap::new();
        for row in rows {
            let images = u64::try_from(row.images).unwrap_or(0);
            counts.entry(row.plot_type_id).or_default().insert(row.label, images);
        }
        Ok::<_, StoreError>(counts)
    })
    .await
}

/// Features of an image with a known label.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The image.
    pub image: ImageId,
    /// What it was taught, or what a person says it is.
    pub label: String,
    /// As the model sees it; of any length.
    pub features: Vec<f32>,
}

/// What an image can be compared with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alike {
    /// Features of the image itself; empty where none are stored.
    pub own: Vec<f32>,
    /// Those that it can be compared with, as the same model sees them.
    pub others: Vec<Labelled>,
    /// Whether `others` are what the model was taught; else they are images of the plot type
    /// that people labelled.
    pub in_training: bool,
}

/// The features of an image and of at most `limit` others: of those that the model was taught for
/// the plot type or, where that is not known here, of some that people labelled.
///
/// # Errors
/// When the database does not answer.
pub async fn alike(
    db: &Database,
    image: ImageId,
    plot_type_id: i32,
    model_id: i32,
    limit: u64,
) -> Result<Alike, StoreError> {
    db.run(move |pool| async move {
        let key = image.as_bytes().to_vec();
        let seen = embedding::Entity::find_by_id((key.clone(), model_id)).one(&pool).await?;
        let taught = training_image::Entity::find_by_id((model_id, plot_type_id, key));
        let own = match seen {
            Some(row) => Some(row.features),
            // it was taught and never judged, e.g. because its plot type had no model then
            None => taught.one(&pool).await?.map(|row| row.features),
        };
        let Some(own) = own else { return Ok::<_, StoreError>(Alike::default()) };
        let taught = training_image::Entity::find()
            .filter(training_image::Column::ModelId.eq(model_id))
            .filter(training_image::Column::PlotTypeId.eq(plot_type_id))
            .limit(limit)
            .all(&pool)
            .await?;
        let in_training = !taught.is_empty();
        let others = if in_training {
            let of =
                taught.into_iter().map(|row| labelled(&row.image_id, row.label, &row.features));
            of.collect::<Result<_, _>>()?
        } else {
            by_people(&pool, image, plot_type_id, model_id, limit).await?
        };
        Ok(Alike { own: id::floats(&own), others, in_training })
    })
    .await
}

fn labelled(image: &[u8], label: String, features: &[u8]) -> Result<Labelled, StoreError> {
    Ok(Labelled { image: id::image(image)?, label, features: id::floats(features) })
}

/// Images of a plot type that people labelled and that the model judged.
async fn by_people<C: ConnectionTrait>(
    db: &C,
    image: ImageId,
    plot_type_id: i32,
    model_id: i32,
    limit: u64,
) -> Result<Vec<Labelled>, StoreError> {
    let labels: Vec<(Vec<u8>, String)> = label::Entity::find()
        .select_only()
        .columns([label::Column::ImageId, label::Column::Label])
        .filter(label::Column::PlotTypeId.eq(plot_type_id))
        .filter(label::Column::ImageId.ne(image.as_bytes().to_vec()))
        .limit(limit)
        .into_tuple()
        .all(db)
        .await?;
    let mut found = Vec::with_capacity(labels.len());
    for chunk in labels.chunks(CHUNK) {
        let ids: Vec<Vec<u8>> = chunk.iter().map(|(id, _)| id.clone()).collect();
        let rows = embedding::Entity::find()
            .filter(embedding::Column::ImageId.is_in(listed(ids)))
            .filter(embedding::Column::ModelId.eq(model_id))
            .all(db)
            .await?;
        let by_image: HashMap<&[u8], &str> =
            chunk.iter().map(|(id, label)| (id.as_slice(), label.as_str())).collect();
        for row in rows {
            if let Some(label) = by_image.get(row.image_id.as_slice()) {
                found.push(labelled(&row.image_id, (*label).to_owned(), &row.features)?);
            }
        }
    }
    Ok(found)
}
