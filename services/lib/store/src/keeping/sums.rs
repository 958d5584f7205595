//! What is added up in the transactions of keep, so that no page ever counts millions.

use super::rows::insert_all;
use crate::{
    StoreError,
    entity::{daily, image, run, run_latency, run_outcome},
    latency_bucket,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, IntoActiveModel,
    QueryFilter,
    sea_query::{Expr, OnConflict, SimpleExpr},
};
use std::collections::BTreeMap;

const DAY_US: i64 = 86_400_000_000;

/// Differences to add, by key. Sorted, so that rows are locked in one order.
#[derive(Default)]
pub(super) struct Sums {
    daily: BTreeMap<(i32, i32, String), i64>,
    outcomes: BTreeMap<(i64, String), i64>,
    latencies: BTreeMap<(i64, i16), (i64, i64)>,
    runs: BTreeMap<i64, run::Model>,
}

impl Sums {
    /// A new image, with what it counts as.
    pub fn image(&mut self, image: &image::Model, period: &str, outcome: &str) {
        self.outcome(image, outcome, 1);
        let latency_us = (image.committed_us - image.arrived_us).max(0);
        let bucket = self.latencies.entry((image.run, latency_bucket(latency_us))).or_default();
        bucket.0 += 1;
        bucket.1 += latency_us;
        let seen = run::Model {
            run: image.run,
            period: period.to_owned(),
            first_us: image.taken_us,
            last_us: image.taken_us,
            images: 1,
            last_image: image.id.clone(),
            conditions_id: image.conditions_id.clone(),
        };
        match self.runs.get_mut(&image.run) {
            Some(known) => merge(known, seen),
            None => {
                self.runs.insert(image.run, seen);
            }
        }
    }

    /// One more (or fewer) that counts as `outcome`.
    pub fn outcome(&mut self, image: &image::Model, outcome: &str, images: i64) {
        // a clock that is wrong by thousands of years must not end the transaction
        let day = i32::try_from(image.arrived_us.div_euclid(DAY_US)).unwrap_or(0);
        *self.daily.entry((day, image.plot_type_id, outcome.to_owned())).or_default() += images;
        *self.outcomes.entry((image.run, outcome.to_owned())).or_default() += images;
    }

    /// Adds everything to the tables.
    pub async fn write<C: ConnectionTrait>(self, db: &C) -> Result<(), StoreError> {
        let backend = db.get_database_backend();
        self::runs(db, self.runs).await?;
        let rows = self.outcomes.into_iter().filter(|(_, images)| *images != 0);
        let rows = rows.map(|((run, outcome), images)| {
            run_outcome::Model { run, outcome, images }.into_active_model()
        });
        use run_outcome::Column as O;
        let more = add(backend, [O::Run, O::Outcome], "run_outcome", &[(O::Images, "images")]);
        run_outcome::Entity::insert_many(rows).on_conflict(more).exec_without_returning(db).await?;

        let rows = self.latencies.into_iter().map(|((run, bucket), (images, sum_us))| {
            run_latency::Model { run, bucket, images, sum_us }.into_active_model()
        });
        use run_latency::Column as L;
        let columns = [(L::Images, "images"), (L::SumUs, "sum_us")];
        let more = add(backend, [L::Run, L::Bucket], "run_latency", &columns);
        run_latency::Entity::insert_many(rows).on_conflict(more).exec_without_returning(db).await?;

        let rows = self.daily.into_iter().filter(|(_, images)| *images != 0);
        let rows = rows.map(|((day, plot_type_id, outcome), images)| {
            daily::Model { day, plot_type_id, outcome, images }.into_active_model()
        });
        use daily::Column as D;
        let keys = [D::Day, D::PlotTypeId, D::Outcome];
        let more = add(backend, keys, "daily", &[(D::Images, "images")]);
        daily::Entity::insert_many(rows).on_conflict(more).exec_without_returning(db).await?;
        Ok(())
    }
}

/// `on conflict`: the columns of the row that is there grow by those of the new one.
fn add<Col, const KEYS: usize>(
    backend: DbBackend,
    keys: [Col; KEYS],
    table: &str,
    columns: &[(Col, &str)],
) -> OnConflict
where
    Col: ColumnTrait,
{
    let sum = |column: &str| -> SimpleExpr {
        Expr::cust(match backend {
            DbBackend::MySql => format!("{column} + values({column})"),
            _ => format!("{table}.{column} + excluded.{column}"),
        })
    };
    let mut conflict = OnConflict::columns(keys);
    for (column, name) in columns {
        conflict.value(*column, sum(name));
    }
    conflict
}

/// Takes into `known` what another image of the run says. Which image is the newest, and what
/// the conditions are, does not depend on the order in which images come.
fn merge(known: &mut run::Model, seen: run::Model) {
    known.images += seen.images;
    known.first_us = known.first_us.min(seen.first_us);
    if known.period.is_empty() {
        known.period = seen.period;
    }
    if (seen.last_us, &seen.last_image) >= (known.last_us, &known.last_image) {
        known.last_us = seen.last_us;
        known.last_image = seen.last_image;
        known.conditions_id = seen.conditions_id.or(known.conditions_id.take());
    } else if known.conditions_id.is_none() {
        known.conditions_id = seen.conditions_id;
    }
}

async fn runs<C: ConnectionTrait>(
    db: &C,
    mut seen: BTreeMap<i64, run::Model>,
) -> Result<(), StoreError> {
    if seen.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = seen.keys().copied().collect();
    let known = run::Entity::find().filter(run::Column::Run.is_in(ids)).all(db).await?;
    for mut known in known {
        if let Some(seen) = seen.remove(&known.run) {
            merge(&mut known, seen);
            known.into_active_model().reset_all().update(db).await?;
        }
    }
    insert_all::<run::Entity, _>(db, seen.into_values().collect()).await
}
