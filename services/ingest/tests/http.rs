//! `POST /v1/images` over a real socket.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Hall, png};
use hydra_blobs::Blobs;
use hydra_ingest::http::{HttpConfig, router, serve};
use reqwest::{
    Client, RequestBuilder, Response,
    multipart::{Form, Part},
};
use serde_json::Value;
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

struct Server {
    hall: Hall,
    address: SocketAddr,
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Server {
    async fn start() -> Self {
        Self::on(Hall::open().await, HttpConfig::default()).await
    }

    async fn on(hall: Hall, config: HttpConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let (routes, token) = (router(hall.door.clone(), &config), stop.clone());
        let task = tokio::spawn(async move { serve(listener, routes, &config, token).await });
        Self { hall, address, stop, task }
    }

    fn post(&self, query: &str) -> RequestBuilder {
        Client::new().post(format!("http://{}/v1/images{query}", self.address))
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.unwrap().unwrap();
    }
}

/// Status and body, after checks that hold for every answer.
async fn read(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    let text = response.text().await.unwrap();
    let wanted = if status < 300 { "application/json" } else { "application/problem+json" };
    assert_eq!(kind, wanted, "{text}");
    // Nothing of ours shows: no path, no source file, no library.
    for ours in ["/work", "/tmp", ".rs", "object_store", "panicked", "os error"] {
        assert!(!text.contains(ours), "{text}");
    }
    (status, serde_json::from_str(&text).unwrap())
}

async fn send(request: RequestBuilder) -> (u16, Value) {
    read(request.send().await.unwrap()).await
}

#[tokio::test]
async fn an_image_is_created_once_and_known_after() {
    let server = Server::start().await;
    let query = "?plot_type=Faraday%20Cup&run=80464&chunk=37";
    let (status, first) = send(server.post(query).body(png(1))).await;
    assert_eq!((status, &first["status"]), (201, &Value::from("stored")));
    let (status, again) = send(server.post(query).body(png(1))).await;
    assert_eq!((status, &again["status"]), (200, &Value::from("known")));
    assert_eq!(first["id"], again["id"]);
    let (_, image) = server.hall.announced().await.remove(0);
    assert_eq!(
        (image.plot_type.as_str(), image.run, image.chunk),
        ("Faraday Cup", 80464, Some(37))
    );
    server.end().await;
}

#[tokio::test]
async fn facts_come_as_headers_too_and_a_trace_goes_through() {
    let server = Server::start().await;
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = server
        .post("?run=7")
        .header("Hydra-Plot-Type", "ÅÄÖ occupancy".as_bytes())
        .header("Hydra-Conditions", r#"{"target": "LH2"}"#)
        .header("traceparent", parent)
        .body(png(1));
    assert_eq!(send(request).await.0, 201);
    let (message, image) = server.hall.announced().await.remove(0);
    assert_eq!((image.plot_type.as_str(), image.run), ("ÅÄÖ occupancy", 7));
    assert_eq!(image.conditions_json, r#"{"target":"LH2"}"#);
    assert_eq!(message.headers["traceparent"], parent);
    server.end().await;
}

#[tokio::test]
async fn refusals_have_their_status_and_name_the_thing() {
    let server = Server::start().await;
    let good = "?plot-type=A&run=1";
    let long = format!("{good}&conditions=%7B%22a%22:%22{}%22%7D", "x".repeat(9000));
    let (width, height) = (20_000_u32, 10_u32);
    let wide = hydra_vision::corpus::raw::png(&[
        hydra_vision::corpus::raw::ihdr(width, height, 8, 2, false),
        hydra_vision::corpus::raw::chunk(b"IDAT", b""),
    ]);
    for (query, body, status, kind, fact) in [
        ("", png(1), 400, "missing_fact", Some("plot-type")),
        ("?plot-type=A", png(1), 400, "missing_fact", Some("run")),
        ("?plot-type=A&run=x", png(1), 400, "bad_fact", Some("run")),
        ("?plot-type=..%2F..%2Fetc&run=1", png(1), 400, "bad_fact", Some("plot-type")),
        ("?plot-type=..%252fetc&run=1", png(1), 400, "bad_fact", Some("plot-type")),
        ("?plot-type=%3Cscript%3E&run=1", png(1), 400, "bad_fact", Some("plot-type")),
        ("?plot-type=A&run=1&run=2", png(1), 400, "bad_fact", Some("run")),
        ("?plot-type=A&rum=1", png(1), 400, "unknown_fact", None),
        ("?plot-type=%FF&run=1", png(1), 400, "bad_fact", Some("plot-type")),
        (&long, png(1), 400, "bad_fact", Some("conditions")),
        (good, Vec::new(), 422, "empty", None),
        (good, png(1)[..50].to_vec(), 422, "truncated", None),
        (good, wide, 422, "too_many_pixels", None),
        (good, b"<svg onload=alert(1)>".to_vec(), 415, "other_format", None),
        (good, vec![0; (32 << 20) + 1], 413, "too_many_bytes", None),
        (good, vec![0; 64 << 20], 413, "too_many_bytes", None),
    ] {
        let request = server.post(query).body(body);
        // A server that has seen enough may close before it took the whole body.
        let Ok(response) = request.send().await else {
            assert_eq!(status, 413, "{query}");
            continue;
        };
        let (found, problem) = read(response).await;
        assert_eq!((found, &problem["kind"]), (status, &Value::from(kind)), "{query}");
        assert_eq!(problem["status"], status);
        assert_eq!(problem["fact"].as_str(), fact, "{query}");
        assert!(problem["detail"].as_str().is_some_and(|text| text.len() > 10));
    }
    assert_eq!(server.hall.count().await, 0);
    server.end().await;
}

#[tokio::test]
async fn while_the_broker_is_away_clients_are_told_to_come_again() {
    let server = Server::on(Hall::without_broker(Blobs::in_memory()), HttpConfig::default()).await;
    let query = "?plot-type=A&run=1";
    let response = server.post(query).body(png(1)).send().await.unwrap();
    assert_eq!(response.headers()["retry-after"], "5");
    let (status, problem) = read(response).await;
    assert_eq!((status, &problem["kind"]), (503, &Value::from("away")));
    let form = Form::new().part("image", Part::bytes(png(1)));
    assert_eq!(send(server.post(query).multipart(form)).await.0, 503);
    server.hall.broker_comes().await;
    assert_eq!(send(server.post(query).body(png(1))).await.0, 201);
    server.end().await;
}

fn part(bytes: Vec<u8>, name: &str) -> Part {
    Part::bytes(bytes).file_name(name.to_owned())
}

#[tokio::test]
async fn a_batch_of_a_thousand_is_taken_and_each_part_has_its_own_name() {
    let server = Server::start().await;
    let form = |count: u32| {
        (0..count).fold(Form::new(), |form, n| {
            form.part("image", part(png(n), &format!("CDC_occupancy_{n:04}.png")))
        })
    };
    let begun = Instant::now();
    let (status, answer) = send(server.post("?run=7").multipart(form(1000))).await;
    let rate = 1000.0 / begun.elapsed().as_secs_f64();
    println!("http door, a batch of 1,000, store and queue in memory: {rate:.0} images/s");
    assert_eq!((status, answer["images"].as_array().unwrap().len()), (201, 1000));
    let announced = server.hall.announced().await;
    assert_eq!(announced.len(), 1000);
    for (n, (_, image)) in (0..).zip(&announced) {
        assert_eq!(
            (image.plot_type.as_str(), image.run, image.chunk),
            ("CDC_occupancy", 7, Some(n))
        );
    }
    let (status, answer) = send(server.post("?run=7").multipart(form(1000))).await;
    assert_eq!((status, &answer["images"][999]["status"]), (200, &Value::from("known")));
    let (status, problem) = send(server.post("?run=7").multipart(form(1001))).await;
    assert_eq!((status, &problem["kind"]), (413, &Value::from("too_many_images")));
    server.end().await;
}

#[tokio::test]
async fn bad_parts_of_a_batch_are_named_and_the_good_ones_taken() {
    let server = Server::start().await;
    let form = Form::new()
        .part("image", part(png(1), "A_0001.png"))
        .part("image", part(b"%PDF".to_vec(), "B_0001.png"))
        .part("image", part(png(2), "<script>.png"))
        .part("image", Part::bytes(png(3)))
        .part("image", part(vec![0; (32 << 20) + 5], "C_0001.png"))
        .part("image", part(png(4), "D_0009.png"));
    let (status, problem) = send(server.post("?run=7").multipart(form)).await;
    assert_eq!(
        (status, &problem["kind"]),
        (415, &Value::from("other_format")),
        "the first refusal"
    );
    let images = problem["images"].as_array().unwrap();
    let kinds: Vec<&str> = images
        .iter()
        .map(|image| image["problem"]["kind"].as_str().or(image["status"].as_str()).unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["stored", "other_format", "bad_fact", "missing_fact", "too_many_bytes", "stored"]
    );
    let names: Vec<String> =
        server.hall.announced().await.into_iter().map(|(_, image)| image.plot_type).collect();
    assert_eq!(names, ["A", "D"]);
    server.end().await;
}

#[tokio::test]
async fn broken_multipart_is_refused() {
    let server = Server::start().await;
    for (kind, body) in [
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=b", ""),
        ("multipart/form-data; boundary=b", "--b\r\n"),
        ("multipart/form-data; boundary=b", "--b--\r\n"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\nxx",
        ),
    ] {
        let request = server.post("?plot-type=A&run=1").header("content-type", kind).body(body);
        let (status, problem) = send(request).await;
        assert_eq!((status, &problem["kind"]), (400, &Value::from("malformed")), "{body:?}");
    }
    assert_eq!(server.hall.count().await, 0);
    server.end().await;
}

#[tokio::test]
async fn other_paths_and_methods_do_not_exist() {
    let server = Server::start().await;
    let get = Client::new().get(format!("http://{}/v1/images", server.address));
    assert_eq!(get.send().await.unwrap().status(), 405);
    let away = Client::new().post(format!("http://{}/v1/images/../../etc", server.address));
    assert_eq!(away.send().await.unwrap().status(), 404);
    server.end().await;
}

/// Sends `head`, then nothing more, and returns what comes back until the server closes.
async fn send_slowly(server: &Server, head: &str) -> String {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(20), read).await.expect("it never closed");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn clients_that_dawdle_are_let_go() {
    let config = HttpConfig { timeout_s: 1, header_timeout_s: 1, ..HttpConfig::default() };
    let server = Server::on(Hall::open().await, config).await;
    send_slowly(&server, "POST /v1/images HTTP/1.1\r\nHost: x\r\nHydra-").await;
    let body = "POST /v1/images?plot-type=A&run=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1000\r\n\r\nabc";
    assert!(send_slowly(&server, body).await.starts_with("HTTP/1.1 408 "));
    server.end().await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_refused() {
    let server = Server::start().await;
    let head = format!("POST /v1/images HTTP/1.1\r\nHost: x\r\nX: {}", "x".repeat(100 << 10));
    let answer = send_slowly(&server, &head).await;
    assert!(answer.starts_with("HTTP/1.1 431 ") || answer.is_empty(), "{answer}");
    server.end().await;
}

#[tokio::test]
async fn a_body_in_chunks_of_a_byte_is_taken() {
    let server = Server::start().await;
    let bytes = png(1);
    let chunks: String =
        bytes.iter().map(|byte| format!("1\r\n{}\r\n", char::from(*byte))).collect();
    // Latin-1: each char is one byte of the image.
    let raw: Vec<u8> = chunks.chars().map(|c| c as u8).collect();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/images?plot-type=A&run=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&raw).await.unwrap();
    stream.write_all(b"0\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 201 "), "{}", answer.escape_ascii());
    server.end().await;
}

#[tokio::test]
async fn more_requests_than_places_wait_and_are_served() {
    let config = HttpConfig { concurrency: 1, ..HttpConfig::default() };
    let server = Server::on(Hall::open().await, config).await;
    let requests = (0..20).map(|n| {
        let query = format!("?plot-type=A&run=1&chunk={n}");
        send(server.post(&query).body(png(n)))
    });
    let answers = futures::future::join_all(requests).await;
    assert!(answers.iter().all(|(status, _)| *status == 201));
    server.end().await;
}

#[tokio::test]
async fn requests_under_way_are_finished_at_the_end() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let bytes = png(1);
    let head = format!(
        "POST /v1/images?plot-type=A&run=1 HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..10]).await.unwrap();
    // An answer to another request shows that the server has read on meanwhile.
    assert_eq!(send(server.post("?plot-type=B&run=1").body(png(2))).await.0, 201);
    server.stop.cancel();
    stream.write_all(&bytes[10..]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 201 "), "{}", answer.escape_ascii());
    server.end().await;
}
