//! The two numbers that transactions count up, and lock by doing so.

use crate::{StoreError, entity::counter};
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait},
};

/// Grows with every change of catalog, release or threshold.
pub const GENERATION: &str = "generation";
/// Grows with every transaction of keep. Whoever counts it up holds the row until the commit,
/// so these transactions come one after the other, and their numbers become visible in order.
pub const COMMITS: &str = "commits";

/// Counts up and returns the new number. Other transactions that count wait for this one's end.
///
/// # Errors
/// When the database does not answer.
pub async fn next<C: ConnectionTrait>(db: &C, name: &str) -> Result<i64, StoreError> {
    let counted = counter::Entity::update_many()
        .col_expr(counter::Column::Value, Expr::col(counter::Column::Value).add(1))
        .filter(counter::Column::Name.eq(name))
        .exec(db)
        .await?;
    if counted.rows_affected == 0 {
        return Err(StoreError::Missing(format!("counter {name}")));
    }
    current(db, name).await
}

/// The number now.
///
/// # Errors
/// When the database does not answer.
pub async fn current<C: ConnectionTrait>(db: &C, name: &str) -> Result<i64, StoreError> {
    let row = counter::Entity::find_by_id(name).one(db).await?;
    row.map(|row| row.value).ok_or_else(|| StoreError::Missing(format!("counter {name}")))
}

/// Waits for other transactions that count this number, and keeps them waiting until the end of
/// this one. On SQLite a transaction has the whole database anyway.
pub(crate) async fn lock<C: ConnectionTrait>(db: &C, name: &str) -> Result<(), StoreError> {
    let row = counter::Entity::find_by_id(name).lock_exclusive().one(db).await?;
    row.map(|_| ()).ok_or_else(|| StoreError::Missing(format!("counter {name}")))
}
