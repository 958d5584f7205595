//! Logs to standard error, traces by OTLP, metrics for Prometheus.

use crate::sampling::{ByOutcome, Share};
use opentelemetry::{KeyValue, trace::TracerProvider as _};
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider},
};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Longest wait for the collector at the end of the process.
const FLUSH: Duration = Duration::from_secs(2);

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Section `telemetry` of the configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    /// Filter in the syntax of `tracing_subscriber::EnvFilter`, e.g. `info,lapin=warn`.
    pub log: String,
    /// `text` or `json`.
    pub log_format: LogFormat,
    /// OTLP over gRPC, e.g. `http://127.0.0.1:4317`; empty: no traces.
    pub otlp_endpoint: String,
    /// Share of the traces that begin here and end well which is told, 0 to 1. What went wrong or
    /// turned out Bad is told in any case.
    pub trace_fraction: f64,
}

/// What is wrong with the telemetry section.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log filter cannot be read.
    #[error("telemetry.log: {0}")]
    Filter(String),
    /// The endpoint is no URL.
    #[error("telemetry.otlp_endpoint: {0}")]
    Endpoint(String),
    /// Telemetry was set up before in this process.
    #[error("telemetry is already running")]
    Twice,
}

impl TelemetryConfig {
    /// The first field that means nothing, and why.
    ///
    /// # Errors
    /// The field's name within the section, and what is wrong with it.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        EnvFilter::try_new(&self.log).map_err(|error| ("log", error.to_string()))?;
        let schemes = ["http://", "https://"];
        let host = schemes.iter().find_map(|scheme| self.otlp_endpoint.strip_prefix(scheme));
        if !self.otlp_endpoint.is_empty() && host.is_none_or(str::is_empty) {
            return Err(("otlp_endpoint", "is neither empty nor http://host:port".to_owned()));
        }
        if !(0.0..=1.0).contains(&self.trace_fraction) {
            return Err(("trace_fraction", format!("{} is not from 0 to 1", self.trace_fraction)));
        }
        Ok(())
    }
}

/// Keeps the exporter alive; [`Telemetry::finish`] flushes it within two seconds.
pub struct Telemetry {
    provider: Option<SdkTracerProvider>,
    /// The exporter's own runtime: a stuck collector or a starved pipeline never block each other.
    runtime: Option<tokio::runtime::Runtime>,
}

impl Telemetry {
    /// Starts logs and, if an endpoint is configured, traces.
    ///
    /// # Errors
    /// [`TelemetryError`] names the field.
    pub fn start(config: &TelemetryConfig, roles: &str) -> Result<Self, TelemetryError> {
        let filter = EnvFilter::try_new(&config.log)
            .map_err(|error| TelemetryError::Filter(error.to_string()))?;
        let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
        let lines = match config.log_format {
            LogFormat::Text => lines.with_filter(filter).boxed(),
            LogFormat::Json => lines.json().with_filter(filter).boxed(),
        };
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());
        let (provider, runtime) = match config.otlp_endpoint.as_str() {
            "" => (None, None),
            endpoint => {
                let (provider, runtime) = exporter(endpoint, config.trace_fraction, roles)?;
                (Some(provider), Some(runtime))
            }
        };
        let spans = provider.as_ref().map(|provider| {
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("hydra"))
                .with_filter(EnvFilter::new("info,h2=off,tonic=off,hyper=off"))
        });
        tracing_subscriber::registry()
            .with(lines)
            .with(spans)
            .try_init()
            .map_err(|_| TelemetryError::Twice)?;
        Ok(Self { provider, runtime })
    }

    /// Sends what is left, for at most two seconds.
    pub fn finish(self) {
        if let Some(provider) = self.provider {
            // a dead collector is no reason to hold up the end of the process
            let _ = provider.shutdown_with_timeout(FLUSH);
        }
        if let Some(runtime) = self.runtime {
            runtime.shutdown_background();
        }
    }
}

fn exporter(
    endpoint: &str,
    fraction: f64,
    roles: &str,
) -> Result<(SdkTracerProvider, tokio::runtime::Runtime), TelemetryError> {
    let bad = |error: &dyn std::fmt::Display| TelemetryError::Endpoint(error.to_string());
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("otlp")
        .enable_all()
        .build()
        .map_err(|error| bad(&error))?;
    let exporter = {
        let _inside = runtime.enter();
        SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(Duration::from_secs(5))
            .build()
            .map_err(|error| bad(&error))?
    };
    // spans are dropped, and counted by the SDK, when the collector does not keep up
    let batch = BatchSpanProcessor::builder(exporter)
        .with_batch_config(
            BatchConfigBuilder::default()
                .with_max_queue_size(8_192)
                .with_max_export_batch_size(512)
                .with_scheduled_delay(Duration::from_secs(1))
                .build(),
        )
        .build();
    let provider = SdkTracerProvider::builder()
        .with_span_processor(ByOutcome(batch))
        .with_sampler(Share(fraction))
        .with_resource(
            Resource::builder()
                .with_service_name("hydra")
                .with_attribute(KeyValue::new("hydra.roles", roles.to_owned()))
                .build(),
        )
        .build();
    Ok((provider, runtime))
}
