//! Labels: what people say of images, as events, with the state that follows from them.

use crate::{
    Database, StoreError,
    entity::{image, label, label_event},
    now_us,
    release::By,
};
use hydra_proto::{ImageId, Label};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::OnConflict,
};
use std::collections::{BTreeMap, HashMap};

/// Images in one statement.
const CHUNK: usize = 1_000;

/// What a person says of an image; `None` takes the label away.
pub type LabelChange = (ImageId, Option<Label>);

/// Labels images, all or none. Of several changes of one image the last counts.
///
/// # Errors
/// [`StoreError::Missing`] names an image that is not known.
pub async fn set(db: &Database, changes: Vec<LabelChange>, by: By) -> Result<(), StoreError> {
    let changes: BTreeMap<ImageId, Option<Label>> = changes.into_iter().collect();
    db.transaction(move |txn| {
        let (changes, by) = (changes.clone(), by.clone());
        Box::pin(async move {
            let changes: Vec<_> = changes.into_iter().collect();
            for chunk in changes.chunks(CHUNK) {
                set_in(txn, chunk, &by).await?;
            }
            Ok(())
        })
    })
    .await
}

async fn set_in<C: ConnectionTrait>(
    db: &C,
    changes: &[LabelChange],
    by: &By,
) -> Result<(), StoreError> {
    let ids: Vec<Vec<u8>> = changes.iter().map(|(id, _)| id.as_bytes().to_vec()).collect();
    let images = images(db, &ids).await?;
    if let Some((id, _)) = changes.iter().find(|(id, _)| !images.contains_key(&id.as_bytes()[..])) {
        return Err(StoreError::Missing(format!("image {id}")));
    }
    let at_us = now_us();
    let events = changes.iter().map(|(id, label)| label_event::ActiveModel {
        image_id: Set(id.as_bytes().to_vec()),
        plot_type_id: Set(images[&id.as_bytes()[..]].0),
        label: Set(label.as_ref().map(Label::to_string)),
        who: Set(by.who.clone()),
        why: Set(by.why.clone()),
        at_us: Set(at_us),
        ..Default::default()
    });
    label_event::Entity::insert_many(events).exec_without_returning(db).await?;
    let newest: HashMap<Vec<u8>, i64> = label_event::Entity::find()
        .select_only()
        .column(label_event::Column::ImageId)
        .column_as(label_event::Column::Id.max(), "id")
        .filter(label_event::Column::ImageId.is_in(ids))
        .group_by(label_event::Column::ImageId)
        .into_tuple::<(Vec<u8>, i64)>()
        .all(db)
        .await?
        .into_iter()
        .collect();
    let labelled = changes.iter().filter_map(|(id, label)| {
        let (plot_type_id, taken_us) = images[&id.as_bytes()[..]];
        Some(label::ActiveModel {
            image_id: Set(id.as_bytes().to_vec()),
            plot_type_id: Set(plot_type_id),
            label: Set(label.as_ref()?.to_string()),
            taken_us: Set(taken_us),
            who: Set(by.who.clone()),
            at_us: Set(at_us),
            label_event_id: Set(newest.get(&id.as_bytes()[..]).copied().unwrap_or(0)),
        })
    });
    use label::Column as C;
    let relabelled = OnConflict::column(C::ImageId)
        .update_columns([C::Label, C::Who, C::AtUs, C::LabelEventId])
        .to_owned();
    label::Entity::insert_many(labelled).on_conflict(relabelled).exec_without_returning(db).await?;
    let taken_away = changes.iter().filter(|(_, label)| label.is_none());
    let taken_away: Vec<Vec<u8>> = taken_away.map(|(id, _)| id.as_bytes().to_vec()).collect();
    label::Entity::delete_many().filter(C::ImageId.is_in(taken_away)).exec(db).await?;
    Ok(())
}

/// Plot type and time of the images that are known.
async fn images<C: ConnectionTrait>(
    db: &C,
    ids: &[Vec<u8>],
) -> Result<HashMap<Vec<u8>, (i32, i64)>, StoreError> {
    let rows: Vec<(Vec<u8>, i32, i64)> = image::Entity::find()
        .select_only()
        .columns([image::Column::Id, image::Column::PlotTypeId, image::Column::TakenUs])
        .filter(image::Column::Id.is_in(ids.iter().cloned()))
        .into_tuple()
        .all(db)
        .await?;
    Ok(rows
        .into_iter()
        .map(|(id, plot_type_id, taken_us)| (id, (plot_type_id, taken_us)))
        .collect())
}
