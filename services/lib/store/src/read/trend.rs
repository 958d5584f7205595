//! The verdicts of one plot type over time, and its releases.

use super::{
    CHUNK, Mark, Order, Span, after,
    images::{number, verdict_state},
};
use crate::{
    Database, ROLE_ACTIVE, ROLE_CANDIDATE, StoreError,
    entity::{image, prediction, release_event},
    id, json,
    keeping::listed,
};
use hydra_proto::{ImageId, events::VerdictState};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use std::collections::{BTreeMap, HashMap, HashSet};

/// One verdict over time.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The image.
    pub image: ImageId,
    /// Run number.
    pub run: u32,
    /// Chunk of the run.
    pub chunk: Option<u32>,
    /// When it was drawn.
    pub taken_us: i64,
    /// Row id of the model.
    pub model_id: i32,
    /// Whether its verdict counted.
    pub is_active: bool,
    /// The likeliest class.
    pub label: String,
    /// Its probability.
    pub confidence: f32,
    /// The threshold that was in force.
    pub threshold: f32,
    /// How sure that is.
    pub state: VerdictState,
    /// In the order of the model's labels; one that it did not name has none.
    pub scores: Vec<Option<f32>>,
    /// Of normality.
    pub p_value: Option<f64>,
    /// May be empty.
    pub note: String,
}

/// Which verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// Row id of the plot type.
    pub plot_type_id: i32,
    /// Those of candidates rather than those that count.
    pub of_candidates: bool,
    /// When the images were drawn.
    pub span: Span,
}

/// Verdicts of one plot type, newest first, at most `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn course(
    db: &Database,
    which: Course,
    mark: Option<Mark>,
    limit: u64,
) -> Result<Vec<Point>, StoreError> {
    use prediction::Column as C;
    db.run(move |pool| async move {
        let role = if which.of_candidates { ROLE_CANDIDATE } else { ROLE_ACTIVE };
        let mut find = prediction::Entity::find()
            .filter(C::PlotTypeId.eq(which.plot_type_id))
            .filter(C::Role.eq(role))
            .filter(C::TakenUs.gte(which.span.from_us))
            .filter(C::TakenUs.lt(which.span.to_us))
            .order_by_desc(C::TakenUs)
            .order_by_desc(C::ImageId)
            .limit(limit);
        if let Some(mark) = mark {
            find = find.filter(after(C::TakenUs, C::ImageId, Order::Newest, &mark));
        }
        points(&pool, find.all(&pool).await?).await
    })
    .await
}

/// The place of a verdict in that list.
pub fn mark_of_point(point: &Point) -> Mark {
    Mark { at: point.taken_us, id: point.image.as_bytes().to_vec() }
}

async fn points<C: ConnectionTrait>(
    db: &C,
    rows: Vec<prediction::Model>,
) -> Result<Vec<Point>, StoreError> {
    let unsure: Vec<Vec<u8>> =
        rows.iter().map(|row| &row.image_id).filter(|id| has_chunk_0(id)).cloned().collect();
    let chunks = chunks(db, &unsure).await?;
    rows.into_iter()
        .map(|row| {
            let image = id::image(&row.image_id)?;
            let [run, chunk] = run_and_chunk(&image);
            let chunk =
                if chunk == 0 { chunks.get(&row.image_id).copied().flatten() } else { Some(chunk) };
            Ok(Point {
                image,
                run,
                chunk,
                taken_us: row.taken_us,
                model_id: row.model_id,
                is_active: row.role == ROLE_ACTIVE,
                label: row.label,
                confidence: row.confidence,
                threshold: row.threshold,
                state: verdict_state(row.state)?,
                scores: json::read("the scores of a prediction", &row.scores)?,
                p_value: row.p_value,
                note: row.note,
            })
        })
        .collect()
}

fn run_and_chunk(image: &ImageId) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h, ..] = *image.as_bytes();
    [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])]
}

/// An id holds 0 both for chunk 0 and for no chunk.
fn has_chunk_0(id: &[u8]) -> bool {
    id.get(4..8) == Some(&[0; 4])
}

async fn chunks<C: ConnectionTrait>(
    db: &C,
    ids: &[Vec<u8>],
) -> Result<HashMap<Vec<u8>, Option<u32>>, StoreError> {
    let mut chunks = HashMap::with_capacity(ids.len());
    for part in ids.chunks(CHUNK) {
        let rows: Vec<(Vec<u8>, Option<i64>)> = image::Entity::find()
            .select_only()
            .columns([image::Column::Id, image::Column::Chunk])
            .filter(image::Column::Id.is_in(listed(part.to_vec())))
            .into_tuple()
            .all(db)
            .await?;
        chunks.extend(rows.into_iter().map(|(id, chunk)| (id, chunk.map(number))));
    }
    Ok(chunks)
}

/// A release, or a change of thresholds.
#[derive(Clone, Debug, PartialEq)]
pub struct ReleaseRow {
    /// When.
    pub at_us: i64,
    /// Row id of the model that is active afterwards.
    pub model_id: Option<i32>,
    /// By label.
    pub thresholds: BTreeMap<String, f32>,
    /// Who did it.
    pub who: String,
    /// Why.
    pub why: String,
}

/// The releases of a plot type in a range, and the one in force at its begin; oldest first, at
/// most the newest `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn releases(
    db: &Database,
    plot_type_id: i32,
    span: Span,
    limit: u64,
) -> Result<Vec<ReleaseRow>, StoreError> {
    use release_event::Column as C;
    db.run(move |pool| async move {
        let of = || {
            release_event::Entity::find()
                .filter(C::PlotTypeId.eq(plot_type_id))
                .filter(C::Action.ne("candidate"))
                .order_by_desc(C::AtUs)
                .order_by_desc(C::Id)
        };
        let mut rows = of()
            .filter(C::AtUs.gte(span.from_us))
            .filter(C::AtUs.lt(span.to_us))
            .limit(limit)
            .all(&pool)
            .await?;
        rows.extend(of().filter(C::AtUs.lt(span.from_us)).limit(1).one(&pool).await?);
        rows.reverse();
        rows.into_iter()
            .map(|row| {
                Ok::<_, StoreError>(ReleaseRow {
                    at_us: row.at_us,
                    model_id: row.model_id,
                    thresholds: json::read("thresholds", &row.thresholds)?,
                    who: row.who,
                    why: row.why,
                })
            })
            .collect()
    })
    .await
}

/// Row ids of the plot types that had an active model at some time of a range.
///
/// # Errors
/// When the database does not answer.
pub async fn judged_in(db: &Database, span: Span) -> Result<HashSet<i32>, StoreError> {
    use release_event::Column as C;
    db.run(move |pool| async move {
        let events: Vec<(i32, i64, Option<i32>)> = release_event::Entity::find()
            .select_only()
            .columns([C::PlotTypeId, C::AtUs, C::ModelId])
            .filter(C::Action.ne("candidate"))
            .filter(C::AtUs.lt(span.to_us))
            .order_by_asc(C::AtUs)
            .order_by_asc(C::Id)
            .into_tuple()
            .all(&pool)
            .await?;
        let mut judged = HashSet::new();
        for (plot_type_id, at_us, model_id) in events {
            if model_id.is_some() {
                judged.insert(plot_type_id);
            } else if at_us <= span.from_us {
                // what was in force before ended before the range began
                judged.remove(&plot_type_id);
            }
        }
        Ok::<_, StoreError>(judged)
    })
    .await
}
