//! The newest image of each plot type, whatever the order in which images come.

use super::rows::listed;
use crate::{
    StoreError,
    entity::{image, latest},
};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, sea_query::OnConflict,
};
use std::collections::BTreeMap;

/// Moves the marks of the plot types of `images` on, never back.
pub(super) async fn write<C: ConnectionTrait>(
    db: &C,
    images: &[image::Model],
) -> Result<(), StoreError> {
    if images.is_empty() {
        return Ok(());
    }
    let mut newest = BTreeMap::<i32, latest::Model>::new();
    for image in images {
        let mark = latest::Model {
            plot_type_id: image.plot_type_id,
            image_id: image.id.clone(),
            taken_us: image.taken_us,
            commit_no: image.commit_no,
        };
        match newest.get(&image.plot_type_id) {
            Some(known) if key(known) >= key(&mark) => {}
            _ => {
                newest.insert(image.plot_type_id, mark);
            }
        }
    }
    let ids: Vec<i32> = newest.keys().copied().collect();
    for known in
        latest::Entity::find().filter(latest::Column::PlotTypeId.is_in(listed(ids))).all(db).await?
    {
        if newest.get(&known.plot_type_id).is_some_and(|mark| key(mark) <= key(&known)) {
            newest.remove(&known.plot_type_id);
        }
    }
    use latest::Column as C;
    let moved = OnConflict::column(C::PlotTypeId)
        .update_columns([C::ImageId, C::TakenUs, C::CommitNo])
        .to_owned();
    latest::Entity::insert_many(newest.into_values().map(IntoActiveModel::into_active_model))
        .on_conflict(moved)
        .exec_without_returning(db)
        .await?;
    Ok(())
}

fn key(mark: &latest::Model) -> (i64, &[u8]) {
    (mark.taken_us, &mark.image_id)
}
