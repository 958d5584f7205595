//! The judged images of a plot type, in the order in which they were drawn.

use crate::{Kind, ROLE_ACTIVE, StoreError, entity::prediction};
use sea_orm::{
    ColumnTrait, Condition, DatabaseTransaction, EntityTrait, PaginatorTrait, QueryFilter,
    QueryOrder, QuerySelect,
};

/// Place of an image in the order of its plot type: when it was drawn, then its id.
pub(super) type Key = (i64, Vec<u8>);

/// What is needed of a judged image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Element {
    pub key: Key,
    pub kind: Kind,
    pub label: String,
}

/// The judged images that a late one comes between: those that earlier transactions wrote, and
/// those that this one has placed already but not written yet.
pub(super) struct Elements<'a> {
    pub txn: &'a DatabaseTransaction,
    pub plot_type_id: i32,
    pub placed: &'a [Element],
}

/// The kinds that belong to a sequence of `trouble`, or that end it.
fn kinds(trouble: Kind, inside: bool) -> Vec<Kind> {
    let all = [Kind::Fine, Kind::Bad, Kind::Unconfirmed, Kind::Novel];
    all.into_iter().filter(|kind| kind.counts_for(trouble) == Some(inside)).collect()
}

fn after(key: &Key) -> Condition {
    use prediction::Column as C;
    // the first part alone bounds the range in the index
    Condition::all()
        .add(C::TakenUs.gte(key.0))
        .add(Condition::any().add(C::TakenUs.gt(key.0)).add(C::ImageId.gt(key.1.clone())))
}

fn before(key: &Key) -> Condition {
    use prediction::Column as C;
    Condition::all()
        .add(C::TakenUs.lte(key.0))
        .add(Condition::any().add(C::TakenUs.lt(key.0)).add(C::ImageId.lt(key.1.clone())))
}

impl Elements<'_> {
    fn stored(&self, kinds: &[Kind]) -> sea_orm::Select<prediction::Entity> {
        use prediction::Column as C;
        prediction::Entity::find()
            .filter(C::PlotTypeId.eq(self.plot_type_id))
            .filter(C::Role.eq(ROLE_ACTIVE))
            .filter(C::Kind.is_in(kinds.iter().map(|kind| *kind as i16)))
    }

    async fn one(
        &self,
        find: sea_orm::Select<prediction::Entity>,
    ) -> Result<Option<Element>, StoreError> {
        use prediction::Column as C;
        let row: Option<(i64, Vec<u8>, i16, String)> = find
            .select_only()
            .columns([C::TakenUs, C::ImageId, C::Kind, C::Label])
            .limit(1)
            .into_tuple()
            .one(self.txn)
            .await?;
        row.map(|(taken_us, image_id, kind, label)| {
            Ok(Element { key: (taken_us, image_id), kind: Kind::from_column(kind)?, label })
        })
        .transpose()
    }

    /// The first one after `key`, and before `until` if given, that is `inside` a sequence of
    /// `trouble`, or else ends it.
    pub async fn first_after(
        &self,
        key: &Key,
        until: Option<&Key>,
        trouble: Kind,
        inside: bool,
    ) -> Result<Option<Element>, StoreError> {
        use prediction::Column as C;
        let kinds = kinds(trouble, inside);
        let mut find = self.stored(&kinds).filter(after(key));
        if let Some(until) = until {
            find = find.filter(before(until));
        }
        let stored = self.one(find.order_by_asc(C::TakenUs).order_by_asc(C::ImageId)).await?;
        let placed = self.placed.iter().filter(|e| {
            kinds.contains(&e.kind) && e.key > *key && until.is_none_or(|until| e.key < *until)
        });
        Ok(placed.cloned().chain(stored).min_by(|a, b| a.key.cmp(&b.key)))
    }

    /// The last one before `key` that is inside a sequence of `trouble`.
    pub async fn last_before(
        &self,
        key: &Key,
        trouble: Kind,
    ) -> Result<Option<Element>, StoreError> {
        use prediction::Column as C;
        let kinds = kinds(trouble, true);
        let find = self.stored(&kinds).filter(before(key));
        let stored = self.one(find.order_by_desc(C::TakenUs).order_by_desc(C::ImageId)).await?;
        let placed = self.placed.iter().filter(|e| kinds.contains(&e.kind) && e.key < *key);
        Ok(placed.cloned().chain(stored).max_by(|a, b| a.key.cmp(&b.key)))
    }

    /// How many after `key` up to and with `last` are inside a sequence of `trouble`.
    pub async fn count(&self, key: &Key, last: &Key, trouble: Kind) -> Result<i64, StoreError> {
        let kinds = kinds(trouble, true);
        let find = self.stored(&kinds).filter(after(key)).filter(
            Condition::any().add(before(last)).add(
                Condition::all()
                    .add(prediction::Column::TakenUs.eq(last.0))
                    .add(prediction::Column::ImageId.eq(last.1.clone())),
            ),
        );
        let stored = i64::try_from(find.count(self.txn).await?).unwrap_or(i64::MAX);
        let placed = self
            .placed
            .iter()
            .filter(|e| kinds.contains(&e.kind) && e.key > *key && e.key <= *last);
        Ok(stored + i64::try_from(placed.count()).unwrap_or(0))
    }
}
