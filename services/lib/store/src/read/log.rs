//! Sequences of trouble in a range of time.

use super::{Mark, Order, Span, after, board::SequenceRow};
use crate::{Database, Kind, StoreError, entity::sequence};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

/// Which sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct Troubles {
    /// Those of which a part lies in here.
    pub span: Span,
    /// Row ids of plot types; `None` means all.
    pub plot_types: Option<Vec<i32>>,
    /// Sorts of trouble.
    pub kinds: Vec<Kind>,
}

/// Sequences by the time of their newest image, newest first, at most `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn troubles(
    db: &Database,
    which: Troubles,
    mark: Option<Mark>,
    limit: u64,
) -> Result<Vec<SequenceRow>, StoreError> {
    use sequence::Column as C;
    db.run(move |pool| async move {
        let mut find = sequence::Entity::find()
            .filter(C::LastUs.gte(which.span.from_us))
            .filter(C::FirstUs.lt(which.span.to_us))
            .filter(C::Kind.is_in(which.kinds.iter().map(|kind| *kind as i16)))
            .order_by_desc(C::LastUs)
            .order_by_desc(C::Id)
            .limit(limit);
        if let Some(ids) = which.plot_types {
            find = find.filter(C::PlotTypeId.is_in(ids));
        }
        if let Some(mark) = mark {
            find = find.filter(after(C::LastUs, C::Id, Order::Newest, &mark));
        }
        let rows = find.all(&pool).await?;
        rows.into_iter().map(SequenceRow::from_row).collect::<Result<Vec<_>, _>>()
    })
    .await
}

/// The place of a sequence in that list.
pub fn mark_of_sequence(row: &SequenceRow) -> Mark {
    Mark { at: row.last_us, id: row.id.clone() }
}

/// A sequence by its id, if it is there.
///
/// # Errors
/// When the database does not answer.
pub async fn sequence(db: &Database, id: Vec<u8>) -> Result<Option<SequenceRow>, StoreError> {
    db.run(move |pool| async move {
        let row = sequence::Entity::find_by_id(id).one(&pool).await?;
        row.map(SequenceRow::from_row).transpose()
    })
    .await
}
