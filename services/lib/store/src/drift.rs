//! How the newest verdicts of a model differ from those that it gave when it was made.
//!
//! Compared is how sure it is of Good: its newest verdicts against those on the Goods that
//! validated and tested it, by the largest distance of the two distributions (Kolmogorov and
//! Smirnov). A model of what is normal says instead how unlikely each plot is, which is uniform
//! as long as all is as it was. Labels are not needed, and what is labelled Bad counts for nothing:
//! training sets hold far more of it than shifts see.

use crate::{
    Database, ROLE_ACTIVE, StoreError,
    entity::{model, model_label, prediction},
};
use hydra_proto::Label;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

/// Verdicts that are compared.
const NEWEST: u64 = 400;
/// Of fewer nothing is said.
const FEWEST: usize = 50;

/// What became of a model's verdicts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drift {
    /// Newest verdicts that were looked at.
    pub images: u64,
    /// Share of them that is unconfirmed.
    pub unconfirmed: f64,
    /// Share of them that is novel.
    pub novel: f64,
    /// Largest distance between the distributions, 0 to 1; absent where the model says nothing
    /// of its training, or there are too few verdicts.
    pub distance: Option<f64>,
}

/// Of the newest verdicts of a model on one plot type.
///
/// # Errors
/// When the database does not answer.
pub async fn drift(db: &Database, plot_type_id: i32, model_id: i32) -> Result<Drift, StoreError> {
    db.run(move |pool| async move { of(&pool, plot_type_id, model_id).await }).await
}

pub(crate) async fn of(
    pool: &DatabaseConnection,
    plot_type_id: i32,
    model_id: i32,
) -> Result<Drift, StoreError> {
    use prediction::Column as C;
    let newest = prediction::Entity::find()
        .filter(C::PlotTypeId.eq(plot_type_id))
        .filter(C::Role.eq(ROLE_ACTIVE))
        .order_by_desc(C::TakenUs)
        .order_by_desc(C::ImageId)
        .limit(NEWEST)
        .all(pool)
        .await?;
    let said: Vec<prediction::Model> =
        newest.into_iter().filter(|row| row.model_id == model_id).collect();
    let share = |state: i16| {
        said.iter().filter(|row| row.state == state).count() as f64 / said.len().max(1) as f64
    };
    let labels: Vec<String> = model_label::Entity::find()
        .select_only()
        .column(model_label::Column::Label)
        .filter(model_label::Column::ModelId.eq(model_id))
        .order_by_asc(model_label::Column::Position)
        .into_tuple()
        .all(pool)
        .await?;
    let counts_as_good =
        |label: &String| label.parse::<Label>().is_ok_and(|label| label.counts_as_good());
    let good = labels.iter().position(counts_as_good);
    let evaluation = model::Entity::find_by_id(model_id).one(pool).await?;
    let evaluation = evaluation.and_then(|row| row.evaluation).unwrap_or_default();
    let evaluation: Value = serde_json::from_str(&evaluation).unwrap_or_default();
    let distance = good.and_then(|good| distance(&said, &evaluation, good));
    Ok(Drift { images: said.len() as u64, unconfirmed: share(1), novel: share(2), distance })
}

fn distance(said: &[prediction::Model], evaluation: &Value, good: usize) -> Option<f64> {
    if said.len() < FEWEST {
        return None;
    }
    if evaluation.get("normality").is_some() {
        let p: Vec<f64> = said.iter().filter_map(|row| row.p_value).collect();
        let uniform: Vec<f64> = (0..1_000).map(|n| (f64::from(n) + 0.5) / 1_000.0).collect();
        return between(p, uniform);
    }
    let now = said.iter().filter_map(|row| {
        serde_json::from_str::<Vec<Option<f64>>>(&row.scores).ok()?.get(good).copied()?
    });
    let before = ["validation_scores", "test_scores"]
        .iter()
        .filter_map(|name| evaluation.get(name)?.as_array())
        .flatten()
        .filter(|one| one["truth"].as_u64() == u64::try_from(good).ok())
        .filter_map(|one| one["probabilities"].get(good)?.as_f64());
    between(now.collect(), before.collect())
}

/// Largest distance between two empirical distributions; none of too few values.
fn between(mut a: Vec<f64>, mut b: Vec<f64>) -> Option<f64> {
    const ENOUGH: usize = 20;
    if a.len() < ENOUGH || b.len() < ENOUGH {
        return None;
    }
    a.sort_by(f64::total_cmp);
    b.sort_by(f64::total_cmp);
    let share = |sorted: &[f64], value: f64| {
        sorted.partition_point(|other| *other <= value) as f64 / sorted.len() as f64
    };
    let apart = |value: &f64| (share(&a, *value) - share(&b, *value)).abs();
    a.iter().chain(&b).map(apart).max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_distributions_are_near_and_others_far() {
        let some = |from: u32, to: u32| (from..to).map(f64::from).collect::<Vec<_>>();
        assert!(between(some(0, 100), some(0, 100)).unwrap() < 1e-9);
        assert_eq!(between(some(0, 100), some(500, 600)), Some(1.0));
        let half = between(some(0, 100), some(50, 150)).unwrap();
        assert!((half - 0.5).abs() < 0.02, "{half}");
        assert_eq!(between(some(0, 5), some(0, 100)), None);
    }
}
