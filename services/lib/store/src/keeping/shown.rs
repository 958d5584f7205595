//! What one image cannot show: that a plot is stuck, and that all plots moved together.
//!
//! Counts fluctuate, so that two chunks with the same data are one chunk drawn twice. And where
//! many plot types become unlike their training at once, under conditions that training did not
//! have, the conditions did it and no detector.

use crate::{
    Kind, ROLE_ACTIVE, StoreError,
    entity::{prediction, shown},
    keeping::{NewImage, rows::listed},
};
use hydra_proto::ImageId;
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::OnConflict,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Column `prediction.state` of what is unlike training.
const STATE_NOVEL: i16 = 2;
/// A plot type whose data never changed before may be one that does not.
const CHANGES: i16 = 2;
/// Most changes that are counted.
const MOST_CHANGES: i16 = 100;
/// Plot types that were drawn within this time of an image belong to the hall as it runs now.
const NOW_US: i64 = 24 * 3_600_000_000;
/// Of fewer plot types nothing can be said of all.
const FEWEST: usize = 4;
/// Longest note.
const NOTE_CHARS: usize = 255;

/// The marks of the plot types of a batch.
pub(super) struct Shown<'a> {
    txn: &'a DatabaseTransaction,
    /// Those of the batch, and all once they were asked for.
    marks: HashMap<i32, shown::Model>,
    whole: bool,
    moved: BTreeSet<i32>,
}

impl<'a> Shown<'a> {
    /// Reads the marks of these images' plot types.
    pub async fn read(
        txn: &'a DatabaseTransaction,
        images: &[NewImage],
    ) -> Result<Self, StoreError> {
        let says = |new: &&NewImage| !new.data.is_empty() || new.unfamiliar.is_some();
        let ids: BTreeSet<i32> =
            images.iter().filter(says).map(|new| new.image.plot_type_id).collect();
        let marks = if ids.is_empty() {
            Vec::new()
        } else {
            let ids: Vec<i32> = ids.into_iter().collect();
            let wanted = shown::Column::PlotTypeId.is_in(listed(ids));
            shown::Entity::find().filter(wanted).all(txn).await?
        };
        let marks = marks.into_iter().map(|mark| (mark.plot_type_id, mark)).collect();
        Ok(Self { txn, marks, whole: false, moved: BTreeSet::new() })
    }

    /// Judges a new image by what other images showed, and changes what is said of it; gives what
    /// has to be said where no model spoke, and for whoever decides what is kept.
    pub async fn judge(
        &mut self,
        new: &NewImage,
        said: &mut [prediction::Model],
    ) -> Result<Option<String>, StoreError> {
        if new.data.is_empty() && new.unfamiliar.is_none() {
            return Ok(None);
        }
        let stuck = self.stuck(new);
        let active = said.iter_mut().find(|prediction| prediction.role == ROLE_ACTIVE);
        let mut shifted = false;
        if let Some(prediction) = active {
            if let Some(stuck) = &stuck {
                overrule(prediction, stuck);
            } else if let Some(conditions) = &new.unfamiliar {
                // a layout that is named is no matter of conditions
                shifted = prediction.kind == Kind::Novel as i16 && prediction.note.is_empty();
                if shifted {
                    self.moved_together(new, conditions, prediction).await?;
                }
            }
        }
        self.mark(new, shifted);
        Ok(stuck)
    }

    /// Whether the data were those of another chunk.
    fn stuck(&self, new: &NewImage) -> Option<String> {
        let mark = self.marks.get(&new.image.plot_type_id)?;
        let same = new.may_be_stuck && !new.data.is_empty() && mark.data == new.data;
        let since = ImageId::from_slice(&mark.since_image)?;
        let mine = ImageId::from_slice(&new.image.id)?;
        // the same chunk drawn anew shows the same
        let other = place(&since) != place(&mine);
        (same && other && mark.changes >= CHANGES)
            .then(|| format!("stuck: the same data as {}", name(&since, &mine)))
    }

    /// Tells conditions from a fault, by what the other plot types of the run do.
    async fn moved_together(
        &mut self,
        new: &NewImage,
        conditions: &str,
        prediction: &mut prediction::Model,
    ) -> Result<(), StoreError> {
        self.read_all().await?;
        let (mine, run, taken_us) = (new.image.plot_type_id, new.image.run, new.image.taken_us);
        let others: Vec<&shown::Model> = self
            .marks
            .values()
            .filter(|mark| {
                mark.plot_type_id != mine && mark.taken_us.abs_diff(taken_us) < NOW_US as u64
            })
            .collect();
        let of_run: Vec<_> = others.iter().filter(|mark| mark.run == run).collect();
        let moved = of_run.iter().filter(|mark| mark.shifted).count();
        let (note, kind) = if others.len() < FEWEST {
            (format!("new conditions: {conditions}"), Kind::Novel)
        } else if of_run.len() * 2 < others.len() {
            // the run has just begun: the next chunk tells
            (format!("new conditions: {conditions}; too early to tell from a fault"), Kind::Neutral)
        } else if moved * 3 >= of_run.len() {
            let all = of_run.len() + 1;
            let note = format!(
                "new conditions: {conditions}; {} of {all} plot types moved together",
                moved + 1
            );
            (note, Kind::Neutral)
        } else {
            let still = of_run.len() - moved;
            let note = format!(
                "unlike training, and not by the new conditions ({conditions}) alone: {still} \
                 other plot types look as before"
            );
            (note, Kind::Novel)
        };
        prediction.note = note.chars().take(NOTE_CHARS).collect();
        prediction.kind = kind as i16;
        Ok(())
    }

    async fn read_all(&mut self) -> Result<(), StoreError> {
        if !self.whole {
            for mark in shown::Entity::find().all(self.txn).await? {
                self.marks.entry(mark.plot_type_id).or_insert(mark);
            }
            self.whole = true;
        }
        Ok(())
    }

    /// Moves the mark of a plot type on, never back.
    fn mark(&mut self, new: &NewImage, shifted: bool) {
        let image = &new.image;
        let known = self.marks.get(&image.plot_type_id);
        let key = (image.taken_us, &image.id);
        if known.is_some_and(|known| (known.taken_us, &known.image_id) > key) {
            return;
        }
        let same = known.is_some_and(|known| known.data == new.data);
        let since = known.filter(|_| same).map_or(&image.id, |known| &known.since_image);
        let changes = known.map_or(0, |known| (known.changes + i16::from(!same)).min(MOST_CHANGES));
        let mark = shown::Model {
            plot_type_id: image.plot_type_id,
            image_id: image.id.clone(),
            taken_us: image.taken_us,
            run: image.run,
            data: new.data.clone(),
            since_image: since.clone(),
            changes,
            shifted,
        };
        self.moved.insert(mark.plot_type_id);
        self.marks.insert(mark.plot_type_id, mark);
    }

    /// Writes the marks that moved.
    pub async fn write(self) -> Result<(), StoreError> {
        use shown::Column as C;
        if self.moved.is_empty() {
            return Ok(());
        }
        let rows: BTreeMap<i32, shown::Model> =
            self.marks.into_iter().filter(|(id, _)| self.moved.contains(id)).collect();
        let moved = OnConflict::column(C::PlotTypeId)
            .update_columns([C::ImageId, C::TakenUs, C::Run, C::Data])
            .update_columns([C::SinceImage, C::Changes, C::Shifted])
            .to_owned();
        shown::Entity::insert_many(rows.into_values().map(IntoActiveModel::into_active_model))
            .on_conflict(moved)
            .exec_without_returning(self.txn)
            .await?;
        Ok(())
    }
}

/// Run and chunk, which an image's id begins with.
fn place(id: &ImageId) -> &[u8] {
    &id.as_bytes()[..8]
}

/// An image in words, as seen from another: its run is left out where it is the same.
fn name(id: &ImageId, from: &ImageId) -> String {
    let number = |at: usize| {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&id.as_bytes()[at..at + 4]);
        u32::from_be_bytes(bytes)
    };
    let (run, chunk) = (number(0), number(4));
    let same_run = id.as_bytes()[..4] == from.as_bytes()[..4];
    match (same_run, chunk) {
        (true, chunk) => format!("chunk {chunk}"),
        (false, 0) => format!("run {run}"),
        (false, chunk) => format!("run {run} chunk {chunk}"),
    }
}

/// What is stuck is no verdict on the chunk that it pretends to be; a fault keeps its name.
fn overrule(prediction: &mut prediction::Model, stuck: &str) {
    let whole = match prediction.note.as_str() {
        "" => stuck.to_owned(),
        note => format!("{stuck}; {note}"),
    };
    prediction.note = whole.chars().take(NOTE_CHARS).collect();
    let kinds = [Kind::Fine as i16, Kind::Unconfirmed as i16];
    if kinds.contains(&prediction.kind) {
        prediction.kind = Kind::Novel as i16;
        prediction.state = STATE_NOVEL;
    }
}
