//! The ONNX Runtime library: where it is found, loaded once.

use ort::{environment::Environment, logging::LogLevel};
use serde::{Deserialize, Serialize};
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Where `make` puts the library, below the working folder or one of those above it.
const CACHED: &str = ".cache/onnxruntime/libonnxruntime.so";
/// Names the library; the same variable as elsewhere in the field.
pub const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// Where the ONNX Runtime library is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RuntimeConfig {
    /// Path of `libonnxruntime.so`. Without one: the variable `ORT_DYLIB_PATH`, then
    /// `.cache/onnxruntime` of the working folder and of those above it.
    pub library: Option<PathBuf>,
}

/// Why there is no ONNX Runtime.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No library in any of the places.
    #[error(
        "ONNX Runtime is not there (looked at {}); set onnx.library or ORT_DYLIB_PATH to \
         libonnxruntime.so of version 1.31 or later",
        listed(tried)
    )]
    NotFound {
        /// Where it was looked for.
        tried: Vec<PathBuf>,
    },
    /// A file that is no ONNX Runtime, or too old.
    #[error("{} is no ONNX Runtime of version 1.31 or later", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What the loader says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

fn listed(paths: &[PathBuf]) -> String {
    paths.iter().map(|p| p.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The loaded library; cheap to clone.
#[derive(Clone, Debug)]
pub struct Runtime {
    pub(crate) environment: Environment,
    library: PathBuf,
}

/// The library allows one environment in a process, however many parts of the program use it.
static LOADED: Mutex<Option<Runtime>> = Mutex::new(None);

impl Runtime {
    /// Loads the library, or gives the one that this process has loaded already.
    ///
    /// # Errors
    /// [`RuntimeError`], which says where it was looked for.
    pub fn load(config: &RuntimeConfig) -> Result<Self, RuntimeError> {
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*loaded {
            return Ok(runtime.clone());
        }
        let library = find(config)?;
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| RuntimeError::Unusable {
            path: library.clone(),
            source,
        };
        let builder =
            ort::init_from(&library).map_err(|error| unusable(error.to_string().into()))?;
        let environment = builder
            .with_name("hydra")
            .with_telemetry(false)
            .build()
            .map_err(|error| unusable(error.into()))?;
        // its warnings are about optimisations that it did not do
        environment.set_log_level(LogLevel::Error);
        tracing::info!(library = %library.display(), "ONNX Runtime loaded");
        let runtime = Self { environment, library };
        *loaded = Some(runtime.clone());
        Ok(runtime)
    }

    /// The file that was loaded.
    pub fn library(&self) -> &Path {
        &self.library
    }

    /// What the library says of its version and build.
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }
}

/// Where the library may be, best first.
pub fn places(config: &RuntimeConfig) -> Vec<PathBuf> {
    let named = config.library.clone();
    let named = named.or_else(|| std::env::var_os(LIBRARY_VARIABLE).map(PathBuf::from));
    match named.filter(|path| !path.as_os_str().is_empty()) {
        // a place that was named is the only one: another library in its stead would surprise
        Some(path) => vec![path],
        None => {
            let folder = std::env::current_dir().unwrap_or_default();
            folder.ancestors().map(|folder| folder.join(CACHED)).collect()
        }
    }
}

fn find(config: &RuntimeConfig) -> Result<PathBuf, RuntimeError> {
    let tried = places(config);
    let found = tried.iter().find(|path| path.is_file()).cloned();
    found.and_then(|path| path.canonicalize().ok()).ok_or(RuntimeError::NotFound { tried })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_named_library_that_is_not_there_is_an_error_that_names_it() {
        let config = RuntimeConfig { library: Some("/nowhere/libonnxruntime.so".into()) };
        let error = find(&config).unwrap_err().to_string();
        assert!(error.contains("/nowhere/libonnxruntime.so"), "{error}");
    }

    #[test]
    fn the_library_is_loaded_once_for_all() {
        let first = Runtime::load(&RuntimeConfig::default()).unwrap();
        let second = Runtime::load(&RuntimeConfig::default()).unwrap();
        assert_eq!(first.library(), second.library());
        assert!(first.build_info().contains("ORT"), "{}", first.build_info());
    }
}
