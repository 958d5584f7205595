//! A listener with limits that `axum::serve` does not set: on the time and size of a request's
//! head, and on how long an idle connection may stay.

use super::HttpConfig;
use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use std::sync::Arc;
use std::{io, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Connections at once; more wait in the listener's backlog.
const CONNECTIONS: usize = 512;
/// Bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;

/// Serves `router` on `listener` until `stop`, then lets requests that are under way finish.
///
/// # Errors
/// When the socket fails for good.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    config: &HttpConfig,
    stop: CancellationToken,
) -> io::Result<()> {
    let builder = limited(config);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    while let Some(place) = stop.run_until_cancelled(places.clone().acquire_owned()).await {
        let Some(accepted) = stop.run_until_cancelled(listener.accept()).await else { break };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) if is_passing(&error) => {
                // No file descriptors left, or a client that gave up: others may be better off.
                warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        let service = TowerToHyperService::new(router.clone());
        let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                debug!(error, "a connection ended early");
            }
            drop(place);
        });
    }
    let longest = Duration::from_secs(config.timeout_s);
    if timeout(longest, graceful.shutdown()).await.is_err() {
        warn!("requests were cut off at the end");
    }
    Ok(())
}

fn limited(config: &HttpConfig) -> Builder<TokioExecutor> {
    let head_time = Duration::from_secs(config.header_timeout_s);
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(head_time)
        .max_buf_size(HEAD_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(head_time)
        .keep_alive_timeout(head_time)
        .max_concurrent_streams(32)
        .max_header_list_size(HEAD_BYTES as u32);
    builder
}

/// Errors of one connection or of a moment, see accept(2).
fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind as K;
    matches!(
        error.kind(),
        K::ConnectionAborted | K::ConnectionReset | K::ConnectionRefused | K::Interrupted
    ) || matches!(error.raw_os_error(), Some(23 | 24 | 12 | 105))
}
