//! Jobs from labels in the database to models in the library.

use super::testing::{by, labelled, plot, trainer};
use super::*;
use crate::align::Shown;
use crate::recipe::Kind;
use hydra_proto::registry::InputShape;

fn job(id: &str, recipe: &Recipe) -> Job {
    let plot_types = vec!["A".parse().unwrap()];
    Job { id: id.into(), plot_types, recipe: recipe.clone(), candidate: false, by: by() }
}

#[tokio::test]
async fn a_second_head_on_a_trunk_needs_no_plot_that_the_first_has_seen() {
    let dir = tempfile::tempdir().unwrap();
    let trainer = trainer(dir.path()).await;
    let of = |range: std::ops::Range<u32>, hole| -> Vec<(u32, Vec<u8>)> {
        range.map(|run| (run, plot(run.into(), 255, hole))).collect()
    };
    let (goods, bads) = (of(1..41, false), of(101..131, true));
    labelled(&trainer, goods.clone(), "Good", "LH2").await;
    labelled(&trainer, bads.clone(), "Bad", "LH2").await;
    let mut recipe = Recipe::new(Kind::Trunk);
    recipe.input = InputShape { width: 48, height: 32, channels: 3, letterbox: false };
    (recipe.shown, recipe.fit.epochs) = (Shown::Pixels, 1);
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
