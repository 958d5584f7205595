//! What was learnt -> sealed, in a library, released: as `hydra model train` and `activate` do it.

use anyhow::{Context, Result};
use hydra_blobs::Blobs;
use hydra_model::{Library, Runtime};
use hydra_store::release::{self, Action, By, Thresholds};
use hydra_store::{Database, DatabaseConfig, catalog};
use hydra_train::library;
use hydra_train::recipe::{Learnt, bundle_of};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// A hall of its own, in a folder that goes with it.
pub struct Released {
    tokio: tokio::runtime::Runtime,
    database: Database,
    library: Library,
    folder: tempfile::TempDir,
}

impl Released {
    /// An empty one.
    pub fn new() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let tokio = tokio::runtime::Runtime::new()?;
        let url = format!("sqlite:{}/hydra.db", folder.path().display());
        let config = DatabaseConfig { url, ..DatabaseConfig::default() };
        let database = tokio.block_on(async {
            let database = Database::connect(&config).await?;
            database.migrate().await?;
            Ok::<_, hydra_store::StoreError>(database)
        })?;
        let library = Library::new(Blobs::in_memory());
        Ok(Self { tokio, database, library, folder })
    }

    /// Where embeddings are kept, as `hydra run train` keeps them.
    pub fn embeddings(&self) -> PathBuf {
        self.folder.path().join("embeddings")
    }

    /// Declares the plot type (not timed), then seals, adds and activates the model. How long.
    pub fn release(&self, one: &Learnt, runtime: &Runtime) -> Result<Duration> {
        let by = || By { who: "example".to_owned(), why: "measures".to_owned() };
        let plot_type = serde_json::json!({ "name": one.plot_type, "labels": one.labels });
        let mut wanted = catalog::Catalog::default();
        wanted.plot_type.push(serde_json::from_value(plot_type)?);
        self.tokio.block_on(catalog::apply(&self.database, wanted, false, by()))?;
        let begun = Instant::now();
        let bundle = bundle_of(one, "2026-01-01T00:00:00Z", runtime)?;
        let names = vec![one.plot_type.clone()];
        self.tokio.block_on(async {
            let digest = library::add(&self.library, &self.database, &bundle, names).await?;
            let action = Action::Activate(digest, Thresholds::new());
            release::release(&self.database, one.plot_type.clone(), action, by()).await?;
            anyhow::Ok(())
        })?;
        Ok(begun.elapsed())
    }

    /// Ends the connections.
    pub fn close(self) {
        self.tokio.block_on(self.database.close());
    }
}

/// Says how long it took from labels, and pixels or embeddings `at_hand`, to the release.
pub fn told(one: &Learnt, at_hand: &str, learning: Duration, releasing: Duration) -> Result<()> {
    let counts = &one.figures.training.labels;
    let labels: usize = counts.values().sum();
    labels.checked_sub(1).context("no label was learnt from")?;
    println!(
        "{:22} {labels} labels, {at_hand} at hand -> learnt and judged {:.2} s, sealed and released {:.2} s: {:.2} s",
        one.plot_type.as_str(),
        learning.as_secs_f64(),
        releasing.as_secs_f64(),
        (learning + releasing).as_secs_f64()
    );
    Ok(())
}
