//! Ends what nothing would end any more: the open sequences of a plot type that is not judged.

use crate::{
    Kind, StoreError, counter,
    entity::{plot_type, sequence, track},
    now_us, outbox,
};
use hydra_proto::events::{AlarmChanged, AlarmState};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel,
    QueryFilter,
};

/// The alarm of a sequence of Bad, without the image that changed it.
pub fn alarm(sequence: &sequence::Model, plot_type: &str, state: AlarmState) -> AlarmChanged {
    AlarmChanged {
        incident_id: sequence.id.clone().into(),
        plot_type: plot_type.to_owned(),
        state: state.into(),
        label: sequence.label.clone(),
        // an image's id begins with its run
        run: u32::from_be_bytes(
            sequence.last_image.get(..4).and_then(|run| run.try_into().ok()).unwrap_or_default(),
        ),
        since_us: sequence.first_us,
        count: u32::try_from(sequence.images).unwrap_or(u32::MAX),
        image: None,
    }
}

/// Ends the open sequences of a plot type that a person took out of service. Part of the
/// transaction that does so.
pub(crate) async fn end_all<C: ConnectionTrait>(
    db: &C,
    plot_type: &plot_type::Model,
) -> Result<(), StoreError> {
    // keep must not extend them meanwhile
    let commit_no = counter::next(db, counter::COMMITS).await?;
    let open = sequence::Entity::find()
        .filter(sequence::Column::Open.eq(true))
        .filter(sequence::Column::Kind.is_in(Kind::TROUBLES.map(|kind| kind as i16)))
        .filter(sequence::Column::PlotTypeId.eq(plot_type.id))
        .all(db)
        .await?;
    let mut promises = Vec::new();
    for sequence in open {
        if sequence.kind == Kind::Bad as i16 {
            let cleared = alarm(&sequence, &plot_type.name, AlarmState::Cleared);
            promises.push(outbox::promise(&cleared));
        }
        let mut ended = sequence.into_active_model();
        ended.open = Set(false);
        ended.end_us = Set(Some(now_us()));
        ended.commit_no = Set(commit_no);
        ended.update(db).await?;
    }
    // what comes after begins a new sequence
    track::Entity::update_many()
        .col_expr(track::Column::SequenceId, sea_orm::sea_query::Expr::value(None::<Vec<u8>>))
        .filter(track::Column::PlotTypeId.eq(plot_type.id))
        .exec(db)
        .await?;
    outbox::insert(db, promises).await
}
