//! Messages that a transaction promises. What is promised is published, for as long as it takes.

use crate::{Database, StoreError, entity::outbox, now_us};
use hydra_proto::Event;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect,
};

/// A promised message, as the relay publishes it.
pub type Promise = outbox::Model;

/// Promises `event`, to be inserted in the transaction that it follows from.
pub fn promise<E: Event>(event: &E) -> outbox::ActiveModel {
    outbox::ActiveModel {
        queue: Set(E::QUEUE.to_owned()),
        type_name: Set(E::NAME.to_owned()),
        body: Set(event.encode_to_vec()),
        at_us: Set(now_us()),
        ..Default::default()
    }
}

/// Writes promises in this order.
///
/// # Errors
/// When the database does not answer.
pub async fn insert<C: ConnectionTrait>(
    db: &C,
    promises: Vec<outbox::ActiveModel>,
) -> Result<(), StoreError> {
    outbox::Entity::insert_many(promises).exec_without_returning(db).await?;
    Ok(())
}

/// The oldest promises, at most `limit`; none for the queues `but`.
///
/// # Errors
/// When the database does not answer.
pub async fn oldest(
    db: &Database,
    but: Vec<String>,
    limit: u64,
) -> Result<Vec<Promise>, StoreError> {
    use outbox::Column as C;
    db.run(move |pool| async move {
        let mut find = outbox::Entity::find();
        if !but.is_empty() {
            find = find.filter(C::Queue.is_not_in(but));
        }
        find.order_by_asc(C::Id).limit(limit).all(&pool).await
    })
    .await
}

/// Forgets promises that were kept.
///
/// # Errors
/// When the database does not answer; they are then published once more.
pub async fn kept(db: &Database, ids: Vec<i64>) -> Result<(), StoreError> {
    db.run(move |pool| async move {
        outbox::Entity::delete_many().filter(outbox::Column::Id.is_in(ids)).exec(&pool).await
    })
    .await
    .map(|_| ())
}
