//! Bundles on their way into the library and the database.

use crate::config::Config;
use hydra_model::{Bundle, Library, RuntimeConfig};
use hydra_proto::{ModelDigest, PlotTypeName};
use hydra_store::{
    Database,
    model::{self, NewModel},
};

/// Where the ONNX Runtime is looked for.
pub fn runtime_config(config: &Config) -> RuntimeConfig {
    let library = &config.onnx.library;
    RuntimeConfig { library: (!library.as_os_str().is_empty()).then(|| library.clone()) }
}

/// Keeps a bundle, files first and the row last, so that a row that is there can be served.
///
/// # Errors
/// When the store or the database is away.
pub async fn add(
    library: &Library,
    database: &Database,
    bundle: &Bundle,
    plot_types: Vec<PlotTypeName>,
) -> anyhow::Result<ModelDigest> {
    let digest = library.add(bundle).await?;
    let manifest = &bundle.manifest;
    let new = NewModel {
        digest,
        architecture: manifest.architecture.clone(),
        parent: manifest.parent,
        inputs: vec![manifest.input.shape()],
        labels: manifest.labels.clone(),
        plot_types,
        manifest: serde_json::to_string(manifest)?,
        evaluation: (!manifest.evaluation.is_null()).then(|| manifest.evaluation.to_string()),
    };
    model::insert(database, new).await?;
    Ok(digest)
}
