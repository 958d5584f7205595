//! Training jobs that follow from the catalog's policies. What comes of them is a candidate.

use crate::{
    Database, StoreError,
    catalog::{Fraction, Retrain, Spec},
    drift::{self, Drift},
    entity::{alias, label, label_event, model, plot_type, release_event, retraining},
    id, json,
};
use hydra_proto::{Label, ModelDigest, events::TrainingWanted};
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
    /// Row id of the active model; 0 where there was none.
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
        if candidate_of_a_person(pool, row.id).await? {
            continue;
        }
        let active = alias::Entity::find_by_id((row.id, "active".to_owned())).one(pool).await?;
        let Some(active) = active else {
            found.extend(begun(pool, &row, &spec.retrain).await?);
            continue;
        };
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
            recipe_json: recipe(&model, &digest),
            who: WHO.to_owned(),
            why,
        };
        found.push(Due { plot_type_id: row.id, model_id: model.id, wanted });
    }
    Ok(found)
}

/// Whether a person put a model beside the active one: what a policy asks for would take its place.
async fn candidate_of_a_person(
    pool: &DatabaseConnection,
    plot_type_id: i32,
) -> Result<bool, StoreError> {
    let key = (plot_type_id, "candidate".to_owned());
    let Some(candidate) = alias::Entity::find_by_id(key).one(pool).await? else {
        return Ok(false);
    };
    let event = release_event::Entity::find_by_id(candidate.release_event_id).one(pool).await?;
    Ok(event.is_none_or(|event| event.who != WHO))
}

/// The first job of a plot type that has no model: what is normal, once there are Goods enough.
async fn begun(
    pool: &DatabaseConnection,
    row: &plot_type::Model,
    policy: &Retrain,
) -> Result<Option<Due>, StoreError> {
    let Some(wanted) = policy.begin_at_goods else { return Ok(None) };
    if retraining::Entity::find_by_id(row.id).one(pool).await?.is_some() {
        return Ok(None);
    }
    let goods = label::Entity::find()
        .filter(label::Column::PlotTypeId.eq(row.id))
        .filter(label::Column::Label.is_in([Label::GOOD, Label::ACCEPTABLE]))
        .count(pool)
        .await?;
    if goods < u64::from(wanted) {
        return Ok(None);
    }
    let wanted = TrainingWanted {
        job_id: hex::encode(id::derived(&[row.name.as_bytes(), b"begin"])),
        plot_types: vec![row.name.clone()],
        recipe_json: SUITED.to_owned(),
        who: WHO.to_owned(),
        why: format!("{goods} Goods and no model yet"),
    };
    Ok(Some(Due { plot_type_id: row.id, model_id: 0, wanted }))
}

/// A recipe that suits the labels that there are, which `train` finds out.
const SUITED: &str = r#"{"kind":"suited"}"#;

/// The recipe of the active model once more.
fn recipe(model: &model::Model, digest: &ModelDigest) -> String {
    let evaluation = model.evaluation.as_deref().unwrap_or_default();
    let evaluation: serde_json::Value = serde_json::from_str(evaluation).unwrap_or_default();
    let Some(recipe) = evaluation.get("recipe").and_then(serde_json::Value::as_object) else {
        // one of what is normal may have Bads to learn from by now, and of an imported one nothing
        // is known but its labels
        return SUITED.to_owned();
    };
    let mut recipe = recipe.clone();
    if recipe.get("kind").is_some_and(|kind| kind == "trunk") {
        // the trunk is the hall's; this plot type has the head
        recipe.insert("kind".to_owned(), "transfer".into());
        recipe.insert("parent".to_owned(), digest.to_string().into());
    }
    serde_json::Value::from(recipe).to_string()
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
