//! When each plot type was last seen, for dashboards and alerts.

use crate::{
    Database, PlotTypeState, StoreError,
    entity::{image, latest},
    keeping::listed,
    read::{CHUNK, declared},
};
use hydra_proto::PlotTypeName;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};
use std::collections::HashMap;

/// The hall at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Freshness {
    /// Of those that were ever seen and are not disabled.
    pub plot_types: Vec<LastSeen>,
    /// Whether there is beam; `None` where nothing says so.
    pub beam_on: Option<bool>,
}

/// When a plot type was last seen.
#[derive(Clone, Debug, PartialEq)]
pub struct LastSeen {
    /// Its name.
    pub name: PlotTypeName,
    /// When its newest image was drawn, microseconds since 1970 UTC.
    pub taken_us: i64,
    /// Declared time from one image to the next, seconds.
    pub cadence_s: Option<f64>,
}

/// When each plot type was last seen, and whether there is beam by the newest reading.
///
/// # Errors
/// When the database does not answer.
pub async fn freshness(db: &Database) -> Result<Freshness, StoreError> {
    let declared = declared(db).await?;
    let marks: Vec<latest::Model> =
        db.run(|pool| async move { latest::Entity::find().all(&pool).await }).await?;
    let newest: HashMap<i32, i64> = marks.iter().map(|m| (m.plot_type_id, m.taken_us)).collect();
    let plot_types = declared
        .plot_types
        .into_iter()
        .filter(|row| row.state != PlotTypeState::Disabled)
        .filter_map(|row| {
            let taken_us = *newest.get(&row.id)?;
            Some(LastSeen {
                name: row.name,
                taken_us,
                cadence_s: row.spec.cadence_s.map(|s| s.get()),
            })
        })
        .collect();
    let mut beam_on = None;
    if let Some(beam) = declared.hall.beam {
        let ids = marks.into_iter().map(|mark| mark.image_id).collect();
        beam_on = reading(db, ids).await?.map(|reading| reading >= beam.min);
    }
    Ok(Freshness { plot_types, beam_on })
}

/// The newest beam reading among these images.
async fn reading(db: &Database, ids: Vec<Vec<u8>>) -> Result<Option<f64>, StoreError> {
    use image::Column as C;
    let mut newest: Option<(i64, f64)> = None;
    for piece in ids.chunks(CHUNK) {
        let piece = listed(piece.to_vec());
        let rows: Vec<(i64, Option<f64>)> = db
            .run(move |pool| async move {
                image::Entity::find()
                    .select_only()
                    .columns([C::TakenUs, C::Beam])
                    .filter(C::Id.is_in(piece))
                    .filter(C::Beam.is_not_null())
                    .into_tuple()
                    .all(&pool)
                    .await
            })
            .await?;
        let read = rows.into_iter().filter_map(|(taken_us, beam)| Some((taken_us, beam?)));
        newest = newest.into_iter().chain(read).max_by(|a, b| a.0.cmp(&b.0));
    }
    Ok(newest.map(|(_, reading)| reading))
}
