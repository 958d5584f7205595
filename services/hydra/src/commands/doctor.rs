//! `hydra doctor`: what works, what does not, and what to do about it.

use crate::{cli, commands::blobs::look, config::Config, models::runtime_config};
use hydra_amqp::AmqpTransport;
use hydra_blobs::Blobs;
use hydra_model::{Library, LibraryError, Runtime};
use hydra_proto::ModelDigest;
use hydra_stage::Transport;
use hydra_store::Database;
use std::process::ExitCode;

/// What was found about one part.
struct Finding {
    part: &'static str,
    well: bool,
    text: String,
}

impl Finding {
    fn well(part: &'static str, text: impl Into<String>) -> Self {
        Self { part, well: true, text: text.into() }
    }
    fn ill(part: &'static str, what: impl std::fmt::Display, remedy: &str) -> Self {
        Self { part, well: false, text: format!("{what}; {remedy}") }
    }
}

/// Checks every part and prints a line for each. Status 1 when anything is wrong.
///
/// # Errors
/// None; what is wrong is a line.
pub async fn doctor(asked: cli::Doctor, config: Config) -> anyhow::Result<ExitCode> {
    let mut findings = vec![broker(&config).await, runtime(&config)];
    let blobs = Blobs::open(&config.blobs).await;
    findings.push(match &blobs {
        Ok(blobs) => match blobs.healthy().await {
            Ok(()) => Finding::well("blobs", config.blobs.url.clone()),
            Err(error) => Finding::ill("blobs", chain(error), "mend the folder of blobs.url"),
        },
        Err(error) => Finding::ill("blobs", error, "set blobs.url to a folder that can be written"),
    });
    findings.extend(database(&config, blobs.ok(), asked.blobs).await);
    let ill = findings.iter().filter(|finding| !finding.well).count();
    for finding in &findings {
        let mark = if finding.well { "ok   " } else { "WRONG" };
        println!("{mark}  {:9}  {}", finding.part, finding.text);
    }
    println!("{ill} of {} parts need attention", findings.len());
    Ok(if ill == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chain(error: impl std::error::Error + Send + Sync + 'static) -> String {
    format!("{:#}", anyhow::Error::new(error))
}

async fn broker(config: &Config) -> Finding {
    let transport = AmqpTransport::new(config.broker.clone());
    let answered = transport.check().await;
    transport.close().await;
    match answered {
        Ok(()) => Finding::well("broker", config.broker.address()),
        Err(error) => Finding::ill(
            "broker",
            format!("{error:#}"),
            "start RabbitMQ or set broker.url (hydra up needs none)",
        ),
    }
}

fn runtime(config: &Config) -> Finding {
    match Runtime::load(&runtime_config(config)) {
        Ok(runtime) => Finding::well("onnx", runtime.library().display().to_string()),
        Err(error) => Finding::ill(
            "onnx",
            chain(error),
            "run scripts/setup.sh demo, or set onnx.library to libonnxruntime.so",
        ),
    }
}

async fn database(config: &Config, blobs: Option<Blobs>, every_blob: bool) -> Vec<Finding> {
    let database = match Database::connect(&config.database).await {
        Ok(database) => database,
        Err(error) => return vec![Finding::ill("database", chain(error), "set database.url")],
    };
    let pending = match database.pending_migrations().await {
        Ok(pending) => pending,
        Err(error) => {
            let remedy = "start the database or set database.url";
            return vec![Finding::ill("database", chain(error), remedy)];
        }
    };
    if !pending.is_empty() {
        let what = format!("{} schema steps are missing", pending.len());
        return vec![Finding::ill("database", what, "run hydra migrate")];
    }
    let mut findings = vec![Finding::well("database", "answers, schema of this version")];
    match blobs {
        Some(blobs) => {
            findings.push(match config.library(blobs.clone()) {
                Ok(library) => models(&database, &library).await,
                Err(error) => Finding::ill("models", chain(error), "set library.trusted_keys"),
            });
            if every_blob {
                findings.push(contents(&database, &blobs).await);
            }
        }
        None => {
            findings.push(Finding::ill("models", "not looked at", "mend the blob store first"));
        }
    }
    database.close().await;
    findings
}

/// Whether every released model can be read from the library.
async fn models(database: &Database, library: &Library) -> Finding {
    let registry = match hydra_store::registry(database).await {
        Ok(registry) => registry,
        Err(error) => return Finding::ill("models", chain(error), "mend the database"),
    };
    let released = registry.plot_types.iter().flat_map(|(name, entry)| {
        let both = [&entry.active, &entry.candidate];
        both.into_iter().flatten().map(move |release| (name, release.model))
    });
    let (mut whole, mut broken) = (0, Vec::new());
    for (name, model) in released {
        match readable(library, &model).await {
            Ok(()) => whole += 1,
            Err(error) => broken.push(format!("{name}: {}", chain(error))),
        }
    }
    match broken.first() {
        None => Finding::well(
            "models",
            format!("{whole} released models, each whole and its hash right"),
        ),
        Some(first) => Finding::ill(
            "models",
            format!("{} of {} cannot be read, e.g. {first}", broken.len(), whole + broken.len()),
            "restore the blob store, or hydra model rollback",
        ),
    }
}

/// Reads a model as the roles that serve it do: trusted signatures, and every graph by its hash.
async fn readable(library: &Library, model: &ModelDigest) -> Result<(), LibraryError> {
    let manifest = library.manifest(model).await?;
    for graph in manifest.graphs.all() {
        library.graph(model, &graph).await?;
    }
    Ok(())
}

/// Whether all that the rows name is in the blob store.
async fn contents(database: &Database, blobs: &Blobs) -> Finding {
    let found = match look(database, blobs).await {
        Ok(found) => found,
        Err(error) => {
            return Finding::ill("contents", format!("{error:#}"), "mend it, then look again");
        }
    };
    for line in &found.broken {
        eprintln!("{line}");
    }
    match found.broken.len() {
        0 => Finding::well("contents", format!("{} blobs, all whole", found.whole)),
        broken => Finding::ill(
            "contents",
            format!("{broken} of {} blobs are missing or damaged", found.whole + broken as u64),
            "copy them from a backup; no role makes an original again",
        ),
    }
}
