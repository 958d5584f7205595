//! What the database of a hall says.

use crate::Hall;
use hydra_proto::{ImageId, Label};
use hydra_store::{entity, orm};
use std::collections::BTreeSet;

/// What the database says in sum; each must be the number of images, see [`Hall::settle`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sums {
    /// Of runs, of outcomes, of days.
    pub counted: [i64; 3],
    /// Rows.
    pub images: i64,
}

impl Hall {
    /// Ids of all image rows; empty while the database is away.
    pub async fn rows(&self) -> Vec<ImageId> {
        use orm::{EntityTrait, QuerySelect};
        let ids = self.db.run(|pool| async move {
            let column = entity::image::Column::Id;
            let find = entity::image::Entity::find().select_only().column(column);
            find.into_tuple::<Vec<u8>>().all(&pool).await
        });
        let ids = ids.await.unwrap_or_default();
        ids.iter().filter_map(|id| ImageId::from_slice(id)).collect()
    }

    /// The images whose verdict is Bad or another label that is no Good, and confirmed.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn bad(&self) -> BTreeSet<String> {
        use orm::{ColumnTrait, EntityTrait, QueryFilter};
        let found = self.db.run(|pool| async move {
            let active = entity::prediction::Column::Role.eq(0);
            entity::prediction::Entity::find().filter(active).all(&pool).await
        });
        let found = found.await.expect("the database answers");
        let good = |row: &entity::prediction::Model| {
            row.label.parse::<Label>().is_ok_and(|label| label.counts_as_good())
        };
        let bad = found.iter().filter(|row| row.confidence >= row.threshold && !good(row));
        bad.filter_map(|row| ImageId::from_slice(&row.image_id)).map(|id| id.to_string()).collect()
    }

    /// How many images have rows.
    pub async fn count_rows(&self) -> usize {
        use orm::{EntityTrait, PaginatorTrait};
        let count =
            self.db.run(|pool| async move { entity::image::Entity::find().count(&pool).await });
        count.await.map_or(0, |count| count as usize)
    }

    /// How many images have a verdict.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn judged(&self) -> usize {
        use orm::{ColumnTrait, EntityTrait, PaginatorTrait, QueryFilter};
        let judged = self.db.run(|pool| async move {
            let none = entity::image::Column::NoVerdictReason.is_null();
            entity::image::Entity::find().filter(none).count(&pool).await
        });
        judged.await.expect("the database answers") as usize
    }

    /// When images were committed, by the clocks of the keeps, in the order of their commits.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn commit_times(&self) -> Vec<i64> {
        use entity::image::{Column, Entity};
        use orm::{EntityTrait, QueryOrder, QuerySelect};
        let times = self.db.run(|pool| async move {
            let find = Entity::find().select_only().column(Column::CommittedUs);
            find.order_by_asc(Column::CommitNo).into_tuple().all(&pool).await
        });
        times.await.expect("the database answers")
    }

    /// What is counted and what is there.
    ///
    /// # Panics
    /// When the database does not answer.
    pub async fn sums(&self) -> Sums {
        use orm::EntityTrait;
        let found = self.db.run(|pool| async move {
            let runs = entity::run::Entity::find().all(&pool).await?;
            let outcomes = entity::run_outcome::Entity::find().all(&pool).await?;
            let days = entity::daily::Entity::find().all(&pool).await?;
            Ok::<_, orm::DbErr>([
                runs.iter().map(|row| row.images).sum(),
                outcomes.iter().map(|row| row.images).sum(),
                days.iter().map(|row| row.images).sum(),
            ])
        });
        let counted = found.await.expect("the database answers");
        Sums { counted, images: self.rows().await.len() as i64 }
    }
}
