//! `hydra label`: what experts say, in and out.

use crate::{
    cli::Label as Command,
    commands::{catalog::by, labels},
    config::Config,
};
use anyhow::{Context, ensure};
use hydra_proto::{ImageId, PlotTypeName};
use hydra_store::{Database, label, training};
use std::{collections::BTreeMap, path::Path, process::ExitCode};

/// Runs the command.
///
/// # Errors
/// What is wrong with a file or a label; no label is changed then.
pub async fn label(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    let database = Database::connect(&config.database).await?;
    match command {
        Command::Import { path, plot_type, why } => {
            let plot_type = plot_type.map(|name| name.parse()).transpose()?;
            import(&database, &path, plot_type, why).await?;
        }
        Command::Export { plot_type, path } => {
            export(&database, plot_type.parse()?, &path).await?;
        }
    }
    database.close().await;
    Ok(ExitCode::SUCCESS)
}

async fn import(
    database: &Database,
    path: &Path,
    plot_type: Option<PlotTypeName>,
    why: String,
) -> anyhow::Result<()> {
    let wanted = labels::read(path, plot_type.as_ref())?;
    ensure!(!wanted.is_empty(), "{} holds no labels", path.display());
    let found = training::find_images(database, wanted.iter().map(|w| w.key.clone()).collect());
    let found = found.await?;
    let mut changes: BTreeMap<ImageId, (Option<hydra_proto::Label>, &str)> = BTreeMap::new();
    let mut unknown = Vec::new();
    let mut contradictory = Vec::new();
    for (one, ids) in wanted.iter().zip(&found) {
        if ids.is_empty() {
            unknown.push(one.place.as_str());
        }
        for id in ids {
            match changes.get(id) {
                Some((label, place)) if *label != one.label => {
                    contradictory.push(format!("{place} and {}", one.place));
                }
                _ => {
                    changes.insert(*id, (one.label.clone(), &one.place));
                }
            }
        }
    }
    let some = |list: &[String]| list.iter().take(5).cloned().collect::<Vec<_>>().join("; ");
    ensure!(
        contradictory.is_empty(),
        "{} images are labelled twice and differently: {}",
        contradictory.len(),
        some(&contradictory)
    );
    let places: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    ensure!(
        unknown.is_empty(),
        "{} of {} labels are of images that are not known here: {}",
        unknown.len(),
        wanted.len(),
        some(&places)
    );
    let count = changes.len();
    let changes = changes.into_iter().map(|(id, (label, _))| (id, label)).collect();
    label::set(database, changes, by(why)).await?;
    println!("{count} images labelled");
    Ok(())
}

async fn export(database: &Database, plot_type: PlotTypeName, path: &Path) -> anyhow::Result<()> {
    let rows = training::labelled(database, plot_type).await?;
    let text = labels::write(&rows, path.extension().is_some_and(|e| e == "json"))?;
    match path.to_str() {
        Some("-") => print!("{text}"),
        _ => std::fs::write(path, text).with_context(|| format!("writing {}", path.display()))?,
    }
    eprintln!("{} labels", rows.len());
    Ok(())
}
