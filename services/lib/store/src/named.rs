//! Which blobs the rows name: originals, thumbnails, heat maps.

use crate::{
    Database, StoreError,
    entity::{heatmap, image},
};
use hydra_proto::ContentHash;
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select, TryGetableMany,
};

/// Id, original, thumbnail, and whether the original is there.
type OfImage = (Vec<u8>, Vec<u8>, Option<Vec<u8>>, bool);

/// Which table is read, and the last key that was.
#[derive(Debug)]
enum Place {
    Images(Vec<u8>),
    Heatmaps(Vec<u8>),
    End,
}

/// Reads the tables in order of their keys, a page at a time: no index begins with a hash,
/// because such an index would make every insert of a large table wait for the disk.
#[derive(Debug)]
pub struct NamedBlobs<'a> {
    db: &'a Database,
    page: u64,
    place: Place,
}

impl<'a> NamedBlobs<'a> {
    /// Begins at the first row; `page` rows are read at once.
    pub fn new(db: &'a Database, page: u64) -> Self {
        Self { db, page: page.max(1), place: Place::Images(Vec::new()) }
    }

    /// The blobs of the next page, some perhaps twice; `None` after the last.
    ///
    /// # Errors
    /// When the database does not answer, or holds what is no hash.
    pub async fn next(&mut self) -> Result<Option<Vec<ContentHash>>, StoreError> {
        let hashes = match &self.place {
            Place::Images(after) => self.images(after.clone()).await?,
            Place::Heatmaps(from) => self.heatmaps(from.clone()).await?,
            Place::End => return Ok(None),
        };
        hashes.iter().map(|hash| crate::id::content(hash)).collect::<Result<_, _>>().map(Some)
    }

    async fn images(&mut self, after: Vec<u8>) -> Result<Vec<Vec<u8>>, StoreError> {
        use image::Column as C;
        let find = image::Entity::find()
            .select_only()
            .columns([C::Id, C::Content, C::Thumbnail, C::Stored])
            .filter(C::Id.gt(after))
            .order_by_asc(C::Id);
        let rows: Vec<OfImage> = self.rows(find).await?;
        self.place = match rows.last() {
            Some((last, ..)) => Place::Images(last.clone()),
            None => Place::Heatmaps(Vec::new()),
        };
        let of = |(_, content, thumbnail, stored): OfImage| {
            stored.then_some(content).into_iter().chain(thumbnail)
        };
        Ok(rows.into_iter().flat_map(of).collect())
    }

    async fn heatmaps(&mut self, from: Vec<u8>) -> Result<Vec<Vec<u8>>, StoreError> {
        use heatmap::Column as C;
        let find = heatmap::Entity::find()
            .select_only()
            .columns([C::ImageId, C::Map])
            .filter(C::ImageId.gte(from.clone()))
            .order_by_asc(C::ImageId)
            .order_by_asc(C::ModelId)
            .order_by_asc(C::Label);
        let rows: Vec<(Vec<u8>, Vec<u8>)> = self.rows(find).await?;
        // maps of one image may lie on two pages: the next one begins with that image again
        self.place = match rows.last() {
            Some((last, _)) if (rows.len() as u64) == self.page && *last != from => {
                Place::Heatmaps(last.clone())
            }
            _ => Place::End,
        };
        Ok(rows.into_iter().map(|(_, map)| map).collect())
    }

    /// The first page of what `find` finds.
    async fn rows<E, T>(&self, find: Select<E>) -> Result<Vec<T>, StoreError>
    where
        E: EntityTrait,
        T: TryGetableMany + Send + Sync + 'static,
    {
        let find = find.limit(self.page);
        self.db.run(move |pool| async move { find.into_tuple().all(&pool).await }).await
    }
}
