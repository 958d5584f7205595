//! Deletion by policy, in bounded steps: originals, thumbnails with heat maps, rows.
//!
//! Never touched is what is labelled, pinned, a reference of the catalog, the newest image of its
//! plot type, or part of an open sequence. Rows lose their blobs first as *garbage*: the sweep
//! deletes a blob only when no image and no heat map names it any more.

use crate::{
    Database, StoreError,
    catalog::Spec,
    counter,
    entity::{
        conditions, embedding, garbage, heatmap, image, label, latest, pin, plot_type, prediction,
        retention_mark, sequence,
    },
    json, now_us,
};
use hydra_proto::ImageId;
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, IntoActiveModel,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, OnConflict},
};
use std::collections::{BTreeSet, HashSet};

mod sweep;

pub use sweep::{garbage, still_named, swept};

/// What a step removes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// Originals that were not chosen to stay.
    NotCollected = 0,
    /// Originals that were.
    Originals = 1,
    /// Thumbnails and heat maps.
    Thumbnails = 2,
    /// The rows, with all that is left.
    Rows = 3,
}

impl What {
    /// All of them, the most short-lived first.
    pub const ALL: [Self; 4] = [Self::NotCollected, Self::Originals, Self::Thumbnails, Self::Rows];
}

/// After this long a policy's images are looked at again from the oldest: those that were
/// labelled then and are not any more, and those that came late.
const AGAIN_US: i64 = 7 * 86_400_000_000;

/// The plot types and what is declared of them.
///
/// # Errors
/// When the database does not answer.
pub async fn policies(db: &Database) -> Result<Vec<(i32, Spec)>, StoreError> {
    db.run(|pool| async move {
        let rows: Vec<(i32, String)> = plot_type::Entity::find()
            .select_only()
            .columns([plot_type::Column::Id, plot_type::Column::Spec])
            .into_tuple()
            .all(&pool)
            .await?;
        let read = |(id, spec): (i32, String)| Ok((id, json::read("a plot type", &spec)?));
        rows.into_iter().map(read).collect::<Result<_, StoreError>>()
    })
    .await
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Images that lost something.
    pub removed: Vec<ImageId>,
    /// Nothing older than the limit is left to look at.
    pub finished: bool,
}

/// Looks at the next `limit` images of a plot type that were taken before `before_us` and
/// removes what may go, in one transaction.
///
/// # Errors
/// When the database does not answer; nothing is removed then.
pub async fn step(
    db: &Database,
    plot_type_id: i32,
    what: What,
    before_us: i64,
    limit: u64,
) -> Result<Step, StoreError> {
    db.transaction(move |txn| {
        Box::pin(async move { Removal { txn, plot_type_id, what, before_us }.run(limit).await })
    })
    .await
}

struct Removal<'a> {
    txn: &'a DatabaseTransaction,
    plot_type_id: i32,
    what: What,
    before_us: i64,
}

impl Removal<'_> {
    async fn run(&self, limit: u64) -> Result<Step, StoreError> {
        let mark = self.mark().await?;
        let seen = self.next(&mark, limit).await?;
        let finished = (seen.len() as u64) < limit;
        let Some(last) = seen.last() else {
            return Ok(Step { removed: Vec::new(), finished });
        };
        let until = (last.taken_us, last.id.clone());
        // keep must not add to an image while it goes
        counter::next(self.txn, counter::COMMITS).await?;
        let going = self.going(seen).await?;
        self.remove(&going).await?;
        self.remember(until, mark.begun_us).await?;
        let removed =
            going.iter().map(|row| crate::id::image(&row.id)).collect::<Result<_, _>>()?;
        Ok(Step { removed, finished })
    }

    async fn mark(&self) -> Result<retention_mark::Model, StoreError> {
        let key = (self.plot_type_id, self.what as i16);
        let known = retention_mark::Entity::find_by_id(key).one(self.txn).await?;
        let now = now_us();
        Ok(known.filter(|mark| now - mark.begun_us < AGAIN_US).unwrap_or(retention_mark::Model {
            plot_type_id: self.plot_type_id,
            what: self.what as i16,
            until_us: i64::MIN,
            until_image: vec![0; 24],
            begun_us: now,
        }))
    }

    async fn remember(&self, until: (i64, Vec<u8>), begun_us: i64) -> Result<(), StoreError> {
        use retention_mark::Column as C;
        let row = retention_mark::Model {
            plot_type_id: self.plot_type_id,
            what: self.what as i16,
            until_us: until.0,
            until_image: until.1,
            begun_us,
        };
        let moved = OnConflict::columns([C::PlotTypeId, C::What])
            .update_columns([C::UntilUs, C::UntilImage, C::BegunUs])
            .to_owned();
        retention_mark::Entity::insert(row.into_active_model())
            .on_conflict(moved)
            .exec_without_returning(self.txn)
            .await?;
        Ok(())
    }

    async fn next(
        &self,
        mark: &retention_mark::Model,
        limit: u64,
    ) -> Result<Vec<image::Model>, StoreError> {
        use image::Column as C;
        let after = Condition::any()
            .add(C::TakenUs.gt(mark.until_us))
            .add(C::Id.gt(mark.until_image.clone()));
        Ok(image::Entity::find()
            .filter(C::PlotTypeId.eq(self.plot_type_id))
            .filter(C::TakenUs.gte(mark.until_us))
            .filter(C::TakenUs.lt(self.before_us))
            .filter(after)
            .order_by_asc(C::TakenUs)
            .order_by_asc(C::Id)
            .limit(limit)
            .all(self.txn)
            .await?)
    }

    /// Those that have what is to be removed, and that nothing holds.
    async fn going(&self, seen: Vec<image::Model>) -> Result<Vec<image::Model>, StoreError> {
        let ids: Vec<Vec<u8>> = seen.iter().map(|image| image.id.clone()).collect();
        let held = self.held(&ids, &seen).await?;
        let applies = |image: &image::Model| match self.what {
            What::NotCollected => image.stored && !image.kept,
            What::Originals => image.stored,
            What::Thumbnails => image.thumbnail.is_some(),
            What::Rows => true,
        };
        Ok(seen.into_iter().filter(|image| applies(image) && !held.contains(&image.id)).collect())
    }

    async fn held(
        &self,
        ids: &[Vec<u8>],
        seen: &[image::Model],
    ) -> Result<HashSet<Vec<u8>>, StoreError> {
        let labelled: Vec<Vec<u8>> = label::Entity::find()
            .select_only()
            .column(label::Column::ImageId)
            .filter(label::Column::ImageId.is_in(ids.to_vec()))
            .into_tuple()
            .all(self.txn)
            .await?;
        let pinned: Vec<Vec<u8>> = pin::Entity::find()
            .select_only()
            .column(pin::Column::ImageId)
            .filter(pin::Column::ImageId.is_in(ids.to_vec()))
            .into_tuple()
            .all(self.txn)
            .await?;
        let mut held: HashSet<Vec<u8>> = labelled.into_iter().chain(pinned).collect();
        let references = policies_in(self.txn).await?;
        held.extend(references.into_iter().flatten());
        let newest = latest::Entity::find_by_id(self.plot_type_id).one(self.txn).await?;
        held.extend(newest.map(|row| row.image_id));
        let open = sequence::Entity::find()
            .filter(sequence::Column::PlotTypeId.eq(self.plot_type_id))
            .filter(sequence::Column::Open.eq(true))
            .all(self.txn)
            .await?;
        let since = open.iter().map(|sequence| sequence.first_us).min();
        let in_open = seen.iter().filter(|image| since.is_some_and(|us| image.taken_us >= us));
        held.extend(in_open.map(|image| image.id.clone()));
        Ok(held)
    }

    async fn remove(&self, going: &[image::Model]) -> Result<(), StoreError> {
        if going.is_empty() {
            return Ok(());
        }
        let ids: Vec<Vec<u8>> = going.iter().map(|image| image.id.clone()).collect();
        let originals = || going.iter().filter(|i| i.stored).map(|i| i.content.clone());
        let thumbnails = || going.iter().filter_map(|i| i.thumbnail.clone());
        let mut garbage: BTreeSet<Vec<u8>> = BTreeSet::new();
        use image::Column as C;
        let these = || image::Entity::update_many().filter(C::Id.is_in(ids.clone()));
        match self.what {
            What::NotCollected | What::Originals => {
                garbage.extend(originals());
                these().col_expr(C::Stored, Expr::value(false)).exec(self.txn).await?;
            }
            What::Thumbnails => {
                garbage.extend(thumbnails());
                garbage.extend(self.remove_heatmaps(&ids).await?);
                let none = Expr::value(None::<Vec<u8>>);
                these().col_expr(C::Thumbnail, none).exec(self.txn).await?;
            }
            What::Rows => {
                garbage.extend(originals().chain(thumbnails()));
                garbage.extend(self.remove_heatmaps(&ids).await?);
                self.remove_rows(&ids, going).await?;
            }
        }
        let since_us = now_us();
        let rows = garbage.into_iter().map(|hash| garbage::Model { hash, since_us });
        let rows: Vec<_> = rows.map(IntoActiveModel::into_active_model).collect();
        for chunk in rows.chunks(1_000) {
            let again = OnConflict::column(garbage::Column::Hash)
                .update_column(garbage::Column::SinceUs)
                .to_owned();
            garbage::Entity::insert_many(chunk.to_vec())
                .on_conflict(again)
                .exec_without_returning(self.txn)
                .await?;
        }
        Ok(())
    }

    async fn remove_heatmaps(&self, ids: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, StoreError> {
        use heatmap::Column as C;
        let maps: Vec<Vec<u8>> = heatmap::Entity::find()
            .select_only()
            .column(C::Map)
            .filter(C::ImageId.is_in(ids.to_vec()))
            .into_tuple()
            .all(self.txn)
            .await?;
        heatmap::Entity::delete_many()
            .filter(C::ImageId.is_in(ids.to_vec()))
            .exec(self.txn)
            .await?;
        Ok(maps)
    }

    async fn remove_rows(&self, ids: &[Vec<u8>], going: &[image::Model]) -> Result<(), StoreError> {
        let ids = ids.to_vec();
        prediction::Entity::delete_many()
            .filter(prediction::Column::ImageId.is_in(ids.clone()))
            .exec(self.txn)
            .await?;
        embedding::Entity::delete_many()
            .filter(embedding::Column::ImageId.is_in(ids.clone()))
            .exec(self.txn)
            .await?;
        image::Entity::delete_many().filter(image::Column::Id.is_in(ids)).exec(self.txn).await?;
        // sequences all of whose images are gone
        use sequence::Column as S;
        sequence::Entity::delete_many()
            .filter(S::PlotTypeId.eq(self.plot_type_id))
            .filter(S::Open.eq(false))
            .filter(S::LastUs.lte(going.last().map_or(i64::MIN, |image| image.taken_us)))
            .exec(self.txn)
            .await?;
        let runs: BTreeSet<i64> = going.iter().map(|image| image.run).collect();
        for run in runs {
            self.remove_conditions(run).await?;
        }
        Ok(())
    }

    /// The conditions of a run whose last image is gone. Both ids begin with the run.
    async fn remove_conditions(&self, run: i64) -> Result<(), StoreError> {
        let Ok(run) = u32::try_from(run) else { return Ok(()) };
        let from = |length: usize, run: u32| {
            let mut id = vec![0; length];
            id[..4].copy_from_slice(&run.to_be_bytes());
            id
        };
        let next = run.checked_add(1);
        let mut left = image::Entity::find().filter(image::Column::Id.gte(from(24, run)));
        let mut gone =
            conditions::Entity::delete_many().filter(conditions::Column::Id.gte(from(16, run)));
        if let Some(next) = next {
            left = left.filter(image::Column::Id.lt(from(24, next)));
            gone = gone.filter(conditions::Column::Id.lt(from(16, next)));
        }
        if left.one(self.txn).await?.is_none() {
            gone.exec(self.txn).await?;
        }
        Ok(())
    }
}

/// The reference images of the catalog.
async fn policies_in<C: ConnectionTrait>(db: &C) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
    let specs: Vec<String> = plot_type::Entity::find()
        .select_only()
        .column(plot_type::Column::Spec)
        .filter(plot_type::Column::Spec.contains("\"reference\":\""))
        .into_tuple()
        .all(db)
        .await?;
    let reference = |text: String| {
        let spec: Spec = json::read("a plot type", &text)?;
        Ok(spec.reference.map(|id| id.as_bytes().to_vec()))
    };
    specs.into_iter().map(reference).collect()
}

/// Protects images from retention, e.g. as part of a training set.
///
/// # Errors
/// When the database does not answer.
pub async fn pin_images(
    db: &Database,
    images: Vec<ImageId>,
    reason: &str,
) -> Result<(), StoreError> {
    let reason = reason.to_owned();
    db.run(move |pool| async move {
        for chunk in images.chunks(1_000) {
            let rows = chunk.iter().map(|id| pin::ActiveModel {
                image_id: Set(id.as_bytes().to_vec()),
                reason: Set(reason.clone()),
                at_us: Set(now_us()),
            });
            pin::Entity::insert_many(rows)
                .on_conflict_do_nothing()
                .exec_without_returning(&pool)
                .await?;
        }
        Ok::<_, StoreError>(())
    })
    .await
}

/// Forgets what is of no use any more: signs of life of processes that are gone, and promises
/// that nobody ever took.
///
/// # Errors
/// When the database does not answer.
pub async fn tidy(db: &Database, before_us: i64) -> Result<(), StoreError> {
    use crate::entity::{heartbeat, outbox};
    db.run(move |pool| async move {
        heartbeat::Entity::delete_many()
            .filter(heartbeat::Column::BeatUs.lt(before_us))
            .exec(&pool)
            .await?;
        outbox::Entity::delete_many()
            .filter(outbox::Column::AtUs.lt(before_us))
            .exec(&pool)
            .await?;
        Ok::<_, StoreError>(())
    })
    .await
}
