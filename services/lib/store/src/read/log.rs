//! Sequences of trouble in a range of time.

use super::{Mark, Order, Span, after, board::SequenceRow};
use crate::{
    Database, Kind, StoreError,
    entity::sequence::{self, Column as C},
    keeping::listed,
};
use futures::{StreamExt, TryStreamExt, stream};
use sea_orm::{
    ColumnTrait, Condition, DatabaseConnection, DbErr, EntityTrait, QueryFilter, QueryOrder,
    QuerySelect, Select, Value,
    sea_query::{Expr, ExprTrait, SimpleExpr},
};

/// Sequences that last so long are few: whoever asks for a past range names those, see [`long`].
pub const LONG_US: i64 = 86_400_000_000;
/// So long before it is named a sequence may have become that long.
const MARGIN_US: i64 = 3_600_000_000;
/// In a longer range, few of the sequences may be those that are asked for.
const WIDE_US: i64 = 92 * 86_400_000_000;
/// Plot types times kinds that are asked for one by one.
const MOST_PAIRS: usize = 100;
/// Statements at the same time.
const SIDE_BY_SIDE: usize = 4;

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
/// That walk looks at all that lies in the range. Where a wide one is asked for some plot types or kinds
/// only, these are read one by one instead, see [`of_pairs`].
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
        if let Some(pairs) = pairs(&which) {
            let rows = of_pairs(&pool, &which, &pairs, mark.as_ref(), limit).await?;
            return rows.into_iter().map(SequenceRow::from_row).collect::<Result<Vec<_>, _>>();
        }
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

/// The plot types and kinds to be read one by one, where that is the shorter way.
fn pairs(which: &Troubles) -> Option<Vec<(i32, i16)>> {
    let plot_types = which.plot_types.as_ref()?;
    let is_wide = which.span.to_us.saturating_sub(which.span.from_us) > WIDE_US;
    if !is_wide || plot_types.len() * which.kinds.len() > MOST_PAIRS {
        return None;
    }
    let kinds = |id: &i32| which.kinds.iter().map(|kind| (*id, *kind as i16)).collect::<Vec<_>>();
    Some(plot_types.iter().flat_map(kinds).collect())
}

/// The next `limit` of these plot types and kinds. Sequences of one plot type and kind never lie over
/// each other: in the order of their first images they are in that of their newest ones too, and only
/// one of those that began before the range can reach into it. So each pair is read along the index by
/// its first image, however long the range is and however little of it was trouble.
async fn of_pairs(
    db: &DatabaseConnection,
    which: &Troubles,
    pairs: &[(i32, i16)],
    mark: Option<&Mark>,
    limit: u64,
) -> Result<Vec<sequence::Model>, DbErr> {
    let Span { from_us, to_us } = which.span;
    let before_us = mark.map_or(to_us, |mark| std::cmp::min(to_us, mark.at.saturating_add(1)));
    let of = |(plot_type_id, kind): (i32, i16)| {
        let find = sequence::Entity::find()
            .filter(C::PlotTypeId.eq(plot_type_id))
            .filter(C::Kind.eq(kind))
            .order_by_desc(C::FirstUs)
            .order_by_desc(C::FirstImage);
        match mark {
            Some(mark) => find.filter(before(mark)),
            None => find,
        }
    };
    let read = |pair| async move {
        let inside = of(pair).filter(C::FirstUs.gte(from_us)).filter(C::FirstUs.lt(before_us));
        let mut rows = inside.limit(limit).all(db).await?;
        if (rows.len() as u64) < limit {
            let reaching = of(pair).filter(C::FirstUs.lt(from_us)).limit(1).one(db).await?;
            rows.extend(reaching.filter(|row| row.last_us >= from_us));
        }
        Ok::<_, DbErr>(rows)
    };
    let found = stream::iter(pairs.iter().copied()).map(read).buffer_unordered(SIDE_BY_SIDE);
    let mut rows: Vec<sequence::Model> =
        found.try_collect::<Vec<_>>().await?.into_iter().flatten().collect();
    rows.sort_by(|a, b| (b.last_us, &b.id).cmp(&(a.last_us, &a.id)));
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(rows)
}

/// What comes after `mark` in the list, so written that the index by the newest image is not taken.
fn before(mark: &Mark) -> Condition {
    let place = Expr::col((sequence::Entity, C::Id)).lt(Value::from(mark.id.clone()));
    Condition::any()
        .add(unindexed_last_us().lt(mark.at))
        .add(Condition::all().add(unindexed_last_us().eq(mark.at)).add(place))
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
