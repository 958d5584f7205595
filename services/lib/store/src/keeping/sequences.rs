//! Sequences: consecutive images of a plot type with the same trouble, folded to one row.
//!
//! Images are placed one by one, in whatever order they come, and after each the rows are those
//! that a look at all images would give: every sequence is as long as it can be, and no two
//! touch. Nearly always an image is newer than all before it, and then the newest sequence of
//! its plot type, held in memory, is all that must be known. A late image looks for its
//! neighbours.

use super::{
    elements::{Element, Elements, Key},
    rows::listed,
};
use crate::{
    Kind, StoreError,
    entity::{sequence, track},
    id, incident, outbox,
};
use hydra_proto::events::{self, AlarmChanged, AlarmState};
use late::{Between, Near};
use sea_orm::{
    ColumnTrait, DatabaseTransaction, EntityTrait, IntoActiveModel, QueryFilter,
    sea_query::OnConflict,
};
use std::collections::{BTreeMap, HashMap};

mod late;

/// An image that is to be placed.
pub(super) struct Arrival {
    pub element: Element,
    /// For the alarms that it causes.
    pub image: events::Image,
}

/// The sequences of some plot types, within one transaction.
pub(super) struct Sequences<'a> {
    txn: &'a DatabaseTransaction,
    commit_no: i64,
    tracks: HashMap<(i32, i16), Track>,
    /// Changed, and no longer the newest of their track.
    ended: Vec<sequence::Model>,
    alarms: Vec<(Vec<u8>, AlarmChanged)>,
}

/// The newest end of the sequences of one kind.
#[derive(Default)]
struct Track {
    /// The newest image that counts, whether it is inside or not.
    last: Option<Key>,
    /// The sequence with the newest first image.
    newest: Option<sequence::Model>,
    moved: bool,
    /// Whether `newest` is to be written.
    changed: bool,
    /// There never was a sequence before this transaction.
    untroubled: bool,
}

impl Track {
    /// The sequences around an image that comes after the beginning of the newest one, or where
    /// there is none; then nothing has to be looked up.
    fn near(&self, key: &Key) -> Option<Near> {
        match &self.newest {
            Some(newest) if first(newest) < *key => {
                Some(Near { before: Some(newest.clone()), after: None })
            }
            None if self.untroubled => Some(Near { before: None, after: None }),
            _ => None,
        }
    }
}

fn first(sequence: &sequence::Model) -> Key {
    (sequence.first_us, sequence.first_image.clone())
}

fn last(sequence: &sequence::Model) -> Key {
    (sequence.last_us, sequence.last_image.clone())
}

/// The first image after a sequence that ended it; a person's end sorts before all of its time.
fn end(sequence: &sequence::Model) -> Option<Key> {
    Some((sequence.end_us?, sequence.end_image.clone().unwrap_or_default()))
}

fn set_end(sequence: &mut sequence::Model, end: Option<Key>) {
    sequence.open = end.is_none();
    (sequence.end_us, sequence.end_image) = end.unzip();
}

impl<'a> Sequences<'a> {
    /// Reads the newest ends for these plot types.
    pub async fn read(
        txn: &'a DatabaseTransaction,
        commit_no: i64,
        plot_type_ids: Vec<i32>,
    ) -> Result<Self, StoreError> {
        let rows = track::Entity::find()
            .filter(track::Column::PlotTypeId.is_in(listed(plot_type_ids)))
            .all(txn)
            .await?;
        let ids: Vec<_> = rows.iter().filter_map(|row| row.sequence_id.clone()).collect();
        let mut newest: HashMap<Vec<u8>, sequence::Model> = HashMap::new();
        if !ids.is_empty() {
            let found = sequence::Entity::find().filter(sequence::Column::Id.is_in(listed(ids)));
            newest.extend(found.all(txn).await?.into_iter().map(|s| (s.id.clone(), s)));
        }
        let tracks = rows.into_iter().map(|row| {
            let track = Track {
                last: Some((row.last_us, row.last_image)),
                untroubled: row.sequence_id.is_none(),
                newest: row.sequence_id.and_then(|id| newest.remove(&id)),
                ..Default::default()
            };
            ((row.plot_type_id, row.kind), track)
        });
        Ok(Self { txn, commit_no, tracks: tracks.collect(), ended: Vec::new(), alarms: Vec::new() })
    }

    /// Places the images of one plot type; none of them is in the database yet.
    pub async fn place(
        &mut self,
        plot_type_id: i32,
        mut arrivals: Vec<Arrival>,
    ) -> Result<(), StoreError> {
        arrivals.sort_by(|a, b| a.element.key.cmp(&b.element.key));
        let mut placed = Vec::with_capacity(arrivals.len());
        for arrival in arrivals {
            for trouble in Kind::TROUBLES {
                let Some(inside) = arrival.element.kind.counts_for(trouble) else { continue };
                let key = &arrival.element.key;
                let track = self.tracks.entry((plot_type_id, trouble as i16)).or_default();
                if track.last.as_ref().is_none_or(|last| last < key) {
                    self.newest(plot_type_id, trouble, inside, &arrival);
                } else {
                    let elements = Elements { txn: self.txn, plot_type_id, placed: &placed };
                    let between = Between { elements, trouble, inside, arrival: &arrival };
                    self.late(between).await?;
                }
            }
            placed.push(arrival.element);
        }
        Ok(())
    }

    /// An image that is newer than all that count for this trouble.
    fn newest(&mut self, plot_type_id: i32, trouble: Kind, inside: bool, arrival: &Arrival) {
        let Some(track) = self.tracks.get_mut(&(plot_type_id, trouble as i16)) else { return };
        let Element { key, label, .. } = &arrival.element;
        track.last = Some(key.clone());
        track.moved = true;
        let state = match (track.newest.as_mut().filter(|sequence| sequence.open), inside) {
            (None, false) => return,
            (Some(sequence), true) => {
                sequence.images += 1;
                sequence.label.clone_from(label);
                (sequence.last_us, sequence.last_image) = key.clone();
                AlarmState::Continues
            }
            (Some(sequence), false) => {
                set_end(sequence, Some(key.clone()));
                AlarmState::Cleared
            }
            (None, true) => {
                let begun = begin(plot_type_id, trouble, &arrival.element);
                if let Some(before) = track.newest.replace(begun).filter(|_| track.changed) {
                    self.ended.push(before);
                }
                AlarmState::Raised
            }
        };
        track.changed = true;
        let Some(sequence) = track.newest.as_mut() else { return };
        sequence.commit_no = self.commit_no;
        let sequence = sequence.clone();
        self.tell(&sequence, state, arrival);
    }

    /// Remembers an alarm; several images of one incident in a batch continue it once.
    fn tell(&mut self, sequence: &sequence::Model, state: AlarmState, arrival: &Arrival) {
        if sequence.kind != Kind::Bad as i16 {
            return;
        }
        let mut alarm = incident::alarm(sequence, &arrival.image.plot_type, state);
        alarm.run = arrival.image.run;
        alarm.image = Some(arrival.image.clone());
        let before = self.alarms.iter_mut().rev().find(|(id, _)| *id == sequence.id);
        match before {
            Some((_, before)) if state == AlarmState::Continues => {
                *before = AlarmChanged { state: before.state, ..alarm };
            }
            _ => self.alarms.push((sequence.id.clone(), alarm)),
        }
    }

    /// Whether anybody is to be told.
    pub fn has_alarms(&self) -> bool {
        !self.alarms.is_empty()
    }

    /// Writes what is held in memory and promises the alarms.
    pub async fn write(self) -> Result<(), StoreError> {
        let mut changed = self.ended;
        let mut moved = BTreeMap::new();
        for ((plot_type_id, kind), track) in self.tracks {
            let sequence_id = track.newest.as_ref().map(|sequence| sequence.id.clone());
            changed.extend(track.newest.filter(|_| track.changed));
            if let Some((last_us, last_image)) = track.last.filter(|_| track.moved) {
                let row = track::Model { plot_type_id, kind, last_us, last_image, sequence_id };
                moved.insert((plot_type_id, kind), row);
            }
        }
        upsert(self.txn, changed).await?;
        use track::Column as C;
        let newest = OnConflict::columns([C::PlotTypeId, C::Kind])
            .update_columns([C::LastUs, C::LastImage, C::SequenceId])
            .to_owned();
        track::Entity::insert_many(moved.into_values().map(IntoActiveModel::into_active_model))
            .on_conflict(newest)
            .exec_without_returning(self.txn)
            .await?;
        let promises = self.alarms.iter().map(|(_, alarm)| outbox::promise(alarm)).collect();
        outbox::insert(self.txn, promises).await
    }

    /// An image that comes between others: looks at its neighbours and, unless all that it changes
    /// is the newest sequence, writes at once, so that the next late one finds what it left.
    async fn late(&mut self, between: Between<'_>) -> Result<(), StoreError> {
        let of = (between.elements.plot_type_id, between.trouble as i16);
        let known = self.tracks.get(&of).and_then(|track| track.near(&between.arrival.element.key));
        let near = match known {
            Some(near) => near,
            None => {
                self.write_held(between.elements.plot_type_id, between.trouble).await?;
                Near::read(&between).await?
            }
        };
        let mut changed = if between.inside {
            between.inside(near).await?
        } else {
            between.outside(near).await?
        };
        for sequence in &mut changed {
            sequence.commit_no = self.commit_no;
        }
        let Some(track) = self.tracks.get_mut(&of) else { return Ok(()) };
        if let [only] = changed.as_slice()
            && track.newest.as_ref().is_some_and(|newest| newest.id == only.id)
        {
            // held as it is until somebody must look: see `write_held`
            track.newest = changed.pop();
            track.changed = true;
            return Ok(());
        }
        upsert(self.txn, changed.clone()).await?;
        let Some(track) = self.tracks.get_mut(&of) else { return Ok(()) };
        for sequence in changed {
            let newer = track
                .newest
                .as_ref()
                .is_none_or(|newest| newest.id == sequence.id || first(newest) < first(&sequence));
            if newer {
                let other = track.newest.as_ref().filter(|newest| newest.id != sequence.id);
                track.moved |= track.newest.is_none() || other.is_some();
                // what was held of the one before must not be lost
                self.ended.extend(other.filter(|_| track.changed).cloned());
                track.changed &= other.is_none();
                track.newest = Some(sequence);
            }
        }
        Ok(())
    }

    /// What memory holds of this track goes to the database, where a late image looks.
    async fn write_held(&mut self, plot_type_id: i32, trouble: Kind) -> Result<(), StoreError> {
        let held = std::mem::take(&mut self.ended);
        let track = self.tracks.get_mut(&(plot_type_id, trouble as i16));
        let newest = track.and_then(|track| {
            let changed = std::mem::take(&mut track.changed);
            track.newest.clone().filter(|_| changed)
        });
        upsert(self.txn, held.into_iter().chain(newest).collect()).await
    }
}

/// A sequence of one image.
fn begin(plot_type_id: i32, trouble: Kind, element: &Element) -> sequence::Model {
    let (us, image) = element.key.clone();
    sequence::Model {
        // an image begins at most one sequence of a kind
        id: id::derived(&[&image, &[trouble as u8]]),
        plot_type_id,
        kind: trouble as i16,
        label: element.label.clone(),
        first_us: us,
        first_image: image.clone(),
        last_us: us,
        last_image: image,
        end_us: None,
        end_image: None,
        open: true,
        images: 1,
        commit_no: 0,
    }
}

/// Writes sequences over what is there of them.
async fn upsert(
    txn: &DatabaseTransaction,
    changed: Vec<sequence::Model>,
) -> Result<(), StoreError> {
    // a sequence that changed twice counts as it is now; a statement may name a row only once
    let newest: BTreeMap<_, _> = changed.into_iter().map(|s| (s.id.clone(), s)).collect();
    use sequence::Column as C;
    let conflict = OnConflict::column(C::Id)
        .update_columns([
            C::Label,
            C::FirstUs,
            C::FirstImage,
            C::LastUs,
            C::LastImage,
            C::EndUs,
            C::EndImage,
            C::Open,
            C::Images,
            C::CommitNo,
        ])
        .to_owned();
    sequence::Entity::insert_many(newest.into_values().map(IntoActiveModel::into_active_model))
        .on_conflict(conflict)
        .exec_without_returning(txn)
        .await?;
    Ok(())
}
