//! The whole way, from labels in the database to what the model says.

use super::*;
use crate::job::testing::{by, labelled, plot, trainer};
use hydra_store::entity::alias;
use hydra_store::orm::EntityTrait;

#[tokio::test]
async fn goods_alone_make_a_candidate_that_learns_new_conditions_from_twenty_more() {
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(dir.path()).await;
    let database = trainer.database.clone();
    let names = ["A".parse().unwrap()];
    let recipe = NormalRecipe::default();
    let of = |range: std::ops::Range<u32>, shade, hole| -> Vec<(u32, Vec<u8>)> {
        range.map(|run| (run, plot(run.into(), shade, hole))).collect()
    };
    labelled(&trainer, of(1..11, 255, false), "Good", "LH2").await;
    let refused = trainer.normal("few", &names, &recipe, true, &by()).await.unwrap_err();
    assert!(refused.to_string().contains("A: 10 Good plots, at least 20"), "{refused}");
    labelled(&trainer, of(11..81, 255, false), "Good", "LH2").await;
    labelled(&trainer, of(201..209, 255, true), "Bad", "LH2").await;
    let made = trainer.normal("first", &names, &recipe, true, &by()).await.unwrap().remove(0);
    let figures = &made.figures;
    assert_eq!((figures.others, figures.others_novel, figures.learnt_from), (8, 8, 0));
    let shelf = Library::new(trainer.blobs.clone());
    let manifest = shelf.manifest(&made.digest).await.unwrap();
    assert_eq!(manifest.layouts.len(), 1);
    assert_eq!(manifest.layouts[0].panels.as_ref().unwrap().len(), 1);
    assert_eq!(manifest.conditions.unfamiliar(r#"{"target":"C12"}"#).unwrap(), "target C12");
    let aliases =
        database.run(|pool| async move { alias::Entity::find().all(&pool).await }).await.unwrap();
    assert_eq!((aliases.len(), aliases[0].alias.as_str()), (1, "candidate"));

    // another target dims the paper; twenty Goods of it teach the model
    labelled(&trainer, of(301..321, 235, false), "Good", "C12").await;
    let recipe = NormalRecipe { parent: Some(made.digest), ..recipe };
    let child = trainer.normal("second", &names, &recipe, false, &by()).await.unwrap();
    let child = &child[0];
    assert_eq!((child.figures.learnt_from, child.figures.others_novel), (20, 8));
    let manifest = shelf.manifest(&child.digest).await.unwrap();
    assert_eq!(manifest.parent, Some(made.digest));
    assert_eq!(manifest.conditions.unfamiliar(r#"{"target":"C12"}"#), None);
    let (before, _) = trainer.known(made.digest).await.unwrap();
    let (after, _) = trainer.known(child.digest).await.unwrap();
    let mut bench = hydra_vision::Workbench::default();
    let mut novel = |model: &NormalityModel, run: u64| {
        let png = plot(run, 235, false);
        let pixels = bench.open(&png).unwrap().resized(&INPUT).to_vec();
        model.judge(&pixels).unwrap().novel()
    };
    let count = |model: &NormalityModel, novel: &mut dyn FnMut(&NormalityModel, u64) -> bool| {
        (400..440).filter(|run| novel(model, *run)).count()
    };
    assert_eq!(count(&before, &mut novel), 40, "every plot is new to the parent");
    let alarms = count(&after, &mut novel);
    assert!(alarms <= 3, "{alarms} of 40");
}
