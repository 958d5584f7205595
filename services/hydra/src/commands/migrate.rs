//! `hydra migrate`: bring the database to the schema of this version.

use crate::config::Config;
use anyhow::Context;
use hydra_store::Database;
use std::process::ExitCode;

/// Runs what is missing, and says what it was.
///
/// # Errors
/// When the database does not answer or its user may not change the schema.
pub async fn migrate(config: Config) -> anyhow::Result<ExitCode> {
    make_folder(&config.database.url)?;
    let database = Database::connect(&config.database).await?;
    let pending = database.pending_migrations().await.unwrap_or_default();
    database.migrate().await.context("migrating")?;
    for step in &pending {
        println!("migrated {step}");
    }
    println!("the database is at the schema of this version ({} steps taken)", pending.len());
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

/// An SQLite file needs its folder.
///
/// # Errors
/// When the folder cannot be made.
pub fn make_folder(url: &str) -> anyhow::Result<()> {
    let Some(path) = url.strip_prefix("sqlite:") else { return Ok(()) };
    let path = path.trim_start_matches("//").split('?').next().unwrap_or_default();
    match std::path::Path::new(path).parent() {
        Some(folder) if !folder.as_os_str().is_empty() => std::fs::create_dir_all(folder)
            .with_context(|| format!("making the folder {}", folder.display())),
        _ => Ok(()),
    }
}
