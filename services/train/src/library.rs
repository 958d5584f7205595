//! A bundle -> the library: its files in the blob store, its row in the database.

use hydra_model::{Bundle, Library, LibraryError};
use hydra_proto::{ModelDigest, PlotTypeName};
use hydra_store::{
    Database, StoreError,
    model::{self, NewModel},
};

/// Why a bundle is not in the library.
#[derive(Debug, thiserror::Error)]
pub enum AddError {
    /// Its files could not be kept; there is no row.
    #[error("the library")]
    Library(#[from] LibraryError),
    /// Its files are there, its row is not; adding it again mends that.
    #[error("the database")]
    Store(#[from] StoreError),
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
) -> Result<ModelDigest, AddError> {
    let digest = library.add(bundle).await?;
    let manifest = &bundle.manifest;
    let new = NewModel {
        digest,
        architecture: manifest.architecture.clone(),
        parent: manifest.parent,
        inputs: vec![manifest.input.shape()],
        labels: manifest.labels.clone(),
        plot_types,
        manifest: String::from_utf8_lossy(&bundle.manifest_bytes).into_owned(),
        evaluation: (!manifest.evaluation.is_null()).then(|| manifest.evaluation.to_string()),
    };
    model::insert(database, new).await?;
    Ok(digest)
}
