//! Jobs from labels in the database to models in the library.

use super::testing::{by, labelled, plot, trainer};
use super::*;
use crate::align::Shown;
use crate::recipe::Kind;
use hydra_proto::events::TrainingWanted;
use hydra_proto::registry::InputShape;
use hydra_stage::Stage;
use hydra_store::entity::{alias, model};
use hydra_store::orm::EntityTrait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn job(id: &str, recipe: &Recipe) -> Job {
    let plot_types = vec!["A".parse().unwrap()];
    Job {
        id: id.into(),
        plot_types,
        recipe: recipe.clone(),
        start: None,
        candidate: false,
        by: by(),
    }
}

fn of(runs: std::ops::Range<u32>, hole: bool) -> Vec<(u32, Vec<u8>)> {
    runs.map(|run| (run, plot(run.into(), 255, hole))).collect()
}

fn small(kind: Kind) -> Recipe {
    let mut recipe = Recipe::new(kind);
    recipe.input = InputShape { width: 48, height: 32, channels: 3, letterbox: false };
    (recipe.shown, recipe.fit.epochs) = (Shown::Pixels, 1);
    recipe
}

#[tokio::test]
async fn what_is_normal_and_what_is_bad_are_learnt_in_any_order_and_tested_on_what_neither_saw() {
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(dir.path()).await;
    let names = ["A".parse().unwrap()];
    let normal = NormalRecipe::default();
    labelled(&trainer, of(1..61, false), "Good", "LH2").await;
    let first = trainer.normal("first", &names, &normal, false, &by()).await.unwrap().remove(0);
    assert_eq!(first.figures.goods, 12, "one run in five is held out");
    assert_eq!(first.figures.training["images"], 48);
    labelled(&trainer, of(101..131, true), "Bad", "LH2").await;
    let recipe = small(Kind::Full);
    let made = trainer.run(&job("a", &recipe), Control::default()).await.unwrap().remove(0);
    let fixed = training::fixed(&trainer.database, &names[0]).await.unwrap();
    assert!(fixed.test.is_disjoint(&fixed.trained));
    assert!(made.learnt.test.iter().all(|image| !fixed.trained.contains(image)));
    let labels = &made.learnt.figures.test.labels;
    assert_eq!(labels.len(), 2, "there are Goods and Bads to judge by");

    // again, after the test set is frozen, and after more labels
    labelled(&trainer, of(201..231, false), "Good", "LH2").await;
    let second = trainer.normal("second", &names, &normal, false, &by()).await.unwrap().remove(0);
    assert_eq!(second.figures.goods, 12, "the frozen ones judge it, too");
    let again = trainer.run(&job("b", &recipe), Control::default()).await.unwrap().remove(0);
    let fixed = training::fixed(&trainer.database, &names[0]).await.unwrap();
    assert!(fixed.test.is_disjoint(&fixed.trained));
    assert_eq!(again.learnt.test, made.learnt.test);
}

#[tokio::test]
async fn a_job_that_labels_overtook_starts_anew_and_one_that_is_refused_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(dir.path()).await;
    labelled(&trainer, of(1..31, false), "Good", "LH2").await;
    let folders = || {
        let jobs = std::fs::read_dir(&trainer.folder).map(Iterator::count);
        jobs.unwrap_or_default()
    };
    let mut recipe = small(Kind::Full);
    let refused = trainer.run(&job("one", &recipe), Control::default()).await.unwrap_err();
    assert!(matches!(refused, JobError::Learn(LearnError::Labels { .. })), "{refused}");
    assert_eq!(folders(), 0, "one class is seen before anything is decoded");

    labelled(&trainer, of(101..131, true), "Bad", "LH2").await;
    recipe.fit.epochs = 3;
    let cancel = Arc::new(AtomicBool::new(false));
    let stop = cancel.clone();
    let report: crate::fit::Report = Arc::new(move |progress: &crate::fit::Progress| {
        stop.fetch_or(progress.epoch >= 2, Ordering::Relaxed);
    });
    let control = Control { cancel: Some(cancel), report: Some(report), ..Control::default() };
    let cancelled = trainer.run(&job("one", &recipe), control).await.unwrap_err();
    assert!(cancelled.goes_on(), "{cancelled}");
    assert_eq!(folders(), 1, "there it goes on from");
    labelled(&trainer, of(41..42, false), "Good", "LH2").await;
    let made = trainer.run(&job("one", &recipe), Control::default()).await.unwrap();
    assert_eq!(made[0].learnt.figures.epochs.len(), 3, "all of them again");
    assert_eq!(folders(), 0);
}

#[tokio::test]
async fn what_is_no_parent_says_what_is() {
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(dir.path()).await;
    labelled(&trainer, of(1..61, false), "Good", "LH2").await;
    let names = ["A".parse().unwrap()];
    let normal = NormalRecipe::default();
    let parent = trainer.normal("n", &names, &normal, false, &by()).await.unwrap().remove(0);
    let recipe = Recipe { parent: Some(parent.digest), ..small(Kind::Transfer) };
    let refused = trainer.run(&job("t", &recipe), Control::default()).await.unwrap_err();
    assert!(refused.to_string().contains("recipes full, trunk and transfer"), "{refused}");
}

#[tokio::test]
async fn a_second_head_on_a_trunk_needs_no_plot_that_the_first_has_seen() {
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(dir.path()).await;
    let (goods, bads) = (of(1..41, false), of(101..131, true));
    labelled(&trainer, goods.clone(), "Good", "LH2").await;
    labelled(&trainer, bads.clone(), "Bad", "LH2").await;
    let mut recipe = small(Kind::Trunk);
    let trunk = trainer.run(&job("trunk", &recipe), Control::default()).await.unwrap().remove(0);

    (recipe.kind, recipe.parent) = (Kind::Transfer, Some(trunk.digest));
    let first = trainer.run(&job("first", &recipe), Control::default()).await.unwrap().remove(0);
    for (_, png) in goods.iter().chain(&bads) {
        trainer.blobs.delete(&ContentHash::of(png)).await.unwrap();
    }
    let again = trainer.run(&job("again", &recipe), Control::default()).await.unwrap().remove(0);
    assert!(again.left_out.is_empty(), "{:?}", again.left_out);
    assert_eq!(again.learnt.head, first.learnt.head);
    assert_eq!(again.learnt.figures.test_scores, first.learnt.figures.test_scores);
    assert_eq!(again.learnt.taught, first.learnt.taught);

    // of a plot that came since there are neither pixels nor an embedding
    let lost = of(41..42, false);
    labelled(&trainer, lost.clone(), "Good", "LH2").await;
    trainer.blobs.delete(&ContentHash::of(&lost[0].1)).await.unwrap();
    let more = trainer.run(&job("more", &recipe), Control::default()).await.unwrap().remove(0);
    assert_eq!(more.left_out.len(), 1, "{:?}", more.left_out);

    // another trunk has seen none of them
    recipe = Recipe { kind: Kind::Trunk, parent: None, ..recipe };
    let refused = trainer.run(&job("other", &recipe), Control::default()).await.unwrap_err();
    assert!(matches!(refused, JobError::Learn(_)), "{refused}");
}

#[tokio::test]
async fn a_network_starts_from_weights_of_elsewhere_but_for_its_last_layer() {
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(dir.path()).await;
    labelled(&trainer, of(1..31, false), "Good", "LH2").await;
    labelled(&trainer, of(101..131, true), "Bad", "LH2").await;
    // no epoch changes what it starts from
    let mut recipe = small(Kind::Full);
    (recipe.fit.learning_rate, recipe.fit.weight_decay) = (1e-12, 0.0);
    let graph = recipe.architecture.graph(recipe.input, 1_000).unwrap();
    let weights = Weights::random(&graph, 99);
    let job = Job { start: Some(weights.clone()), ..job("outside", &recipe) };
    let made = trainer.run(&job, Control::default()).await.unwrap().remove(0);
    let network = made.learnt.network.unwrap();
    let first = |weights: &Weights| weights.get("conv1.weight").unwrap().data.clone();
    let (now, then) = (first(&network.weights), first(&weights));
    assert!(now.iter().zip(&then).all(|(a, b)| (a - b).abs() < 1e-6));
    assert_eq!(made.learnt.head.labels(), 2);

    recipe.architecture = crate::graph::Architecture::Resnet18;
    let job = Job { recipe, id: "other".into(), ..job };
    let refused = trainer.run(&job, Control::default()).await.unwrap_err();
    assert!(matches!(refused, JobError::Learn(LearnError::Weights(_))), "{refused}");
}

#[tokio::test]
async fn a_job_that_leaves_the_recipe_open_begins_with_what_is_normal_and_goes_on_to_a_classifier()
{
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(dir.path()).await;
    let stage = Train::new(trainer.clone());
    let wanted = |job_id: &str| TrainingWanted {
        job_id: job_id.into(),
        plot_types: vec!["A".into()],
        recipe_json: r#"{"kind":"suited"}"#.into(),
        who: "policy".into(),
        why: "test".into(),
    };
    let candidate = async || {
        let aliases =
            trainer.database.run(|pool| async move { alias::Entity::find().all(&pool).await });
        let model_id = aliases.await.unwrap().pop().map(|alias| alias.model_id);
        let models =
            trainer.database.run(|pool| async move { model::Entity::find().all(&pool).await });
        let found = models.await.unwrap().into_iter().find(|model| Some(model.id) == model_id);
        found.map(|model| (model.architecture, model.evaluation.unwrap_or_default()))
    };
    labelled(&trainer, of(1..61, false), "Good", "LH2").await;
    stage.handle(vec![wanted("first")]).await.remove(0).unwrap();
    assert_eq!(candidate().await.unwrap().0, ARCHITECTURE);
    labelled(&trainer, of(101..131, true), "Bad", "LH2").await;
    stage.handle(vec![wanted("second")]).await.remove(0).unwrap();
    let (architecture, evaluation) = candidate().await.unwrap();
    assert_eq!(architecture, crate::recipe::DEVIATIONS);
    let figures: crate::recipe::Figures = serde_json::from_str(&evaluation).unwrap();
    assert!(figures.test.accuracy.unwrap().value > 0.9, "{:?}", figures.test.accuracy);
    let empty = TrainingWanted { plot_types: vec![], ..wanted("third") };
    let refused = stage.handle(vec![empty]).await.remove(0).unwrap_err();
    assert!(matches!(refused, hydra_stage::Failure::Refused(_)));
}
