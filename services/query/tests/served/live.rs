//! The live stream: what is committed is on every open page at once.

use crate::hall::{Fact, Served, on_each};
use futures::StreamExt;
use hydra_proto::ImageId;
use hydra_store::orm::ConnectionTrait;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Server-sent events as they come.
struct Events {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

impl Events {
    async fn open(served: &Served) -> Self {
        let answer = served.raw("/api/v1/live").await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert_eq!(answer.headers()["cache-control"], "no-store");
        Self { bytes: answer.bytes_stream().boxed(), text: String::new() }
    }

    /// The next event: its name and its data.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    let line = event.lines().find_map(|line| line.strip_prefix(name));
                    line.map(|value| value.trim().to_owned())
                };
                let (name, data) = (field("event:"), field("data:"));
                self.text = rest.to_owned();
                if let (Some(name), Some(data)) = (name, data) {
                    return (name, serde_json::from_str(&data).unwrap());
                }
                continue;
            }
            let more = tokio::time::timeout(Duration::from_secs(20), self.bytes.next()).await;
            let more = more.expect("nothing came in 20 s").expect("the stream ended").unwrap();
            self.text.push_str(std::str::from_utf8(&more).unwrap());
        }
    }

    /// The next change that names a plot type, with its card.
    async fn card(&mut self, plot: &str) -> (Value, Value) {
        loop {
            let (name, data) = self.next().await;
            let cards = data["plot_types"].as_array();
            let card = cards.and_then(|cards| cards.iter().find(|card| card["name"] == plot));
            if let (true, Some(card)) = (name == "change", card) {
                return (card.clone(), data.clone());
            }
        }
    }
}

/// The image after the newest one of a plot type.
fn next_of(served: &Served, plot: &str, chunk: u32) -> Fact {
    let mut fact = served.written.of(plot).last().map(|fact| (*fact).clone()).unwrap();
    fact.chunk = Some(chunk);
    fact.taken_us += i64::from(chunk) * 1_000_000;
    fact.id = ImageId::of(&fact.plot, fact.run, fact.chunk, &fact.content);
    fact
}

#[tokio::test]
async fn a_verdict_is_on_the_page_within_a_second_of_its_commit() {
    on_each(async |served| {
        let mut events = Events::open(served).await;
        let (first, tick) = events.next().await;
        assert_eq!(first, "tick");
        assert_eq!(tick["run"]["run"], 80_003);
        let mut took = Vec::new();
        for chunk in 21..41 {
            let fact = next_of(served, "DC_tdc", chunk);
            served.written.add(&served.db, &served.blobs, std::slice::from_ref(&fact)).await;
            let committed = Instant::now();
            let (card, change) = events.card("DC_tdc").await;
            took.push(committed.elapsed());
            assert_eq!(card["latest"]["image"], fact.id.to_string());
            assert_eq!(card["strip"].as_array().unwrap().len(), 1, "only what is new");
            let hall = served.get("/hall").await;
            assert!(hall["version_of_state"].as_u64() >= change["version_of_state"].as_u64());
        }
        println!("on the page after {took:?}");
        assert!(took.iter().all(|one| *one <= Duration::from_secs(1)), "{took:?}");
    })
    .await;
}

#[tokio::test]
async fn an_incident_is_told_when_it_rises_and_when_it_is_over() {
    on_each(async |served| {
        let mut events = Events::open(served).await;
        let mut bad = next_of(served, "DC_tdc", 30);
        bad.verdict = served.written.fact("DC_occupancy", 80_001, Some(10)).verdict.clone();
        served.written.add(&served.db, &served.blobs, &[bad.clone()]).await;
        let (card, change) = events.card("DC_tdc").await;
        assert_eq!(card["incident"]["count"], 1);
        assert!(card["latest"]["heatmap"].as_str().unwrap().contains("/heatmap?v="));
        let raised = &change["incidents"][0];
        assert_eq!(
            (raised["plot_type"].as_str(), &raised["cleared_at_us"]),
            (Some("DC_tdc"), &Value::Null)
        );
        let good = next_of(served, "DC_tdc", 31);
        served.written.add(&served.db, &served.blobs, std::slice::from_ref(&good)).await;
        let (card, change) = events.card("DC_tdc").await;
        assert_eq!(card["incident"], Value::Null);
        assert_eq!(change["incidents"][0]["id"], raised["id"]);
        assert_eq!(change["incidents"][0]["cleared_at_us"], good.taken_us);
    })
    .await;
}

#[tokio::test]
async fn a_late_image_takes_its_place_in_time_and_is_not_the_newest() {
    on_each(async |served| {
        let mut events = Events::open(served).await;
        let mut late = next_of(served, "DC_tdc", 40);
        late.taken_us -= 400_000_000;
        served.written.add(&served.db, &served.blobs, &[late.clone()]).await;
        let (card, _) = events.card("DC_tdc").await;
        let newest = served.written.of("DC_tdc").last().unwrap().id.to_string();
        assert_eq!(card["latest"]["image"], newest);
        assert_eq!(card["strip"][0]["image"], late.id.to_string());
    })
    .await;
}

#[tokio::test]
async fn what_people_change_in_the_catalog_shows_without_a_restart() {
    on_each(async |served| {
        use hydra_store::{catalog, release::By};
        let before = served.get("/hall").await["generation"].as_u64().unwrap();
        let text = crate::hall::CATALOG.replace("Is a board off?", "Call Dana at once.");
        let text = text + "\n[[plot_type]]\nname = \"New_plot\"\ndetector = \"Idle\"\n";
        let wanted = catalog::Catalog::parse(&text).unwrap();
        let by = By { who: "naomi".into(), why: "new plot".into() };
        catalog::apply(&served.db, wanted, false, by).await.unwrap();
        let mut events = Events::open(served).await;
        while events.next().await.1["generation"].as_u64().unwrap_or(0) <= before {}
        let plot = served.get("/plot-types/New_plot").await;
        assert_eq!(plot["detector"], "Idle");
        let guidance = served.get("/plot-types/DC_occupancy").await["guidance"].clone();
        assert_eq!(guidance, "Call Dana at once.");
    })
    .await;
}

#[tokio::test]
async fn a_database_that_was_put_back_is_told_to_open_pages() {
    on_each(async |served| {
        let mut events = Events::open(served).await;
        assert_eq!(events.next().await.0, "tick");
        let back = "update counter set value = value - 1 where name = 'commits'";
        served
            .db
            .run(move |pool| async move { pool.execute_unprepared(back).await })
            .await
            .unwrap();
        while events.next().await.0 != "again" {}
        // what they read then is complete, and what comes later is told as ever
        let plots = served.get("/plot-types?limit=1000").await;
        assert!(!plots["items"].as_array().unwrap().is_empty());
        let fact = next_of(served, "DC_tdc", 60);
        served.written.add(&served.db, &served.blobs, std::slice::from_ref(&fact)).await;
        let card = events.card("DC_tdc").await.0;
        assert_eq!(card["latest"]["image"], fact.id.to_string());
    })
    .await;
}

#[tokio::test]
async fn a_hundred_pages_hear_the_same_and_none_is_lost() {
    let served = Served::start(hydra_testkit::Engine::Sqlite).await;
    let mut pages = Vec::new();
    for _ in 0..100 {
        pages.push(Events::open(&served).await);
    }
    let fact = next_of(&served, "DC_tdc", 50);
    served.written.add(&served.db, &served.blobs, std::slice::from_ref(&fact)).await;
    for page in &mut pages {
        assert_eq!(page.card("DC_tdc").await.0["latest"]["image"], fact.id.to_string());
    }
    served.stop().await;
}
