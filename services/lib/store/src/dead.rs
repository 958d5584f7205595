//! Dead letters: messages that were given up, as rows that people see and deal with.

use crate::{Database, StoreError, entity::dead_letter, id, now_us};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Expr,
};

/// A dead letter.
pub type DeadLetter = dead_letter::Model;

/// What was done about a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handled {
    /// Given to its stage again.
    Replayed,
    /// Thrown away.
    Dropped,
}

impl Handled {
    /// As in column `dead_letter.handled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replayed => "replayed",
            Self::Dropped => "dropped",
        }
    }
}

/// Dead letters that nobody dealt with, newest first, at most `limit`, older than `before`
/// (time and id of the last one of the page before).
///
/// # Errors
/// When the database does not answer.
pub async fn waiting(
    db: &Database,
    before: Option<(i64, Vec<u8>)>,
    limit: u64,
) -> Result<Vec<DeadLetter>, StoreError> {
    use dead_letter::Column as C;
    db.run(move |pool| async move {
        let mut find = dead_letter::Entity::find()
            .filter(C::Handled.is_null())
            .order_by_desc(C::BuriedUs)
            .order_by_desc(C::Id)
            .limit(limit);
        if let Some((us, id)) = before {
            find = find.filter(
                Condition::any()
                    .add(C::BuriedUs.lt(us))
                    .add(Condition::all().add(C::BuriedUs.eq(us)).add(C::Id.lt(id))),
            );
        }
        find.all(&pool).await
    })
    .await
}

/// Notes what was done about dead letters of a stage, by the ids of their messages.
///
/// # Errors
/// When the database does not answer.
pub async fn handled(
    db: &Database,
    stage: &str,
    message_ids: &[String],
    what: Handled,
) -> Result<(), StoreError> {
    let ids: Vec<Vec<u8>> = message_ids.iter().map(|m| id::dead_letter(stage, m)).collect();
    db.run(move |pool| async move {
        for chunk in ids.chunks(1_000) {
            dead_letter::Entity::update_many()
                .col_expr(dead_letter::Column::Handled, Expr::value(what.name()))
                .col_expr(dead_letter::Column::HandledUs, Expr::value(now_us()))
                .filter(dead_letter::Column::Id.is_in(chunk.iter().cloned()))
                .exec(&pool)
                .await?;
        }
        Ok::<_, StoreError>(())
    })
    .await
}
