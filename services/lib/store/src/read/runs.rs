//! Runs, and the verdicts and labels of one run.

use super::{
    CHUNK,
    images::{number, verdict_state},
};
use crate::{
    Database, Kind, ROLE_ACTIVE, StoreError,
    entity::{conditions, image, label, label_event, prediction, run, run_outcome},
    id,
    keeping::listed,
};
use hydra_proto::{ImageId, events::VerdictState};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{BTreeMap, HashMap};

/// A run, added up.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Run number.
    pub run: u32,
    /// May be empty.
    pub period: String,
    /// When its first image was drawn.
    pub first_us: i64,
    /// When its newest image was drawn.
    pub last_us: i64,
    /// Images of it.
    pub images: u64,
    /// JSON object; may be empty.
    pub conditions: String,
}

/// Runs, highest number first, below `before`.
///
/// # Errors
/// When the database does not answer.
pub async fn runs(
    db: &Database,
    before: Option<u32>,
    limit: u64,
) -> Result<Vec<RunRow>, StoreError> {
    db.run(move |pool| async move {
        let mut find = run::Entity::find().order_by_desc(run::Column::Run).limit(limit);
        if let Some(before) = before {
            find = find.filter(run::Column::Run.lt(i64::from(before)));
        }
        with_conditions(&pool, find.all(&pool).await?).await
    })
    .await
}

/// A run with its images by outcome, if it is there.
///
/// # Errors
/// When the database does not answer.
pub async fn run(
    db: &Database,
    wanted: u32,
) -> Result<Option<(RunRow, BTreeMap<String, u64>)>, StoreError> {
    db.run(move |pool| async move {
        let row = run::Entity::find_by_id(i64::from(wanted)).one(&pool).await?;
        let Some(run) = with_conditions(&pool, row.into_iter().collect()).await?.pop() else {
            return Ok(None);
        };
        let outcomes = run_outcome::Entity::find()
            .filter(run_outcome::Column::Run.eq(i64::from(wanted)))
            .all(&pool)
            .await?;
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        let outcomes = outcomes.into_iter().map(|row| (row.outcome, count(row.images))).collect();
        Ok::<_, StoreError>(Some((run, outcomes)))
    })
    .await
}

/// The run whose newest image is the newest, if any.
///
/// # Errors
/// When the database does not answer.
pub async fn newest_run(db: &Database) -> Result<Option<RunRow>, StoreError> {
    db.run(move |pool| async move {
        let row = run::Entity::find()
            .order_by_desc(run::Column::LastUs)
            .order_by_desc(run::Column::Run)
            .limit(1)
            .one(&pool)
            .await?;
        with_conditions(&pool, row.into_iter().collect()).await.map(|mut rows| rows.pop())
    })
    .await
}

async fn with_conditions<C: ConnectionTrait>(
    db: &C,
    rows: Vec<run::Model>,
) -> Result<Vec<RunRow>, StoreError> {
    let mut bodies: HashMap<Vec<u8>, String> = HashMap::new();
    for chunk in rows.chunks(CHUNK) {
        let ids: Vec<Vec<u8>> = chunk.iter().filter_map(|row| row.conditions_id.clone()).collect();
        let found = conditions::Entity::find()
            .filter(conditions::Column::Id.is_in(listed(ids)))
            .all(db)
            .await?;
        bodies.extend(found.into_iter().map(|row| (row.id, row.body)));
    }
    Ok(rows
        .into_iter()
        .map(|row| RunRow {
            run: number(row.run),
            period: row.period,
            first_us: row.first_us,
            last_us: row.last_us,
            images: u64::try_from(row.images).unwrap_or(0),
            conditions: row
                .conditions_id
                .and_then(|id| bodies.get(&id).cloned())
                .unwrap_or_default(),
        })
        .collect())
}

/// What is said of one image of a run, as quality intervals need it.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// The image.
    pub image: ImageId,
    /// Row id of its plot type.
    pub plot_type_id: i32,
    /// When it was drawn.
    pub taken_us: i64,
    /// The verdict that counts: label, state, kind.
    pub verdict: Option<(String, VerdictState, Kind)>,
    /// What a person says.
    pub label: Option<String>,
}

/// The least and the greatest id that an image of a run can have. An id begins with its run: the
/// primary keys are the indexes of the run.
fn ids_of(run: u32) -> (Vec<u8>, Vec<u8>) {
    let with = |rest| [&run.to_be_bytes()[..], &[rest; 20]].concat();
    (with(0), with(0xff))
}

/// What [`mentions`] of a run can be told apart by: as long as none of these changes, they do not
/// either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RunMarks {
    /// Images that are there: retention takes some.
    pub images: i64,
    /// The newest commit that wrote an image or gave one its verdict; zero without images.
    pub commit_no: i64,
    /// What people have said of them or taken back, which is only ever added to.
    pub label_events: i64,
}

/// How far the images, verdicts and labels of a run have come; much cheaper than they are.
///
/// # Errors
/// When the database does not answer.
pub async fn run_marks(db: &Database, run: u32) -> Result<RunMarks, StoreError> {
    db.run(move |pool| async move {
        use {image::Column as I, label_event::Column as E};
        let (first, last) = ids_of(run);
        let found: Option<(i64, Option<i64>)> = image::Entity::find()
            .select_only()
            .column_as(I::Id.count(), "images")
            .column_as(I::CommitNo.max(), "commit_no")
            .filter(I::Id.between(first.clone(), last.clone()))
            .into_tuple()
            .one(&pool)
            .await?;
        let events: Option<i64> = label_event::Entity::find()
            .select_only()
            .column_as(E::Id.count(), "events")
            .filter(E::ImageId.between(first, last))
            .into_tuple()
            .one(&pool)
            .await?;
        let (images, commit_no) = found.unwrap_or_default();
        Ok::<_, StoreError>(RunMarks {
            images,
            commit_no: commit_no.unwrap_or(0),
            label_events: events.unwrap_or(0),
        })
    })
    .await
}

/// Everything that is said of the images of a run, in no order, at most `limit` images.
///
/// # Errors
/// When the database does not answer, or [`StoreError::Refused`] when the run has more.
pub async fn mentions(db: &Database, run: u32, limit: u64) -> Result<Vec<Mention>, StoreError> {
    db.run(move |pool| async move {
        let (first, last) = ids_of(run);
        let images: Vec<(Vec<u8>, i32, i64)> = image::Entity::find()
            .select_only()
            .columns([image::Column::Id, image::Column::PlotTypeId, image::Column::TakenUs])
            .filter(image::Column::Id.between(first.clone(), last.clone()))
            .limit(limit + 1)
            .into_tuple()
            .all(&pool)
            .await?;
        if images.len() as u64 > limit {
            return Err(StoreError::Refused(format!("run {run} has more than {limit} images")));
        }
        use prediction::Column as P;
        let said: Vec<(Vec<u8>, String, i16, i16)> = prediction::Entity::find()
            .select_only()
            .columns([P::ImageId, P::Label, P::State, P::Kind])
            .filter(P::ImageId.between(first.clone(), last.clone()))
            .filter(P::Role.eq(ROLE_ACTIVE))
            .into_tuple()
            .all(&pool)
            .await?;
        let mut verdicts = HashMap::with_capacity(said.len());
        for (image, label, state, kind) in said {
            let verdict = (label, verdict_state(state)?, Kind::from_column(kind)?);
            verdicts.insert(image, verdict);
        }
        let given: Vec<(Vec<u8>, String)> = label::Entity::find()
            .select_only()
            .columns([label::Column::ImageId, label::Column::Label])
            .filter(label::Column::ImageId.between(first, last))
            .into_tuple()
            .all(&pool)
            .await?;
        let mut labels: HashMap<Vec<u8>, String> = given.into_iter().collect();
        images
            .into_iter()
            .map(|(bytes, plot_type_id, taken_us)| {
                Ok(Mention {
                    image: id::image(&bytes)?,
                    plot_type_id,
                    taken_us,
                    verdict: verdicts.remove(&bytes),
                    label: labels.remove(&bytes),
                })
            })
            .collect()
    })
    .await
}
