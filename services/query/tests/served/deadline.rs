//! Nobody waits for ever: REST and gRPC end what is not answered in time, and a stream lives on.

use crate::hall::Served;
use hydra_proto::query::{self as pb, query_service_client::QueryServiceClient};
use hydra_query::{QueryConfig, serve};
use hydra_store::{Database, DatabaseConfig};
use hydra_testkit::Engine;
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::Code;

/// Takes the only connection of a pool until `release`; returns once it has it.
async fn hold(db: &Database, release: &CancellationToken) {
    let held = CancellationToken::new();
    let (db, release, is_held) = (db.clone(), release.clone(), held.clone());
    tokio::spawn(async move {
        let work = db.transaction(move |_| {
            is_held.cancel();
            let release = release.clone();
            Box::pin(async move {
                release.cancelled().await;
                Ok(())
            })
        });
        work.await.unwrap();
    });
    held.cancelled().await;
}

#[tokio::test]
async fn what_the_database_does_not_answer_in_time_is_ended_and_a_stream_is_not() {
    let (scratch, writer, _folder, blobs, written) = Served::write(Engine::Sqlite).await;
    let config = DatabaseConfig { max_connections: 1, ..DatabaseConfig::at(&scratch.url) };
    let db = Database::connect(&config).await.unwrap();
    let query = QueryConfig { answer_timeout_s: 1, ..QueryConfig::new("Hall T") };
    let (has_read, stop) = (query.has_read.clone(), CancellationToken::new());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let service = tokio::spawn(serve(listener, query, db.clone(), blobs.clone(), stop.clone()));
    has_read.cancelled().await;
    let mut grpc = QueryServiceClient::connect(url.clone()).await.unwrap();
    let asked = pb::WatchRequest { detector: "DC".into() };
    let mut stream = grpc.watch(asked).await.unwrap().into_inner();

    let release = CancellationToken::new();
    hold(&db, &release).await;
    let begun = Instant::now();
    let late = grpc.list_images(pb::ListImagesRequest::default()).await.unwrap_err();
    assert_eq!(late.code(), Code::DeadlineExceeded, "{late}");
    assert!(late.message().contains("too long"), "{late}");
    let waited = begun.elapsed();
    assert!((1..4).contains(&waited.as_secs()), "{waited:?}");
    let answer = reqwest::get(format!("{url}/api/v1/images")).await.unwrap();
    assert_eq!(answer.status(), 503, "REST is bounded the same");
    let hall = grpc.get_hall(pb::GetHallRequest {}).await.unwrap().into_inner();
    assert_eq!(hall.run, Some(80_003), "the present needs no database");
    release.cancel();

    let mut fact = written.of("DC_tdc").last().map(|f| (*f).clone()).unwrap();
    (fact.chunk, fact.taken_us) = (Some(77), fact.taken_us + 1_000_000);
    fact.id = hydra_proto::ImageId::of(&fact.plot, fact.run, fact.chunk, &fact.content);
    written.add(&writer, &blobs, std::slice::from_ref(&fact)).await;
    let news = async {
        loop {
            let told = stream.message().await.unwrap().expect("the stream ended");
            let latest = told.plot_type.unwrap().latest;
            if latest.is_some_and(|latest| latest.image == fact.id.to_string()) {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), news).await.expect("a stream has no deadline");
    assert!(grpc.list_images(pb::ListImagesRequest::default()).await.is_ok());
    drop((stream, grpc));
    stop.cancel();
    service.await.unwrap().unwrap();
    writer.close().await;
}
