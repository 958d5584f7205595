//! Training jobs that follow from the catalog's policies. What comes of them is a candidate.

use crate::{
    Database, StoreError,
    catalog::{Fraction, Retrain, Spec},
    drift::{self, Drift},
    entity::{alias, label_event, model, plot_type, retraining},
    id, json,
};
use hydra_proto::events::TrainingWanted;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, DatabaseConnection, EntityTrait, PaginatorTrait, QueryFilter,
    sea_query::OnConflict,
};

const DAY_US: i64 = 86_400_000_000;
/// Who asks, for the record.
const WHO: &str = "retraining policy";

/// A job that is due.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// Row id of the plot type.
    pub plot_type_id: i32,
    /// Row id of the active model.
    pub model_id: i32,
    /// What is to be published; `why` is the reason in words.
    pub wanted: TrainingWanted,
}

/// The jobs that are due at `now_us`.
///
/// # Errors
/// When the database does not answer.
pub async fn due(db: &Database, now_us: i64) -> Result<Vec<Due>, StoreError> {
    db.run(move |pool| async move { all_due(&pool, now_us).await }).await
}

/// Notes that a job was published, so that its reason is none any more.
///
/// # Errors
/// When the database does not answer; the job is then published once more, under the same id.
pub async fn filed(db: &Database, job: &Due, now_us: i64) -> Result<(), StoreError> {
    use retraining::Column as C;
    let note = retraining::ActiveModel {
        plot_type_id: Set(job.plot_type_id),
        model_id: Set(job.model_id),
        at_us: Set(now_us),
        why: Set(job.wanted.why.clone()),
    };
    let again =
        OnConflict::column(C::PlotTypeId).update_columns([C::ModelId, C::AtUs, C::Why]).to_owned();
    db.run(move |pool| async move {
        retraining::Entity::insert(note).on_conflict(again).exec_without_returning(&pool).await
    })
    .await
    .map(|_| ())
}

async fn all_due(pool: &DatabaseConnection, now_us: i64) -> Result<Vec<Due>, StoreError> {
    let mut found = Vec::new();
    for row in plot_type::Entity::find().all(pool).await? {
        let spec: Spec = json::read("a plot type", &row.spec)?;
        if spec.retrain.is_off() {
            continue;
        }
        let active = alias::Entity::find_by_id((row.id, "active".to_owned())).one(pool).await?;
        let Some(active) = active else { continue };
        let Some(model) = model::Entity::find_by_id(active.model_id).one(pool).await? else {
            continue;
        };
        let before = retraining::Entity::find_by_id(row.id).one(pool).await?;
        let rest_us = spec.retrain.days.map_or(DAY_US, crate::catalog::Days::us);
        if before.as_ref().is_some_and(|job| now_us - job.at_us < rest_us) {
            continue;
        }
        // labels that a job was filed for are not new again
        let since_us = before.map_or(model.created_us, |job| job.at_us.max(model.created_us));
        let labels = label_event::Entity::find()
            .filter(label_event::Column::PlotTypeId.eq(row.id))
            .filter(label_event::Column::AtUs.gt(since_us))
            .count(pool)
            .await?;
        let drift = drift::of(pool, row.id, model.id).await?;
        let Some(why) = reason(&spec.retrain, labels, &drift) else { continue };
        let digest = id::model(&model.digest)?;
        let wanted = TrainingWanted {
            // a job that is published twice is one job
            job_id: hex::encode(id::derived(&[
                row.name.as_bytes(),
                digest.as_bytes(),
                &since_us.to_be_bytes(),
            ])),
            plot_types: vec![row.name.clone()],
            recipe_json: recipe(&model),
            who: WHO.to_owned(),
            why,
        };
        found.push(Due { plot_type_id: row.id, model_id: model.id, wanted });
    }
    Ok(found)
}

/// The recipe of the active model once more.
fn recipe(model: &model::Model) -> String {
    let evaluation = model.evaluation.as_deref().unwrap_or_default();
    let evaluation: serde_json::Value = serde_json::from_str(evaluation).unwrap_or_default();
    if evaluation.get("normality").is_some() {
        return r#"{"kind":"normality"}"#.to_owned();
    }
    match evaluation.get("recipe") {
        Some(recipe) if recipe.is_object() => recipe.to_string(),
        // of an imported model nothing is known but its labels
        _ => r#"{"kind":"full"}"#.to_owned(),
    }
}

/// Why a model should be trained anew, if it should.
fn reason(policy: &Retrain, labels: u64, drift: &Drift) -> Option<String> {
    /// Shares of fewer verdicts say nothing.
    const FEWEST: u64 = 50;
    if policy.new_labels.is_some_and(|wanted| labels >= u64::from(wanted.max(1))) {
        return Some(format!("{labels} labels since the active model was made"));
    }
    let unconfirmed = drift.unconfirmed;
    if drift.images >= FEWEST && policy.unconfirmed.is_some_and(|most| unconfirmed > most.get()) {
        let (share, images) = (100.0 * unconfirmed, drift.images);
        return Some(format!("{share:.0} % of the newest {images} verdicts are unconfirmed"));
    }
    let beyond = |value: Option<f64>, most: Option<Fraction>| {
        value.filter(|value| most.is_some_and(|most| *value > most.get()))
    };
    if let Some(distance) = beyond(drift.distance, policy.drift) {
        return Some(format!("the newest verdicts are {distance:.2} from those at its making"));
    }
    let distance = beyond(drift.features, policy.features)?;
    Some(format!("the newest plots are {distance:.2} from the Goods that it was taught"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(json: &str) -> Retrain {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn each_limit_is_a_reason_of_its_own_and_none_is_none() {
        let (distance, features) = (Some(0.4), Some(0.7));
        let drift = Drift { images: 400, unconfirmed: 0.3, novel: 0.0, distance, features };
        let told = |text: &str, labels| reason(&policy(text), labels, &drift);
        assert_eq!(told("{}", 10_000), None);
        assert!(told(r#"{"new_labels": 50}"#, 50).unwrap().starts_with("50 labels"));
        assert_eq!(told(r#"{"new_labels": 50}"#, 49), None);
        assert!(told(r#"{"unconfirmed": 0.2}"#, 0).unwrap().contains("30 %"));
        assert_eq!(told(r#"{"unconfirmed": 0.5}"#, 0), None);
        assert!(told(r#"{"drift": 0.25}"#, 0).unwrap().contains("0.40"));
        assert_eq!(told(r#"{"drift": 0.5}"#, 0), None);
        assert!(told(r#"{"features": 0.5}"#, 0).unwrap().contains("0.70"));
        assert_eq!(told(r#"{"features": 0.8}"#, 0), None);
        let few = Drift { images: 10, ..drift.clone() };
        assert_eq!(reason(&policy(r#"{"unconfirmed": 0.2}"#), 0, &few), None);
    }
}
