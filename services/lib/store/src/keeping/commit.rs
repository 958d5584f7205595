//! One transaction: facts in, rows and everything that follows from them out.

use super::{
    elements::Element,
    latest,
    rows::{insert_all, listed},
    sequences::{Arrival, Sequences},
    shown::Shown,
    sums::Sums,
};
use crate::{
    Database, Kind, NO_MODEL, NOVEL, ROLE_ACTIVE, ROLE_CANDIDATE, StoreError, UNCONFIRMED, counter,
    entity::{conditions, dead_letter, embedding, heatmap, image, prediction},
    now_us,
};
use hydra_proto::events;
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, DatabaseTransaction, EntityTrait,
    IntoActiveModel, QueryFilter, QuerySelect, sea_query::OnConflict,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

/// An image and what was said of it. `committed_us` and `commit_no` are filled in here.
#[derive(Clone, Debug)]
pub struct NewImage {
    /// The row.
    pub image: image::Model,
    /// Run period, may be empty.
    pub period: String,
    /// The conditions that the row names.
    pub conditions: Option<conditions::Model>,
    /// At most one a model.
    pub predictions: Vec<prediction::Model>,
    /// Of some of these models.
    pub embeddings: Vec<embedding::Model>,
    /// As it came, for the alarms that it causes.
    pub wire: events::Image,
    /// Fingerprint of its data; empty where it shows none, or none was made.
    pub data: Vec<u8>,
    /// There is beam, and the plot type is one whose data change.
    pub may_be_stuck: bool,
    /// Conditions that its active model was not trained under.
    pub unfamiliar: Option<String>,
}

/// What one transaction writes.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// At most one of each id.
    pub images: Vec<NewImage>,
    /// Each may come before its image.
    pub heatmaps: Vec<heatmap::Model>,
    /// The newest of one id counts.
    pub dead_letters: Vec<dead_letter::Model>,
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Committed {
    /// Its number.
    pub commit_no: i64,
    /// Ids of the images that brought something new; the others were repetitions.
    pub changed: HashSet<Vec<u8>>,
    /// Images that count as each outcome now and did not before.
    pub outcomes: BTreeMap<String, u64>,
    /// Alarms were promised.
    pub alarms: bool,
}

/// Writes a batch, all of it or nothing.
///
/// # Errors
/// When the database does not take it.
pub async fn commit(db: &Database, batch: Arc<Batch>) -> Result<Committed, StoreError> {
    db.transaction(move |txn| {
        let batch = batch.clone();
        Box::pin(async move { Commit::begin(txn).await?.write(&batch).await })
    })
    .await
}

struct Commit<'a> {
    txn: &'a DatabaseTransaction,
    number: i64,
    now_us: i64,
    done: Committed,
    sums: Sums,
    arrivals: BTreeMap<i32, Vec<Arrival>>,
}

/// What earlier transactions wrote of the images of a batch.
struct Known {
    images: HashMap<Vec<u8>, image::Model>,
    /// By image: model and role.
    predictions: HashMap<Vec<u8>, Vec<(i32, i16)>>,
}

/// In the order in which they were drawn, whatever the order in which they came.
fn in_order(images: &[NewImage]) -> Vec<&NewImage> {
    let mut ordered: Vec<&NewImage> = images.iter().collect();
    ordered.sort_by_key(|new| (new.image.taken_us, &new.image.id));
    ordered
}

/// What an image with this verdict counts as.
fn outcome(verdict: Option<&prediction::Model>) -> &str {
    match verdict {
        None => NO_MODEL,
        Some(verdict) if verdict.state == 0 => &verdict.label,
        Some(verdict) if verdict.state == 1 => UNCONFIRMED,
        Some(_) => NOVEL,
    }
}

impl<'a> Commit<'a> {
    async fn begin(txn: &'a DatabaseTransaction) -> Result<Self, StoreError> {
        let number = counter::next(txn, counter::COMMITS).await?;
        let done = Committed { commit_no: number, ..Default::default() };
        Ok(Self {
            txn,
            number,
            now_us: now_us(),
            done,
            sums: Sums::default(),
            arrivals: BTreeMap::new(),
        })
    }

    async fn write(mut self, batch: &Batch) -> Result<Committed, StoreError> {
        let known = self.known(batch).await?;
        let mut images = Vec::new();
        let mut predictions = Vec::new();
        let mut embeddings = Vec::new();
        let mut shown = Shown::read(self.txn, &batch.images).await?;
        for new in in_order(&batch.images) {
            let mut said = self.what_is_new(new, &known);
            let fresh: HashSet<i32> = said.iter().map(|p| p.model_id).collect();
            let of_fresh = new.embeddings.iter().filter(|e| fresh.contains(&e.model_id));
            embeddings.extend(of_fresh.cloned());
            match known.images.get(&new.image.id) {
                None => {
                    let stuck = shown.judge(new, &mut said).await?;
                    let verdict = said.iter().find(|p| p.role == ROLE_ACTIVE);
                    images.push(self.new_image(new, verdict, stuck));
                }
                Some(row) => {
                    let verdict = said.iter().find(|p| p.role == ROLE_ACTIVE);
                    self.known_image(row, new, verdict).await?;
                }
            }
            if !said.is_empty() || !known.images.contains_key(&new.image.id) {
                self.done.changed.insert(new.image.id.clone());
            }
            predictions.extend(said);
        }
        self.write_conditions(batch).await?;
        latest::write(self.txn, &images).await?;
        shown.write().await?;
        self.write_sequences().await?;
        insert_all::<image::Entity, _>(self.txn, images).await?;
        insert_all::<prediction::Entity, _>(self.txn, predictions).await?;
        insert_all::<embedding::Entity, _>(self.txn, embeddings).await?;
        std::mem::take(&mut self.sums).write(self.txn).await?;
        self.write_heatmaps(batch).await?;
        self.write_dead_letters(batch).await?;
        Ok(self.done)
    }

    async fn known(&self, batch: &Batch) -> Result<Known, StoreError> {
        let ids: Vec<Vec<u8>> = batch.images.iter().map(|new| new.image.id.clone()).collect();
        let found = image::Entity::find()
            .filter(image::Column::Id.is_in(listed(ids)))
            .all(self.txn)
            .await?;
        let images: HashMap<_, _> = found.into_iter().map(|row| (row.id.clone(), row)).collect();
        let mut predictions = HashMap::<Vec<u8>, Vec<(i32, i16)>>::new();
        if !images.is_empty() {
            use prediction::Column as C;
            let rows: Vec<(Vec<u8>, i32, i16)> = prediction::Entity::find()
                .select_only()
                .columns([C::ImageId, C::ModelId, C::Role])
                .filter(C::ImageId.is_in(listed(images.keys().cloned().collect())))
                .into_tuple()
                .all(self.txn)
                .await?;
            for (image_id, model_id, role) in rows {
                predictions.entry(image_id).or_default().push((model_id, role));
            }
        }
        Ok(Known { images, predictions })
    }

    /// The predictions of models that had not spoken of this image. The first verdict stays the
    /// verdict; what another model says later is kept beside it.
    fn what_is_new(&self, new: &NewImage, known: &Known) -> Vec<prediction::Model> {
        let said = known.predictions.get(&new.image.id).map(Vec::as_slice).unwrap_or_default();
        let mut judged = said.iter().any(|(_, role)| *role == ROLE_ACTIVE);
        let drawn_us = known.images.get(&new.image.id).map(|row| row.taken_us);
        let mut fresh = Vec::with_capacity(new.predictions.len());
        for prediction in &new.predictions {
            if said.iter().any(|(model_id, _)| *model_id == prediction.model_id) {
                continue;
            }
            let mut prediction = prediction.clone();
            // a repetition may name another time; the image has one
            prediction.taken_us = drawn_us.unwrap_or(prediction.taken_us);
            if prediction.role == ROLE_ACTIVE && judged {
                prediction.role = ROLE_CANDIDATE;
                prediction.kind = Kind::Neutral as i16;
            }
            judged |= prediction.role == ROLE_ACTIVE;
            fresh.push(prediction);
        }
        fresh
    }

    fn new_image(
        &mut self,
        new: &NewImage,
        verdict: Option<&prediction::Model>,
        stuck: Option<String>,
    ) -> image::Model {
        let mut row = new.image.clone();
        (row.committed_us, row.commit_no) = (self.now_us, self.number);
        if let Some(stuck) = stuck {
            row.kept = true;
            row.no_verdict_reason =
                row.no_verdict_reason.map(|reason| format!("{reason}; {stuck}"));
        }
        if verdict.is_some() {
            row.no_verdict_reason = None;
        }
        let outcome = outcome(verdict);
        self.sums.image(&row, &new.period, outcome);
        *self.done.outcomes.entry(outcome.to_owned()).or_default() += 1;
        self.judge(new, verdict);
        row
    }

    /// An image that was there. It may have waited for its verdict until now.
    async fn known_image(
        &mut self,
        row: &image::Model,
        new: &NewImage,
        verdict: Option<&prediction::Model>,
    ) -> Result<(), StoreError> {
        let Some(verdict) = verdict else { return Ok(()) };
        self.sums.outcome(row, NO_MODEL, -1);
        self.sums.outcome(row, outcome(Some(verdict)), 1);
        *self.done.outcomes.entry(outcome(Some(verdict)).to_owned()).or_default() += 1;
        let mut changed = row.clone().into_active_model();
        changed.no_verdict_reason = Set(None);
        changed.kept = Set(row.kept || new.image.kept);
        changed.commit_no = Set(self.number);
        changed.update(self.txn).await?;
        self.judge(new, Some(verdict));
        Ok(())
    }

    fn judge(&mut self, new: &NewImage, verdict: Option<&prediction::Model>) {
        let Some(verdict) = verdict else { return };
        let Ok(kind) = Kind::from_column(verdict.kind) else { return };
        if kind == Kind::Neutral {
            return;
        }
        let element = Element {
            key: (verdict.taken_us, verdict.image_id.clone()),
            kind,
            label: verdict.label.clone(),
        };
        let arrival = Arrival { element, image: new.wire.clone() };
        self.arrivals.entry(verdict.plot_type_id).or_default().push(arrival);
    }

    async fn write_conditions(&self, batch: &Batch) -> Result<(), StoreError> {
        let rows = batch.images.iter().filter_map(|new| new.conditions.clone());
        let rows: BTreeMap<_, _> = rows.map(|row| (row.id.clone(), row)).collect();
        insert_all::<conditions::Entity, _>(self.txn, rows.into_values().collect()).await
    }

    async fn write_sequences(&mut self) -> Result<(), StoreError> {
        let arrivals = std::mem::take(&mut self.arrivals);
        if arrivals.is_empty() {
            return Ok(());
        }
        let ids = arrivals.keys().copied().collect();
        let mut sequences = Sequences::read(self.txn, self.number, ids).await?;
        for (plot_type_id, arrivals) in arrivals {
            sequences.place(plot_type_id, arrivals).await?;
        }
        self.done.alarms = sequences.has_alarms();
        sequences.write().await
    }

    async fn write_heatmaps(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut rows = BTreeMap::new();
        for heatmap in &batch.heatmaps {
            let key = (heatmap.image_id.clone(), heatmap.model_id, heatmap.label.clone());
            let row =
                heatmap::Model { made_us: self.now_us, commit_no: self.number, ..heatmap.clone() };
            rows.entry(key).or_insert(row);
        }
        insert_all::<heatmap::Entity, _>(self.txn, rows.into_values().collect()).await
    }

    /// A message that is buried again, after a replay, waits again.
    async fn write_dead_letters(&self, batch: &Batch) -> Result<(), StoreError> {
        if batch.dead_letters.is_empty() {
            return Ok(());
        }
        let mut rows = BTreeMap::<Vec<u8>, dead_letter::Model>::new();
        for letter in &batch.dead_letters {
            if rows.get(&letter.id).is_none_or(|known| known.buried_us <= letter.buried_us) {
                let row = dead_letter::Model { commit_no: self.number, ..letter.clone() };
                rows.insert(letter.id.clone(), row);
            }
        }
        use dead_letter::Column as C;
        let known: HashMap<Vec<u8>, i64> = dead_letter::Entity::find()
            .select_only()
            .columns([C::Id, C::BuriedUs])
            .filter(C::Id.is_in(rows.keys().cloned()))
            .into_tuple::<(Vec<u8>, i64)>()
            .all(self.txn)
            .await?
            .into_iter()
            .collect();
        // a repeated report must not undo what was done about it
        rows.retain(|id, row| known.get(id).is_none_or(|buried_us| *buried_us < row.buried_us));
        let again = OnConflict::column(C::Id)
            .update_columns([C::Reason, C::Error, C::Attempts, C::BuriedUs, C::Handled])
            .update_columns([C::HandledUs, C::CommitNo])
            .to_owned();
        dead_letter::Entity::insert_many(
            rows.into_values().map(IntoActiveModel::into_active_model),
        )
        .on_conflict(again)
        .exec_without_returning(self.txn)
        .await?;
        Ok(())
    }
}
