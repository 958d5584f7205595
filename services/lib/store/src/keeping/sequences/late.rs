//! An image that comes late: which of the sequences around it grows, ends or falls in two.

use super::{Arrival, begin, end, first, last, set_end};
use crate::{
    Kind, StoreError,
    entity::sequence,
    id,
    keeping::elements::{Element, Elements},
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder};

/// A late image and what it comes between.
pub(super) struct Between<'a> {
    pub elements: Elements<'a>,
    pub trouble: Kind,
    pub inside: bool,
    pub arrival: &'a Arrival,
}

/// The sequences around a late image.
pub(super) struct Near {
    /// The last one that begins before it.
    pub before: Option<sequence::Model>,
    /// The first one that begins after it.
    pub after: Option<sequence::Model>,
}

impl Near {
    pub async fn read(between: &Between<'_>) -> Result<Self, StoreError> {
        use sequence::Column as C;
        let (us, image) = between.arrival.element.key.clone();
        let all = || {
            sequence::Entity::find()
                .filter(C::PlotTypeId.eq(between.elements.plot_type_id))
                .filter(C::Kind.eq(between.trouble as i16))
        };
        let earlier = Condition::all()
            .add(C::FirstUs.lte(us))
            .add(Condition::any().add(C::FirstUs.lt(us)).add(C::FirstImage.lt(image.clone())));
        let later = Condition::all()
            .add(C::FirstUs.gte(us))
            .add(Condition::any().add(C::FirstUs.gt(us)).add(C::FirstImage.gt(image)));
        let before = all().filter(earlier).order_by_desc(C::FirstUs).order_by_desc(C::FirstImage);
        let after = all().filter(later).order_by_asc(C::FirstUs).order_by_asc(C::FirstImage);
        Ok(Self {
            before: before.one(between.elements.txn).await?,
            after: after.one(between.elements.txn).await?,
        })
    }
}

impl Between<'_> {
    /// The image is inside a sequence: of one that is there, or of a new one.
    pub async fn inside(&self, near: Near) -> Result<Vec<sequence::Model>, StoreError> {
        let Element { key, label, .. } = &self.arrival.element;
        if let Some(mut before) = near.before.filter(|s| end(s).is_none_or(|end| *key < end)) {
            before.images += 1;
            if last(&before) < *key {
                (before.last_us, before.last_image) = key.clone();
                before.label.clone_from(label);
            }
            return Ok(vec![before]);
        }
        let until = near.after.as_ref().map(first);
        let other = self.elements.first_after(key, until.as_ref(), self.trouble, false).await?;
        match (near.after, other) {
            (Some(mut after), None) => {
                after.images += 1;
                (after.first_us, after.first_image) = key.clone();
                Ok(vec![after])
            }
            (_, other) => {
                let plot_type_id = self.elements.plot_type_id;
                let mut new = begin(plot_type_id, self.trouble, &self.arrival.element);
                set_end(&mut new, other.map(|other| other.key));
                Ok(vec![new])
            }
        }
    }

    /// The image ends a sequence: earlier than was known, or in its middle.
    pub async fn outside(&self, near: Near) -> Result<Vec<sequence::Model>, StoreError> {
        let key = &self.arrival.element.key;
        let Some(mut before) = near.before else { return Ok(Vec::new()) };
        if *key < last(&before) {
            return self.split(before).await;
        }
        if end(&before).is_none_or(|end| *key < end) {
            set_end(&mut before, Some(key.clone()));
            return Ok(vec![before]);
        }
        Ok(Vec::new())
    }

    /// The later part keeps the id: if one of them is still open, and an alarm with it, it is
    /// that one.
    async fn split(&self, mut later: sequence::Model) -> Result<Vec<sequence::Model>, StoreError> {
        let key = &self.arrival.element.key;
        let (elements, trouble) = (&self.elements, self.trouble);
        let whole = later.clone();
        let last_of_earlier = elements.last_before(key, trouble).await?;
        let first_of_later = elements.first_after(key, None, trouble, true).await?;
        let (Some(end_of), Some(begin_of)) = (last_of_earlier, first_of_later) else {
            let what = format!("the images of sequence {}", hex::encode(&whole.id));
            return Err(StoreError::Missing(what));
        };
        later.images = elements.count(key, &last(&whole), trouble).await?;
        (later.first_us, later.first_image) = begin_of.key;
        let mut earlier = sequence::Model {
            id: id::derived(&[&whole.id, &key.1]),
            label: end_of.label,
            last_us: end_of.key.0,
            last_image: end_of.key.1,
            images: whole.images - later.images,
            ..whole
        };
        set_end(&mut earlier, Some(key.clone()));
        Ok(vec![earlier, later])
    }
}
