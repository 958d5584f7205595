//! The library that runs models.

use crate::config::Config;
use hydra_model::RuntimeConfig;

/// Where the ONNX Runtime is looked for.
pub fn runtime_config(config: &Config) -> RuntimeConfig {
    let library = &config.onnx.library;
    RuntimeConfig { library: (!library.as_os_str().is_empty()).then(|| library.clone()) }
}
