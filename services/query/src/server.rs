//! The door: connections, limits and headers around the routes.

use crate::{
    app::App,
    config::QueryConfig,
    error::{ApiError, TOO_LONG},
    follow, grpc, pages,
    pictures::Painter,
    routes,
};
use axum::{
    Router,
    extract::Request,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use hydra_blobs::Blobs;
use hydra_store::Database;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::sync::CancellationToken;
use tower_http::{compression::CompressionLayer, limit::RequestBodyLimitLayer};
use tracing::debug;

/// Nobody sends us anything but questions; those of gRPC have a body.
const BODY_LIMIT: usize = 64 * 1024;
/// After `shutdown`, answers that are under way may take so long.
const GRACE: Duration = Duration::from_secs(5);
/// Bytes of a request's head; more is an attack.
const HEAD_LIMIT: usize = 32 * 1024;

/// Answers on `listener` until `shutdown`: REST, gRPC, live stream and pages on one address.
/// `db` should belong to a user that may only read; nothing here writes.
///
/// # Errors
/// When the socket fails.
pub async fn serve(
    listener: TcpListener,
    config: QueryConfig,
    db: Database,
    blobs: Blobs,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    let now = Arc::new(follow::Now::default());
    let every = Duration::from_millis(config.follow_ms.max(10));
    let (read, token) = (config.has_read.clone(), shutdown.clone());
    let follower = tokio::spawn(follow::follow(db.clone(), now.clone(), every, read, token));
    let app = App {
        painter: Painter::new(config.picture_threads),
        streams: Arc::new(Semaphore::new(config.max_streams)),
        days: crate::days::Days::default(),
        longs: crate::long::Longs::default(),
        qualities: crate::quality::Cache::default(),
        stop: shutdown.clone(),
        config: Arc::new(config),
        db,
        blobs,
        now,
    };
    accept(listener, &app, router(app.clone()), shutdown).await;
    if let Err(error) = follower.await {
        tracing::error!(error = &error as &dyn std::error::Error, "the follower ended badly");
    }
    Ok(())
}

/// Everything that is answered.
pub fn router(app: App) -> Router {
    let patience = Duration::from_secs(app.config.answer_timeout_s.max(1));
    let late = || ApiError::busy(TOO_LONG).into_response();
    let api = routes::api()
        .layer(middleware::from_fn(move |asked, next| in_time(patience, late, asked, next)))
        .layer(CompressionLayer::new().gzip(true));
    // A stream has no end, and to compress it would hold back its frames.
    let live = Router::new()
        .route("/api/v1/live", get(routes::live::live))
        .method_not_allowed_fallback(routes::only_get);
    let pages = Router::new()
        .route("/", get(pages::page))
        .route("/{*path}", get(pages::page))
        .method_not_allowed_fallback(routes::only_get)
        .layer(CompressionLayer::new().gzip(true));
    Router::new()
        .nest("/api/v1", api)
        .merge(live)
        .with_state(app.clone())
        .merge(grpc::router(app, patience))
        .merge(pages)
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT))
        .layer(middleware::from_fn(observe))
        .layer(middleware::from_fn(guard))
}

/// Ends an answer that takes too long by what `late` says; of a stream, its begin. What it asked of
/// the database goes on in its own task.
pub async fn in_time(
    patience: Duration,
    late: fn() -> Response,
    request: Request,
    next: Next,
) -> Response {
    tokio::time::timeout(patience, next.run(request)).await.unwrap_or_else(|_| late())
}

/// Counts and times answers by route, never by address.
async fn observe(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<axum::extract::MatchedPath>();
    let route = route.map_or("pages", |path| path.as_str()).to_owned();
    let begun = std::time::Instant::now();
    let response = next.run(request).await;
    let status = response.status().as_u16().to_string();
    metrics::histogram!("hydra_query_answer_seconds", "route" => route, "status" => status)
        .record(begun.elapsed().as_secs_f64());
    response
}

/// Headers that every answer carries, whatever it is.
async fn guard(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let is_empty_refusal = response.status() == StatusCode::PAYLOAD_TOO_LARGE;
    if is_empty_refusal {
        let detail = format!("a request's body may have {BODY_LIMIT} bytes");
        response = ApiError::with(StatusCode::PAYLOAD_TOO_LARGE, detail).into_response();
    }
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("permissions-policy"), "camera=(), geolocation=(), microphone=()"),
    ];
    for (name, value) in fixed {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
    response.headers_mut().entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    let fresh = HeaderValue::from_static("no-store");
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(fresh);
    response
}

/// Takes connections, a bounded number at a time, each with a deadline for its request's head.
async fn accept(listener: TcpListener, app: &App, router: Router, shutdown: CancellationToken) {
    let slots = Arc::new(Semaphore::new(app.config.max_connections.max(1)));
    let graceful = GracefulShutdown::new();
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(app.config.head_timeout_s.max(1)))
        .max_buf_size(HEAD_LIMIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(200)
        .max_header_list_size(HEAD_LIMIT as u32)
        .keep_alive_interval(Duration::from_secs(20));
    let builder = Arc::new(builder);
    loop {
        let Some(Ok(slot)) = shutdown.run_until_cancelled(slots.clone().acquire_owned()).await
        else {
            break;
        };
        let Some(taken) = shutdown.run_until_cancelled(listener.accept()).await else { break };
        let Ok((socket, _)) = taken else {
            // Out of file descriptors, say: the others go on, and one may come free.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        // Small frames of the live stream must not wait for each other.
        let _delayed = socket.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let watcher = graceful.watcher();
        let builder = builder.clone();
        tokio::spawn(async move {
            let connection = builder.serve_connection(TokioIo::new(socket), service);
            if let Err(error) = watcher.watch(connection.into_owned()).await {
                debug!(%error, "a connection ended badly");
            }
            drop(slot);
        });
    }
    drop(listener);
    // Streams end by the token; an answer that takes longer than the grace is cut.
    let _ended = tokio::time::timeout(GRACE, graceful.shutdown()).await;
}
