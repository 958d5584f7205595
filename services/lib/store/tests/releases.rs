//! Models, releases and the registry that workers see.

#![allow(clippy::unwrap_used)]

mod common;

use common::on_each;
use hydra_proto::{ModelDigest, PlotTypeName, registry::InputShape, registry::Registry};
use hydra_store::{
    Database, StoreError, model,
    model::NewModel,
    registry,
    release::{Action, Alias, By, Thresholds, history, release},
    watch_registry,
};
use hydra_testkit::{Engine, eventually};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn plot() -> PlotTypeName {
    "CDC_occupancy".parse().unwrap()
}

async fn library(db: &Database, name: &str) -> ModelDigest {
    let digest = ModelDigest::of(name.as_bytes());
    let new = NewModel {
        digest,
        architecture: "small".into(),
        parent: None,
        inputs: vec![InputShape { width: 128, height: 128, channels: 3, letterbox: false }],
        labels: vec!["Good".parse().unwrap(), "Bad".parse().unwrap()],
        plot_types: vec![plot()],
        manifest: format!("{{\"name\":\"{name}\"}}"),
        evaluation: None,
    };
    assert!(model::insert(db, new.clone()).await.unwrap());
    assert!(!model::insert(db, new).await.unwrap(), "a bundle is there once");
    digest
}

async fn act(db: &Database, action: Action) -> Result<u64, StoreError> {
    release(db, plot(), action, By { who: "naomi".into(), why: "test".into() }).await
}

fn thresholds(label: &str, value: f32) -> Thresholds {
    [(label.parse().unwrap(), value.try_into().unwrap())].into()
}

fn active(registry: &Registry) -> Option<ModelDigest> {
    registry.plot_types[&plot()].active.as_ref().map(|release| release.model)
}

#[tokio::test]
async fn releases_move_names_and_every_move_is_an_event() {
    on_each(async |db, _| {
        let (a, b) = (library(db, "a").await, library(db, "b").await);
        act(db, Action::Activate(a, thresholds("Bad", 0.7))).await.unwrap();
        act(db, Action::Candidate(b, Thresholds::new())).await.unwrap();
        let seen = registry(db).await.unwrap();
        assert_eq!(active(&seen), Some(a));
        let entry = &seen.plot_types[&plot()];
        assert_eq!(entry.candidate.as_ref().unwrap().model, b);
        assert_eq!(entry.active.as_ref().unwrap().thresholds, thresholds("Bad", 0.7));

        act(db, Action::Activate(b, Thresholds::new())).await.unwrap();
        let seen = registry(db).await.unwrap();
        assert_eq!(active(&seen), Some(b));
        assert_eq!(seen.plot_types[&plot()].candidate, None, "it is no candidate any more");

        act(db, Action::Rollback).await.unwrap();
        assert_eq!(active(&registry(db).await.unwrap()), Some(a));
        act(db, Action::Threshold(thresholds("Bad", 0.9))).await.unwrap();
        act(db, Action::Withdraw).await.unwrap();
        assert_eq!(active(&registry(db).await.unwrap()), None);
        act(db, Action::Rollback).await.unwrap();
        let back = registry(db).await.unwrap();
        assert_eq!(active(&back), Some(a), "a withdrawal can be taken back");
        let in_force = &back.plot_types[&plot()].active.as_ref().unwrap().thresholds;
        assert_eq!(*in_force, thresholds("Bad", 0.9));

        let events = history(db, plot(), 100).await.unwrap();
        let actions: Vec<&str> = events.iter().rev().map(|event| event.action.as_str()).collect();
        let all =
            ["activate", "candidate", "activate", "rollback", "threshold", "withdraw", "rollback"];
        assert_eq!(actions, all);
        assert_eq!(events[0].by.who, "naomi");
        let shown = model::show(db, a).await.unwrap();
        assert_eq!(shown.aliases, [(plot(), Alias::Active)]);
        assert_eq!(model::list(db, Some(plot())).await.unwrap().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_released_is_refused_and_nothing_moves() {
    on_each(async |db, _| {
        let a = library(db, "a").await;
        let before = registry(db).await.unwrap();
        let unknown = Action::Activate(ModelDigest::of(b"none"), Thresholds::new());
        assert!(matches!(act(db, unknown).await, Err(StoreError::Missing(_))));
        let wrong = Action::Activate(a, thresholds("Hot", 0.5));
        let error = act(db, wrong).await.unwrap_err();
        assert_eq!(error.to_string(), "the model knows no label Hot; it knows Good, Bad");
        for action in [Action::Rollback, Action::Withdraw, Action::Threshold(Thresholds::new())] {
            assert!(matches!(act(db, action).await, Err(StoreError::Refused(_))));
        }
        assert_eq!(registry(db).await.unwrap(), before);
    })
    .await;
}

#[tokio::test]
async fn a_release_reaches_every_watcher_by_itself_and_at_once_when_announced() {
    on_each(async |db, _| {
        let a = library(db, "a").await;
        let (announce, announced) = tokio::sync::watch::channel(0);
        let stop = CancellationToken::new();
        let watch = |every| watch_registry(db.clone(), every, announced.clone(), stop.clone());
        let by_itself = watch(Duration::from_millis(20)).await.unwrap();
        let announced = watch(Duration::from_secs(3600)).await.unwrap();
        act(db, Action::Activate(a, Thresholds::new())).await.unwrap();
        eventually("it looks by itself", async || active(&by_itself.borrow()) == Some(a)).await;
        assert_eq!(active(&announced.borrow()), None, "nobody told it");
        announce.send(1).unwrap();
        eventually("it was told", async || active(&announced.borrow()) == Some(a)).await;
        stop.cancel();
    })
    .await;
}

#[tokio::test]
async fn ten_thousand_plot_types_are_one_snapshot() {
    let (_scratch, db) = common::fresh(Engine::Sqlite).await;
    let names: Vec<PlotTypeName> = (0..10_000).map(|n| format!("P{n}").parse().unwrap()).collect();
    db.transaction(move |txn| {
        let names = names.clone();
        Box::pin(async move { hydra_store::plot_type::ids(txn, &names).await.map(|_| ()) })
    })
    .await
    .unwrap();
    assert_eq!(registry(&db).await.unwrap().plot_types.len(), 10_000);
}

#[tokio::test]
async fn a_model_of_other_labels_than_the_plot_types_is_refused() {
    on_each(async |db, _| {
        let model = library(db, "good and bad").await;
        let declared = "[[plot_type]]\nname = 'CDC_occupancy'\nlabels = ['Good', 'NoData']\n\
                        bad_labels = ['NoData']";
        let wanted = hydra_store::catalog::Catalog::parse(declared).unwrap();
        let by = By { who: "naomi".into(), why: "test".into() };
        hydra_store::catalog::apply(db, wanted, false, by).await.unwrap();
        for action in [
            Action::Candidate(model, Thresholds::new()),
            Action::Activate(model, Thresholds::new()),
        ] {
            let refused = act(db, action).await.unwrap_err();
            assert!(matches!(refused, StoreError::Refused(_)), "{refused}");
            assert!(refused.to_string().contains("Bad, which is no label"), "{refused}");
        }
        assert_eq!(active(&registry(db).await.unwrap()), None);
    })
    .await;
}
