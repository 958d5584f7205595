//! What is said of an image, and by which model.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use hydra_infer::InferConfig;
use hydra_model::{
    import::ImportRequest,
    manifest::{Guards, Novelty, NoveltyKind, PlotLayout, PlotPanel, Seen},
    onnx::{DataType, Dim, attr_ints, node, value_info},
    samples::{Head, Sample},
};
use hydra_proto::{
    events::{ImageResized, ModelRole, Panel, Sight, VerdictState},
    registry::InputShape,
};
use hydra_stage::Failure;

fn sample(seed: u64) -> Sample {
    Sample { seed, ..Sample::default() }
}

#[tokio::test]
async fn a_verdict_is_confirmed_from_the_releases_threshold_on() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    let bundle = network(sample(1));
    bench.release("A", &bundle, 0.0).await;
    bench.settle().await;
    let sure = bench.one(event("A", 1)).await.unwrap();
    let prediction = &sure.inferred.predictions[0];
    assert_eq!(prediction.state(), VerdictState::Confirmed);
    assert_eq!((sure.model(0), prediction.role()), (bundle.digest, ModelRole::Active));
    let best = sure.probabilities().into_iter().fold(0.0, f32::max);
    assert_eq!(prediction.confidence, best);

    bench.point("A", &bundle, prediction.confidence + 1e-4);
    bench.settle().await;
    let unsure = bench.one(event("A", 1)).await.unwrap();
    let prediction = &unsure.inferred.predictions[0];
    assert_eq!(prediction.state(), VerdictState::Unconfirmed);
    assert_eq!(prediction.threshold, best + 1e-4);
    keep_up.abort();
}

#[tokio::test]
async fn a_map_is_wanted_for_what_asks_for_attention() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    let bundle = network(sample(1));
    bench.release("A", &bundle, 0.0).await;
    bench.settle().await;
    // what alarms is the hall's to say, whatever the label is called
    let label = bench.one(event("A", 3)).await.unwrap().inferred.predictions[0].label.clone();
    for (bad, wanted) in [(&[label.as_str()][..], true), (&[], false)] {
        bench.edit("A", |entry| entry.bad_labels = labels(bad).into());
        bench.settle().await;
        let outcome = bench.one(event("A", 3)).await.unwrap();
        let prediction = &outcome.inferred.predictions[0];
        assert_eq!((&prediction.label, prediction.state()), (&label, VerdictState::Confirmed));
        assert_eq!(outcome.wanted.is_some(), wanted);
    }
    bench.point("A", &bundle, 1.0);
    bench.settle().await;
    let sent = event("A", 3);
    let unsure = bench.one(sent.clone()).await.unwrap();
    let wanted = unsure.wanted.unwrap();
    assert_eq!(wanted.label, unsure.inferred.predictions[0].label);
    assert_eq!(wanted.pixels.as_ref(), sent.pixels.first());

    // a network that cannot be explained is not asked to
    let flat = network(Sample { head: Head::Flat, ..sample(2) });
    bench.release("A", &flat, 1.0).await;
    bench.settle().await;
    assert!(bench.one(event("A", 3)).await.unwrap().wanted.is_none());
    keep_up.abort();
}

/// A network with the picture's mean as its guard: white pictures are novel.
fn guarded(guards: Guards) -> hydra_model::Bundle {
    let novelty =
        Novelty { output: "mean".into(), kind: NoveltyKind::Score, threshold: 0.9, guards };
    changed(sample(1), ImportRequest { novelty: Some(novelty), ..request() }, |graph| {
        let axes = attr_ints("axes", &[1, 2, 3]);
        graph.node.push(node("ReduceMean", "mean", &["image"], &["mean"]).with(axes));
        let dims = [Dim::Named("n"), Dim::Fixed(1), Dim::Fixed(1), Dim::Fixed(1)];
        graph.output.push(value_info("mean", DataType::Float, &dims));
    })
}

#[tokio::test]
async fn a_guard_that_knows_goods_alone_leaves_known_faults_their_name() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    bench.release("Every", &guarded(Guards::Every), 0.0).await;
    bench.release("Good", &guarded(Guards::Good), 0.0).await;
    bench.settle().await;
    let (mut good, mut faults) = (0, 0);
    for value in 240..=255 {
        let of = |name: &str| event_of(name, &picture(0, Some(value)), &[SHAPE]);
        let outcomes = bench.all(vec![of("Every"), of("Good")]).await;
        let said = |i: usize| outcomes[i].as_ref().unwrap().inferred.predictions[0].clone();
        assert_eq!(said(0).state(), VerdictState::Novel);
        let is_good = said(1).label == "Good";
        (good, faults) = (good + usize::from(is_good), faults + usize::from(!is_good));
        assert_eq!(said(1).state() == VerdictState::Novel, is_good, "{}", said(1).label);
    }
    assert!(good + faults == 16);
    keep_up.abort();
}

#[tokio::test]
async fn another_layout_is_novel_and_named_and_new_conditions_are_said() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    let panel = PlotPanel { x: 5, y: 5, width: 10, height: 8, across: Some(1), up: None };
    let layout = PlotLayout { width: 24, height: 20, panels: Some(vec![panel]) };
    let conditions = Seen::of([r#"{"target": "LH2"}"#, r#"{"target": "LD2"}"#]);
    let request = ImportRequest { layouts: vec![layout], conditions, ..request() };
    bench.release("A", &changed(sample(1), request, |_| {}), 0.0).await;
    bench.settle().await;
    let seen = |across: u32, count: usize, target: &str| {
        let mut event = event("A", 1);
        let panel = Panel { x: 5, y: 5, width: 10, height: 8, across, up: 7 };
        event.sight = Some(Sight { panels: vec![panel; count], data: vec![1; 8].into() });
        (event.width, event.height) = (24, 20);
        let image = event.image.as_mut().unwrap();
        image.conditions_json = format!(r#"{{"target": "{target}"}}"#);
        event
    };
    let told = async |event: ImageResized| {
        let inferred = bench.one(event).await.unwrap().inferred;
        assert_eq!(&inferred.data[..], [1; 8]);
        let prediction = inferred.predictions[0].clone();
        (prediction.state(), prediction.note, prediction.unfamiliar)
    };
    let usual = told(seen(1, 1, "LH2")).await;
    assert_eq!(usual, (VerdictState::Confirmed, String::new(), String::new()));
    let (_, note, unfamiliar) = told(seen(1, 1, "C12")).await;
    assert_eq!((note.as_str(), unfamiliar.as_str()), ("", "target C12"));
    let good = bench.one(seen(1, 1, "LH2")).await.unwrap().inferred.predictions[0].label == "Good";
    let wanted = if good { VerdictState::Novel } else { VerdictState::Confirmed };
    for (event, change) in
        [(seen(1, 3, "LH2"), "panels 1 -> 3"), (seen(2, 1, "LH2"), "horizontal axis of panel 1")]
    {
        let (state, note, _) = told(event).await;
        assert_eq!((state, note), (wanted, format!("layout changed: {change}")));
    }
    keep_up.abort();
}

#[tokio::test]
async fn what_is_unlike_training_is_novel_whatever_the_scores() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    let bundle = guarded(Guards::Every);
    bench.release("A", &bundle, 0.0).await;
    bench.settle().await;
    let white = event_of("A", &picture(0, Some(255)), &[SHAPE]);
    let outcomes = bench.all(vec![event("A", 1), white]).await;
    let states = outcomes.iter().map(|o| o.as_ref().unwrap().inferred.predictions[0].state());
    assert_eq!(states.collect::<Vec<_>>(), [VerdictState::Confirmed, VerdictState::Novel]);
    assert!(outcomes[1].as_ref().unwrap().wanted.is_some());
    keep_up.abort();
}

#[tokio::test]
async fn features_are_sent_where_the_model_names_them() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    let named = ImportRequest { embedding: Some("features".into()), ..request() };
    bench.release("A", &headed_as(1, &named), 0.0).await;
    bench.release("B", &headed_as(2, &request()), 0.0).await;
    bench.settle().await;
    let outcomes = bench.all(vec![event("A", 1), event("B", 1), event("A", 2)]).await;
    let sent = outcomes.iter().map(|o| &o.as_ref().unwrap().inferred.predictions[0].embedding);
    let sent: Vec<_> = sent.collect();
    assert_eq!(sent[0].len(), 4 * Sample::default().maps);
    assert!(sent[1].is_empty());
    assert_ne!(sent[0], sent[2], "another picture has other features");
    // what is in memory is told, the trunk as shared
    let held = bench.infer.models().held();
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|one| one.shared_bytes > 0 && one.shared_bytes < one.bytes));
    keep_up.abort();
}

#[tokio::test]
async fn without_a_model_the_reason_is_said() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    bench.edit("Empty", |_| {});
    bench.release("Off", &network(sample(1)), 0.5).await;
    bench.edit("Off", |entry| entry.disabled = true);
    bench.settle().await;
    let outcomes = bench.all(vec![event("Unknown", 1), event("Empty", 1), event("Off", 1)]).await;
    let reasons: Vec<String> =
        outcomes.into_iter().map(|o| o.unwrap().inferred.no_verdict_reason).collect();
    assert_eq!(reasons, ["no model", "no model", "plot type disabled"]);
    keep_up.abort();
}

#[tokio::test]
async fn batches_across_plot_types_equal_images_one_by_one() {
    let bench = Bench::new(InferConfig { threads: 2, batch: 8, ..InferConfig::default() }).await;
    let keep_up = bench.keep_up();
    let names = ["A", "B", "C", "D", "E"];
    for (seed, plot_type) in names.iter().enumerate() {
        match seed {
            0..3 => bench.release(plot_type, &headed(seed as u64 + 1), 0.5).await,
            _ => bench.release(plot_type, &network(sample(seed as u64)), 0.5).await,
        }
    }
    // a candidate on the same trunk sees the same pictures
    let candidate = headed(9);
    bench.library.add(&candidate).await.unwrap();
    bench.edit("A", |entry| entry.candidate = Some(released(&candidate, 0.5)));
    bench.settle().await;
    let events: Vec<ImageResized> =
        (0..40).map(|i| event(names[i * 7 % names.len()], i as u64)).collect();
    let mut alone = Vec::new();
    for event in &events {
        alone.push(bench.one(event.clone()).await.unwrap());
    }
    // twice: the first batch also tells how long an image takes
    for _ in 0..2 {
        let together = bench.all(events.clone()).await;
        for (one, other) in alone.iter().zip(together) {
            let other = other.unwrap();
            assert_eq!(one.inferred.image, other.inferred.image);
            assert_eq!(one.inferred.predictions.len(), other.inferred.predictions.len());
            for (a, b) in one.inferred.predictions.iter().zip(&other.inferred.predictions) {
                assert_eq!((&a.model, a.role), (&b.model, b.role));
                for (x, y) in a.scores.iter().zip(&b.scores) {
                    assert!((x.probability - y.probability).abs() <= 1e-6, "{x:?} {y:?}");
                }
            }
        }
    }
    let of_a = alone.iter().find(|o| o.inferred.image.as_ref().unwrap().plot_type == "A");
    assert_eq!(of_a.unwrap().model(1), candidate.digest);
    keep_up.abort();
}

#[tokio::test]
async fn a_release_of_another_size_works_on_images_that_were_resized_before_it() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    let bundle = network(Sample { width: 32, height: 16, ..sample(1) });
    bench.release("A", &bundle, 0.5).await;
    bench.settle().await;
    let png = picture(1, None);
    let other = InputShape { width: 32, height: 16, ..SHAPE };
    let in_time = bench.one(event_of("A", &png, &[SHAPE, other])).await.unwrap();
    let late = event_of("A", &png, &[SHAPE]);
    let missing = bench.one(late.clone()).await;
    assert!(matches!(missing, Err(Failure::Failed(_))), "its original is not in the store");
    bench.library.blobs().put(png.into()).await.unwrap();
    let remade = bench.one(late).await.unwrap();
    assert_eq!(remade.probabilities(), in_time.probabilities());
    keep_up.abort();
}

#[tokio::test]
async fn what_is_wrong_with_a_message_is_refused_and_costs_nobody_else() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    bench.release("A", &network(sample(1)), 0.5).await;
    bench.settle().await;
    let nameless = ImageResized { image: None, ..event("A", 1) };
    let mut hostile = event("A", 1);
    hostile.image.as_mut().unwrap().plot_type = "../../etc/passwd".into();
    let mut torn = event("A", 1);
    torn.pixels[0].zstd = torn.pixels[0].zstd.slice(..8);
    let outcomes = bench.all(vec![nameless, event("A", 2), hostile, torn, event("A", 3)]).await;
    for wrong in [0, 2, 3] {
        assert!(matches!(outcomes[wrong], Err(Failure::Refused(_))), "{:?}", outcomes[wrong]);
    }
    assert!(outcomes[1].is_ok() && outcomes[4].is_ok());
    keep_up.abort();
}
