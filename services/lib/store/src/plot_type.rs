//! Plot types by name; one that nobody declared is registered as discovered.

use crate::{PlotTypeState, StoreError, catalog::Spec, entity::plot_type, json, now_us};
use hydra_proto::PlotTypeName;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
};
use std::collections::HashMap;

/// Names looked up by one statement.
const CHUNK: usize = 1_000;

/// The row id of a plot type.
///
/// # Errors
/// [`StoreError::Missing`], or when the database does not answer.
pub async fn id<C: ConnectionTrait>(db: &C, name: &PlotTypeName) -> Result<i32, StoreError> {
    let found = known(db, std::slice::from_ref(name)).await?;
    found.get(name).copied().ok_or_else(|| StoreError::Missing(format!("plot type {name}")))
}

/// The row ids of plot types that are known.
///
/// # Errors
/// When the database does not answer.
pub async fn known<C: ConnectionTrait>(
    db: &C,
    names: &[PlotTypeName],
) -> Result<HashMap<PlotTypeName, i32>, StoreError> {
    let mut ids = HashMap::with_capacity(names.len());
    for chunk in names.chunks(CHUNK) {
        let rows: Vec<(i32, String)> = plot_type::Entity::find()
            .select_only()
            .columns([plot_type::Column::Id, plot_type::Column::Name])
            .filter(plot_type::Column::Name.is_in(chunk.iter().map(PlotTypeName::as_str)))
            .into_tuple()
            .all(db)
            .await?;
        for (id, name) in rows {
            let name = name.parse().map_err(|e| StoreError::unreadable("a plot type's name", e))?;
            ids.insert(name, id);
        }
    }
    Ok(ids)
}

/// The row ids of plot types. Unknown ones are registered as discovered: shown, never dropped.
///
/// # Errors
/// When the database does not answer.
pub async fn ids<C: ConnectionTrait>(
    db: &C,
    names: &[PlotTypeName],
) -> Result<HashMap<PlotTypeName, i32>, StoreError> {
    let ids = known(db, names).await?;
    let mut unknown: Vec<&PlotTypeName> =
        names.iter().filter(|name| !ids.contains_key(*name)).collect();
    if unknown.is_empty() {
        return Ok(ids);
    }
    // in one order everywhere, so that two who discover the same do not lock each other out
    unknown.sort();
    unknown.dedup();
    let spec = json::write("a plot type", &Spec::default())?;
    let now = now_us();
    for chunk in unknown.chunks(CHUNK) {
        let rows = chunk.iter().map(|name| plot_type::ActiveModel {
            name: Set(name.to_string()),
            state: Set(PlotTypeState::Discovered as i16),
            position: Set(i32::MAX),
            spec: Set(spec.clone()),
            created_us: Set(now),
            updated_us: Set(now),
            ..Default::default()
        });
        plot_type::Entity::insert_many(rows)
            .on_conflict_do_nothing_on([plot_type::Column::Name])
            .exec_without_returning(db)
            .await?;
    }
    known(db, names).await
}
