//! Bad input: a problem document that says what is allowed, never a failure inside.

use crate::hall::{Served, on_each, problem};
use hydra_testkit::Engine;
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Paths under `/api/v1` that mean nothing, and what they are answered with.
const BAD: &[(&str, u16)] = &[
    ("/images?limit=0", 400),
    ("/images?limit=-1", 400),
    ("/images?limit=1001", 400),
    ("/images?limit=1000000000", 400),
    ("/images?limit=99999999999999999999999", 400),
    ("/images?limit=ten", 400),
    ("/images?limit=1&limit=2", 400),
    ("/images?nope=1", 400),
    ("/images?order=sideways", 400),
    ("/images?order=newest", 400),
    ("/images?from_us=1", 400),
    ("/images?plot_type=DC_tdc&run=80001", 400),
    ("/images?run=-1", 400),
    ("/images?run=4294967296", 400),
    ("/images?run=1e3", 400),
    ("/images?plot_type=Nothing", 404),
    ("/images?plot_type=..%2F..%2Fetc%2Fpasswd", 400),
    ("/images?plot_type=%27%20or%20%271%27=%271", 400),
    ("/images?plot_type=%00", 400),
    ("/images?plot_type=DC_tdc&from_us=5&to_us=5", 400),
    ("/images?plot_type=DC_tdc&from_us=9&to_us=5", 400),
    ("/images?plot_type=DC_tdc&from_us=-9223372036854775808&to_us=9223372036854775807", 400),
    ("/images?cursor=forged", 400),
    ("/images?cursor=%00%ff", 400),
    ("/images?cursor=", 400),
    ("/images/xyz", 400),
    ("/images/..%2f..%2fetc%2fpasswd", 400),
    ("/images/%252e%252e%252f", 400),
    ("/images/ABCDEF000000000000000000000000000000000000000000", 400),
    ("/images/000000000000000000000000000000000000000000000000", 404),
    ("/images/000000000000000000000000000000000000000000000000/original", 404),
    ("/images/000000000000000000000000000000000000000000000000/thumbnail", 404),
    ("/images/000000000000000000000000000000000000000000000000/heatmap", 404),
    ("/images/000000000000000000000000000000000000000000000000/source", 404),
    ("/plot-types/Nothing", 404),
    ("/plot-types/%3Cscript%3E", 400),
    ("/plot-types/%ff%fe", 400),
    ("/plot-types/..%2f..%2f", 400),
    ("/plot-types?limit=0", 400),
    ("/plot-types/DC_tdc/trend?limit=5001", 400),
    ("/plot-types/DC_tdc/trend?from_us=0", 400),
    ("/plot-types/DC_tdc/trend?from_us=a", 400),
    ("/plot-types/DC_tdc/predictions?role=judge", 400),
    ("/plot-types/DC_tdc/predictions?limit=1001", 400),
    ("/plot-types/DC_tdc/predictions?cursor=AAAA", 400),
    ("/plot-types/DC_tdc/why", 400),
    ("/plot-types/DC_tdc/why?at_us=9223372036854775807", 400),
    ("/plot-types/DC_tdc/why?at_us=-1", 400),
    ("/plot-types/Nothing/why?at_us=1", 404),
    ("/plot-types/Nothing/trend", 404),
    ("/detectors?limit=0", 400),
    ("/groups?cursor=x", 400),
    ("/runs/abc", 400),
    ("/runs/-1", 400),
    ("/runs/4294967296", 400),
    ("/runs/999", 404),
    ("/runs?cursor=x", 400),
    ("/log?kind=good", 400),
    ("/log?detector=Nothing", 404),
    ("/log?detector=%27;drop%20table%20image;--", 404),
    ("/log?plot_type=Nothing", 404),
    ("/log?run=999", 404),
    ("/log?from_us=0&to_us=7258118400000001", 400),
    ("/log?from_us=9&to_us=9", 400),
    ("/incidents?from_us=1", 400),
    ("/incidents?open=maybe", 400),
    ("/incidents?open=false&from_us=9&to_us=1", 400),
    ("/incidents/xyz", 400),
    ("/incidents/00000000000000000000000000000000", 404),
    ("/models/xyz", 400),
    ("/models/0000000000000000000000000000000000000000000000000000000000000000", 404),
    ("/models?plot_type=Nothing", 404),
    ("/models?released=perhaps", 400),
    ("/labels?limit=0", 400),
    ("/quality", 400),
    ("/quality?run=999", 404),
    ("/quality?run=80001&detector=Nothing", 404),
    ("/quality?run=80001&format=xml", 400),
    ("/quality?run=80001&limit=0", 400),
    ("/quality?run=80001&limit=1001", 400),
    ("/quality?run=80001&cursor=forged", 400),
    ("/quality?run=80001&format=csv&cursor=forged", 400),
    ("/images/000000000000000000000000000000000000000000000000/heatmap?v=x", 400),
    ("/status/latency?limit=0", 400),
    ("/status/calendar?cursor=x", 400),
    ("/dead-letters?cursor=x", 400),
    ("/nothing", 404),
    ("/", 404),
    ("", 404),
];

#[tokio::test]
async fn what_means_nothing_is_refused_with_what_is_allowed() {
    on_each(async |served| {
        for (path, status) in BAD {
            let answer = served.raw(&format!("/api/v1{path}")).await;
            assert_eq!(answer.status(), *status, "{path}");
            problem(path, answer).await;
        }
    })
    .await;
}

#[tokio::test]
async fn lists_of_names_heads_and_bodies_have_an_end() {
    let served = Served::start(Engine::Sqlite).await;
    let many = format!("/api/v1/log?kind={}", "bad,".repeat(5_000));
    let answer = served.raw(&many).await;
    assert_eq!(answer.status(), 400);
    problem("many kinds", answer).await;
    let long = format!("/api/v1/plot-types/{}", "a".repeat(10_000));
    let answer = served.raw(&long).await;
    problem("a long name", answer).await;
    let head = served.client.get(format!("{}/api/v1/hall", served.url));
    let head = head.header("x-bomb", "a".repeat(100_000)).send().await;
    assert!(head.is_err() || head.unwrap().status().is_client_error());
    let body = served.client.get(format!("{}/api/v1/hall", served.url));
    let body = body.body(vec![b'a'; 1 << 20]).send().await;
    assert!(body.is_err() || !body.unwrap().status().is_server_error());
    assert_eq!(served.get("/hall").await["name"], "Hall T");
    served.stop().await;
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_with_its_own_filters_only() {
    on_each(async |served| {
        let page = served.get("/images?plot_type=DC_tdc&limit=5").await;
        let cursor = page["next"].as_str().unwrap();
        let mut forged = cursor.as_bytes().to_vec();
        forged[3] = if forged[3] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        for path in [
            format!("/images?plot_type=DC_occupancy&limit=5&cursor={cursor}"),
            format!("/images?plot_type=DC_tdc&order=oldest&cursor={cursor}"),
            format!("/images?cursor={cursor}"),
            format!("/images?plot_type=DC_tdc&cursor={forged}"),
            format!("/log?cursor={cursor}"),
            format!("/plot-types/DC_tdc/trend?cursor={cursor}"),
        ] {
            let answer = served.raw(&format!("/api/v1{path}")).await;
            assert_eq!(answer.status(), 400, "{path}");
            let told = problem(&path, answer).await;
            assert!(told["detail"].as_str().unwrap().starts_with("cursor is not one"), "{told}");
        }
        // another size of a page is no other list
        served.get(&format!("/images?plot_type=DC_tdc&limit=6&cursor={cursor}")).await;
    })
    .await;
}

#[tokio::test]
async fn nothing_but_reading_is_offered() {
    let served = Served::start(Engine::Sqlite).await;
    let paths =
        ["/", "/log", "/api/v1/hall", "/api/v1/images", "/api/v1/live", "/api/v1/openapi.json"];
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        for path in paths {
            let url = format!("{}{path}", served.url);
            let answer = served.client.request(method.clone(), url).send().await.unwrap();
            assert_eq!(answer.status(), 405, "{method} {path}");
            assert_eq!(answer.headers()["allow"], "GET, HEAD", "{method} {path}");
            problem(path, answer).await;
        }
    }
    served.stop().await;
}

#[tokio::test]
async fn every_answer_tells_browsers_to_be_strict() {
    let served = Served::start(Engine::Sqlite).await;
    for path in ["/", "/api/v1/hall", "/api/v1/nothing", "/api/v1/live", "/assets/none.js"] {
        let answer = served.raw(path).await;
        let headers = answer.headers();
        assert_eq!(headers["x-content-type-options"], "nosniff", "{path}");
        assert_eq!(headers["x-frame-options"], "DENY", "{path}");
        assert_eq!(headers["referrer-policy"], "no-referrer", "{path}");
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{path}");
    }
    served.stop().await;
}

/// The same numbers on every machine (Knuth's constants).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

#[tokio::test]
async fn no_mixture_of_parameters_is_a_failure_inside() {
    let paths = [
        "/hall",
        "/plot-types",
        "/plot-types/DC_tdc",
        "/plot-types/DC_tdc/trend",
        "/plot-types/Faraday%20Cup/predictions",
        "/plot-types/DC_occupancy/why",
        "/detectors",
        "/groups",
        "/runs",
        "/runs/80001",
        "/images",
        "/log",
        "/incidents",
        "/models",
        "/labels",
        "/quality",
        "/status",
        "/status/latency",
        "/status/calendar",
        "/dead-letters",
    ];
    let keys = [
        "limit",
        "cursor",
        "from_us",
        "to_us",
        "plot_type",
        "run",
        "order",
        "kind",
        "detector",
        "group",
        "open",
        "at_us",
        "format",
        "role",
        "released",
        "strange",
    ];
    let values = [
        "0",
        "1",
        "5",
        "1000",
        "-1",
        "1.5",
        "9223372036854775807",
        "1764000000000000",
        "DC",
        "DC_tdc",
        "80001",
        "newest",
        "oldest",
        "bad",
        "bad,novel",
        "true",
        "false",
        "csv",
        "json",
        "active",
        "candidate",
        "",
        "%27",
        "%00",
        "%F0%9F%92%A5",
        "..%2F",
        "AAAAAAAA",
        "null",
    ];
    on_each(async |served| {
        let mut dice = Dice(42);
        let mut answered = 0;
        for _ in 0..400 {
            let mut path = format!("/api/v1{}?", dice.one(&paths));
            for _ in 0..dice.below(4) {
                path += &format!("{}={}&", dice.one(&keys), dice.one(&values));
            }
            let path = path.trim_end_matches(['&', '?']);
            let answer = served.raw(path).await;
            match answer.status().as_u16() {
                200 => answered += 1,
                _ => drop(problem(path, answer).await),
            }
        }
        assert!(answered > 40, "{answered} of 400 meant something: too few to show anything");
    })
    .await;
}

#[tokio::test]
async fn who_never_finishes_his_question_is_hung_up_on() {
    let served = Served::start(Engine::Sqlite).await;
    let address = served.url.trim_start_matches("http://");
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /api/v1/hall HTTP/1.1\r\nHost: x\r\nX-Slow: ").await.unwrap();
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(40), slow.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is still open");
    served.stop().await;
}

#[tokio::test]
async fn the_document_names_every_route_and_no_other() {
    let served = Served::start(Engine::Sqlite).await;
    let document: Value = served.raw("/api/v1/openapi.json").await.json().await.unwrap();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() >= 26, "{} paths", paths.len());
    for (path, methods) in paths {
        assert_eq!(methods.as_object().unwrap().keys().collect::<Vec<_>>(), ["get"], "{path}");
        let any = path
            .replace("{name}", "Nothing")
            .replace("{run}", "999")
            .replace("{digest}", &"0".repeat(64))
            .replace("{image}", &"0".repeat(48))
            .replace("{incident}", &"0".repeat(32));
        let answer = served.raw(&any).await;
        let text =
            if path.ends_with("/live") { String::new() } else { answer.text().await.unwrap() };
        assert!(!text.contains("there is no such resource"), "{path} is not served");
    }
    served.stop().await;
}
