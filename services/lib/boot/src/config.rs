//! Configuration: embedded defaults < `hydra.toml` < `HYDRA_*`, unknown keys refused.

use figment::{
    Figment,
    error::{Error, Kind},
    providers::{Env, Format, Toml},
};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Prefix of the variables that configure: `HYDRA_BROKER__URL` sets `broker.url`. Those without a
/// double underscore belong to others (`HYDRA_PORT`, set by Kubernetes for a service `hydra`).
pub const PREFIX: &str = "HYDRA_";

/// The place of a value that nobody set.
const BUILT_IN: &str = "built-in defaults";

/// One mistake in the configuration, in one line: what, where, and in which file or variable.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {problem} ({place})")]
pub struct ConfigError {
    /// The field, e.g. `broker.heartbeat_s`.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
    /// The file or the variable that it was read from.
    pub place: String,
}

/// Reads a configuration: `defaults` (TOML text), then `file` if given, then the environment.
///
/// # Errors
/// The first mistake. `T` should refuse unknown fields; its own checks belong into `TryFrom`
/// newtypes, so that they are reported with their key.
pub fn load<T: DeserializeOwned>(defaults: &str, file: Option<&Path>) -> Result<T, ConfigError> {
    let mut figment = Figment::from(Toml::string(defaults));
    if let Some(path) = file {
        if !path.is_file() {
            return Err(ConfigError {
                key: "--config".to_owned(),
                problem: "no such file".to_owned(),
                place: path.display().to_string(),
            });
        }
        figment = figment.merge(Toml::file_exact(path));
    }
    refuse_slips(&figment, std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()))?;
    figment
        .merge(Env::prefixed(PREFIX).filter(|key| key.as_str().contains("__")).split("__"))
        .extract()
        .map_err(|error| explain(&error, file))
}

/// `HYDRA_BROKER_URL` is no setting, but whoever wrote it thinks so.
fn refuse_slips(
    known: &Figment,
    variables: impl Iterator<Item = String>,
) -> Result<(), ConfigError> {
    for variable in variables {
        let Some(key) = variable.strip_prefix(PREFIX).filter(|key| !key.contains("__")) else {
            continue;
        };
        for (at, _) in key.match_indices('_') {
            let (section, field) = (&key[..at], &key[at + 1..]);
            let path = format!("{section}.{field}").to_lowercase();
            if known.contains(&path) {
                return Err(ConfigError {
                    key: path,
                    problem: format!("written {PREFIX}{section}__{field}, with two underscores"),
                    place: variable,
                });
            }
        }
    }
    Ok(())
}

/// A mistake that shows only when the whole configuration is looked at: `key` as in the file, e.g.
/// `database.url`.
pub fn mistake(key: &str, problem: impl Into<String>, file: Option<&Path>) -> ConfigError {
    let variable = variable_of(key);
    let in_file = file.filter(|path| {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Figment::from(Toml::string(&text)).contains(key)
    });
    let place = match (std::env::var_os(&variable), in_file) {
        (Some(_), _) => variable,
        (None, Some(path)) => path.display().to_string(),
        (None, None) => BUILT_IN.to_owned(),
    };
    ConfigError { key: key.to_owned(), problem: problem.into().replace('\n', " "), place }
}

fn variable_of(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('.', "__"))
}

fn explain(error: &Error, file: Option<&Path>) -> ConfigError {
    let mut key = error.path.join(".");
    if let Kind::UnknownField(field, _) = &error.kind {
        // figment names the parent of an unknown field
        if !key.ends_with(field.as_str()) {
            key = if key.is_empty() { field.clone() } else { format!("{key}.{field}") };
        }
    }
    let mut problem = error.kind.to_string().replace('\n', " ");
    // a section that checks itself begins with the field: `heartbeat_s: 1 is not from 2 to 600`
    if let Kind::Message(text) = &error.kind
        && let Some((field, rest)) = text.split_once(": ")
        && field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
        && !key.ends_with(field)
    {
        key = format!("{key}.{field}");
        problem = rest.replace('\n', " ");
    }
    let from_env = error.metadata.as_ref().is_some_and(|m| m.name.contains("environment"));
    let variable = variable_of(&key);
    let place = if from_env || std::env::var_os(&variable).is_some() {
        variable
    } else if let (None, Some(path)) = (syntax_place(error), file) {
        path.display().to_string()
    } else {
        syntax_place(error).unwrap_or_else(|| BUILT_IN.to_owned())
    };
    ConfigError {
        key: if key.is_empty() { "configuration".to_owned() } else { key },
        problem,
        place,
    }
}

/// The file that figment blames, where it does.
fn syntax_place(error: &Error) -> Option<String> {
    let source = error.metadata.as_ref()?.source.as_ref()?;
    source.file_path().map(|path| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        broker: Broker,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Broker {
        url: String,
        heartbeat_s: u16,
    }

    const DEFAULTS: &str = "[broker]\nurl = 'amqp://127.0.0.1'\nheartbeat_s = 10\n";

    fn from_file(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hydra.toml");
        std::fs::write(&path, text).unwrap();
        load(DEFAULTS, Some(&path))
    }

    #[test]
    fn the_file_overrides_the_defaults() {
        let config = from_file("[broker]\nheartbeat_s = 3\n").unwrap();
        assert_eq!(
            (config.broker.heartbeat_s, config.broker.url.as_str()),
            (3, "amqp://127.0.0.1")
        );
    }

    #[test]
    fn a_wrong_type_names_the_field_and_the_file() {
        let error = from_file("[broker]\nheartbeat_s = 'soon'\n").unwrap_err();
        assert_eq!(error.key, "broker.heartbeat_s");
        assert!(error.place.ends_with("hydra.toml"), "{}", error.place);
        assert!(!error.to_string().contains('\n'));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = from_file("[broker]\nhartbeat_s = 3\n").unwrap_err();
        assert_eq!(error.key, "broker.hartbeat_s");
    }

    #[test]
    fn a_variable_with_one_underscore_is_a_slip_only_where_two_would_name_a_field() {
        let known = Figment::from(Toml::string(DEFAULTS));
        let names = |name: &str| refuse_slips(&known, std::iter::once(name.to_owned()));
        let slip = names("HYDRA_BROKER_HEARTBEAT_S").unwrap_err();
        assert_eq!(slip.key, "broker.heartbeat_s");
        assert!(slip.problem.contains("HYDRA_BROKER__HEARTBEAT_S"), "{}", slip.problem);
        for foreign in ["HYDRA_PORT", "HYDRA_BROKER_PORT", "HYDRA_BROKER__URL", "BROKER_URL"] {
            assert_eq!(names(foreign), Ok(()), "{foreign}");
        }
    }

    #[test]
    fn broken_toml_and_a_missing_file_are_named() {
        assert!(from_file("[broker\n").unwrap_err().place.ends_with("hydra.toml"));
        let error = load::<Config>(DEFAULTS, Some(Path::new("/nowhere/x.toml"))).unwrap_err();
        assert_eq!(error.place, "/nowhere/x.toml");
    }
}
