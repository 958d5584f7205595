//! Signals and the end of a process.

use std::{future::Future, time::Duration};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Cancels the returned token at SIGTERM or SIGINT; a second signal ends the process at once.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn stop_on_signal() -> std::io::Result<CancellationToken> {
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let stop = CancellationToken::new();
    let token = stop.clone();
    tokio::spawn(async move {
        let name = tokio::select! { _ = term.recv() => "SIGTERM", _ = int.recv() => "SIGINT" };
        info!("{name}: finishing what is in hand");
        token.cancel();
        tokio::select! { _ = term.recv() => {} _ = int.recv() => {} }
        warn!("second signal: ending at once");
        // whoever asks twice wants no drop to run; what is unsettled is delivered again
        #[allow(clippy::disallowed_methods)]
        std::process::exit(130);
    });
    Ok(stop)
}

/// Waits for `work` as long as it runs and, once `stop` is cancelled, at most `grace` longer.
/// `None` when the grace time was not enough.
pub async fn finish<T>(
    work: impl Future<Output = T>,
    stop: &CancellationToken,
    grace: Duration,
) -> Option<T> {
    let deadline = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = deadline => None,
    }
}
