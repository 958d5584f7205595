//! What only one may do at a time: the relay of promised messages, retention.

use crate::{
    Database, StoreError,
    entity::lease::{Column, Entity},
};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, DbBackend, EntityTrait, QueryFilter,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};
use std::time::Duration;

/// The clock of the database, microseconds since 1970 UTC: one clock for all who compete.
fn clock(backend: DbBackend) -> SimpleExpr {
    Expr::cust(match backend {
        DbBackend::Postgres => "cast(extract(epoch from clock_timestamp()) * 1000000 as bigint)",
        DbBackend::Sqlite => "cast(unixepoch('subsec') * 1000000 as integer)",
        _ => "cast(unix_timestamp(sysdate(6)) * 1000000 as signed)",
    })
}

/// Takes or renews the lease `name` for `holder`. Returns whether it has it now, for at least
/// `length` from the call; a holder that does not renew it loses it.
///
/// # Errors
/// When the database does not answer.
pub async fn acquire(
    db: &Database,
    name: &'static str,
    holder: &str,
    length: Duration,
) -> Result<bool, StoreError> {
    let (holder, backend) = (holder.to_owned(), db.backend());
    let length_us = i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
    db.run(move |pool| async move {
        let taken = Entity::update_many()
            .col_expr(Column::Holder, Expr::value(holder.as_str()))
            .col_expr(Column::UntilUs, clock(backend).add(length_us))
            .filter(Column::Name.eq(name))
            .filter(
                Column::Holder
                    .eq(holder.as_str())
                    .or(Expr::col(Column::UntilUs).lt(clock(backend))),
            )
            .exec(&pool)
            .await?;
        if taken.rows_affected > 0 {
            return Ok::<_, StoreError>(true);
        }
        let free = crate::entity::lease::ActiveModel {
            name: Set(name.to_owned()),
            holder: Set(String::new()),
            until_us: Set(0),
        };
        // The first time there is no row to take; the next call finds it.
        Entity::insert(free).on_conflict_do_nothing().exec_without_returning(&pool).await?;
        Ok(false)
    })
    .await
}

/// Gives the lease back, so that nobody has to wait for its end.
///
/// # Errors
/// When the database does not answer; the lease then ends by itself.
pub async fn release(db: &Database, name: &'static str, holder: &str) -> Result<(), StoreError> {
    let holder = holder.to_owned();
    db.run(move |pool| async move {
        Entity::update_many()
            .col_expr(Column::UntilUs, Expr::value(0_i64))
            .filter(Column::Name.eq(name))
            .filter(Column::Holder.eq(holder))
            .exec(&pool)
            .await
    })
    .await
    .map(|_| ())
}
