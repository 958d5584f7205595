//! The configuration of every role and command, see `default.toml`.

use hydra_amqp::BrokerConfig;
use hydra_blobs::BlobsConfig;
use hydra_boot::{ConfigError, TelemetryConfig};
use hydra_ingest::folder::FolderConfig;
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
    /// ONNX Runtime.
    pub onnx: Onnx,
    /// How much at once.
    pub work: Work,
    /// The doors.
    pub ingest: Ingest,
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

impl Config {
    /// Defaults, file, environment.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let found = Path::new(FILE);
        let file = file.or_else(|| found.is_file().then_some(found));
        hydra_boot::load(DEFAULTS, file)
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
