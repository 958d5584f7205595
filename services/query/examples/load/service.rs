//! The real service with a configuration that may only read, in a process of its own.

use crate::part;
use hydra_blobs::{Blobs, BlobsConfig};
use hydra_query::{QueryConfig, serve};
use hydra_store::{Database, DatabaseConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The part of the load that serves the database at `database` and the blobs at `blobs`, prints
/// its address, and serves until it is asked to end.
pub async fn run(database: &str, blobs: &str) {
    let config = DatabaseConfig {
        read_only: true,
        statement_timeout_s: 10,
        max_connections: 8,
        ..DatabaseConfig::at(database)
    };
    let reader = Database::connect(&config).await.unwrap();
    let blobs = Blobs::open(&BlobsConfig { url: blobs.into() }).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("http://{}", listener.local_addr().unwrap());
    let stop = CancellationToken::new();
    let config = QueryConfig::new("load");
    let served = tokio::spawn(serve(listener, config, reader, blobs, stop.clone()));
    part::until_asked().await;
    stop.cancel();
    served.await.unwrap().unwrap();
}
