//! `hydra catalog`: a hall's detectors and plot types as a file, so that a hall keeps it in git.

use crate::{cli::Catalog as Command, config::Config};
use anyhow::{Context, anyhow};
use hydra_store::{
    Database,
    catalog::{self, Applied, Catalog},
    release::By,
};
use std::{path::Path, process::ExitCode};

/// Runs the command; `diff` ends with status 1 where there is a difference, as diff(1) does.
///
/// # Errors
/// When the file is not a catalog or the database does not answer.
pub async fn catalog(command: Command, config: Config) -> anyhow::Result<ExitCode> {
    let database = Database::connect(&config.database).await?;
    let code = match command {
        Command::Apply { file, why, prune } => {
            let wanted = read(&file)?;
            let applied = catalog::apply(&database, wanted, prune, by(why)).await?;
            show(&applied);
            println!("generation {}", applied.generation);
            ExitCode::SUCCESS
        }
        Command::Diff { file, prune } => {
            let found = catalog::diff(&database, read(&file)?, prune).await?;
            show(&found);
            if found.changes.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Command::Export { file } => {
            let text = toml::to_string_pretty(&catalog::export(&database).await?)?;
            match file.to_str() {
                Some("-") => print!("{text}"),
                _ => std::fs::write(&file, text)
                    .with_context(|| format!("writing {}", file.display()))?,
            }
            ExitCode::SUCCESS
        }
    };
    database.close().await;
    Ok(code)
}

fn read(file: &Path) -> anyhow::Result<Catalog> {
    let text = std::fs::read_to_string(file);
    let text = text.with_context(|| format!("reading {}", file.display()))?;
    Catalog::parse(&text).map_err(|error| anyhow!("{}: {error}", file.display()))
}

/// Who does something on this command line.
pub fn by(why: String) -> By {
    let who = std::env::var("USER").ok().filter(|name| !name.is_empty());
    By { who: who.unwrap_or_else(|| "command line".to_owned()), why }
}

fn show(applied: &Applied) {
    for change in &applied.changes {
        println!("{change}");
    }
    if applied.changes.is_empty() {
        println!("nothing changes");
    }
    for name in &applied.not_in_file {
        println!("note: {name} is declared and not in the file; it stays (--prune disables it)");
    }
    for name in &applied.discovered {
        println!("note: {name} was discovered and is not in the file");
    }
}
