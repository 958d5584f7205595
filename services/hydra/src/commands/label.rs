//! `hydra label`: what experts say, in and out.

use crate::{
    cli::Label as Command,
    commands::{
        bring::{Brought, bring},
        catalog::by,
        labels::{self, Wanted},
        migrate::library,
        place::Place,
        simulate::style,
    },
    config::Config,
};
use anyhow::{Context, ensure};
use hydra_blobs::Blobs;
use hydra_proto::{ImageId, Label, PlotTypeName};
use hydra_store::{
    Database, keeping, label,
    training::{self, ImageKey},
};
use indicatif::ProgressBar;
use std::{collections::BTreeMap, path::Path, process::ExitCode};

/// How labels come in.
struct Asked {
    plot_type: Option<PlotTypeName>,
    /// Of images whose path tells none.
    run: Option<u32>,
    /// Or each has one of its own.
    own_runs: bool,
    why: String,
}

/// Runs the command.
///
/// # Errors
/// What is wrong with a file or a label; no label is changed then.
pub async fn label(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    let database = library(&config).await?;
    let code = match command {
        Command::Import { path, plot_type, run, own_runs, why } => {
            let plot_type = plot_type.map(|name| name.parse()).transpose()?;
            let blobs = Blobs::open(&config.blobs).await?;
            import(&database, &blobs, &path, &Asked { plot_type, run, own_runs, why }).await?
        }
        Command::Export { plot_type, path } => {
            export(&database, plot_type.parse()?, &path).await?;
            ExitCode::SUCCESS
        }
    };
    database.close().await;
    Ok(code)
}

async fn import(
    database: &Database,
    blobs: &Blobs,
    path: &Path,
    asked: &Asked,
) -> anyhow::Result<ExitCode> {
    let mut wanted = labels::read(path, asked.plot_type.as_ref())?;
    ensure!(!wanted.is_empty(), "{} holds no labels", path.display());
    if let Some(name) = &asked.plot_type {
        // so that a plot type can begin with its labels
        keeping::plot_types(database, vec![name.clone()]).await?;
    }
    let keys = wanted.iter().map(|one| one.key.clone()).collect();
    let mut found = training::find_images(database, keys).await?;
    let unknown: Vec<usize> = (0..wanted.len()).filter(|i| found[*i].is_empty()).collect();
    let absent: Vec<&str> = unknown
        .iter()
        .map(|i| &wanted[*i])
        .filter(|one| one.file.is_none())
        .map(|one| one.at.as_str())
        .collect();
    ensure!(
        absent.is_empty(),
        "{} of {} labels are of images that are not known here: {}",
        absent.len(),
        wanted.len(),
        some(&absent)
    );
    placed(&mut wanted, &unknown, asked)?;
    contradictions(&wanted, &found)?;
    let (new, mut left_out) = (unknown.len(), 0);
    if new > 0 {
        let bar = ProgressBar::new(new as u64).with_style(style()?);
        let files: Vec<&Wanted> = unknown.iter().map(|i| &wanted[*i]).collect();
        let brought = bring(database, blobs, &files, &bar).await?;
        bar.finish_and_clear();
        for (index, one) in unknown.iter().zip(brought) {
            match one {
                Brought::Image(id) => found[*index] = vec![id],
                Brought::LeftOut(why) => {
                    left_out += 1;
                    eprintln!("left out {why}");
                }
            }
        }
    }
    contradictions(&wanted, &found)?;
    let changes: BTreeMap<ImageId, Option<Label>> = wanted
        .iter()
        .zip(&found)
        .flat_map(|(one, ids)| ids.iter().map(|id| (*id, one.label.clone())))
        .collect();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for label in changes.values() {
        *counts.entry(label.as_ref().map_or("no label", Label::as_str)).or_default() += 1;
    }
    let counts: Vec<String> = counts.iter().map(|(label, n)| format!("{n} {label}")).collect();
    let text = format!("{} images labelled: {}", changes.len(), counts.join(", "));
    label::set(database, changes.into_iter().collect(), by(asked.why.clone())).await?;
    println!("{text}");
    if new > left_out {
        println!("{} of them were not known and came in", new - left_out);
    }
    if left_out > 0 {
        println!("{left_out} files were left out");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Some of a long list.
fn some(list: &[&str]) -> String {
    list.iter().take(5).copied().collect::<Vec<_>>().join("; ")
}

/// Gives the images that come in what their paths do not tell.
///
/// # Errors
/// When plot type or run of one stay unknown.
fn placed(wanted: &mut [Wanted], unknown: &[usize], asked: &Asked) -> anyhow::Result<()> {
    let next = unknown.iter().filter_map(|i| wanted[*i].place.run).max().unwrap_or(0);
    for (at, index) in unknown.iter().enumerate() {
        let place = &mut wanted[*index].place;
        if asked.own_runs {
            place.run = place.run.or(u32::try_from(at + 1).ok().map(|at| next + at));
        }
        place.run = place.run.or(asked.run);
    }
    let lacking = |lacks: &dyn Fn(&Place) -> bool| -> Vec<&str> {
        let of = unknown.iter().map(|i| &wanted[*i]).filter(|one| lacks(&one.place));
        of.map(|one| one.at.as_str()).collect()
    };
    let without = lacking(&|place| place.plot_type.is_none());
    ensure!(without.is_empty(), "say what is drawn with --plot-type; of {}", some(&without));
    let without = lacking(&|place| place.run.is_none());
    ensure!(
        without.is_empty(),
        "{} of {} paths tell no run (such as Run080464), by which training splits: {}. Put the \
         files into a folder for each run, or name runs in a CSV file with the columns file, run, \
         label; --run NUMBER says that all are of one; --own-runs makes a run of each image, and \
         figures flatter where neighbours in time come on both sides of the split",
        without.len(),
        wanted.len(),
        some(&without)
    );
    Ok(())
}

/// Refuses two labels for one image, whether it is known or not.
fn contradictions(wanted: &[Wanted], found: &[Vec<ImageId>]) -> anyhow::Result<()> {
    let mut by_image: BTreeMap<ImageId, &Wanted> = BTreeMap::new();
    let mut by_content: BTreeMap<String, &Wanted> = BTreeMap::new();
    let mut twice = Vec::new();
    for (one, ids) in wanted.iter().zip(found) {
        let mut before = ids.iter().filter_map(|id| by_image.insert(*id, one)).next();
        if let ImageKey::Content { content, plot_type } = &one.key {
            let key = format!("{content} {plot_type:?}");
            before = by_content.insert(key, one).or(before);
        }
        if let Some(before) = before.filter(|before| before.label != one.label) {
            twice.push(format!("{} and {}", before.at, one.at));
        }
    }
    let texts: Vec<&str> = twice.iter().map(String::as_str).collect();
    ensure!(
        twice.is_empty(),
        "{} images are labelled twice and differently: {}",
        twice.len(),
        some(&texts)
    );
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
