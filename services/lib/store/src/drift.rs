//! How the newest verdicts of a model differ from those that it gave when it was made.
//!
//! Compared is how sure it is of Good: its newest verdicts against those on the Goods that
//! validated and tested it, by the largest distance of the two distributions (Kolmogorov and
//! Smirnov). A model of what is normal says instead how unlikely each plot is, which is uniform
//! as long as all is as it was. Labels are not needed, and what is labelled Bad counts for nothing:
//! training sets hold far more of it than shifts see.
//!
//! Compared, too, is what it sees: how far the features of the newest plots lie from those of the
//! Goods that it was taught, against how far such Goods lie from each other. A verdict can stay sure
//! while plots wander off.

use crate::{
    Database, ROLE_ACTIVE, StoreError,
    entity::{embedding, model, model_label, prediction, training_image},
    id::floats,
};
use hydra_proto::Label;
use sea_orm::{ColumnTrait, DatabaseConnection, EntityTrait, QueryFilter, QueryOrder, QuerySelect};
use serde_json::Value;

/// Verdicts that are compared.
const NEWEST: u64 = 400;
/// Images in training that are looked at.
const TAUGHT: u64 = 1_000;
/// Images asked for at once.
const CHUNK: usize = 200;
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
    /// The same of how far features lie from those of Goods in training; absent where either are
    /// not kept.
    pub features: Option<f64>,
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
    let features = features(pool, plot_type_id, model_id, &said).await?;
    let (images, unconfirmed, novel) = (said.len() as u64, share(1), share(2));
    Ok(Drift { images, unconfirmed, novel, distance, features })
}

async fn features(
    pool: &DatabaseConnection,
    plot_type_id: i32,
    model_id: i32,
    said: &[prediction::Model],
) -> Result<Option<f64>, StoreError> {
    use training_image::Column as T;
    let taught = training_image::Entity::find()
        .filter(T::ModelId.eq(model_id))
        .filter(T::PlotTypeId.eq(plot_type_id))
        .order_by_asc(T::ImageId)
        .limit(TAUGHT)
        .all(pool)
        .await?;
    let good = |row: &training_image::Model| {
        row.label.parse::<Label>().is_ok_and(|label| label.counts_as_good())
    };
    let taught: Vec<Vec<f32>> =
        taught.iter().filter(|row| good(row)).map(|row| floats(&row.features)).collect();
    if taught.len() < FEWEST || said.len() < FEWEST {
        return Ok(None);
    }
    let mut newest = Vec::with_capacity(said.len());
    for some in said.chunks(CHUNK) {
        let ids: Vec<Vec<u8>> = some.iter().map(|row| row.image_id.clone()).collect();
        let rows = embedding::Entity::find()
            .filter(embedding::Column::ImageId.is_in(ids))
            .filter(embedding::Column::ModelId.eq(model_id))
            .all(pool)
            .await?;
        newest.extend(rows.iter().map(|row| floats(&row.features)));
    }
    Ok(wandered(&newest, &taught))
}

/// Largest distance between how far `newest` lie from some Goods and how far the other Goods do.
fn wandered(newest: &[Vec<f32>], goods: &[Vec<f32>]) -> Option<f64> {
    let length = goods.first()?.len();
    if newest.iter().chain(goods).any(|features| features.len() != length) {
        return None;
    }
    let (some, others): (Vec<_>, Vec<_>) = goods.iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let count = some.len() as f64;
    let moments: Vec<(f64, f64)> = (0..length)
        .map(|at| {
            let mean = some.iter().map(|(_, f)| f64::from(f[at])).sum::<f64>() / count;
            let square = some.iter().map(|(_, f)| (f64::from(f[at]) - mean).powi(2)).sum::<f64>();
            (mean, square / count)
        })
        .collect();
    // a feature that hardly changes among Goods must not be all that is looked at
    let usual = moments.iter().map(|(_, v)| v).sum::<f64>() / length.max(1) as f64;
    let far = |features: &Vec<f32>| -> f64 {
        let of = |(value, (mean, variance)): (&f32, &(f64, f64))| {
            (f64::from(*value) - mean).powi(2) / (variance + 0.01 * usual).max(f64::MIN_POSITIVE)
        };
        features.iter().zip(&moments).map(of).sum()
    };
    between(newest.iter().map(far).collect(), others.into_iter().map(|(_, f)| far(f)).collect())
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

    #[test]
    fn features_of_the_same_kind_are_near_and_those_that_wandered_are_far() {
        // two features on scales of their own, one that never changes
        let plot = |n: u32, off: f32| {
            let turn = (n * 37 % 101) as f32 / 101.0;
            vec![turn + off, 100.0 * ((n * 53 % 97) as f32 / 97.0), 7.0]
        };
        let goods: Vec<Vec<f32>> = (0..200).map(|n| plot(n, 0.0)).collect();
        let of = |off: f32| (200..300).map(|n| plot(n, off)).collect::<Vec<_>>();
        let same = wandered(&of(0.0), &goods).unwrap();
        assert!(same < 0.25, "{same}");
        let far = wandered(&of(60.0), &goods).unwrap();
        assert!(far > 0.9, "{far}");
        assert_eq!(wandered(&[vec![1.0]], &goods), None, "of another length");
        assert_eq!(wandered(&of(0.0), &[]), None);
    }
}
