//! The loop: it learns, repeats itself bit by bit, and survives being killed.
#![allow(clippy::unwrap_used)]

mod common;

use burn::tensor::Device;
use common::{Plots, SHAPE};
use hydra_train::augment::Augment;
use hydra_train::data::{Dataset, PixelError};
use hydra_train::fit::{
    Control, FitItem, FitSettings, Images, Progress, TrainError, Trained, train,
};
use hydra_train::graph::{Architecture, Graph};
use hydra_train::pixels::normalise_into;
use hydra_train::weights::Weights;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

struct Raw {
    plots: Plots,
    graph: Graph,
}

impl Images for Raw {
    fn fill(
        &self,
        image: usize,
        chance: Option<(u64, &Augment)>,
        out: &mut [f32],
    ) -> Result<(), PixelError> {
        let mut pixels = self.plots.pixels(image, SHAPE)?;
        if let Some((chance, augment)) = chance {
            augment.apply(&mut pixels, &SHAPE, chance);
        }
        normalise_into(&self.graph, &pixels, out);
        Ok(())
    }
}

fn raw() -> Raw {
    Raw { plots: Plots::new("A", 160, 1), graph: Architecture::Compact.graph(SHAPE, 2).unwrap() }
}

fn items(raw: &Raw, range: std::ops::Range<usize>) -> Vec<FitItem> {
    range
        .map(|image| {
            let class = usize::from(raw.plots.examples[image].label.as_str() == "Bad");
            FitItem { image, outputs: (0, 2), class, weight: 1.0 }
        })
        .collect()
}

fn settings() -> FitSettings {
    FitSettings { epochs: 6, batch: 16, learning_rate: 5e-3, patience: 6, ..Default::default() }
}

fn run(settings: &FitSettings, control: &Control) -> Result<Trained, TrainError> {
    let raw = raw();
    let start = Weights::random(&raw.graph, settings.seed);
    let (training, validation) = (items(&raw, 0..120), items(&raw, 120..160));
    let sides = (training.as_slice(), validation.as_slice());
    train(&raw.graph, &start, &raw, sides, settings, &Device::flex(), control)
}

#[test]
fn the_loop_learns_and_a_seed_gives_the_same_bits() {
    let seen: Arc<Mutex<Vec<Progress>>> = Arc::default();
    let told = seen.clone();
    let report = move |progress: &Progress| told.lock().unwrap().push(progress.clone());
    let control = Control { report: Some(Arc::new(report)), ..Control::default() };
    let first = run(&settings(), &control).unwrap();
    let best = first.epochs[first.best_epoch];
    assert!(best.validation_accuracy > 0.9, "{:?}", first.epochs);
    let lowest = first.epochs.iter().map(|e| e.validation_loss).fold(f64::INFINITY, f64::min);
    assert_eq!(best.validation_loss, lowest, "the best weights are kept, not the last");
    let last = seen.lock().unwrap().last().unwrap().clone();
    assert_eq!((last.images, last.images_wanted, last.left_s), (720, 720, 0.0));
    assert!(last.images_per_s > 0.0);
    let second = run(&settings(), &Control::default()).unwrap();
    assert_eq!(first.weights, second.weights);
    let other = run(&FitSettings { seed: 2, ..settings() }, &Control::default()).unwrap();
    assert_ne!(first.weights, other.weights);
}

/// Started as a process of its own by the test below, to be killed.
#[test]
#[ignore = "a part of killed_and_resumed"]
fn child_that_trains() {
    let Some(path) = std::env::var_os("TRAINING_CHECKPOINT") else { return };
    let every = Some(Duration::ZERO);
    let control =
        Control { checkpoint: Some(path.into()), checkpoint_every: every, ..Control::default() };
    run(&settings(), &control).unwrap();
}

#[expect(clippy::disallowed_methods, reason = "a child is watched here, without a runtime")]
#[test]
fn killed_and_resumed_a_training_ends_with_the_same_bits() {
    let dir = tempfile::tempdir().unwrap();
    let path: PathBuf = dir.path().join("training.checkpoint");
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "child_that_trains"])
        .env("TRAINING_CHECKPOINT", &path)
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !path.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Child::kill is SIGKILL
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(path.exists(), "the child never came to a checkpoint");
    let done: Arc<Mutex<Option<u64>>> = Arc::default();
    let told = done.clone();
    let report = move |p: &Progress| {
        told.lock().unwrap().get_or_insert(p.images);
    };
    let control = Control {
        checkpoint: Some(path),
        checkpoint_every: Some(Duration::from_secs(3600)),
        report: Some(Arc::new(report)),
        ..Control::default()
    };
    let resumed = run(&settings(), &control).unwrap();
    let first = *done.lock().unwrap();
    assert!(first.is_none_or(|images| images > 16), "it went on, and did not begin again");
    let whole = run(&settings(), &Control::default()).unwrap();
    assert_eq!(resumed.epochs, whole.epochs);
    assert_eq!(resumed.weights, whole.weights);
}

#[test]
fn a_cancelled_training_stops_at_once_and_can_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("training.checkpoint");
    let cancel = Arc::new(AtomicBool::new(false));
    let set = cancel.clone();
    let report = move |p: &Progress| set.store(p.images >= 150, Ordering::Relaxed);
    let control = Control {
        cancel: Some(cancel),
        report: Some(Arc::new(report)),
        checkpoint: Some(path.clone()),
        ..Control::default()
    };
    let cancelled = run(&settings(), &control).unwrap_err();
    assert!(matches!(cancelled, TrainError::Cancelled { epoch: 2 }), "{cancelled}");
    let control = Control { checkpoint: Some(path), ..Control::default() };
    let resumed = run(&settings(), &control).unwrap();
    assert_eq!(resumed.weights, run(&settings(), &Control::default()).unwrap().weights);
}

#[test]
fn a_checkpoint_of_another_training_is_not_mixed_in() {
    let dir = tempfile::tempdir().unwrap();
    let path = Some(dir.path().join("training.checkpoint"));
    let control = Control { checkpoint: path, ..Control::default() };
    let short = FitSettings { epochs: 1, ..settings() };
    run(&short, &control).unwrap();
    let refused = run(&FitSettings { seed: 9, ..short }, &control).unwrap_err();
    assert!(refused.to_string().contains("another training"), "{refused}");
}

/// Images whose values are no numbers, as a damaged reference would make them.
struct Damaged;

impl Images for Damaged {
    fn fill(
        &self,
        _: usize,
        _: Option<(u64, &Augment)>,
        out: &mut [f32],
    ) -> Result<(), PixelError> {
        out.fill(f32::NAN);
        Ok(())
    }
}

#[test]
fn a_loss_that_is_no_number_ends_with_epoch_and_step() {
    let raw = raw();
    let start = Weights::random(&raw.graph, 1);
    let (training, validation) = (items(&raw, 0..40), items(&raw, 40..60));
    let sides = (training.as_slice(), validation.as_slice());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.checkpoint");
    let control = Control { checkpoint: Some(path.clone()), ..Control::default() };
    let ended = train(&raw.graph, &start, &Damaged, sides, &settings(), &Device::flex(), &control);
    let refused = ended.unwrap_err();
    assert!(matches!(refused, TrainError::NotANumber { epoch: 1, step: 1, .. }), "{refused}");
    assert!(refused.to_string().contains("learning rate"), "{refused}");
    assert!(!path.exists(), "nothing is kept of it");
}

#[test]
fn a_full_disk_ends_the_training_and_keeps_the_checkpoint_before() {
    // a folder that is not there stands for any write that fails
    let dir = tempfile::tempdir().unwrap();
    let control = Control {
        checkpoint: Some(dir.path().join("gone").join("x.checkpoint")),
        ..Control::default()
    };
    let refused = run(&FitSettings { epochs: 1, ..settings() }, &control).unwrap_err();
    assert!(refused.to_string().contains("cannot be written"), "{refused}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn settings_and_sets_that_cannot_train_are_refused() {
    for wrong in [
        FitSettings { epochs: 0, ..settings() },
        FitSettings { batch: 1, ..settings() },
        FitSettings { learning_rate: f64::NAN, ..settings() },
        FitSettings { label_smoothing: 1.0, ..settings() },
    ] {
        assert!(matches!(run(&wrong, &Control::default()), Err(TrainError::Setting { .. })));
    }
    let raw = raw();
    let start = Weights::random(&raw.graph, 1);
    let some = items(&raw, 0..10);
    let refused = train(
        &raw.graph,
        &start,
        &raw,
        (&some, &[]),
        &settings(),
        &Device::flex(),
        &Control::default(),
    );
    assert!(matches!(refused, Err(TrainError::NoImages { training: 10, validation: 0 })));
}
