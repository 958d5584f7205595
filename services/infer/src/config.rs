//! How much is done at once.

use hydra_model::WorkersConfig;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How much `infer` does at once, and how patient it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InferConfig {
    /// Threads with a session each; 0 is one a core.
    pub threads: usize,
    /// Most images in one run of a network. Only what is waiting is taken: on CPU a batch is no
    /// faster than its images one by one, so nothing waits for one.
    pub batch: usize,
    /// A run of networks that takes longer is stopped.
    pub hang_s: f64,
    /// Threads that may hang for good before the process should end.
    pub max_lost_threads: u32,
    /// Estimated memory of loaded models, beyond which the least recently used go.
    pub models_memory_mb: u64,
    /// Models that are loaded at start, before their first image.
    pub preload_models: usize,
    /// How long a model that cannot be loaded is not tried again.
    pub model_retry_s: u64,
    /// Whether predictions carry the features that the model calls its embedding.
    pub embeddings: bool,
}

impl Default for InferConfig {
    fn default() -> Self {
        Self {
            threads: 0,
            batch: 4,
            hang_s: 20.0,
            max_lost_threads: 2,
            models_memory_mb: 2_048,
            preload_models: 256,
            model_retry_s: 15,
            embeddings: true,
        }
    }
}

impl InferConfig {
    /// Threads, where 0 is one a core.
    pub fn threads(&self) -> usize {
        match self.threads {
            0 => WorkersConfig::default().threads,
            threads => threads,
        }
    }

    pub(crate) fn workers(&self) -> WorkersConfig {
        WorkersConfig {
            threads: self.threads(),
            hang: Duration::from_secs_f64(self.hang_s.clamp(0.001, 3_600.0)),
            max_lost: self.max_lost_threads,
            ..WorkersConfig::default()
        }
    }
}
