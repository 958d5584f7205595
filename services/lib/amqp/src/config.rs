//! Section `broker` of the configuration.

use lapin::uri::AMQPUri;
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

/// How to reach the broker, and how long to wait for it.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, try_from = "Fields")]
pub struct BrokerConfig {
    /// `amqp://user:password@host:port/vhost` or `amqps://`. A secret: never logged.
    #[serde(skip_serializing)]
    pub url: String,
    /// PEM file with the authorities to trust for `amqps://`; the system's when empty.
    pub ca_file: Option<PathBuf>,
    /// A silent peer is given up after twice this time, seconds.
    pub heartbeat_s: u16,
    /// Longest wait for a connection, seconds.
    pub connect_timeout_s: u16,
    /// Longest wait for the confirm of one message, seconds.
    pub confirm_timeout_s: u16,
    /// Whether roles declare their queues themselves. Off where a job owns the topology and
    /// workers may not configure.
    pub declare: bool,
}

/// The same fields before they are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    url: String,
    #[serde(default)]
    ca_file: Option<PathBuf>,
    heartbeat_s: u16,
    connect_timeout_s: u16,
    confirm_timeout_s: u16,
    declare: bool,
}

impl TryFrom<Fields> for BrokerConfig {
    type Error = String;

    fn try_from(fields: Fields) -> Result<Self, String> {
        let Fields { url, ca_file, heartbeat_s, connect_timeout_s, confirm_timeout_s, declare } =
            fields;
        url.parse::<AMQPUri>().map_err(|error| format!("url: {error}"))?;
        for (field, value, least) in [
            ("heartbeat_s", heartbeat_s, 2),
            ("connect_timeout_s", connect_timeout_s, 1),
            ("confirm_timeout_s", confirm_timeout_s, 1),
        ] {
            if !(least..=600).contains(&value) {
                return Err(format!("{field}: {value} is not from {least} to 600"));
            }
        }
        let ca_file = ca_file.filter(|path| !path.as_os_str().is_empty());
        Ok(Self { url, ca_file, heartbeat_s, connect_timeout_s, confirm_timeout_s, declare })
    }
}

impl std::fmt::Debug for BrokerConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BrokerConfig")
            .field("url", &self.address())
            .field("heartbeat_s", &self.heartbeat_s)
            .field("declare", &self.declare)
            .finish_non_exhaustive()
    }
}

impl BrokerConfig {
    /// The broker's address without user and password, for people.
    pub fn address(&self) -> String {
        match self.url.parse::<AMQPUri>() {
            Ok(uri) => format!(
                "{}://{}:{}/{}",
                uri.scheme, uri.authority.host, uri.authority.port, uri.vhost
            ),
            Err(_) => "an unreadable URL".to_owned(),
        }
    }

    pub(crate) fn confirm_timeout(&self) -> Duration {
        Duration::from_secs(self.confirm_timeout_s.into())
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        Duration::from_secs(self.connect_timeout_s.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_shows_nowhere() {
        let config = BrokerConfig {
            url: "amqp://user:canary-secret@host:5672/hall".into(),
            ca_file: None,
            heartbeat_s: 10,
            connect_timeout_s: 5,
            confirm_timeout_s: 10,
            declare: true,
        };
        assert!(!format!("{config:?}").contains("canary"));
        assert_eq!(config.address(), "amqp://host:5672/hall");
    }
}
