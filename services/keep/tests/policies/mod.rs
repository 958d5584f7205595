//! Training jobs that the catalog's policies file, and what they are filed for.

use crate::plots::*;
use hydra_keep::Keep;
use hydra_store::{
    Database,
    drift::drift,
    entity::{alias, plot_type},
    label,
    model::{self, NewModel},
    now_us,
    release::{self, Action, By, Thresholds},
    retraining::{Due, due, filed},
};

const DAY_US: i64 = 86_400_000_000;

fn by() -> By {
    By { who: "test".into(), why: "test".into() }
}

/// An active model whose evaluation was as sure of its Goods as this.
async fn activate(db: &Database, sure: f32) {
    let scores: Vec<_> = (0..100)
        .map(|n| {
            let p = sure - n as f32 * 1e-4;
            serde_json::json!({ "truth": 0, "probabilities": [p, 1.0 - p] })
        })
        .collect();
    let evaluation = serde_json::json!({
        "recipe": { "kind": "transfer" }, "validation_scores": scores,
    });
    let new = NewModel {
        digest: digest("first"),
        architecture: "test".into(),
        parent: None,
        inputs: vec![],
        labels: vec!["Good".parse().unwrap(), "Bad".parse().unwrap()],
        plot_types: vec!["CDC".parse().unwrap()],
        manifest: "{}".into(),
        evaluation: Some(evaluation.to_string()),
    };
    model::insert(db, new).await.unwrap();
    let action = Action::Activate(digest("first"), Thresholds::new());
    release::release(db, "CDC".parse().unwrap(), action, by()).await.unwrap();
}

/// Files what is due, as keep does once it is published.
async fn file_due(db: &Database, now_us: i64) -> Vec<Due> {
    let jobs = due(db, now_us).await.unwrap();
    assert_eq!(due(db, now_us).await.unwrap(), jobs, "until it is filed it is the same job");
    for job in &jobs {
        filed(db, job, now_us).await.unwrap();
    }
    jobs
}

#[tokio::test]
async fn so_many_new_labels_file_one_job_that_names_its_reason() {
    on_each(async |db| {
        declare(db, "[[plot_type]]\nname = 'CDC'\nretrain = { new_labels = 20 }").await;
        activate(db, 0.9).await;
        let keep = Keep::new(db.clone());
        let plots: Vec<Plot> = (0..30).map(|n| Plot::new("CDC", n, &[GOOD])).collect();
        write(&keep, plots.iter().map(Plot::message).collect()).await;
        let good = |plot: &Plot| (plot.id(), Some("Good".parse().unwrap()));
        label::set(db, plots[..19].iter().map(good).collect(), by()).await.unwrap();
        assert!(file_due(db, now_us()).await.is_empty(), "19 are not 20");
        label::set(db, plots[19..21].iter().map(good).collect(), by()).await.unwrap();
        let jobs = file_due(db, now_us()).await;
        assert_eq!(jobs[0].wanted.why, "21 labels since the active model was made");
        // the same labels are no reason twice, today or in a month
        for later in [now_us(), now_us() + 30 * DAY_US] {
            assert!(file_due(db, later).await.is_empty());
        }
        let wanted = &jobs[0].wanted;
        assert_eq!(
            (wanted.who.as_str(), &wanted.plot_types[..]),
            ("retraining policy", &["CDC".to_owned()][..])
        );
        assert_eq!(wanted.recipe_json, r#"{"kind":"transfer"}"#, "the active model's own");
        // nothing is released by itself
        assert_eq!(rows::<alias::Entity>(db).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn doubt_and_drift_are_reasons_and_no_policy_is_none() {
    let (_scratch, db) = fresh(hydra_testkit::Engine::Sqlite).await;
    declare(&db, "[[plot_type]]\nname = 'CDC'").await;
    // messages say 0.9 Good, or 0.1 where they say Bad
    activate(&db, 0.9).await;
    let keep = Keep::new(db.clone());
    let said = |n: u32| if n.is_multiple_of(4) { UNSURE } else { GOOD };
    let plots: Vec<Plot> = (0..80).map(|n| Plot::new("CDC", n, &[said(n)])).collect();
    write(&keep, plots.iter().map(Plot::message).collect()).await;
    let id = rows::<plot_type::Entity>(&db).await[0].id;
    let model_id = rows::<alias::Entity>(&db).await[0].model_id;
    let found = drift(&db, id, model_id).await.unwrap();
    assert_eq!((found.images, found.unconfirmed), (80, 0.25));
    let distance = found.distance.unwrap();
    assert!((0.2..1.0).contains(&distance), "a quarter of the verdicts moved: {distance}");
    assert!(file_due(&db, now_us()).await.is_empty(), "no policy");
    for (policy, told) in [("unconfirmed = 0.2", "25 % of"), ("drift = 0.15", "from those")] {
        let catalog = format!("[[plot_type]]\nname = 'CDC'\nretrain = {{ {policy} }}");
        declare(&db, &catalog).await;
        let jobs = file_due(&db, now_us() + 2 * DAY_US * (1 + told.len() as i64)).await;
        assert!(jobs[0].wanted.why.contains(told), "{jobs:?}");
    }
}

#[tokio::test]
async fn goods_enough_begin_a_plot_type_without_a_model_and_a_persons_candidate_is_left_alone() {
    on_each(async |db| {
        declare(
            db,
            "[[plot_type]]\nname = 'CDC'\nretrain = { begin_at_goods = 20, new_labels = 5 }",
        )
        .await;
        let keep = Keep::new(db.clone());
        let plots: Vec<Plot> = (0..40).map(|n| Plot::new("CDC", n, &[GOOD])).collect();
        write(&keep, plots.iter().map(Plot::message).collect()).await;
        let good = |plot: &Plot| (plot.id(), Some("Good".parse().unwrap()));
        label::set(db, plots[..19].iter().map(good).collect(), by()).await.unwrap();
        assert!(file_due(db, now_us()).await.is_empty(), "19 are not 20");
        label::set(db, plots[19..20].iter().map(good).collect(), by()).await.unwrap();
        let jobs = file_due(db, now_us()).await;
        assert_eq!(jobs[0].wanted.why, "20 Goods and no model yet");
        assert_eq!(jobs[0].wanted.recipe_json, r#"{"kind":"suited"}"#);
        assert!(file_due(db, now_us() + 30 * DAY_US).await.is_empty(), "once is enough");

        activate(db, 0.9).await;
        label::set(db, plots[20..30].iter().map(good).collect(), by()).await.unwrap();
        let new = NewModel {
            digest: digest("second"),
            architecture: "test".into(),
            parent: None,
            inputs: vec![],
            labels: vec!["Good".parse().unwrap(), "Bad".parse().unwrap()],
            plot_types: vec!["CDC".parse().unwrap()],
            manifest: "{}".into(),
            evaluation: None,
        };
        model::insert(db, new).await.unwrap();
        let action = Action::Candidate(digest("second"), Thresholds::new());
        release::release(db, "CDC".parse().unwrap(), action, by()).await.unwrap();
        let later = now_us() + 30 * DAY_US;
        assert!(file_due(db, later).await.is_empty(), "a person's candidate would be replaced");
        let action = Action::Activate(digest("second"), Thresholds::new());
        release::release(db, "CDC".parse().unwrap(), action, by()).await.unwrap();
        label::set(db, plots[30..36].iter().map(good).collect(), by()).await.unwrap();
        let jobs = file_due(db, later).await;
        assert_eq!(jobs[0].wanted.recipe_json, r#"{"kind":"suited"}"#, "nothing is known of it");
    })
    .await;
}
