//! The model library's index: one row a bundle, found by its digest.

use crate::{
    Database, StoreError,
    entity::{alias, model, model_label, model_plot_type, plot_type},
    id, json, now_us,
    release::Alias,
};
use hydra_proto::{Label, ModelDigest, PlotTypeName, registry::InputShape};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};
use std::collections::HashMap;

/// A bundle as it comes into the library. The bundle itself is in the blob store.
#[derive(Clone, Debug, PartialEq)]
pub struct NewModel {
    /// SHA-256 of the manifest.
    pub digest: ModelDigest,
    /// E.g. `InceptionV3`.
    pub architecture: String,
    /// The model that it was trained on from.
    pub parent: Option<ModelDigest>,
    /// The shapes of its inputs.
    pub inputs: Vec<InputShape>,
    /// In the order of its scores.
    pub labels: Vec<Label>,
    /// What it was made for. Those that are not known yet are registered as discovered.
    pub plot_types: Vec<PlotTypeName>,
    /// JSON, the bytes that were signed off.
    pub manifest: String,
    /// JSON, as training wrote it.
    pub evaluation: Option<String>,
}

/// A bundle of the library.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// What it is.
    pub model: NewModel,
    /// When it came into the library.
    pub created_us: i64,
    /// The names that point at it now.
    pub aliases: Vec<(PlotTypeName, Alias)>,
}

/// Adds a bundle; one that is there already stays as it is. Returns whether it was new.
///
/// # Errors
/// When the database does not answer.
pub async fn insert(db: &Database, new: NewModel) -> Result<bool, StoreError> {
    db.transaction(move |txn| {
        let new = new.clone();
        Box::pin(async move { insert_in(txn, &new).await })
    })
    .await
}

async fn insert_in<C: ConnectionTrait>(db: &C, new: &NewModel) -> Result<bool, StoreError> {
    let row = model::ActiveModel {
        digest: Set(new.digest.as_bytes().to_vec()),
        architecture: Set(new.architecture.clone()),
        parent: Set(new.parent.map(|digest| digest.as_bytes().to_vec())),
        inputs: Set(json::write("the inputs of a model", &new.inputs)?),
        manifest: Set(new.manifest.clone()),
        evaluation: Set(new.evaluation.clone()),
        created_us: Set(now_us()),
        ..Default::default()
    };
    if row_of(db, &new.digest).await?.is_some() {
        return Ok(false);
    }
    let id = model::Entity::insert(row).exec(db).await?.last_insert_id;
    let labels = new.labels.iter().zip(0..).map(|(label, position)| model_label::ActiveModel {
        model_id: Set(id),
        position: Set(position),
        label: Set(label.to_string()),
    });
    model_label::Entity::insert_many(labels).exec_without_returning(db).await?;
    let ids = crate::plot_type::ids(db, &new.plot_types).await?;
    let made_for = ids.values().map(|plot_type_id| model_plot_type::ActiveModel {
        model_id: Set(id),
        plot_type_id: Set(*plot_type_id),
    });
    model_plot_type::Entity::insert_many(made_for)
        .on_conflict_do_nothing()
        .exec_without_returning(db)
        .await?;
    Ok(true)
}

pub(crate) async fn row_of<C: ConnectionTrait>(
    db: &C,
    digest: &ModelDigest,
) -> Result<Option<model::Model>, StoreError> {
    let digest = digest.as_bytes().to_vec();
    Ok(model::Entity::find().filter(model::Column::Digest.eq(digest)).one(db).await?)
}

/// The bundles of the library, newest first; those made for one plot type if it is given.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn list(db: &Database, of: Option<PlotTypeName>) -> Result<Vec<Model>, StoreError> {
    db.run(|pool| async move {
        let mut find = model::Entity::find().order_by_desc(model::Column::Id);
        if let Some(name) = of {
            let made_for = model_plot_type::Entity::find()
                .select_only()
                .column(model_plot_type::Column::ModelId)
                .filter(
                    model_plot_type::Column::PlotTypeId
                        .eq(crate::plot_type::id(&pool, &name).await?),
                );
            let ids: Vec<i32> = made_for.into_tuple().all(&pool).await?;
            find = find.filter(model::Column::Id.is_in(ids));
        }
        let rows = find.all(&pool).await?;
        complete(&pool, rows).await
    })
    .await
}

/// One bundle.
///
/// # Errors
/// [`StoreError::Missing`], or when the database does not answer.
pub async fn show(db: &Database, digest: ModelDigest) -> Result<Model, StoreError> {
    let models = db.run(move |pool| async move {
        let row = row_of(&pool, &digest).await?;
        complete(&pool, row.into_iter().collect()).await
    });
    models.await?.pop().ok_or_else(|| StoreError::Missing(format!("model {digest}")))
}

/// Adds what other tables know of these models.
async fn complete<C: ConnectionTrait>(
    db: &C,
    rows: Vec<model::Model>,
) -> Result<Vec<Model>, StoreError> {
    let ids: Vec<i32> = rows.iter().map(|row| row.id).collect();
    let labels = model_label::Entity::find()
        .filter(model_label::Column::ModelId.is_in(ids.clone()))
        .order_by_asc(model_label::Column::Position)
        .all(db)
        .await?;
    let made_for = model_plot_type::Entity::find()
        .filter(model_plot_type::Column::ModelId.is_in(ids.clone()))
        .all(db)
        .await?;
    let aliases = alias::Entity::find().filter(alias::Column::ModelId.is_in(ids)).all(db).await?;
    let named =
        made_for.iter().map(|m| m.plot_type_id).chain(aliases.iter().map(|a| a.plot_type_id));
    let names: HashMap<i32, String> = plot_type::Entity::find()
        .select_only()
        .columns([plot_type::Column::Id, plot_type::Column::Name])
        .filter(plot_type::Column::Id.is_in(named.collect::<Vec<_>>()))
        .into_tuple::<(i32, String)>()
        .all(db)
        .await?
        .into_iter()
        .collect();
    let name = |id: i32| -> Result<PlotTypeName, StoreError> {
        let name = names.get(&id).map_or("", String::as_str);
        name.parse().map_err(|error| StoreError::unreadable("a plot type's name", error))
    };
    let mut models = Vec::with_capacity(rows.len());
    for row in rows {
        let label = |l: &model_label::Model| {
            l.label.parse().map_err(|error| StoreError::unreadable("a model's label", error))
        };
        let new = NewModel {
            digest: id::model(&row.digest)?,
            architecture: row.architecture,
            parent: row.parent.as_deref().map(id::model).transpose()?,
            inputs: json::read("the inputs of a model", &row.inputs)?,
            labels: labels
                .iter()
                .filter(|l| l.model_id == row.id)
                .map(label)
                .collect::<Result<_, _>>()?,
            plot_types: made_for
                .iter()
                .filter(|m| m.model_id == row.id)
                .map(|m| name(m.plot_type_id))
                .collect::<Result<_, _>>()?,
            manifest: row.manifest,
            evaluation: row.evaluation,
        };
        let aliases = aliases
            .iter()
            .filter(|a| a.model_id == row.id)
            .map(|a| Ok((name(a.plot_type_id)?, a.alias.parse()?)))
            .collect::<Result<_, StoreError>>()?;
        models.push(Model { model: new, created_us: row.created_us, aliases });
    }
    Ok(models)
}
