//! Images and what models and people said of them.

use super::{CHUNK, Mark, Order, Span, after};
use crate::{
    Database, ROLE_ACTIVE, StoreError,
    entity::{heatmap, image, prediction},
    id,
    keeping::listed,
};
use hydra_proto::{ContentHash, ImageId, events::VerdictState};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
};
use std::collections::{HashMap, HashSet};

/// An image with the verdict that counts.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The image.
    pub id: ImageId,
    /// Row id of its plot type.
    pub plot_type_id: i32,
    /// Run number.
    pub run: u32,
    /// Chunk of the run.
    pub chunk: Option<u32>,
    /// When it was drawn.
    pub taken_us: i64,
    /// When ingest took it.
    pub arrived_us: i64,
    /// When it was written.
    pub committed_us: i64,
    /// By which commit.
    pub commit_no: i64,
    /// Blob key of the original.
    pub content: ContentHash,
    /// Blob key of the thumbnail.
    pub thumbnail: Option<ContentHash>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Of the original.
    pub size_bytes: u64,
    /// Who sent it.
    pub source: String,
    /// Its conditions.
    pub conditions_id: Option<Vec<u8>>,
    /// Beam reading, in the unit of the conditions.
    pub beam: Option<f64>,
    /// Whether the original is still stored.
    pub stored: bool,
    /// Why no model spoke; may be empty.
    pub reason: String,
    /// What the active model said.
    pub said: Option<Said>,
    /// Blob key of the heat map of that label, if there is one.
    pub heatmap: Option<ContentHash>,
}

/// What one model said of one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Row id of the model.
    pub model_id: i32,
    /// Whether its verdict counts.
    pub is_active: bool,
    /// The likeliest class.
    pub label: String,
    /// Its probability.
    pub confidence: f32,
    /// The threshold that was in force.
    pub threshold: f32,
    /// How sure that is.
    pub state: VerdictState,
    /// See [`crate::Kind`].
    pub kind: i16,
    /// In the order of the model's labels; one that it did not name has none.
    pub scores: Vec<Option<f32>>,
    /// Of normality.
    pub p_value: Option<f64>,
    /// May be empty.
    pub note: String,
}

/// Which images.
#[derive(Clone, Debug, PartialEq)]
pub enum Which {
    /// Of one plot type, by the time they were drawn.
    PlotType {
        /// Its row id.
        id: i32,
        /// When they were drawn.
        span: Span,
        /// Which end first.
        order: Order,
    },
    /// Of one run, by chunk.
    Run(u32),
    /// All, by the order in which they were written, newest first.
    All,
}

/// A page of images, at most `limit`, after `mark` (of [`mark_of`]).
///
/// # Errors
/// When the database does not answer.
pub async fn images(
    db: &Database,
    which: Which,
    mark: Option<Mark>,
    limit: u64,
) -> Result<Vec<Seen>, StoreError> {
    db.run(move |pool| async move {
        let find = select(&which, mark.as_ref()).limit(limit);
        if !matches!(which, Which::PlotType { .. }) {
            return complete(&pool, find.all(&pool).await?).await;
        }
        // the index by time holds the ids, and the rows of one plot type lie far from each other:
        // once the ids are known, all that is to be read is read side by side
        let ids: Vec<Vec<u8>> =
            find.select_only().column(image::Column::Id).into_tuple().all(&pool).await?;
        let mut seen = with_verdicts(&pool, &ids).await?;
        let place: HashMap<&[u8], usize> =
            ids.iter().enumerate().map(|(place, id)| (&id[..], place)).collect();
        seen.sort_by_key(|seen| place.get(&seen.id.as_bytes()[..]).copied());
        Ok(seen)
    })
    .await
}

fn select(which: &Which, mark: Option<&Mark>) -> sea_orm::Select<image::Entity> {
    use image::Column as C;
    let find = image::Entity::find();
    match which {
        Which::PlotType { id, span, order } => {
            let find = find
                .filter(C::PlotTypeId.eq(*id))
                .filter(C::TakenUs.gte(span.from_us))
                .filter(C::TakenUs.lt(span.to_us));
            let find = match mark {
                Some(mark) => find.filter(after(C::TakenUs, C::Id, *order, mark)),
                None => find,
            };
            match order {
                Order::Newest => find.order_by_desc(C::TakenUs).order_by_desc(C::Id),
                Order::Oldest => find.order_by_asc(C::TakenUs).order_by_asc(C::Id),
            }
        }
        Which::Run(run) => {
            // An id begins with its run: the primary key is the index of the run.
            let first = [&run.to_be_bytes()[..], &[0; 20]].concat();
            let last = [&run.to_be_bytes()[..], &[0xff; 20]].concat();
            let from = mark.map_or(C::Id.gte(first), |mark| C::Id.gt(mark.id.clone()));
            find.filter(from).filter(C::Id.lte(last)).order_by_asc(C::Id)
        }
        Which::All => {
            let find = match mark {
                Some(mark) => find.filter(after(C::CommitNo, C::Id, Order::Newest, mark)),
                None => find,
            };
            find.order_by_desc(C::CommitNo).order_by_desc(C::Id)
        }
    }
}

/// The place of an image in the list `which`.
pub fn mark_of(which: &Which, seen: &Seen) -> Mark {
    let at = match which {
        Which::PlotType { .. } => seen.taken_us,
        Which::Run(_) => 0,
        Which::All => seen.commit_no,
    };
    Mark { at, id: seen.id.as_bytes().to_vec() }
}

/// Images by their ids; those that are not there are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn images_by_id(db: &Database, ids: Vec<ImageId>) -> Result<Vec<Seen>, StoreError> {
    db.run(move |pool| async move { by_id(&pool, &ids).await }).await
}

/// Which of these images have a row.
///
/// # Errors
/// When the database does not answer.
pub async fn present(db: &Database, ids: Vec<ImageId>) -> Result<HashSet<ImageId>, StoreError> {
    db.run(move |pool| async move {
        let mut found = HashSet::new();
        for some in ids.chunks(CHUNK) {
            let rows: Vec<Vec<u8>> = image::Entity::find()
                .select_only()
                .column(image::Column::Id)
                .filter(image::Column::Id.is_in(some.iter().map(|id| id.as_bytes().to_vec())))
                .into_tuple()
                .all(&pool)
                .await?;
            for id in &rows {
                found.insert(id::image(id)?);
            }
        }
        Ok::<_, StoreError>(found)
    })
    .await
}

pub(super) async fn by_id<C: ConnectionTrait>(
    db: &C,
    ids: &[ImageId],
) -> Result<Vec<Seen>, StoreError> {
    let ids: Vec<Vec<u8>> = ids.iter().map(|id| id.as_bytes().to_vec()).collect();
    with_verdicts(db, &ids).await
}

/// Images and what was said of them, in any order.
async fn with_verdicts<C: ConnectionTrait>(
    db: &C,
    ids: &[Vec<u8>],
) -> Result<Vec<Seen>, StoreError> {
    let rows = async {
        let mut rows = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            let wanted = listed(chunk.to_vec());
            let find = image::Entity::find().filter(image::Column::Id.is_in(wanted));
            rows.extend(find.all(db).await?);
        }
        Ok(rows)
    };
    let (rows, verdicts) = futures::try_join!(rows, Verdicts::of(db, ids))?;
    verdicts.join(rows)
}

/// Adds the verdicts that count and their heat maps.
pub(super) async fn complete<C: ConnectionTrait>(
    db: &C,
    rows: Vec<image::Model>,
) -> Result<Vec<Seen>, StoreError> {
    let ids: Vec<Vec<u8>> = rows.iter().map(|row| row.id.clone()).collect();
    Verdicts::of(db, &ids).await?.join(rows)
}

/// What was said of some images.
struct Verdicts {
    said: HashMap<Vec<u8>, prediction::Model>,
    heat: HashMap<(Vec<u8>, i32, String), Vec<u8>>,
}

impl Verdicts {
    async fn of<C: ConnectionTrait>(db: &C, ids: &[Vec<u8>]) -> Result<Self, StoreError> {
        let mut all = Self { said: HashMap::with_capacity(ids.len()), heat: HashMap::new() };
        for chunk in ids.chunks(CHUNK) {
            let ids = listed(chunk.to_vec());
            let said = prediction::Entity::find()
                .filter(prediction::Column::ImageId.is_in(ids.clone()))
                .filter(prediction::Column::Role.eq(ROLE_ACTIVE))
                .all(db);
            let heat = heatmap::Entity::find()
                .select_only()
                .columns([
                    heatmap::Column::ImageId,
                    heatmap::Column::ModelId,
                    heatmap::Column::Label,
                    heatmap::Column::Map,
                ])
                .filter(heatmap::Column::ImageId.is_in(ids))
                .into_tuple()
                .all(db);
            let (said, heat) = futures::try_join!(said, heat)?;
            all.said.extend(said.into_iter().map(|row| (row.image_id.clone(), row)));
            let heat: Vec<(Vec<u8>, i32, String, Vec<u8>)> = heat;
            let heat = heat.into_iter();
            all.heat.extend(heat.map(|(image, model, label, map)| ((image, model, label), map)));
        }
        Ok(all)
    }

    fn join(mut self, rows: Vec<image::Model>) -> Result<Vec<Seen>, StoreError> {
        rows.into_iter()
            .map(|row| {
                let said = self.said.remove(&row.id).map(Said::from_row).transpose()?;
                let heatmap = said.as_ref().and_then(|said| {
                    self.heat.remove(&(row.id.clone(), said.model_id, said.label.clone()))
                });
                Seen::from_row(row, said, heatmap.as_deref())
            })
            .collect()
    }
}

impl Seen {
    fn from_row(
        row: image::Model,
        said: Option<Said>,
        heatmap: Option<&[u8]>,
    ) -> Result<Self, StoreError> {
        Ok(Self {
            id: id::image(&row.id)?,
            plot_type_id: row.plot_type_id,
            run: number(row.run),
            chunk: row.chunk.map(number),
            taken_us: row.taken_us,
            arrived_us: row.arrived_us,
            committed_us: row.committed_us,
            commit_no: row.commit_no,
            content: id::content(&row.content)?,
            thumbnail: row.thumbnail.as_deref().map(id::content).transpose()?,
            width: number(row.width.into()),
            height: number(row.height.into()),
            size_bytes: u64::try_from(row.size_bytes).unwrap_or(0),
            source: row.source,
            conditions_id: row.conditions_id,
            beam: row.beam,
            stored: row.stored,
            reason: row.no_verdict_reason.unwrap_or_default(),
            said,
            heatmap: heatmap.map(id::content).transpose()?,
        })
    }
}

impl Said {
    pub(super) fn from_row(row: prediction::Model) -> Result<Self, StoreError> {
        Ok(Self {
            model_id: row.model_id,
            is_active: row.role == ROLE_ACTIVE,
            label: row.label,
            confidence: row.confidence,
            threshold: row.threshold,
            state: verdict_state(row.state)?,
            kind: row.kind,
            scores: crate::json::read("the scores of a prediction", &row.scores)?,
            p_value: row.p_value,
            note: row.note,
        })
    }
}

/// A number of the contract's 32 bits out of a wider column.
pub(super) fn number(wide: i64) -> u32 {
    u32::try_from(wide).unwrap_or(0)
}

/// Column `prediction.state`.
pub(super) fn verdict_state(column: i16) -> Result<VerdictState, StoreError> {
    VerdictState::try_from(i32::from(column))
        .map_err(|_| StoreError::Refused(format!("{column} is no state of a verdict")))
}

/// The image of a plot type that was drawn nearest to a time.
///
/// # Errors
/// When the database does not answer.
pub async fn nearest_image(
    db: &Database,
    plot_type_id: i32,
    at_us: i64,
) -> Result<Option<Seen>, StoreError> {
    use image::Column as C;
    db.run(move |pool| async move {
        let of = |time: Condition| {
            image::Entity::find().filter(C::PlotTypeId.eq(plot_type_id)).filter(time)
        };
        let before = of(Condition::all().add(C::TakenUs.lte(at_us)))
            .order_by_desc(C::TakenUs)
            .limit(1)
            .one(&pool)
            .await?;
        let next = of(Condition::all().add(C::TakenUs.gt(at_us)))
            .order_by_asc(C::TakenUs)
            .limit(1)
            .one(&pool)
            .await?;
        let nearest = [before, next].into_iter().flatten();
        let nearest = nearest.min_by_key(|row| row.taken_us.abs_diff(at_us));
        complete(&pool, nearest.into_iter().collect()).await.map(|mut seen| seen.pop())
    })
    .await
}
