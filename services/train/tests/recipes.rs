//! From labels to sealed bundles, by each recipe, and what is refused.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::Device;
use common::{Plots, SHAPE};
use hydra_model::manifest::Guards;
use hydra_model::{Runtime, RuntimeConfig};
use hydra_proto::Label;
use hydra_train::align::Shown;
use hydra_train::data::Dataset;
use hydra_train::fit::{Control, FitSettings};
use hydra_train::graph::Architecture;
use hydra_train::recipe::{
    Files, Kind, LearnError, Learnt, Network, Parent, PlotSet, Recipe, bundle_of, learn,
};
use hydra_train::runner::Runner;

fn runtime() -> Runtime {
    Runtime::load(&RuntimeConfig::default()).unwrap()
}

fn recipe(kind: Kind) -> Recipe {
    Recipe {
        architecture: Architecture::Compact,
        input: SHAPE,
        fit: FitSettings { epochs: 6, batch: 16, learning_rate: 5e-3, ..Default::default() },
        ..Recipe::new(kind)
    }
}

fn set(plots: &Plots) -> PlotSet<'_> {
    PlotSet {
        name: plots.examples[0].plot_type.clone(),
        data: plots,
        fixed: Default::default(),
        parts: None,
    }
}

fn made(
    sets: &[&Plots],
    recipe: &Recipe,
    parent: Option<&Parent>,
) -> Result<Vec<Learnt>, LearnError> {
    let sets: Vec<PlotSet<'_>> = sets.iter().map(|plots| set(plots)).collect();
    learn(&sets, recipe, parent, &runtime(), &Device::flex(), &Control::default())
}

fn network_of(learnt: &Learnt) -> &Network {
    learnt.network.as_deref().unwrap()
}

/// The sealed file says what the evaluation says it does.
fn served_as_judged(learnt: &Learnt, plots: &Plots) {
    let bundle = bundle_of(learnt, "2026-01-01T00:00:00Z", &runtime()).unwrap();
    assert_eq!(bundle.manifest.labels, learnt.labels);
    assert!(bundle.manifest.explain.method().is_some());
    assert_eq!(bundle.manifest.output.embedding.as_deref(), Some("features"));
    for one in &learnt.taught {
        let example = plots.examples.iter().find(|e| e.image == one.image).unwrap();
        assert_eq!(example.label, one.label);
        assert!(learnt.trained.contains(&one.image) && !learnt.test.contains(&one.image));
    }
    assert!(learnt.labels.iter().all(|l| learnt.taught.iter().any(|one| one.label == *l)));
    let Files::Network(file) = &learnt.files else { return };
    let mut runner = Runner::open(&runtime(), file, SHAPE).unwrap();
    let scored = &learnt.figures.test_scores[0];
    let index = plots.examples.iter().position(|e| e.image == scored.image).unwrap();
    let pixels = plots.pixels(index, SHAPE).unwrap();
    let logits = runner.run(&pixels, &["logits"]).unwrap().remove(0).values;
    let known = &learnt.taught[0];
    let index = plots.examples.iter().position(|e| e.image == known.image).unwrap();
    let pixels = plots.pixels(index, SHAPE).unwrap();
    let features = runner.run(&pixels, &["features"]).unwrap().remove(0).values;
    assert!(features.iter().zip(&known.features).all(|(a, b)| (a - b).abs() < 1e-4));
    let scaled: Vec<f32> = logits.iter().map(|l| l / learnt.figures.temperature as f32).collect();
    for (a, b) in hydra_train::head::softmax(&scaled).iter().zip(&scored.probabilities) {
        assert!((a - b).abs() < 1e-3, "{a} {b}");
    }
}

#[test]
fn a_trunk_serves_all_plot_types_and_a_later_one_needs_a_head_only() {
    let (a, b) = (Plots::new("A", 150, 1), Plots::new("B", 150, 2));
    let learnt = made(&[&a, &b], &recipe(Kind::Trunk), None).unwrap();
    assert_eq!(learnt.len(), 2);
    for (one, plots) in learnt.iter().zip([&a, &b]) {
        let accuracy = one.figures.test.accuracy.unwrap().value;
        assert!(accuracy > 0.85, "{}: {accuracy}", one.plot_type);
        assert!(!one.figures.epochs.is_empty());
        served_as_judged(one, plots);
        let runs = |ids: &[hydra_proto::ImageId]| -> std::collections::BTreeSet<u32> {
            let of = |id: &hydra_proto::ImageId| {
                plots.examples.iter().find(|e| e.image == *id).unwrap().run
            };
            ids.iter().map(of).collect()
        };
        assert!(runs(&one.trained).is_disjoint(&runs(&one.test)), "split by run");
    }
    let bytes = network_of(&learnt[0]).to_bytes();
    let parent = Parent { digest: None, network: Network::from_bytes(&bytes).unwrap() };
    let later = Plots::new("C", 150, 3);
    let child = made(&[&later], &recipe(Kind::Transfer), Some(&parent)).unwrap().remove(0);
    let accuracy = child.figures.test.accuracy.unwrap().value;
    assert!(accuracy > 0.85, "{accuracy}");
    assert_eq!(network_of(&child).weights, parent.network.weights, "the trunk is frozen");
    served_as_judged(&child, &later);
}

#[test]
fn without_alignment_the_trunk_is_one_file_for_all() {
    let (a, b) = (Plots::new("A", 150, 1), Plots::new("B", 150, 2));
    let plain = Recipe { shown: Shown::Pixels, ..recipe(Kind::Trunk) };
    let learnt = made(&[&a, &b], &plain, None).unwrap();
    let trunks: Vec<_> = learnt
        .iter()
        .map(|one| {
            let bundle = bundle_of(one, "2026-01-01T00:00:00Z", &runtime()).unwrap();
            assert!(bundle.manifest.graphs.head().is_some());
            bundle.manifest.graphs.body()
        })
        .collect();
    assert_eq!(trunks[0], trunks[1]);
}

#[test]
fn pixels_beside_deviations_are_served_as_they_were_trained() {
    let plots = Plots::new("A", 150, 1);
    let both = Recipe { shown: Shown::Both, ..recipe(Kind::Full) };
    let learnt = made(&[&plots], &both, None).unwrap().remove(0);
    let accuracy = learnt.figures.test.accuracy.unwrap().value;
    assert!(accuracy > 0.85, "{accuracy}");
    served_as_judged(&learnt, &plots);
    let network = Network::from_bytes(&network_of(&learnt).to_bytes()).unwrap();
    assert_eq!(network, *network_of(&learnt));
}

#[test]
fn synthetic_bad_images_train_and_judge_nothing() {
    let mut goods = Plots::new("A", 150, 1);
    goods.examples.retain(|e| e.label.as_str() == "Good");
    let none = Recipe { shown: Shown::Both, ..recipe(Kind::Full) };
    let refused = made(&[&goods], &none, None).unwrap_err();
    assert!(matches!(refused, LearnError::Labels { .. }), "{refused}");
    let with = Recipe { synthetic: 90, ..none };
    let learnt = made(&[&goods], &with, None).unwrap().remove(0);
    let labels: Vec<&str> = learnt.labels.iter().map(Label::as_str).collect();
    assert_eq!(labels, ["Good", "Bad"]);
    let figures = &learnt.figures;
    assert_eq!(figures.training.synthetic, 90);
    assert_eq!((figures.validation.synthetic, figures.training.labels["Bad"]), (0, 0));
    let all = figures.test_scores.iter().chain(&figures.validation_scores);
    assert!(all.clone().all(|scored| scored.truth == 0), "no synthetic image judges");
    let real: Vec<_> = goods.examples.iter().map(|e| e.image).collect();
    assert!(all.clone().all(|scored| real.contains(&scored.image)));
    assert!(learnt.trained.iter().all(|id| real.contains(id)));
    assert!(figures.notes.iter().any(|note| note.contains("no image of the test part is Bad")));
    assert_eq!(figures.temperature, 1.0, "Goods alone say nothing of confidence");
    // and real faults, which nobody showed it, are found
    let real = Plots::new("A", 60, 5);
    let Files::Network(file) = &learnt.files else { panic!("a network of its own") };
    let mut runner = Runner::open(&runtime(), file, SHAPE).unwrap();
    let right = right_count(&mut runner, &real);
    assert!(right >= 48, "{right} of 60");
}

fn right_count(runner: &mut Runner, plots: &Plots) -> usize {
    let right = |index: &usize| {
        let pixels = plots.pixels(*index, SHAPE).unwrap();
        let said = runner.run(&pixels, &["probabilities"]).unwrap().remove(0).values;
        (said[1] > 0.5) == (plots.examples[*index].label.as_str() == "Bad")
    };
    (0..plots.examples.len()).filter(right).count()
}

#[test]
fn deviations_from_what_is_normal_tell_bad_from_good_and_are_served_as_judged() {
    let plots = Plots::new("A", 180, 1);
    let recipe = recipe(Kind::Deviations);
    let learnt = made(&[&plots], &recipe, None).unwrap().remove(0);
    let accuracy = learnt.figures.test.accuracy.unwrap().value;
    assert!(accuracy > 0.9, "{accuracy}");
    assert!(learnt.network.is_none() && learnt.guard_rate.is_some());
    served_as_judged(&learnt, &plots);
    let bundle = bundle_of(&learnt, "2026-01-01T00:00:00Z", &runtime()).unwrap();
    assert_eq!(bundle.manifest.architecture, "deviations");
    assert_eq!(bundle.manifest.novelty.unwrap().output, "guard.p_value");
    let refused = made(&[&plots], &Recipe { synthetic: 9, ..recipe.clone() }, None).unwrap_err();
    assert!(refused.to_string().contains("synthetic"), "{refused}");
    let few = Plots::new("A", 40, 1);
    let refused = made(&[&few], &recipe, None).unwrap_err();
    assert!(refused.to_string().contains("at least 20 are needed"), "{refused}");
}

#[test]
fn siblings_are_trained_as_one_and_a_child_goes_on_from_its_parent() {
    let (whole, chunked) = (Plots::new("A", 150, 1), Plots::new("A_chunked", 150, 2));
    let learnt = made(&[&whole, &chunked], &recipe(Kind::Full), None).unwrap();
    assert_eq!(learnt[0].files, learnt[1].files, "one network");
    assert_ne!(learnt[0].figures.test_scores, learnt[1].figures.test_scores, "judged apart");
    served_as_judged(&learnt[0], &whole);
    let parent = Parent { digest: None, network: network_of(&learnt[0]).clone() };
    let mut short = recipe(Kind::Full);
    short.fit.epochs = 1;
    short.fit.learning_rate = 1e-4;
    let child = made(&[&whole], &short, Some(&parent)).unwrap().remove(0);
    let before = learnt[0].figures.test.accuracy.unwrap().value;
    let after = child.figures.test.accuracy.unwrap().value;
    assert!(after > before - 0.1, "it began where the parent was: {before} {after}");
}

#[test]
fn siblings_of_other_labels_are_refused() {
    let (a, mut b) = (Plots::new("A", 150, 1), Plots::new("B", 150, 2));
    for example in b.examples.iter_mut().filter(|e| e.label.as_str() == "Bad") {
        example.label = "NoData".parse().unwrap();
    }
    let refused = made(&[&a, &b], &recipe(Kind::Full), None).unwrap_err();
    assert!(matches!(refused, LearnError::Siblings { .. }), "{refused}");
}

#[test]
fn labels_that_cannot_be_trained_on_are_refused_with_their_reason() {
    let refused = |change: &dyn Fn(&mut Plots)| {
        let mut plots = Plots::new("A", 60, 1);
        change(&mut plots);
        let error = made(&[&plots], &recipe(Kind::Full), None).unwrap_err();
        let source = std::error::Error::source(&error).map(ToString::to_string);
        format!("{error}: {}", source.unwrap_or_default())
    };
    let good: Label = "Good".parse().unwrap();
    let text = refused(&|p| p.examples.iter_mut().for_each(|e| e.label = good.clone()));
    assert!(text.contains("all 60 images are Good"), "{text}");
    let text = refused(&|p| {
        p.examples.iter_mut().skip(1).for_each(|e| e.label = good.clone());
    });
    assert!(text.contains("one image only"), "{text}");
    let text = refused(&|p| {
        let twin = p.examples[0].content;
        p.examples[1].content = twin;
    });
    assert!(text.contains("contradictory"), "{text}");
    let text = refused(&|p| p.examples.iter_mut().for_each(|e| e.run = 7));
    assert!(text.contains("too alike"), "{text}");
    let text = refused(&|p| p.examples[4].label = "Broken".parse().unwrap());
    assert!(text.contains("one image only"), "{text}");
    let text = refused(&|p| {
        p.examples.iter_mut().filter(|e| e.chunk == Some(5)).for_each(|e| {
            e.label = "Broken".parse().unwrap();
        });
    });
    assert!(text.contains("not to be had") && text.contains("no image"), "{text}");
}

#[test]
fn a_transfer_without_a_parent_is_refused() {
    let plots = Plots::new("A", 60, 1);
    let refused = made(&[&plots], &recipe(Kind::Transfer), None).unwrap_err();
    assert!(refused.to_string().contains("parent"), "{refused}");
}

/// What a guarded network says of some pixels: the probability of Good, and the guard's p-value.
fn said(runner: &mut Runner, learnt: &Learnt, pixels: &[u8]) -> (f32, f32) {
    let outputs = runner.run(pixels, &["probabilities", "guard.p_value"]).unwrap();
    let good = learnt.labels.iter().position(|label| label.as_str() == "Good").unwrap();
    (outputs[0].values[good], outputs[1].values[0])
}

#[test]
fn a_fault_that_was_never_seen_is_bad_or_novel_and_goods_stay_good() {
    let plots = Plots::new("A", 240, 5);
    let learnt = made(&[&plots], &recipe(Kind::Full), None).unwrap().remove(0);
    let bundle = bundle_of(&learnt, "2026-01-01T00:00:00Z", &runtime()).unwrap();
    let novelty = bundle.manifest.novelty.unwrap();
    let rate = learnt.guard_rate.map(|rate| rate as f32);
    assert_eq!((novelty.guards, Some(novelty.threshold)), (Guards::Good, rate));
    let Files::Network(file) = &learnt.files else { panic!("a network of its own") };
    let mut runner = Runner::open(&runtime(), file, SHAPE).unwrap();
    let fresh = Plots::new("A", 120, 77);
    let goods = (0..120).filter(|i| fresh.examples[*i].label.as_str() == "Good");
    let (mut flagged, mut alarms, mut all) = (0, 0, 0);
    for index in goods {
        let mut pixels = fresh.pixels(index, SHAPE).unwrap();
        let (good, p) = said(&mut runner, &learnt, &pixels);
        alarms += usize::from(good >= 0.5 && p < novelty.threshold);
        // training knew holes; this is a bright band, which no label named
        for (at, value) in pixels.iter_mut().enumerate() {
            let (x, y) = (at / 3 % 32, at / 96);
            if (8..24).contains(&x) && (12..15).contains(&y) {
                *value = 250;
            }
        }
        let (good, p) = said(&mut runner, &learnt, &pixels);
        flagged += usize::from(good < 0.5 || p < novelty.threshold);
        all += 1;
    }
    assert!(flagged * 10 >= all * 9, "{flagged} of {all} flagged");
    assert!(alarms * 20 <= all, "{alarms} of {all} Goods called novel");
}
