//! Models that are broken, hang or give nonsense, and models that change while images come.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use hydra_blobs::{Blobs, BlobsConfig};
use hydra_infer::InferConfig;
use hydra_model::{
    Bundle,
    onnx::{node, tensor_f32},
    samples::{Sample, noise},
};
use hydra_proto::ContentHash;
use hydra_stage::{Failure, suite::eventually};
use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

fn sample(seed: u64) -> Sample {
    Sample { seed, ..Sample::default() }
}

async fn store(folder: &Path) -> Blobs {
    Blobs::open(&BlobsConfig { url: format!("file://{}", folder.display()) }).await.unwrap()
}

fn file_of(folder: &Path, hash: &ContentHash) -> PathBuf {
    let name = hash.to_string();
    folder.join("blobs").join(&name[..2]).join(&name[2..4]).join(&name)
}

/// F32: the old model serves until the new one is loaded; every row names the one that judged.
#[tokio::test]
async fn f32_a_model_is_replaced_while_images_come() {
    let bench = Bench::new(InferConfig::default()).await;
    let keep_up = bench.keep_up();
    let (old, new) = (network(sample(1)), network(sample(2)));
    bench.release("A", &old, 0.5).await;
    bench.release("B", &old, 0.5).await;
    bench.settle().await;
    assert_eq!(bench.one(event("A", 1)).await.unwrap().model(0), old.digest);

    bench.release("A", &new, 0.5).await;
    let (mut seen, mut images) = (Vec::new(), 0);
    eventually("the new model judges", async || {
        images += 1;
        let outcome = bench.one(event("A", images)).await.unwrap();
        seen.push(outcome.model(0));
        *seen.last().unwrap() == new.digest
    })
    .await;
    // old ones first, then the new one: no image in between went without a verdict
    assert!(seen[..seen.len() - 1].iter().all(|digest| *digest == old.digest), "{seen:?}");
    assert_eq!(bench.one(event("B", 1)).await.unwrap().model(0), old.digest);
    // and back
    bench.point("A", &old, 0.5);
    bench.settle().await;
    assert_eq!(bench.one(event("A", 1)).await.unwrap().model(0), old.digest);
    keep_up.abort();
}

/// F32, the other half: bytes that were swapped under a name are noticed before they run.
#[tokio::test]
async fn f32_a_file_that_was_swapped_is_never_run() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::on(store(folder.path()).await, InferConfig::default());
    let keep_up = bench.keep_up();
    let (right, other) = (network(sample(1)), network(sample(2)));
    bench.library.add(&right).await.unwrap();
    bench.library.add(&other).await.unwrap();
    let (there, foreign) = (right.manifest.graphs.body(), other.manifest.graphs.body());
    std::fs::copy(file_of(folder.path(), &foreign), file_of(folder.path(), &there)).unwrap();
    bench.point("A", &right, 0.5);
    bench.settle().await;
    let failure = bench.one(event("A", 1)).await.unwrap_err();
    assert!(matches!(failure, Failure::Failed(_)));
    assert!(failure.chain().contains("damaged"), "{}", failure.chain());
    keep_up.abort();
}

/// F33: whatever is wrong with a model, only its own plot types wait, and health says why.
#[tokio::test]
async fn f33_a_broken_model_parks_only_its_own_plot_types() {
    type Breaking = fn(&Path, &Bundle);
    let broken: [(&str, Breaking); 5] = [
        ("missing graph", |folder, bundle| {
            std::fs::remove_file(file_of(folder, &bundle.manifest.graphs.body())).unwrap();
        }),
        ("missing manifest", |folder, bundle| {
            let hash = ContentHash::from_bytes(*bundle.digest.as_bytes());
            std::fs::remove_file(file_of(folder, &hash)).unwrap();
        }),
        ("truncated", |folder, bundle| {
            let path = file_of(folder, &bundle.manifest.graphs.body());
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("empty", |folder, bundle| {
            std::fs::write(file_of(folder, &bundle.manifest.graphs.body()), b"").unwrap();
        }),
        ("bit flipped", |folder, bundle| {
            let path = file_of(folder, &bundle.manifest.graphs.body());
            let mut bytes = std::fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        }),
    ];
    for (what, breaking) in broken {
        let folder = tempfile::tempdir().unwrap();
        let config = InferConfig { model_retry_s: 0, ..InferConfig::default() };
        let bench = Bench::on(store(folder.path()).await, config);
        let (well, ill) = (network(sample(1)), network(sample(2)));
        bench.library.add(&ill).await.unwrap();
        breaking(folder.path(), &ill);
        bench.release("Well", &well, 0.5).await;
        bench.point("Ill", &ill, 0.5);
        let keep_up = bench.keep_up();
        bench.settle().await;
        let outcomes = bench.all(vec![event("Well", 1), event("Ill", 1), event("Well", 2)]).await;
        assert!(outcomes[0].is_ok() && outcomes[2].is_ok(), "{what}");
        assert!(matches!(outcomes[1], Err(Failure::Failed(_))), "{what}: {:?}", outcomes[1]);
        let digest = ill.digest.to_string();
        eventually("health names the model", async || {
            let report = bench.health.report();
            let told = report.components.get("models").cloned().flatten();
            told.is_some_and(|text| text.contains(&digest))
        })
        .await;
        // mended, the same message succeeds: what was parked can be sent again
        bench.library.add(&ill).await.unwrap();
        eventually("the mended model serves", async || bench.one(event("Ill", 1)).await.is_ok())
            .await;
        keep_up.abort();
    }
}

/// F33: a release of a broken model over one that serves takes its plot type out of service.
#[tokio::test]
async fn f33_a_broken_successor_is_not_hidden_by_its_predecessor() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::on(store(folder.path()).await, InferConfig::default());
    let keep_up = bench.keep_up();
    let (old, missing) = (network(sample(1)), network(sample(2)));
    bench.release("A", &old, 0.5).await;
    bench.settle().await;
    assert!(bench.one(event("A", 1)).await.is_ok());
    bench.point("A", &missing, 0.5);
    bench.settle().await;
    let failure = bench.one(event("A", 1)).await.unwrap_err();
    assert!(failure.chain().contains(&missing.digest.to_string()), "{}", failure.chain());
    keep_up.abort();
}

/// A store that is away while a successor is loaded: the predecessor goes on.
#[tokio::test]
async fn a_predecessor_serves_for_as_long_as_the_store_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let (here, away) = (folder.path().join("here"), folder.path().join("away"));
    let bench = Bench::on(store(&here).await, InferConfig::default());
    let keep_up = bench.keep_up();
    let (old, new) = (network(sample(1)), network(sample(2)));
    bench.release("A", &old, 0.5).await;
    bench.library.add(&new).await.unwrap();
    bench.settle().await;
    assert!(bench.one(event("A", 1)).await.is_ok());
    std::fs::rename(&here, &away).unwrap();
    bench.point("A", &new, 0.5);
    eventually("the release was seen", async || bench.infer.serving().table().is_holding()).await;
    assert_eq!(bench.one(event("A", 1)).await.unwrap().model(0), old.digest);
    std::fs::rename(&away, &here).unwrap();
    eventually("the successor took over", async || {
        bench.one(event("A", 1)).await.unwrap().model(0) == new.digest
    })
    .await;
    keep_up.abort();
}

/// F34: a network that gives no number fails its own image; no row ever holds one.
#[tokio::test]
async fn f34_nan_fails_its_own_image_and_reaches_no_row() {
    let bench = Bench::new(InferConfig { batch: 8, ..InferConfig::default() }).await;
    let keep_up = bench.keep_up();
    // scores / (1 - mean): a white picture divides by zero
    let bundle = changed(sample(1), request(), |graph| {
        let last = graph.node.pop().unwrap();
        let axes = hydra_model::onnx::attr_ints("axes", &[1, 2, 3]);
        let keep = hydra_model::onnx::attr_int("keepdims", 0);
        graph.node.push(node("ReduceMean", "m", &["image"], &["m"]).with(axes).with(keep));
        graph.node.push(node("Sub", "s", &["one", "m"], &["s"]));
        graph.node.push(node("Floor", "f", &["s"], &["f"]));
        graph.node.push(node("Ceil", "k", &["s"], &["k"]));
        graph.node.push(node("Sub", "z", &["k", "f"], &["z"]));
        graph.node.push(node("Unsqueeze", "u", &["z", "axis"], &["u"]));
        graph.node.push(node("Div", "d", &[&last.input[0], "u"], &["scores"]));
        graph.initializer.push(tensor_f32("one", &[], &[1.0]));
        graph.initializer.push(hydra_model::onnx::tensor_i64("axis", &[1], &[1]));
    });
    bench.release("A", &bundle, 0.5).await;
    bench.settle().await;
    for _ in 0..3 {
        let white = event_of("A", &picture(0, Some(255)), &[SHAPE]);
        let outcomes = bench.all(vec![event("A", 1), white, event("A", 2), event("A", 3)]).await;
        let failure = outcomes[1].as_ref().unwrap_err();
        assert!(matches!(failure, Failure::Failed(_)), "{failure:?}");
        for well in [0, 2, 3] {
            let probabilities = outcomes[well].as_ref().unwrap().probabilities();
            assert!(probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
        }
    }
    keep_up.abort();
}

/// F34: a network that takes too long is stopped; other plot types go on beside it.
#[tokio::test]
async fn f34_a_network_that_hangs_is_stopped() {
    let config = InferConfig { threads: 2, hang_s: 0.15, ..InferConfig::default() };
    let bench = Bench::new(config).await;
    let keep_up = bench.keep_up();
    // a row of large matrix products behind the picture, a second or more of them
    let slow = changed(sample(1), request(), |graph| {
        let last = graph.node.pop().unwrap();
        let side = 1024;
        let weights: Vec<f32> = noise(side * side, 3).iter().map(|v| f32::from(*v) / 1e5).collect();
        graph.initializer.push(tensor_f32("wide", &[side, side], &weights));
        graph.initializer.push(tensor_f32("seed", &[side, 1], &vec![1e-3; side]));
        graph.initializer.push(tensor_f32("none", &[], &[0.0]));
        let axes = hydra_model::onnx::attr_ints("axes", &[0, 1, 2, 3]);
        let keep = hydra_model::onnx::attr_int("keepdims", 0);
        graph.node.push(node("ReduceMean", "m", &["image"], &["m"]).with(axes).with(keep));
        graph.node.push(node("Mul", "w0", &["wide", "m"], &["w0"]));
        for i in 0..32 {
            let (from, product, next) = (format!("w{i}"), format!("p{i}"), format!("w{}", i + 1));
            graph.node.push(node("MatMul", &product, &[&from, "wide"], &[&product]));
            graph.node.push(node("Tanh", &next, &[&product], &[&next]));
        }
        let axes = hydra_model::onnx::attr_ints("axes", &[0, 1]);
        let keep = hydra_model::onnx::attr_int("keepdims", 0);
        graph.node.push(node("ReduceMean", "r", &["w32"], &["r"]).with(axes).with(keep));
        graph.node.push(node("Mul", "zero", &["r", "none"], &["zero"]));
        graph.node.push(node("Add", "end", &[&last.input[0], "zero"], &["scores"]));
    });
    bench.release("Slow", &slow, 0.5).await;
    bench.release("Quick", &network(sample(2)), 0.5).await;
    bench.settle().await;
    let begun = Instant::now();
    let outcomes = bench.all(vec![event("Slow", 1), event("Quick", 1)]).await;
    let failure = outcomes[0].as_ref().unwrap_err();
    assert!(failure.chain().contains("no result within"), "{}", failure.chain());
    assert!(outcomes[1].is_ok());
    // generous: the machine may be busy, but the network itself would take much longer
    assert!(begun.elapsed() < Duration::from_secs(120));
    assert!(bench.one(event("Quick", 2)).await.is_ok());
    keep_up.abort();
}
