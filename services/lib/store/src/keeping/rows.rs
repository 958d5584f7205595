//! Row ids that facts need before they can be written, and multi-row inserts.

use crate::{
    PlotTypeState, StoreError,
    catalog::{Hall, Spec},
    entity::{model, model_label, plot_type, setting},
    json, now_us,
    plot_type::ids,
};
use hydra_proto::{ModelDigest, PlotTypeName};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DatabaseConnection, EntityTrait,
    IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
};
use std::{collections::HashMap, sync::Arc};

/// Rows of one insert at most. Bound values of a statement are limited (SQLite: 32,766), and the
/// driver keeps each distinct statement prepared, so there must not be one for each batch size.
const CHUNK: usize = 256;

/// What keep must know of a plot type.
#[derive(Clone, Debug, PartialEq)]
pub struct PlotTypeFacts {
    /// Row id.
    pub id: i32,
    /// Whether anybody declared it.
    pub state: PlotTypeState,
    /// What was declared.
    pub spec: Arc<Spec>,
}

/// The hall's settings and the plot types called `names`; unknown ones are registered as
/// discovered.
///
/// # Errors
/// When the database does not answer, or holds what cannot be read.
pub async fn plot_types(
    db: &crate::Database,
    names: Vec<PlotTypeName>,
) -> Result<(Hall, HashMap<PlotTypeName, PlotTypeFacts>), StoreError> {
    db.run(|pool| async move {
        let ids = ids(&pool, &names).await?;
        let hall = match setting::Entity::find_by_id("hall").one(&pool).await? {
            Some(row) => json::read("the hall's settings", &row.value)?,
            None => Hall::default(),
        };
        let facts = facts(&pool, ids).await?;
        Ok::<_, StoreError>((hall, facts))
    })
    .await
}

async fn facts(
    pool: &DatabaseConnection,
    ids: HashMap<PlotTypeName, i32>,
) -> Result<HashMap<PlotTypeName, PlotTypeFacts>, StoreError> {
    let mut specs = HashMap::with_capacity(ids.len());
    let wanted: Vec<i32> = ids.values().copied().collect();
    for chunk in wanted.chunks(1_000) {
        let rows = plot_type::Entity::find()
            .filter(plot_type::Column::Id.is_in(chunk.iter().copied()))
            .all(pool)
            .await?;
        for row in rows {
            let spec: Spec = json::read("a plot type", &row.spec)?;
            specs.insert(row.id, (PlotTypeState::from_column(row.state)?, Arc::new(spec)));
        }
    }
    let facts = ids.into_iter().filter_map(|(name, id)| {
        let (state, spec) = specs.remove(&id)?;
        Some((name, PlotTypeFacts { id, state, spec }))
    });
    Ok(facts.collect())
}

/// The row ids of models, with their labels in the order of their scores. A model that the
/// library does not know, because its database was set back, is registered with the labels that
/// the prediction names, so that no verdict is lost.
///
/// # Errors
/// When the database does not answer.
pub async fn model_ids(
    db: &crate::Database,
    wanted: Vec<(ModelDigest, Vec<String>)>,
) -> Result<HashMap<ModelDigest, (i32, Vec<String>)>, StoreError> {
    db.transaction(move |txn| {
        let wanted = wanted.clone();
        Box::pin(async move {
            let mut models = HashMap::with_capacity(wanted.len());
            for (digest, labels) in wanted {
                models.insert(digest, model_id(txn, &digest, labels).await?);
            }
            Ok(models)
        })
    })
    .await
}

async fn model_id<C: ConnectionTrait>(
    db: &C,
    digest: &ModelDigest,
    labels: Vec<String>,
) -> Result<(i32, Vec<String>), StoreError> {
    if let Some(row) = crate::model::row_of(db, digest).await? {
        let known: Vec<String> = model_label::Entity::find()
            .select_only()
            .column(model_label::Column::Label)
            .filter(model_label::Column::ModelId.eq(row.id))
            .order_by_asc(model_label::Column::Position)
            .into_tuple()
            .all(db)
            .await?;
        return Ok((row.id, known));
    }
    let stranger = model::ActiveModel {
        digest: Set(digest.as_bytes().to_vec()),
        architecture: Set(String::new()),
        inputs: Set("[]".to_owned()),
        manifest: Set("{}".to_owned()),
        created_us: Set(now_us()),
        ..Default::default()
    };
    model::Entity::insert(stranger)
        .on_conflict_do_nothing_on([model::Column::Digest])
        .exec_without_returning(db)
        .await?;
    let row = crate::model::row_of(db, digest).await?;
    let id = row.ok_or_else(|| StoreError::Missing(format!("model {digest}")))?.id;
    let rows = labels.iter().zip(0..).map(|(label, position)| model_label::ActiveModel {
        model_id: Set(id),
        position: Set(position),
        label: Set(label.clone()),
    });
    model_label::Entity::insert_many(rows)
        .on_conflict_do_nothing()
        .exec_without_returning(db)
        .await?;
    Ok((id, labels))
}

/// Inserts rows that are known to be new; one that is there nevertheless stays as it is. Chunks
/// have the size of a power of two, so that few distinct statements are prepared.
pub(super) async fn insert_all<E, C>(db: &C, mut rows: Vec<E::Model>) -> Result<(), StoreError>
where
    E: EntityTrait,
    E::Model: IntoActiveModel<E::ActiveModel>,
    E::ActiveModel: Send,
    C: ConnectionTrait,
{
    for size in chunks(rows.len()) {
        let rest = rows.split_off(size.min(rows.len()));
        // the last one again, which changes nothing, costs less than another question
        let now = listed_to(rows, size).into_iter().map(IntoActiveModel::into_active_model);
        E::insert_many(now).on_conflict_do_nothing().exec_without_returning(db).await?;
        rows = rest;
    }
    Ok(())
}

/// The values of an `in` list, the last one repeated up to a power of two: as with the chunks, so
/// that few distinct statements are prepared, of which a connection keeps a bounded number.
pub(crate) fn listed<T: Clone>(values: Vec<T>) -> Vec<T> {
    let size = values.len().next_power_of_two();
    listed_to(values, size)
}

/// `values`, the last one repeated up to `size`.
fn listed_to<T: Clone>(mut values: Vec<T>, size: usize) -> Vec<T> {
    if let Some(last) = values.last().cloned() {
        values.resize(size, last);
    }
    values
}

/// Sizes of the chunks of `count` rows: powers of two, at most [`CHUNK`], the last one a little
/// more than is left. A database that takes half a second for each answer is asked three or four
/// times for five hundred rows, and no chunk is padded by more than a quarter.
fn chunks(mut count: usize) -> Vec<usize> {
    let mut sizes = Vec::new();
    while count > 0 {
        let padded = count.next_power_of_two();
        if padded <= CHUNK && 4 * (padded - count) <= padded {
            sizes.push(padded);
            break;
        }
        let whole = 1 << count.ilog2().min(CHUNK.ilog2());
        sizes.push(whole);
        count -= whole;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_in_few_sizes_and_few_in_number() {
        for (count, sizes) in [
            (0, vec![]),
            (1, vec![1]),
            (3, vec![4]),
            (5, vec![4, 1]),
            (255, vec![256]),
            (300, vec![256, 32, 16]),
            (500, vec![256, 256]),
        ] {
            assert_eq!(chunks(count), sizes, "{count}");
        }
        for count in 1..2_000 {
            let sizes = chunks(count);
            let sum: usize = sizes.iter().sum();
            assert!(sum >= count && sum - sizes.last().unwrap() < count, "{count}: {sizes:?}");
            assert!(4 * (sum - count) <= *sizes.last().unwrap(), "{count}: {sizes:?}");
            assert!(sizes.iter().all(|size| size.is_power_of_two() && *size <= CHUNK));
        }
    }

    #[test]
    fn lists_come_in_few_sizes_and_name_nothing_else() {
        assert_eq!(listed(vec![1, 2, 3]), [1, 2, 3, 3]);
        assert_eq!(listed(vec![1, 2]), [1, 2]);
        assert!(listed(Vec::<i32>::new()).is_empty());
    }
}
