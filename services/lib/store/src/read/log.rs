//! Sequences of trouble in a range of time.

use super::{Mark, Order, Span, after, board::SequenceRow};
use crate::{
    Database, Kind, StoreError,
    entity::sequence::{self, Column as C},
    keeping::listed,
};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};

/// Sequences that last so long are few: whoever asks for a past range names those, see [`long`].
pub const LONG_US: i64 = 86_400_000_000;
/// So long before it is named a sequence may have become that long.
const MARGIN_US: i64 = 3_600_000_000;

/// Which sequences.
#[derive(Clone, Debug, PartialEq)]
pub struct Troubles {
    /// Those of which a part lies in here.
    pub span: Span,
    /// Row ids of plot types; `None` means all.
    pub plot_types: Option<Vec<i32>>,
    /// Sorts of trouble.
    pub kinds: Vec<Kind>,
    /// Ids of the long ones that may go on beyond the range.
    pub long: Vec<Vec<u8>>,
}

/// Sequences by the time of their newest image, newest first, at most `limit`.
///
/// Those that go on beyond the range come first. All but the long ones end soon after it, so the
/// index by that time is walked over a day more than was asked for, however much came later.
/// (To ask for the last that began before, by plot type and kind, is left to an engine's skipping
/// through an index; MariaDB does so, but not always where several ask at the same time.)
///
/// # Errors
/// When the database does not answer.
pub async fn troubles(
    db: &Database,
    which: Troubles,
    mark: Option<Mark>,
    limit: u64,
) -> Result<Vec<SequenceRow>, StoreError> {
    db.run(move |pool| async move {
        let Span { from_us, to_us } = which.span;
        let near_us = to_us.saturating_add(LONG_US + MARGIN_US);
        let begun = || sequence::Entity::find().filter(C::FirstUs.lt(to_us));
        let mut rows = Vec::new();
        if !which.long.is_empty() && mark.as_ref().is_none_or(|mark| mark.at >= near_us) {
            let far = begun()
                .filter(C::Id.is_in(listed(which.long.clone())))
                .filter(unindexed_last_us().gte(near_us))
                .order_by_desc(unindexed_last_us());
            rows = page(far, &which, mark.as_ref(), limit).all(&pool).await?;
        }
        let rest = limit.saturating_sub(rows.len() as u64);
        if rest > 0 {
            let near = begun()
                .filter(C::LastUs.gte(from_us))
                .filter(C::LastUs.lt(near_us))
                .order_by_desc(C::LastUs);
            rows.extend(page(near, &which, mark.as_ref(), rest).all(&pool).await?);
        }
        rows.into_iter().map(SequenceRow::from_row).collect::<Result<Vec<_>, _>>()
    })
    .await
}

/// A sequence that lasted longer than [`LONG_US`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Long {
    /// Its id.
    pub id: Vec<u8>,
    /// Of its first image.
    pub first_us: i64,
    /// Of its newest image.
    pub last_us: i64,
}

/// The long sequences whose newest image was drawn at `since_us` or later.
///
/// # Errors
/// When the database does not answer.
pub async fn long(db: &Database, since_us: i64) -> Result<Vec<Long>, StoreError> {
    let lasted = Expr::col(C::LastUs).sub(Expr::col(C::FirstUs));
    let find = sequence::Entity::find()
        .select_only()
        .columns([C::Id, C::FirstUs, C::LastUs])
        .filter(C::LastUs.gte(since_us))
        .filter(lasted.gte(LONG_US));
    db.run(move |pool| async move {
        let rows: Vec<(Vec<u8>, i64, i64)> = find.into_tuple().all(&pool).await?;
        let long = rows.into_iter().map(|(id, first_us, last_us)| Long { id, first_us, last_us });
        Ok::<_, StoreError>(long.collect())
    })
    .await
}

/// Of what `find` finds the next `limit` of these kinds and plot types.
fn page(
    find: Select<sequence::Entity>,
    which: &Troubles,
    mark: Option<&Mark>,
    limit: u64,
) -> Select<sequence::Entity> {
    let mut find = find
        .filter(C::Kind.is_in(listed(which.kinds.iter().map(|kind| *kind as i16).collect())))
        .order_by_desc(C::Id)
        .limit(limit);
    if let Some(ids) = &which.plot_types {
        find = find.filter(C::PlotTypeId.is_in(listed(ids.clone())));
    }
    if let Some(mark) = mark {
        find = find.filter(after(C::LastUs, C::Id, Order::Newest, mark));
    }
    find
}

/// The time of the newest image, so written that no engine takes an index for it: MariaDB sometimes
/// makes a filter of all that came later out of that index, of which there may be any number.
fn unindexed_last_us() -> SimpleExpr {
    Expr::col((sequence::Entity, C::LastUs)).add(0)
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
