//! What the HTTP door allows.

use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// The HTTP door.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Requests at once. Each may hold two of the largest images in memory (64 MiB); the next
    /// ones wait for 5 s and are then told to come again.
    pub concurrency: usize,
    /// Longest time for one request, its body's arrival included.
    pub timeout_s: u64,
    /// Longest time for the head of a request.
    pub header_timeout_s: u64,
    /// Images in one `multipart/form-data` request.
    pub max_batch: usize,
    /// Bytes of one such request.
    pub max_batch_bytes: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8081)),
            concurrency: 8,
            timeout_s: 60,
            header_timeout_s: 10,
            max_batch: 1000,
            max_batch_bytes: 512 << 20,
        }
    }
}
