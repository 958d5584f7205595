//! What single answers say, against what was written.

use crate::hall::{Served, on_each};
use serde_json::{Value, json};

#[tokio::test]
async fn the_hall_now_is_its_newest_run_beam_image_and_news() {
    on_each(async |served| {
        let hall = served.get("/hall").await;
        assert_eq!(hall["name"], "Hall T");
        assert_eq!(hall["run"]["run"], 80_003);
        assert_eq!(hall["run"]["chunk"], 20);
        assert_eq!(hall["run"]["conditions"]["beam_current_nA"], 42.5);
        assert_eq!(hall["beam"]["state"], "on");
        assert_eq!(hall["beam"]["reading"], 42.5);
        assert_eq!(hall["beam"]["min"], 5.0);
        assert_eq!(hall["news"][0]["text"], "Beam studies until noon <script>alert(1)</script>");
        assert_eq!(hall["pipeline"]["waiting"], 12, "three in each of four queues");
        assert_eq!(hall["pipeline"]["silent"], json!([]));
        let newest = served.written.facts.iter().max_by_key(|fact| fact.taken_us).unwrap();
        assert_eq!(hall["last_image"]["arrived_at_us"], newest.taken_us + 1_000_000);
    })
    .await;
}

#[tokio::test]
async fn a_card_is_what_was_declared_released_and_seen() {
    on_each(async |served| {
        let one = async |name: &str| served.get(&format!("/plot-types/{name}")).await;
        let dc = one("DC_occupancy").await;
        assert_eq!(dc["detector"], "DC");
        assert_eq!(dc["group"], "tracking");
        assert_eq!(dc["cadence_s"], 60.0);
        assert_eq!(dc["stale_after_s"], 105.0, "one and a half cadences and a quarter of a minute");
        assert_eq!(dc["guidance"], "Is a board off?");
        assert_eq!(dc["contact"], "Dana, 4711", "its detector's, as it has none");
        assert_eq!(dc["latest"]["label"], "Bad");
        assert_eq!(dc["latest"]["is_bad"], true);
        assert_eq!(dc["latest"]["state"], "confirmed");
        let map = dc["latest"]["heatmap"].as_str().unwrap();
        assert!(map.starts_with("/api/v1/images/") && map.contains("/heatmap?v="), "{map}");
        assert_eq!((&dc["latest"]["run"], &dc["latest"]["chunk"]), (&json!(80_003), &json!(20)));
        assert_eq!(dc["incident"]["count"], 3);
        let strip = dc["strip"].as_array().unwrap();
        assert_eq!(strip.len(), 20);
        let bad = strip.iter().filter(|item| item["is_bad"] == true).count();
        assert_eq!(bad, 3);
        let model =
            served.written.fact("DC_occupancy", 80_003, Some(1)).verdict.clone().unwrap().model;
        assert_eq!(dc["model"]["digest"], model.to_string());
        assert_eq!(dc["buried"], Value::Null, "its dead letter was dealt with");
        let scores = dc["scores"].as_array().unwrap();
        assert_eq!(scores.len(), 3);
        assert_eq!(scores[1]["label"], "Bad");

        let tdc = one("DC_tdc").await;
        assert_eq!(tdc["buried"]["reason"], "refused", "given up after the newest verdict");
        assert_eq!(tdc["latest"]["label"], "Good", "what the candidate says is not shown");
        let cdc = one("CDC_occupancy").await;
        assert_eq!(cdc["model"], Value::Null);
        assert_eq!(cdc["latest"]["state"], "no_verdict");
        assert_eq!(cdc["latest"]["reason"], "No model is active for this plot type.");
        assert_eq!(cdc["collect_fraction"], 0.25);
        let cup = one("Faraday%20Cup").await;
        assert_eq!(cup["stale_after_s"], 10_800.0, "one set a run, but not for ever");
        assert_eq!(cup["latest"]["chunk"], Value::Null);
        let off = one("Off_adc").await;
        assert_eq!((&off["disabled"], &off["latest"]), (&json!(true), &Value::Null));
        let stray = one("Stray%20plot-01").await;
        assert_eq!(stray["discovered"], true);
        assert_eq!(stray["detector"], "");
    })
    .await;
}

#[tokio::test]
async fn an_image_has_all_that_models_and_people_said() {
    on_each(async |served| {
        let fact = served.written.fact("DC_occupancy", 80_001, Some(12));
        let image = served.get(&format!("/images/{}", fact.id)).await;
        assert_eq!(image["plot_type"], "DC_occupancy");
        assert_eq!(image["taken_at_us"], fact.taken_us);
        assert_eq!(image["arrived_at_us"], fact.taken_us + 1_000_000);
        assert!(image["decided_at_us"].as_i64().unwrap() > fact.taken_us);
        assert_eq!(image["run_period"], "RunPeriod-2026-11");
        assert_eq!(image["source"], "counting house");
        assert_eq!(image["size_bytes"], fact.png.len());
        assert_eq!(image["conditions"], json!({"beam_current_nA": 42.5, "target": "LH2"}));
        assert_eq!(image["labels"][0]["label"], "Good");
        assert_eq!(image["labels"][0]["who"], "naomi");
        assert_eq!(image["heatmaps"].as_array().unwrap().len(), 1);
        assert_eq!(image["predictions"].as_array().unwrap().len(), 1);
        let tdc = served.written.fact("DC_tdc", 80_001, Some(12));
        let image = served.get(&format!("/images/{}", tdc.id)).await;
        let roles: Vec<&Value> =
            image["predictions"].as_array().unwrap().iter().map(|said| &said["role"]).collect();
        assert_eq!(roles, ["active", "candidate"]);
        assert_eq!(image["labels"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn models_labels_and_times_are_those_that_were_written() {
    on_each(async |served| {
        let models = served.all("/models", 100).await;
        let second = &models[1];
        assert_eq!(second["parent"], models[2]["digest"]);
        assert_eq!(second["labels"], json!(["Good", "Bad", "NoData"]));
        assert_eq!(second["plot_types"].as_array().unwrap().len(), 2);
        assert_eq!(second["evaluation"]["accuracy"], 0.98);
        let alias = json!([{"plot_type": "DC_occupancy", "alias": "active"}]);
        assert_eq!(second["aliases"], alias);
        let digest = second["digest"].as_str().unwrap();
        assert_eq!(&served.get(&format!("/models/{digest}")).await, second);
        let of_cup = served.all("/models?plot_type=Faraday%20Cup", 10).await;
        assert!(of_cup.is_empty(), "none was made for it");
        assert_eq!(served.all("/models?released=true", 10).await.len(), 3);

        let labels = served.all("/labels", 10).await;
        assert_eq!(labels[0]["labels"], json!({"Good": 3, "Bad": 1}));

        let days = served.all("/status/calendar", 100).await;
        let images: u64 = days.iter().map(|day| day["images"].as_u64().unwrap()).sum();
        assert_eq!(images, served.written.facts.len() as u64);

        for run in served.all("/status/latency", 100).await {
            let counts = run["latency"]["counts"].as_array().unwrap();
            let edges = run["latency"]["edges_ms"].as_array().unwrap();
            assert_eq!(counts.len(), edges.len() + 1);
            let counted: u64 = counts.iter().map(|count| count.as_u64().unwrap()).sum();
            assert_eq!(run["images"], counted);
            let number = run["run"].as_u64().unwrap() as u32;
            let of_run = served.written.facts.iter().filter(|fact| fact.run == number).count();
            assert_eq!(counted, of_run as u64);
        }
    })
    .await;
}

fn role<'a>(status: &'a Value, name: &str) -> &'a Value {
    status["roles"].as_array().unwrap().iter().find(|role| role["role"] == name).unwrap()
}

#[tokio::test]
async fn status_tells_the_living_from_those_that_never_were() {
    on_each(async |served: &Served| {
        let status = served.get("/status").await;
        for name in ["ingest", "resize", "infer", "keep"] {
            let role = role(&status, name);
            assert_eq!(role["health"], "well", "{role}");
            assert_eq!(role["queue_depth"], 3);
            assert_eq!(role["instances"][0]["version"], "9.9");
            assert_eq!(role["work"]["mean_ms"].as_f64().unwrap().round(), 3.0);
        }
        let gradcam = role(&status, "gradcam");
        assert_eq!(gradcam["health"], "never");
        assert!(gradcam["advice"].as_str().unwrap().contains("hydra run gradcam"));
        let query = role(&status, "query");
        assert_eq!(query["health"], "well", "who answers is alive: {query}");
        assert_eq!(query["instances"].as_array().unwrap().len(), 1);
        let loaded = &role(&status, "infer")["instances"][0]["models"];
        assert_eq!(loaded.as_array().unwrap().len(), 2);
        assert_eq!(loaded[0]["memory_bytes"], 90 << 20);
        assert_eq!(loaded[0]["shared_bytes"], 80 << 20);
        assert!(loaded[0]["since_us"].as_i64().unwrap() > 0);
        assert_eq!(role(&status, "keep")["instances"][0]["models"], serde_json::json!([]));
        assert_eq!(status["dead_letters"], 3);
        assert_eq!(status["models_active"], 3);
        for part in status["parts"].as_array().unwrap() {
            assert_eq!(part["health"], "well", "{part}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_another_version_wrote_unreadably_hides_nothing_else() {
    on_each(async |served| {
        use hydra_store::{
            entity::heartbeat,
            orm::{ActiveValue::Set, EntityTrait},
        };
        let strange = heartbeat::ActiveModel {
            instance: Set("infer-9".into()),
            role: Set("infer".into()),
            version: Set("99".into()),
            started_us: Set(1),
            beat_us: Set(hydra_store::now_us()),
            ready: Set(true),
            body: Set("[\"of another time\"]".into()),
        };
        served
            .db
            .run(|pool| async move {
                heartbeat::Entity::insert(strange).exec_without_returning(&pool).await
            })
            .await
            .unwrap();
        hydra_testkit::eventually("it is listed", async || {
            let status = served.get("/status").await;
            role(&status, "infer")["instances"].as_array().unwrap().len() == 2
        })
        .await;
        assert_eq!(served.get("/hall").await["run"]["run"], 80_003);
    })
    .await;
}

#[tokio::test]
async fn two_replicas_answer_alike() {
    on_each(async |served| {
        let other = served.replica().await;
        for path in ["/plot-types", "/incidents", "/log", "/images?limit=50", "/detectors"] {
            let here = served.get(path).await;
            hydra_testkit::eventually(path, async || {
                let there = reqwest::get(format!("{other}/api/v1{path}")).await.unwrap();
                there.status() == 200 && there.json::<Value>().await.unwrap() == here
            })
            .await;
        }
        // a cursor of one is read on at the other
        let first = served.get("/images?limit=5").await;
        let next = first["next"].as_str().unwrap();
        let path = format!("/images?limit=5&cursor={next}");
        let there = reqwest::get(format!("{other}/api/v1{path}")).await.unwrap();
        assert_eq!(there.json::<Value>().await.unwrap(), served.get(&path).await);
    })
    .await;
}
