//! gRPC says the same as REST, describes itself, and streams.

use crate::hall::{Served, on_each};
use hydra_proto::query::{self as pb, query_service_client::QueryServiceClient};
use prost::Message;
use tonic::{Code, transport::Channel};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

async fn channel(served: &Served) -> Channel {
    Channel::from_shared(served.url.clone()).unwrap().connect().await.unwrap()
}

/// A client of the service.
pub async fn client(served: &Served) -> QueryServiceClient<Channel> {
    QueryServiceClient::new(channel(served).await)
}

/// Calls every method that the service describes, each about something that is in the hall; one
/// that nobody has a question for yet fails the test.
pub async fn ask_everything(served: &Served) {
    let mut grpc = client(served).await;
    let all = prost_types::FileDescriptorSet::decode(hydra_proto::DESCRIPTORS).unwrap();
    let service =
        all.file.iter().flat_map(|file| &file.service).find(|s| s.name() == "QueryService");
    let plot_type = "DC_tdc".to_owned();
    let bad = || served.written.fact("DC_occupancy", 80_003, Some(20)).id.to_string();
    for method in &service.unwrap().method {
        let answered = match method.name() {
            "GetHall" => grpc.get_hall(pb::GetHallRequest::default()).await.map(drop),
            "ListPlotTypes" => {
                grpc.list_plot_types(pb::ListPlotTypesRequest::default()).await.map(drop)
            }
            "GetPlotType" => {
                let asked = pb::GetPlotTypeRequest { name: plot_type.clone() };
                grpc.get_plot_type(asked).await.map(drop)
            }
            "GetTrend" => {
                let plot_type = plot_type.clone();
                let asked = pb::GetTrendRequest { plot_type, ..Default::default() };
                grpc.get_trend(asked).await.map(drop)
            }
            "GetImage" => grpc.get_image(pb::GetImageRequest { image: bad() }).await.map(drop),
            "GetPicture" => {
                let kind = pb::PictureKind::Heatmap.into();
                let asked = pb::GetPictureRequest { image: bad(), kind, ..Default::default() };
                grpc.get_picture(asked).await.map(drop)
            }
            "GetIncident" => {
                let asked = pb::ListIncidentsRequest::default();
                let open = grpc.list_incidents(asked).await.unwrap().into_inner().incidents;
                let asked = pb::GetIncidentRequest { incident: open[0].id.clone() };
                grpc.get_incident(asked).await.map(drop)
            }
            "GetRun" => grpc.get_run(pb::GetRunRequest { run: 80_001 }).await.map(drop),
            "GetModel" => {
                let asked = pb::ListModelsRequest::default();
                let models = grpc.list_models(asked).await.unwrap().into_inner().models;
                let asked = pb::GetModelRequest { digest: models[0].digest.clone() };
                grpc.get_model(asked).await.map(drop)
            }
            "ListImages" => grpc.list_images(pb::ListImagesRequest::default()).await.map(drop),
            "ListPredictions" => {
                let plot_type = plot_type.clone();
                let asked = pb::ListPredictionsRequest { plot_type, ..Default::default() };
                grpc.list_predictions(asked).await.map(drop)
            }
            "ListLog" => grpc.list_log(pb::ListLogRequest::default()).await.map(drop),
            "ListIncidents" => {
                grpc.list_incidents(pb::ListIncidentsRequest::default()).await.map(drop)
            }
            "ListRuns" => grpc.list_runs(pb::ListRunsRequest::default()).await.map(drop),
            "ListQualityIntervals" => {
                let asked = pb::ListQualityIntervalsRequest { run: 80_001, ..Default::default() };
                grpc.list_quality_intervals(asked).await.map(drop)
            }
            "ListDetectors" => {
                grpc.list_detectors(pb::ListDetectorsRequest::default()).await.map(drop)
            }
            "ListGroups" => grpc.list_groups(pb::ListGroupsRequest::default()).await.map(drop),
            "ListModels" => grpc.list_models(pb::ListModelsRequest::default()).await.map(drop),
            "ListLabelStatistics" => {
                let asked = pb::ListLabelStatisticsRequest::default();
                grpc.list_label_statistics(asked).await.map(drop)
            }
            "ListRunLatencies" => {
                grpc.list_run_latencies(pb::ListRunLatenciesRequest::default()).await.map(drop)
            }
            "ListDays" => grpc.list_days(pb::ListDaysRequest::default()).await.map(drop),
            "ListDeadLetters" => {
                grpc.list_dead_letters(pb::ListDeadLettersRequest::default()).await.map(drop)
            }
            "ExplainVerdict" => {
                let at_us = served.written.fact("DC_tdc", 80_001, Some(12)).taken_us;
                let plot_type = plot_type.clone();
                let asked = pb::ExplainVerdictRequest { plot_type, at_us };
                grpc.explain_verdict(asked).await.map(drop)
            }
            "GetStatus" => grpc.get_status(pb::GetStatusRequest::default()).await.map(drop),
            "Watch" => {
                let mut stream =
                    grpc.watch(pb::WatchRequest::default()).await.unwrap().into_inner();
                stream.message().await.map(|first| assert!(first.is_some()))
            }
            other => panic!("what is {other} to be asked?"),
        };
        answered.unwrap_or_else(|status| panic!("{}: {status}", method.name()));
    }
}

#[tokio::test]
async fn every_method_says_what_rest_says() {
    on_each(async |served| {
        let mut grpc = client(served).await;
        let hall = grpc.get_hall(pb::GetHallRequest {}).await.unwrap().into_inner();
        assert_eq!((hall.name.as_str(), hall.run, hall.chunk), ("Hall T", Some(80_003), Some(20)));
        assert_eq!(hall.beam(), pb::BeamState::On);

        let plots = grpc.list_plot_types(pb::ListPlotTypesRequest::default()).await.unwrap();
        let rest = served.all("/plot-types", 100).await;
        for (plot, item) in plots.into_inner().plot_types.iter().zip(&rest) {
            assert_eq!(item["name"], plot.name);
            assert_eq!(
                item["latest"]["image"].as_str(),
                plot.latest.as_ref().map(|v| v.image.as_str())
            );
            assert_eq!(item["incident"]["id"].as_str(), plot.incident.as_deref());
        }

        let asked =
            pb::ListLogRequest { kinds: vec![pb::LogKind::Bad.into()], ..Default::default() };
        let log = grpc.list_log(asked).await.unwrap().into_inner().entries;
        let rest = served.all("/log?kind=bad", 100).await;
        let ids: Vec<&str> = log.iter().map(|entry| entry.id.as_str()).collect();
        assert_eq!(ids, rest.iter().map(|e| e["id"].as_str().unwrap()).collect::<Vec<_>>());

        let incidents = grpc.list_incidents(pb::ListIncidentsRequest::default()).await.unwrap();
        assert_eq!(incidents.into_inner().incidents[0].id, log[0].id);

        let runs = grpc.list_runs(pb::ListRunsRequest::default()).await.unwrap().into_inner().runs;
        assert_eq!(runs.iter().map(|run| run.run).collect::<Vec<_>>(), [80_003, 80_002, 80_001]);

        let mut asked = pb::ListQualityIntervalsRequest {
            run: 80_001,
            detector: "DC".into(),
            limit: 5,
            cursor: String::new(),
        };
        let mut quality = Vec::new();
        loop {
            let page = grpc.list_quality_intervals(asked.clone()).await.unwrap().into_inner();
            quality.extend(page.intervals);
            if page.next.is_empty() {
                break;
            }
            asked.cursor = page.next;
        }
        let rest = served.all("/quality?run=80001&detector=DC", 1_000).await;
        assert_eq!(quality.len(), rest.len());
        let begins: Vec<i64> = quality.iter().map(|one| one.from_us).collect();
        assert_eq!(begins, rest.iter().map(|i| i["from_us"].as_i64().unwrap()).collect::<Vec<_>>());
        assert_eq!(quality[0].verdict(), pb::Quality::Bad);
        assert_eq!(quality[0].source(), pb::QualitySource::Person);

        let asked = pb::ListPredictionsRequest {
            plot_type: "DC_tdc".into(),
            of_candidates: true,
            limit: 3,
            ..Default::default()
        };
        let said = grpc.list_predictions(asked).await.unwrap().into_inner();
        assert_eq!(said.predictions.len(), 3);
        assert!(said.predictions.iter().all(|said| said.label == "Bad" && said.scores.len() == 3));

        let status = grpc.get_status(pb::GetStatusRequest {}).await.unwrap().into_inner();
        assert_eq!(status.dead_letters, Some(3));
        let keep = status.roles.iter().find(|role| role.role == "keep").unwrap();
        assert_eq!(keep.health(), pb::Health::Well);
        assert_eq!(keep.work.as_ref().unwrap().counts[2], 10);
        let infer = status.roles.iter().find(|role| role.role == "infer").unwrap();
        assert_eq!(infer.instances[0].models.len(), 2);
        assert_eq!(status.parts.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn what_is_about_hydra_itself_is_told_as_rest_tells_it() {
    on_each(async |served| {
        let mut grpc = client(served).await;
        let detectors = grpc.list_detectors(pb::ListDetectorsRequest::default()).await.unwrap();
        let rest = served.all("/detectors", 100).await;
        let told: Vec<(String, usize)> = detectors
            .into_inner()
            .detectors
            .into_iter()
            .map(|one| (one.name, one.plot_types.len()))
            .collect();
        let of = |one: &serde_json::Value| {
            let plots = one["plot_types"].as_array().unwrap().len();
            (one["name"].as_str().unwrap().to_owned(), plots)
        };
        assert_eq!(told, rest.iter().map(of).collect::<Vec<_>>());
        let groups = grpc.list_groups(pb::ListGroupsRequest::default()).await.unwrap();
        assert_eq!(groups.into_inner().groups.len(), served.all("/groups", 100).await.len());

        let asked = pb::ListModelsRequest { released: true, limit: 1, ..Default::default() };
        let first = grpc.list_models(asked.clone()).await.unwrap().into_inner();
        let asked = pb::ListModelsRequest { cursor: first.next, ..asked };
        let second = grpc.list_models(asked).await.unwrap().into_inner();
        let rest = served.all("/models?released=true", 100).await;
        assert_eq!(first.models[0].digest, rest[0]["digest"].as_str().unwrap());
        assert_eq!(second.models[0].digest, rest[1]["digest"].as_str().unwrap());
        assert!(first.models[0].evaluation_json.contains("accuracy"));

        let asked = pb::ListLabelStatisticsRequest::default();
        let labels = grpc.list_label_statistics(asked).await.unwrap().into_inner().statistics;
        let rest = served.all("/labels", 100).await;
        assert_eq!(labels.len(), rest.len());
        for (label, count) in &labels[0].labels {
            assert_eq!(rest[0]["labels"][label], *count);
        }

        let asked = pb::ListRunLatenciesRequest::default();
        let latencies = grpc.list_run_latencies(asked).await.unwrap().into_inner().latencies;
        let rest = served.all("/status/latency", 100).await;
        assert_eq!(latencies.len(), rest.len());
        assert_eq!(rest[0]["images"], latencies[0].images);
        let days = grpc.list_days(pb::ListDaysRequest::default()).await.unwrap().into_inner().days;
        let rest = served.all("/status/calendar", 100).await;
        assert_eq!(rest[0]["images"], days[0].images);
        let asked = pb::ListDeadLettersRequest::default();
        let letters = grpc.list_dead_letters(asked).await.unwrap().into_inner().letters;
        assert_eq!(letters.len(), 3);

        let missed = served.written.fact("DC_occupancy", 80_001, Some(2));
        let asked =
            pb::ExplainVerdictRequest { plot_type: "DC_occupancy".into(), at_us: missed.taken_us };
        let why = grpc.explain_verdict(asked).await.unwrap().into_inner();
        let path = format!("/plot-types/DC_occupancy/why?at_us={}", missed.taken_us);
        let rest = served.get(&path).await;
        assert_eq!(serde_json::json!(why.findings), rest["findings"]);
        assert_eq!(why.verdict.unwrap().image, missed.id.to_string());
        assert_eq!(why.nearest.len(), rest["nearest"].as_array().unwrap().len());
        assert_eq!(why.trained_on["Bad"], 3);
    })
    .await;
}

#[tokio::test]
async fn a_list_is_read_page_by_page_to_its_end() {
    on_each(async |served| {
        let mut grpc = client(served).await;
        let (mut images, mut cursor) = (Vec::new(), String::new());
        loop {
            let plot_type = "DC_tdc".into();
            let asked =
                pb::ListImagesRequest { plot_type, limit: 30, cursor, ..Default::default() };
            let page = grpc.list_images(asked).await.unwrap().into_inner();
            images.extend(page.verdicts.into_iter().map(|verdict| verdict.image));
            cursor = page.next;
            if cursor.is_empty() {
                break;
            }
        }
        let mut wanted: Vec<String> =
            served.written.of("DC_tdc").iter().map(|fact| fact.id.to_string()).collect();
        wanted.reverse();
        assert_eq!(images, wanted);
    })
    .await;
}

#[tokio::test]
async fn what_means_nothing_is_refused_by_kind() {
    let served = Served::start(hydra_testkit::Engine::Sqlite).await;
    let mut grpc = client(&served).await;
    let of = |plot: &str, cursor: &str, limit| pb::ListImagesRequest {
        plot_type: plot.into(),
        cursor: cursor.into(),
        limit,
        ..Default::default()
    };
    for (asked, code) in [
        (of("Nothing", "", 1), Code::NotFound),
        (of("../etc", "", 1), Code::InvalidArgument),
        (of("DC_tdc", "forged", 1), Code::InvalidArgument),
        (of("DC_tdc", "", 100_000), Code::InvalidArgument),
    ] {
        assert_eq!(grpc.list_images(asked.clone()).await.unwrap_err().code(), code, "{asked:?}");
    }
    let asked = pb::ListQualityIntervalsRequest { run: 1, ..Default::default() };
    assert_eq!(grpc.list_quality_intervals(asked).await.unwrap_err().code(), Code::NotFound);
    served.stop().await;
}

#[tokio::test]
async fn a_watcher_is_told_the_present_and_then_what_changes() {
    on_each(async |served| {
        let mut grpc = client(served).await;
        let asked = pb::WatchRequest { detector: "DC".into() };
        let mut stream = grpc.watch(asked).await.unwrap().into_inner();
        for name in ["DC_occupancy", "DC_tdc"] {
            let told = stream.message().await.unwrap().unwrap();
            assert_eq!(told.plot_type.unwrap().name, name);
        }
        let mut fact = served.written.of("DC_tdc").last().map(|f| (*f).clone()).unwrap();
        fact.chunk = Some(77);
        fact.taken_us += 1_000_000;
        fact.id = hydra_proto::ImageId::of(&fact.plot, fact.run, fact.chunk, &fact.content);
        served.written.add(&served.db, &served.blobs, std::slice::from_ref(&fact)).await;
        loop {
            let told = stream.message().await.unwrap().unwrap().plot_type.unwrap();
            assert_eq!(told.detector, "DC");
            if told.name == "DC_tdc" && told.latest.unwrap().image == fact.id.to_string() {
                break;
            }
        }
    })
    .await;
}

#[tokio::test]
async fn reflection_describes_the_service_to_any_tool() {
    let served = Served::start(hydra_testkit::Engine::Sqlite).await;
    let mut reflection = ServerReflectionClient::new(channel(&served).await);
    let ask =
        |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let asked = futures::stream::iter([
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol("hydra.query.v1.QueryService".into())),
    ]);
    let mut answers = reflection.server_reflection_info(asked).await.unwrap().into_inner();
    let services = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = services else { panic!("{services:?}") };
    let names: Vec<String> = services.service.into_iter().map(|service| service.name).collect();
    assert!(names.contains(&"hydra.query.v1.QueryService".to_owned()), "{names:?}");
    let file = answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::FileDescriptorResponse(file) = file else { panic!("{file:?}") };
    assert!(!file.file_descriptor_proto.is_empty());
    served.stop().await;
}
