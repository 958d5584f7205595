//! A small network, so that the roles do all that they do with a large one.

use hydra_blobs::{Blobs, BlobsConfig};
use hydra_model::{
    Library, Runtime, RuntimeConfig,
    import::{ImportRequest, Source, import},
    onnx,
    samples::{Sample, classifier},
};
use hydra_proto::{Label, ModelDigest, PlotTypeName};
use hydra_store::{
    Database,
    model::{self, NewModel},
    release::{Action, By, Thresholds, release},
};
use std::path::Path;

/// Imports a network of random weights and releases it for these plot types.
///
/// # Panics
/// When the ONNX Runtime is missing or the database does not answer.
pub async fn release_small_model(blobs: &Path, db: &Database, plot_types: &[&str]) -> ModelDigest {
    release_model_with(blobs, db, plot_types, ["Good", "Bad", "Hot"], Thresholds::new()).await
}

/// The same with other labels, of which the network always says the first, and thresholds.
///
/// # Panics
/// As [`release_small_model`].
pub async fn release_model_with(
    blobs: &Path,
    db: &Database,
    plot_types: &[&str],
    labels: [&str; 3],
    thresholds: Thresholds,
) -> ModelDigest {
    let labels: Vec<Label> = labels.iter().map(|l| l.parse().unwrap()).collect();
    let request = ImportRequest::new(labels.clone(), "2026-01-01T00:00:00Z");
    let runtime = Runtime::load(&RuntimeConfig::default()).expect("the ONNX Runtime");
    let network = onnx::encode(&classifier(&Sample::default()));
    let bundle = import(Source::Network(&network), &request, &runtime).unwrap().bundle;
    let store = BlobsConfig { url: format!("file://{}", blobs.display()) };
    let library = Library::new(Blobs::open(&store).await.unwrap());
    let digest = library.add(&bundle).await.unwrap();
    let plot_types: Vec<PlotTypeName> = plot_types.iter().map(|n| n.parse().unwrap()).collect();
    let new = NewModel {
        digest,
        architecture: bundle.manifest.architecture.clone(),
        parent: None,
        inputs: vec![bundle.manifest.input.shape()],
        labels,
        plot_types: plot_types.clone(),
        manifest: serde_json::to_string(&bundle.manifest).unwrap(),
        evaluation: None,
    };
    model::insert(db, new).await.unwrap();
    for plot_type in plot_types {
        let by = By { who: "test".into(), why: "test".into() };
        let action = Action::Activate(digest, thresholds.clone());
        release(db, plot_type, action, by).await.unwrap();
    }
    digest
}
