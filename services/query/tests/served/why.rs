//! "Why did Hydra miss this?" on real rows.

use crate::hall::{features, on_each};
use hydra_store::training::{Taught, remember};
use serde_json::{Value, json};

fn findings(why: &Value) -> String {
    let told = why["findings"].as_array().unwrap().iter().map(|line| line.as_str().unwrap());
    told.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_plot_that_a_person_calls_bad_is_explained_by_training_and_likeness() {
    on_each(async |served| {
        let missed = served.written.fact("DC_occupancy", 80_001, Some(2));
        let path = format!("/plot-types/DC_occupancy/why?at_us={}", missed.taken_us + 1_000_000);
        let why = served.get(&path).await;
        assert_eq!(why["verdict"]["image"], missed.id.to_string());
        assert_eq!(why["verdict"]["label"], "Good");
        let model = missed.verdict.as_ref().unwrap().model.to_string();
        assert_eq!(why["verdict"]["model"], model, "what was said then, not what is active now");
        assert_eq!(why["release"], Value::Null, "the release is younger than the image");
        assert_eq!(why["knows_labels"], json!(["Good", "Bad", "NoData"]));
        assert_eq!(why["trained_on"], json!({"Good": 400, "Bad": 3, "NoData": 20}));
        assert_eq!(why["saw_bad"], true);
        let nearest = why["nearest"].as_array().unwrap();
        let of = |chunk| served.written.fact("DC_occupancy", 80_001, Some(chunk)).id.to_string();
        let alike: Vec<&Value> = nearest.iter().map(|near| &near["image"]).collect();
        assert_eq!(alike, [&json!(of(3)), &json!(of(40)), &json!(of(12))]);
        assert!(nearest[0]["similarity"].as_f64().unwrap() > 0.999);
        assert_eq!(nearest[0]["label"], "Good");
        // what the first model was taught is not written down: these are people's labels
        assert!(nearest.iter().all(|near| near["in_training"] == false));
        assert!(nearest[2]["similarity"].as_f64().unwrap() < 0.1);
        let told = findings(&why);
        assert!(told.contains("only 3 Bad plots"), "{told}");
        assert!(told.contains("A person has labelled this image Bad since"), "{told}");
        assert!(told.contains("is Good: to the model the two look the same"), "{told}");
        // the hour around it, of which the run's first forty minutes are there
        let trend = why["trend"]["images"].as_array().unwrap();
        assert!(trend.contains(&json!(missed.id.to_string())));
    })
    .await;
}

#[tokio::test]
async fn what_was_not_missed_or_not_drawn_or_not_judged_is_said_so() {
    on_each(async |served| {
        let ask = async |plot: &str, at_us: i64| {
            served.get(&format!("/plot-types/{plot}/why?at_us={at_us}")).await
        };
        let at = |chunk| served.written.fact("DC_occupancy", 80_001, Some(chunk)).taken_us;
        assert!(findings(&ask("DC_occupancy", at(12)).await).contains("It was not missed"));
        assert!(findings(&ask("DC_occupancy", at(20)).await).contains("shown as Unconfirmed"));
        assert!(findings(&ask("DC_occupancy", at(30)).await).contains("shown as Novel"));
        let gap = findings(&ask("DC_occupancy", at(24) + 150_000_000).await);
        assert!(gap.starts_with("There was no image at that time"), "{gap}");
        let none = ask("CDC_occupancy", at(12)).await;
        assert_eq!(
            findings(&none),
            "No model was active then: nobody but people looked at this plot."
        );
        assert_eq!(none["nearest"], json!([]));
        let never = ask("Off_adc", at(12)).await;
        assert_eq!(findings(&never), "No image of this plot type has ever come.");
        let now = ask("DC_occupancy", hydra_store::now_us()).await;
        let second = served.written.fact("DC_occupancy", 80_003, Some(20)).verdict.clone().unwrap();
        assert_eq!(now["release"]["model"], second.model.to_string());
        assert_eq!(now["release"]["who"], "naomi");
    })
    .await;
}

#[tokio::test]
async fn the_nearest_images_in_training_are_those_that_the_model_was_taught() {
    on_each(async |served| {
        let missed = served.written.fact("DC_occupancy", 80_003, Some(4));
        let said = missed.verdict.as_ref().unwrap();
        assert_eq!(said.label, "Good");
        // it was taught some of the first run, under labels of then
        let taught = [(5, "Good"), (30, "Good"), (10, "Bad")].map(|(chunk, label)| {
            let of = served.written.fact("DC_occupancy", 80_001, Some(chunk));
            Taught { image: of.id, label: label.into(), features: features(of).to_vec() }
        });
        let ids: Vec<String> = taught.iter().map(|one| one.image.to_string()).collect();
        for _again in 0..2 {
            remember(&served.db, said.model, &missed.plot, taught.to_vec()).await.unwrap();
        }
        let path = format!("/plot-types/DC_occupancy/why?at_us={}", missed.taken_us);
        let why = served.get(&path).await;
        let nearest = why["nearest"].as_array().unwrap();
        let alike: Vec<&str> = nearest.iter().map(|near| near["image"].as_str().unwrap()).collect();
        assert_eq!(alike, [&ids[0], &ids[1], &ids[2]]);
        assert!(nearest.iter().all(|near| near["in_training"] == true));
        assert_eq!(why["nearest_note"], "");
        let told = findings(&why);
        assert!(told.contains("image in training most like it (1.00) is Good"), "{told}");
        // an image that was itself in training says so
        let first = served.written.fact("DC_occupancy", 80_001, Some(5));
        let own = [Taught { image: first.id, label: "Bad".into(), features: vec![1.0, 0.0, 0.0] }];
        let model = first.verdict.as_ref().unwrap().model;
        remember(&served.db, model, &first.plot, own.to_vec()).await.unwrap();
        let path = format!("/plot-types/DC_occupancy/why?at_us={}", first.taken_us);
        let told = findings(&served.get(&path).await);
        assert!(told.contains("This very image was in training, as Bad"), "{told}");
        // a plot type whose model gives no features says why nothing is compared
        let tdc = format!("/plot-types/CDC_occupancy/why?at_us={}", missed.taken_us);
        assert_eq!(served.get(&tdc).await["nearest"], json!([]));
    })
    .await;
}
