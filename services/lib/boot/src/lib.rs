//! Environment, files, signals -> configuration, telemetry, health pages and an orderly end.
//!
//! What every role of the one binary needs before and around its own work. Nothing here knows
//! what a role does.

#![cfg_attr(test, allow(clippy::unwrap_used))]

mod config;
mod openmetrics;
mod pages;
mod sampling;
mod sandbox;
mod shutdown;
mod telemetry;

pub use config::{ConfigError, load, mistake};
pub use metrics_exporter_prometheus::PrometheusHandle;
pub use pages::{metrics_buckets, serve_pages};
pub use sandbox::{Bounds, Sandbox, SandboxError};
pub use shutdown::{finish, stop_on_signal};
pub use telemetry::{LogFormat, Telemetry, TelemetryConfig, TelemetryError};

/// Exit status for a configuration that cannot be used (`EX_USAGE` of sysexits.h).
pub const EXIT_CONFIG: u8 = 64;
