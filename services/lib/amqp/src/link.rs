//! One supervised connection: handed out while it lives, built anew when it does not.

use crate::BrokerConfig;
use anyhow::{Context, anyhow};
use hydra_stage::TransportError;
use lapin::{
    Connection, ConnectionProperties, Error, ErrorKind,
    protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError},
    runtime::default_runtime,
    tcp::OwnedTLSConfig,
    uri::AMQPUri,
};
use rand::RngExt;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Mutex, time::timeout};
use tracing::{debug, info, warn};

/// Longest pause between two tries to connect: five minutes without a broker cost at most this
/// much on top.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);
/// A connection that does not say good-bye in this time is dropped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A broker that let us in before may refuse us this often in a row, as one does whose users are
/// kept elsewhere; then it is meant.
const REFUSALS: u32 = 5;

/// The broker was reached and does not let us in.
#[derive(Debug, thiserror::Error)]
#[error("it refuses the user, the password or the virtual host of broker.url")]
struct Denied(#[source] Error);

/// Sorts a failure of [`Link::connection`] by whether waiting can help.
pub(crate) fn sorted(error: anyhow::Error) -> TransportError {
    match error.downcast_ref::<Denied>() {
        Some(_) => TransportError::Denied(error),
        None => TransportError::Other(error),
    }
}

/// Codes 403 and 530: AMQP 0-9-1, section 1.2.
fn refuses_us(error: &Error) -> bool {
    let ErrorKind::ProtocolError(protocol) = error.kind() else { return false };
    matches!(
        protocol.kind(),
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
            | AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
    )
}

/// A connection to the broker for one purpose.
pub(crate) struct Link {
    config: Arc<BrokerConfig>,
    purpose: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    connection: Option<Arc<Connection>>,
    /// No try before this moment; so that hundreds of waiting publishers make one try together.
    not_before: Option<Instant>,
    failures: u32,
    last_error: String,
    /// There was a connection before.
    let_in: bool,
    /// In a row.
    refusals: u32,
}

impl Link {
    pub(crate) fn new(config: Arc<BrokerConfig>, purpose: impl Into<String>) -> Self {
        Self { config, purpose: purpose.into(), state: Mutex::default() }
    }

    /// The live connection, made now if there is none.
    ///
    /// # Errors
    /// When the broker cannot be reached or refuses, see [`sorted`]; the next try waits a little
    /// (full jitter).
    pub(crate) async fn connection(&self) -> anyhow::Result<Arc<Connection>> {
        let mut state = self.state.lock().await;
        if let Some(connection) = &state.connection {
            if connection.status().connected() {
                return Ok(connection.clone());
            }
            state.connection = None;
        }
        if state.not_before.is_some_and(|moment| moment > Instant::now()) {
            return Err(anyhow!("{}", state.last_error));
        }
        match self.connect().await {
            Ok(connection) => {
                info!(purpose = self.purpose, broker = self.config.address(), "connected");
                let connected = Some(connection.clone());
                *state = State { connection: connected, let_in: true, ..State::default() };
                Ok(connection)
            }
            Err(error) => {
                state.failures += 1;
                let text = format!("{error:#}");
                if text == state.last_error {
                    debug!(purpose = self.purpose, error = text, "still no connection");
                } else {
                    warn!(purpose = self.purpose, error = text, "no connection");
                }
                state.last_error = text;
                let ceiling = LONGEST_PAUSE.min(Duration::from_millis(50 << state.failures.min(6)));
                let pause = ceiling.mul_f32(rand::rng().random_range(0.25..=1.0));
                state.not_before = Some(Instant::now() + pause);
                let denied = error.downcast_ref::<Denied>().is_some();
                state.refusals = if denied { state.refusals + 1 } else { 0 };
                let passing = denied && state.let_in && state.refusals < REFUSALS;
                Err(if passing { anyhow!("{}", state.last_error) } else { error })
            }
        }
    }

    /// Drops the connection if it still is `stale`, so that the next caller gets a new one.
    pub(crate) async fn discard(&self, stale: &Arc<Connection>) {
        let mut state = self.state.lock().await;
        if state.connection.as_ref().is_some_and(|now| Arc::ptr_eq(now, stale)) {
            warn!(purpose = self.purpose, "connection given up");
            state.connection = None;
        }
        drop(state);
        let stale = stale.clone();
        // off the caller's path: a blocked or dead connection does not answer
        tokio::spawn(async move { close(&stale).await });
    }

    /// Says good-bye and waits for the answer, so that no last acknowledgement is lost.
    pub(crate) async fn close(&self) {
        if let Some(connection) = self.state.lock().await.connection.take() {
            close(&connection).await;
        }
    }

    async fn connect(&self) -> anyhow::Result<Arc<Connection>> {
        let mut uri: AMQPUri =
            self.config.url.parse().map_err(|error: String| anyhow!("broker.url: {error}"))?;
        uri.query.heartbeat = Some(self.config.heartbeat_s);
        let name = format!("hydra {} (pid {})", self.purpose, std::process::id());
        let properties = ConnectionProperties::default()
            .with_connection_name(name.into())
            .configure_backoff(|backoff| backoff.with_max_times(0));
        let trust = match &self.config.ca_file {
            Some(path) => OwnedTLSConfig {
                identity: None,
                cert_chain: Some(
                    tokio::fs::read_to_string(path)
                        .await
                        .with_context(|| format!("broker.ca_file {}", path.display()))?,
                ),
            },
            None => OwnedTLSConfig::default(),
        };
        let runtime = default_runtime()?;
        let connecting = Connection::connect_uri_with_config(uri, properties, trust, runtime);
        let connection = timeout(self.config.connect_timeout(), connecting)
            .await
            .map_err(|_| anyhow!("no answer within {} s", self.config.connect_timeout_s))
            .and_then(|connected| {
                connected.map_err(|error| match refuses_us(&error) {
                    true => anyhow::Error::new(Denied(error)),
                    false => anyhow::Error::new(error),
                })
            })
            .map_err(|error| {
                let denied = error.downcast_ref::<Denied>().is_some();
                let how = if denied { "does not let us in" } else { "cannot be reached" };
                error.context(format!("broker {} {how}", self.config.address()))
            })?;
        Ok(Arc::new(connection))
    }
}

async fn close(connection: &Connection) {
    if connection.status().connected() {
        // what it answers no longer matters
        let _ = timeout(CLOSE_TIMEOUT, connection.close(200, "done".into())).await;
    }
}
