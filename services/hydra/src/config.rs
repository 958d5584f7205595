//! The configuration of every role and command, see `default.toml`.

use hydra_amqp::BrokerConfig;
use hydra_blobs::{Blobs, BlobsConfig};
use hydra_boot::{ConfigError, TelemetryConfig};
use hydra_ingest::folder::FolderConfig;
use hydra_model::{KeyError, Library, TrustedKeys};
use hydra_store::DatabaseConfig;
use serde::Deserialize;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    thread::available_parallelism,
    time::Duration,
};

/// The built-in values, with their comments.
pub const DEFAULTS: &str = include_str!("default.toml");
/// Read from the working folder where no `--config` is given.
const FILE: &str = "hydra.toml";

/// All sections.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Names the hall.
    pub hall: Hall,
    /// RabbitMQ.
    pub broker: BrokerConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// The blob store.
    pub blobs: BlobsConfig,
    /// The model library.
    pub library: Shelf,
    /// ONNX Runtime.
    pub onnx: Onnx,
    /// How much at once.
    pub work: Work,
    /// The doors.
    pub ingest: Ingest,
    /// Training.
    pub train: Train,
    /// Pages and API.
    pub query: Listen,
    /// Health pages.
    pub health: Listen,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
    /// The end.
    pub shutdown: Shutdown,
}

/// Section `hall`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hall {
    /// Shown to people.
    pub name: String,
}

/// Section `library`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shelf {
    /// Files with the keys whose owners vouch for models.
    pub trusted_keys: Vec<PathBuf>,
}

/// Section `onnx`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Onnx {
    /// The library, empty to look for it.
    pub library: PathBuf,
}

/// Section `work`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Work {
    threads: u16,
    /// Estimated memory of loaded models, beyond which the least recently used go.
    pub models_memory_mb: u64,
    /// Whether a process that only runs models gives up what it does not need.
    pub sandbox: bool,
}

impl Work {
    /// At least one.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => available_parallelism().map_or(1, usize::from),
            threads => threads.into(),
        }
    }
}

/// A section with an address only.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Address and port; port 0 takes a free one, which is printed.
    pub address: SocketAddr,
}

/// Section `ingest`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingest {
    /// Address and port of the HTTP door.
    pub address: SocketAddr,
    /// Where it is remembered which files of watched folders were taken.
    pub journals: PathBuf,
    /// Watched folders.
    #[serde(default)]
    pub folders: Vec<FolderConfig>,
}

/// Section `train`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Train {
    /// Jobs under way: pixels and checkpoints.
    pub folder: PathBuf,
}

/// Section `shutdown`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    grace_s: u16,
}

impl Shutdown {
    /// Longest time for finishing after SIGTERM.
    pub fn grace(&self) -> Duration {
        Duration::from_secs(self.grace_s.into())
    }
}

/// A file that is named must be there; an empty name is none.
fn missing(key: &'static str, path: &Path) -> (&'static str, bool, String) {
    let broken = !path.as_os_str().is_empty() && !path.is_file();
    (key, broken, format!("{} is not a file", path.display()))
}

impl Config {
    /// The model library on these blobs; gives out only signed models where keys are trusted.
    ///
    /// # Errors
    /// When a key cannot be read.
    pub fn library(&self, blobs: Blobs) -> Result<Library, KeyError> {
        Ok(Library::new(blobs).trusting(TrustedKeys::read(&self.library.trusted_keys)?))
    }

    /// Defaults, file, environment.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let found = Path::new(FILE);
        let file = file.or_else(|| found.is_file().then_some(found));
        let config: Self = hydra_boot::load(DEFAULTS, file)?;
        config.check().map_err(|(key, problem)| hydra_boot::mistake(&key, problem, file))?;
        Ok(config)
    }

    /// What types alone do not say. Everything is looked at before anything is touched.
    fn check(&self) -> Result<(), (String, String)> {
        let in_section = |section: &'static str| {
            move |(field, problem): (&str, String)| (format!("{section}.{field}"), problem)
        };
        self.database.check().map_err(in_section("database"))?;
        self.telemetry.check().map_err(in_section("telemetry"))?;
        self.blobs.check().map_err(|error| ("blobs.url".to_owned(), error.to_string()))?;
        TrustedKeys::read(&self.library.trusted_keys).map_err(|error| {
            ("library.trusted_keys".to_owned(), format!("{:#}", anyhow::Error::new(error)))
        })?;
        let grace_s = self.shutdown.grace_s;
        let rules = [
            ("hall.name", self.hall.name.trim().is_empty(), "is empty".to_owned()),
            ("work.threads", self.work.threads > 1_024, "is more than 1024".to_owned()),
            ("work.models_memory_mb", self.work.models_memory_mb == 0, "is 0".to_owned()),
            ("shutdown.grace_s", !(1..=3_600).contains(&grace_s), "is not from 1 to 3600".into()),
            missing("onnx.library", &self.onnx.library),
            missing("broker.ca_file", self.broker.ca_file.as_deref().unwrap_or(Path::new(""))),
        ];
        for (key, broken, problem) in rules {
            if broken {
                return Err((key.to_owned(), problem));
            }
        }
        for folder in &self.ingest.folders {
            if folder.path.as_os_str().is_empty() {
                return Err(("ingest.folders".to_owned(), "a folder has an empty path".to_owned()));
            }
            if self.ingest.folders.iter().filter(|other| other.path == folder.path).count() > 1 {
                let problem = format!("{} is there twice", folder.path.display());
                return Err(("ingest.folders".to_owned(), problem));
            }
            if folder.rescan_s == 0 {
                let problem = format!("{}: rescan_s is 0", folder.path.display());
                return Err(("ingest.folders".to_owned(), problem));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_values_are_a_whole_configuration() {
        let config: Config = hydra_boot::load(DEFAULTS, None).unwrap();
        assert!(config.work.threads() >= 1);
        assert_eq!(config.hall.name, "hall");
    }
}
