//! Sequences of trouble in a range of time.

use super::{Mark, Order, Span, after, board::SequenceRow};
use crate::{
    Database, Kind, StoreError,
    entity::sequence::{self, Column as C},
    keeping::listed,
    now_us,
};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, JoinType, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Alias, Expr, ExprTrait, Query, SimpleExpr},
};

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
/// Those that go on beyond the range come first. Of a plot type and kind that can be one only, the
/// last that began before the range's end; so however much came later, none of it is looked at.
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
        let to_us = which.span.to_us;
        let mut rows = Vec::new();
        let is_past = to_us <= now_us();
        if is_past && mark.as_ref().is_none_or(|mark| mark.at >= to_us) {
            // No index on this time may be used: it would be walked over all that came later.
            let beyond = beyond(&which).order_by_desc(unindexed_last_us());
            rows = page(beyond, &which, mark.as_ref(), limit).all(&pool).await?;
        }
        let rest = limit.saturating_sub(rows.len() as u64);
        if rest > 0 {
            let mut within = sequence::Entity::find()
                .filter(C::LastUs.gte(which.span.from_us))
                .filter(C::FirstUs.lt(to_us));
            if is_past {
                within = within.filter(C::LastUs.lt(to_us));
            }
            let within = within.order_by_desc(C::LastUs);
            rows.extend(page(within, &which, mark.as_ref(), rest).all(&pool).await?);
        }
        rows.into_iter().map(SequenceRow::from_row).collect::<Result<Vec<_>, _>>()
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

/// Those that began before the end of the range and go on beyond it. The newest of each plot type
/// and kind are the last entries of their parts of one index.
fn beyond(which: &Troubles) -> Select<sequence::Entity> {
    let to_us = which.span.to_us;
    let (newest, begun) = (Alias::new("newest"), Alias::new("begun_us"));
    let last_begun = Query::select()
        .columns([C::PlotTypeId, C::Kind])
        .expr_as(Expr::col(C::FirstUs).max(), begun.clone())
        .from(sequence::Entity)
        .and_where(Expr::col(C::FirstUs).lt(to_us))
        .group_by_columns([C::PlotTypeId, C::Kind])
        .to_owned();
    let of = |column: C| Expr::col((sequence::Entity, column));
    let same = Condition::all()
        .add(of(C::PlotTypeId).equals((newest.clone(), C::PlotTypeId)))
        .add(of(C::Kind).equals((newest.clone(), C::Kind)))
        .add(of(C::FirstUs).equals((newest.clone(), begun)));
    let mut find = sequence::Entity::find().filter(unindexed_last_us().gte(to_us));
    QuerySelect::query(&mut find).join_subquery(JoinType::InnerJoin, last_begun, newest, same);
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
