//! gRPC about single things and the past: each answer against that of REST.

use crate::{
    grpc::client,
    hall::{Served, problem},
};
use hydra_proto::query as pb;
use hydra_testkit::Engine;
use serde_json::Value;
use tonic::{Code, Status};

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect()
}

fn float(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

#[tokio::test]
async fn the_hall_and_its_plot_types_are_told_in_full() {
    let served = Served::start(Engine::Sqlite).await;
    let mut grpc = client(&served).await;
    let hall = grpc.get_hall(pb::GetHallRequest {}).await.unwrap().into_inner();
    let rest = served.get("/hall").await;
    assert_eq!(hall.news[0].text, rest["news"][0]["text"].as_str().unwrap());
    assert_eq!(hall.beam_condition.as_deref(), Some("beam_current_nA"));
    assert_eq!((hall.beam_min, hall.beam_at_us), (Some(5.0), rest["beam"]["at_us"].as_i64()));
    assert_eq!((hall.run_period.as_str(), hall.run_since_us), {
        (rest["run"]["run_period"].as_str().unwrap(), rest["run"]["since_us"].as_i64())
    });
    assert_eq!(hall.newest_image.unwrap().plot_type, rest["last_image"]["plot_type"]);
    let pipeline = hall.pipeline.unwrap();
    assert_eq!(Value::from(pipeline.waiting), rest["pipeline"]["waiting"]);
    assert_eq!(pipeline.silent, texts(&rest["pipeline"]["silent"]));
    assert_eq!((Value::from(hall.generation), Value::from(hall.version)), {
        (rest["generation"].clone(), rest["version"].clone())
    });

    let asked = pb::ListPlotTypesRequest { group: "tracking".into(), ..Default::default() };
    let found = grpc.list_plot_types(asked).await.unwrap().into_inner().plot_types;
    let names: Vec<&str> = found.iter().map(|plot| plot.name.as_str()).collect();
    assert_eq!(names, ["DC_occupancy", "DC_tdc"]);

    let asked = pb::GetPlotTypeRequest { name: "DC_occupancy".into() };
    let detail = grpc.get_plot_type(asked).await.unwrap().into_inner();
    let rest = served.get("/plot-types/DC_occupancy").await;
    assert_eq!((detail.guidance.as_str(), detail.contact.as_str()), {
        ("Is a board off?", rest["contact"].as_str().unwrap())
    });
    assert_eq!(detail.labels, texts(&rest["labels"]));
    assert_eq!(detail.scores.len(), rest["scores"].as_array().unwrap().len());
    assert_eq!(detail.expected_a_day, rest["expected_a_day"].as_f64());
    assert_eq!(detail.collect_fraction, rest["collect_fraction"].as_f64());
    let card = detail.plot_type.unwrap();
    assert_eq!(card.model_since_us, rest["model"]["since_us"].as_i64());
    assert_eq!(card.thresholds["Bad"], float(&rest["model"]["thresholds"]["Bad"]));
    let strip: Vec<&str> = card.strip.iter().map(|item| item.image.as_str()).collect();
    let wanted = rest["strip"].as_array().unwrap();
    assert_eq!(strip, wanted.iter().map(|i| i["image"].as_str().unwrap()).collect::<Vec<_>>());
    assert_eq!(card.strip.last().unwrap().state(), pb::VerdictState::Confirmed);
    let open = card.open_incident.unwrap();
    assert_eq!((Value::from(open.count), Value::from(open.since_us)), {
        (rest["incident"]["count"].clone(), rest["incident"]["since_us"].clone())
    });
    let buried = grpc.get_plot_type(pb::GetPlotTypeRequest { name: "DC_tdc".into() }).await;
    let buried = buried.unwrap().into_inner().plot_type.unwrap().buried;
    let rest = served.get("/plot-types/DC_tdc").await;
    assert_eq!(buried.map(|one| one.at_us), rest["buried"]["at_us"].as_i64());
    served.stop().await;
}

#[tokio::test]
async fn a_trend_has_every_point_with_every_probability_and_the_releases() {
    let served = Served::start(Engine::Sqlite).await;
    let mut grpc = client(&served).await;
    let now_us = hydra_store::now_us();
    let mut asked = pb::GetTrendRequest {
        plot_type: "DC_occupancy".into(),
        from_us: Some(now_us - 86_400_000_000),
        to_us: Some(now_us),
        limit: 40,
        cursor: String::new(),
    };
    let range = format!("from_us={}&to_us={}", asked.from_us.unwrap(), asked.to_us.unwrap());
    let rest = served.get(&format!("/plot-types/DC_occupancy/trend?{range}&limit=5000")).await;
    let mut points = Vec::new();
    let releases = loop {
        let page = grpc.get_trend(asked.clone()).await.unwrap().into_inner();
        let trend = page.trend.unwrap();
        assert!(trend.points.len() <= 40);
        points.splice(0..0, trend.points); // newest pages first, oldest points first
        if page.next.is_empty() {
            break trend.releases;
        }
        asked.cursor = page.next;
    };
    let images: Vec<&str> = points.iter().map(|point| point.image.as_str()).collect();
    assert_eq!(images, texts(&rest["images"]));
    assert_eq!(images.len(), served.written.of("DC_occupancy").len());
    let labels = texts(&rest["labels"]);
    for (row, point) in points.iter().enumerate() {
        assert_eq!(Value::from(point.taken_at_us), rest["taken_at_us"][row]);
        assert_eq!(Value::from(point.chunk), rest["chunks"][row]);
        let verdict = rest["verdicts"][row].as_u64().map(|at| labels[at as usize]);
        assert_eq!(point.label.as_deref(), verdict);
        for (column, label) in labels.iter().enumerate() {
            let told = point.probabilities.iter().find(|one| one.label == *label);
            let wanted = rest["probabilities"][column][row].as_f64().map(|p| p as f32);
            assert_eq!(told.map(|one| one.probability), wanted, "{label} of {row}");
        }
    }
    assert!(points.iter().any(|point| point.state() == pb::VerdictState::Novel));
    assert_eq!(releases.len(), rest["releases"].as_array().unwrap().len());
    let last = releases.last().unwrap();
    assert_eq!(
        last.thresholds["Bad"],
        float(&rest["releases"][releases.len() - 1]["thresholds"]["Bad"])
    );
    assert_eq!((last.who.as_str(), last.why.as_str()), ("naomi", "release of the day"));
    served.stop().await;
}

#[tokio::test]
async fn an_image_is_told_with_all_that_is_known_of_it() {
    let served = Served::start(Engine::Sqlite).await;
    let mut grpc = client(&served).await;
    let shadowed = served.written.fact("DC_tdc", 80_002, Some(9)).id.to_string();
    let image = grpc.get_image(pb::GetImageRequest { image: shadowed }).await.unwrap().into_inner();
    let shadow: Vec<bool> = image.predictions.iter().map(|said| said.of_candidate).collect();
    assert_eq!(shadow, [false, true]);

    let fact = served.written.fact("DC_occupancy", 80_001, Some(12));
    let asked = pb::GetImageRequest { image: fact.id.to_string() };
    let image = grpc.get_image(asked).await.unwrap().into_inner();
    let rest = served.get(&format!("/images/{}", fact.id)).await;
    assert_eq!(serde_json::from_str::<Value>(&image.conditions_json).unwrap(), rest["conditions"]);
    assert_eq!(
        (image.source.as_str(), image.size_bytes),
        ("counting house", fact.png.len() as u64)
    );
    assert_eq!(image.run_period, rest["run_period"].as_str().unwrap());
    assert_eq!((image.labels[0].label.as_str(), image.labels[0].who.as_str()), ("Good", "naomi"));
    let (map, wanted) = (&image.heatmaps[0], &rest["heatmaps"][0]);
    assert_eq!((Some(&*map.href), Some(&*map.method)), {
        (wanted["href"].as_str(), wanted["method"].as_str())
    });
    let verdict = image.verdict.unwrap();
    assert_eq!(verdict.heatmap.as_deref(), rest["heatmap"].as_str());
    assert_eq!((verdict.width, verdict.height, verdict.kept), (48, 32, true));
    served.stop().await;
}

#[tokio::test]
async fn pictures_are_those_of_http() {
    let served = Served::start(Engine::Sqlite).await;
    let mut grpc = client(&served).await;
    let bad = served.written.fact("DC_occupancy", 80_001, Some(12));
    let small = served.written.fact("DC_tdc", 80_002, Some(9)).id.to_string();
    let (image, label, model) =
        (bad.id.to_string(), "Bad".to_owned(), bad.verdict.as_ref().unwrap().model.to_string());
    use pb::PictureKind::{Heatmap, Original, Thumbnail};
    let of = |image: &str, kind: pb::PictureKind| pb::GetPictureRequest {
        image: image.into(),
        kind: kind.into(),
        ..Default::default()
    };
    for (asked, address) in [
        (of(&image, Original), "original"),
        (of(&small, Thumbnail), "thumbnail"),
        (of(&image, Thumbnail), "thumbnail"),
        (of(&image, Heatmap), "heatmap"),
        (pb::GetPictureRequest { label, model, ..of(&image, Heatmap) }, "heatmap"),
    ] {
        let answer = served.raw(&format!("/api/v1/images/{}/{address}", asked.image)).await;
        let name = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
        let mut stream = grpc.get_picture(asked).await.unwrap().into_inner();
        let first = stream.message().await.unwrap().unwrap();
        assert_eq!(first.tag, answer.headers()["etag"].to_str().unwrap());
        assert!(name.contains(&format!("\"{}\"", first.file_name)), "{name}");
        assert_eq!(first.media_type, answer.headers()["content-type"].to_str().unwrap());
        let mut told = first.data.to_vec();
        while let Some(piece) = stream.message().await.unwrap() {
            told.extend(piece.data);
        }
        assert_eq!(told.len() as u64, first.size_bytes);
        assert_eq!(told, answer.bytes().await.unwrap(), "{address}");
    }
    let gone = of(&served.written.expired.to_string(), Original);
    assert_eq!(grpc.get_picture(gone).await.unwrap_err().code(), Code::NotFound);
    served.stop().await;
}

#[tokio::test]
async fn the_past_is_told_in_the_order_that_is_asked_for() {
    let served = Served::start(Engine::Sqlite).await;
    let mut grpc = client(&served).await;
    let asked = pb::ListIncidentsRequest {
        open: Some(false),
        from_us: Some(0),
        limit: 1,
        ..Default::default()
    };
    let rest = served.all("/incidents?open=false&from_us=0", 100).await;
    let (mut past, mut cursor) = (Vec::new(), String::new());
    loop {
        let asked = pb::ListIncidentsRequest { cursor, ..asked.clone() };
        let page = grpc.list_incidents(asked).await.unwrap().into_inner();
        past.extend(page.incidents);
        cursor = page.next;
        if cursor.is_empty() {
            break;
        }
    }
    let ids: Vec<&str> = past.iter().map(|incident| incident.id.as_str()).collect();
    assert_eq!(ids, rest.iter().map(|one| one["id"].as_str().unwrap()).collect::<Vec<_>>());
    let cleared = past.iter().find(|incident| incident.cleared_at_us.is_some()).unwrap();
    let asked = pb::GetIncidentRequest { incident: cleared.id.clone() };
    let one = grpc.get_incident(asked).await.unwrap().into_inner().incident.unwrap();
    assert_eq!(&one, cleared);
    assert_eq!(one.state(), pb::VerdictState::Confirmed);

    let of = |order: pb::Order| pb::ListImagesRequest {
        plot_type: "DC_tdc".into(),
        limit: 1_000,
        order: order.into(),
        ..Default::default()
    };
    let mut ids = Vec::new();
    for order in [pb::Order::Oldest, pb::Order::Newest, pb::Order::Unspecified] {
        let verdicts = grpc.list_images(of(order)).await.unwrap().into_inner().verdicts;
        ids.push(verdicts.into_iter().map(|one| one.image).collect::<Vec<_>>());
    }
    let oldest: Vec<String> =
        served.written.of("DC_tdc").iter().map(|fact| fact.id.to_string()).collect();
    assert_eq!(ids[0], oldest);
    assert_eq!(ids[1], ids[2], "the newest first, if nothing is said");
    ids[1].reverse();
    assert_eq!(ids[1], oldest);

    let run = grpc.get_run(pb::GetRunRequest { run: 80_001 }).await.unwrap().into_inner();
    let rest = served.get("/runs/80001").await;
    assert_eq!(serde_json::to_value(&run.verdicts).unwrap(), rest["verdicts"]);
    assert_eq!(Value::from(run.run.unwrap().images), rest["images"]);
    let digest = served.written.fact("DC_tdc", 80_001, Some(1)).verdict.as_ref().unwrap().model;
    let asked = pb::GetModelRequest { digest: digest.to_string() };
    let model = grpc.get_model(asked).await.unwrap().into_inner().model.unwrap();
    assert_eq!((model.digest, model.labels), {
        let rest = served.get(&format!("/models/{digest}")).await;
        let labels = texts(&rest["labels"]).into_iter().map(String::from).collect();
        (digest.to_string(), labels)
    });
    served.stop().await;
}

/// gRPC refused by the code that belongs to the status of REST, in the same words.
async fn is_refused_alike(served: &Served, path: &str, told: Result<(), Status>) {
    let rest = problem(path, served.raw(&format!("/api/v1{path}")).await).await;
    let told = told.expect_err(path);
    let code = if rest["status"] == 404 { Code::NotFound } else { Code::InvalidArgument };
    assert_eq!((told.code(), told.message()), (code, rest["detail"].as_str().unwrap()), "{path}");
}

#[tokio::test]
async fn what_means_nothing_and_what_is_not_there_are_told_apart_as_rest_does() {
    let served = Served::start(Engine::Sqlite).await;
    let mut grpc = client(&served).await;
    for name in ["Nothing", "..%2Fetc"] {
        let asked = pb::GetPlotTypeRequest { name: name.replace("%2F", "/") };
        let told = grpc.get_plot_type(asked).await.map(drop);
        is_refused_alike(&served, &format!("/plot-types/{name}"), told).await;
    }
    for (plot, limit) in [("Nothing", 1), ("DC_tdc", 5_001)] {
        let asked = pb::GetTrendRequest { plot_type: plot.into(), limit, ..Default::default() };
        let told = grpc.get_trend(asked).await.map(drop);
        is_refused_alike(&served, &format!("/plot-types/{plot}/trend?limit={limit}"), told).await;
    }
    let bad = served.written.fact("DC_occupancy", 80_001, Some(12)).id.to_string();
    for image in [&"0".repeat(48), "x"] {
        let told = grpc.get_image(pb::GetImageRequest { image: image.into() }).await.map(drop);
        is_refused_alike(&served, &format!("/images/{image}"), told).await;
    }
    let of = |image: &str, label: &str, model: &str| pb::GetPictureRequest {
        image: image.into(),
        kind: pb::PictureKind::Heatmap.into(),
        label: label.into(),
        model: model.into(),
    };
    for (asked, path) in [
        (of(&"0".repeat(48), "", ""), format!("/images/{}/heatmap", "0".repeat(48))),
        (of(&bad, "Good", ""), format!("/images/{bad}/heatmap?label=Good")),
        (of(&bad, "", &"0".repeat(64)), format!("/images/{bad}/heatmap?model={}", "0".repeat(64))),
    ] {
        is_refused_alike(&served, &path, grpc.get_picture(asked).await.map(drop)).await;
    }
    for unsaid in [of(&bad, "", "x"), pb::GetPictureRequest { kind: 0, ..of(&bad, "", "") }] {
        let refused = grpc.get_picture(unsaid).await.map(drop).unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
    }
    let told = grpc.get_run(pb::GetRunRequest { run: 1 }).await.map(drop);
    is_refused_alike(&served, "/runs/1", told).await;
    for digest in [&"0".repeat(64), "x"] {
        let told = grpc.get_model(pb::GetModelRequest { digest: digest.into() }).await.map(drop);
        is_refused_alike(&served, &format!("/models/{digest}"), told).await;
    }
    for incident in [&"0".repeat(32), "x"] {
        let asked = pb::GetIncidentRequest { incident: incident.into() };
        let told = grpc.get_incident(asked).await.map(drop);
        is_refused_alike(&served, &format!("/incidents/{incident}"), told).await;
    }
    let asked = pb::ListIncidentsRequest { from_us: Some(5), ..Default::default() };
    let told = grpc.list_incidents(asked).await.map(drop);
    is_refused_alike(&served, "/incidents?from_us=5", told).await;
    let asked = pb::ListImagesRequest { order: pb::Order::Oldest.into(), ..Default::default() };
    let told = grpc.list_images(asked).await.map(drop);
    is_refused_alike(&served, "/images?order=oldest", told).await;
    served.stop().await;
}
