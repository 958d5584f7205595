//! Blobs that rows have let go of: what the sweep asks before it deletes one, and says after.

use crate::{Database, NamedBlobs, StoreError, entity::garbage};
use hydra_proto::ContentHash;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::HashSet;

/// Blobs that became garbage before `before_us`, at most `limit`, the oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn garbage(
    db: &Database,
    before_us: i64,
    limit: u64,
) -> Result<Vec<(ContentHash, i64)>, StoreError> {
    use garbage::Column as C;
    let rows = db
        .run(move |pool| async move {
            garbage::Entity::find()
                .filter(C::SinceUs.lt(before_us))
                .order_by_asc(C::SinceUs)
                .order_by_asc(C::Hash)
                .limit(limit)
                .all(&pool)
                .await
        })
        .await?;
    rows.into_iter().map(|row| Ok((crate::id::content(&row.hash)?, row.since_us))).collect()
}

/// Those of `hashes` that an image or a heat map still names, reading `page` rows at a time.
///
/// # Errors
/// When the database does not answer.
pub async fn still_named(
    db: &Database,
    hashes: HashSet<Vec<u8>>,
    page: u64,
) -> Result<HashSet<Vec<u8>>, StoreError> {
    let mut found = HashSet::new();
    let mut named = NamedBlobs::new(db, page);
    while let Some(blobs) = named.next().await? {
        let blobs = blobs.iter().map(|hash| hash.as_bytes().to_vec());
        found.extend(blobs.filter(|hash| hashes.contains(hash)));
    }
    Ok(found)
}

/// Forgets garbage that was swept, or that is named again.
///
/// # Errors
/// When the database does not answer; it is then swept once more.
pub async fn swept(db: &Database, hashes: Vec<ContentHash>) -> Result<(), StoreError> {
    db.run(move |pool| async move {
        for chunk in hashes.chunks(1_000) {
            let chunk = chunk.iter().map(|hash| hash.as_bytes().to_vec());
            garbage::Entity::delete_many()
                .filter(garbage::Column::Hash.is_in(chunk))
                .exec(&pool)
                .await?;
        }
        Ok::<_, StoreError>(())
    })
    .await
}
