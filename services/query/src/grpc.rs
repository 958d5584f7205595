//! gRPC, with reflection: the handlers of REST under another encoding.

mod convert;

use crate::{
    api,
    app::App,
    error::{Answer, ApiError},
    follow::{Now, card},
    params::{PageParams, Params},
    routes::{hall, images, log, models, plot_types, quality, runs, status, trend, why},
};
use axum::{Router, extract::State};
use futures::{Stream, StreamExt, stream};
use hydra_proto::PlotTypeName;
use hydra_proto::query::{
    self as pb,
    query_service_server::{QueryService, QueryServiceServer},
};
use std::{collections::HashMap, pin::Pin, sync::Arc};
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;
use tonic::{Code, Request, Response, Status};

/// The service and its reflection (v1, and v1alpha that older tools ask for).
pub fn router(app: App) -> Router {
    let reflection = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(hydra_proto::DESCRIPTORS)
            .with_service_name("hydra.query.v1.QueryService")
    };
    let service = QueryServiceServer::new(Service { app });
    let mut router = Router::new().route_service("/hydra.query.v1.QueryService/{*method}", service);
    if let Ok(service) = reflection().build_v1() {
        router = router.route_service("/grpc.reflection.v1.ServerReflection/{*method}", service);
    }
    if let Ok(service) = reflection().build_v1alpha() {
        router =
            router.route_service("/grpc.reflection.v1alpha.ServerReflection/{*method}", service);
    }
    router
}

struct Service {
    app: App,
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let code = match error.status().as_u16() {
            400 => Code::InvalidArgument,
            404 => Code::NotFound,
            503 => Code::Unavailable,
            _ => Code::Internal,
        };
        Self::new(code, error.detail().to_owned())
    }
}

/// What is empty was not given.
fn text(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn limit(limit: u32) -> Option<u64> {
    (limit > 0).then_some(limit.into())
}

fn plot_type(name: String) -> Answer<Option<PlotTypeName>> {
    let name = text(name).map(|name| name.parse()).transpose();
    name.map_err(|error: hydra_proto::InvalidName| ApiError::bad(error.to_string()))
}

fn page(asked: u32, cursor: String) -> Params<PageParams> {
    Params(PageParams { limit: limit(asked), cursor: text(cursor) })
}

type Plots = Pin<Box<dyn Stream<Item = Result<pb::WatchResponse, Status>> + Send>>;

// The trait of the library is made by this attribute, so its implementation needs it too.
#[tonic::async_trait]
impl QueryService for Service {
    async fn get_hall(
        &self,
        _: Request<pb::GetHallRequest>,
    ) -> Result<Response<pb::GetHallResponse>, Status> {
        let hall = hall::hall(State(self.app.clone())).await?.0;
        Ok(Response::new(convert::hall(hall)))
    }

    async fn list_plot_types(
        &self,
        request: Request<pb::ListPlotTypesRequest>,
    ) -> Result<Response<pb::ListPlotTypesResponse>, Status> {
        let asked = request.into_inner();
        let params = plot_types::ListParams {
            detector: text(asked.detector),
            group: None,
            limit: limit(asked.limit),
            cursor: text(asked.cursor),
        };
        let page = plot_types::list(State(self.app.clone()), Params(params)).await?.0;
        let plot_types = page.items.into_iter().map(convert::plot_type).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListPlotTypesResponse { plot_types, next }))
    }

    async fn list_images(
        &self,
        request: Request<pb::ListImagesRequest>,
    ) -> Result<Response<pb::ListImagesResponse>, Status> {
        let asked = request.into_inner();
        let params = images::ListParams {
            plot_type: plot_type(asked.plot_type)?,
            run: asked.run,
            from_us: asked.from_us,
            to_us: asked.to_us,
            order: None,
            limit: limit(asked.limit),
            cursor: text(asked.cursor),
        };
        let page = images::list(State(self.app.clone()), Params(params)).await?.0;
        let verdicts = page.items.into_iter().map(convert::verdict).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListImagesResponse { verdicts, next }))
    }

    async fn list_predictions(
        &self,
        request: Request<pb::ListPredictionsRequest>,
    ) -> Result<Response<pb::ListPredictionsResponse>, Status> {
        let asked = request.into_inner();
        let name = plot_type(asked.plot_type)?
            .ok_or_else(|| Status::invalid_argument("plot_type is missing"))?;
        let role =
            if asked.of_candidates { api::ModelRole::Candidate } else { api::ModelRole::Active };
        let params = trend::PredictionParams {
            from_us: asked.from_us,
            to_us: asked.to_us,
            role: Some(role),
            limit: limit(asked.limit),
            cursor: text(asked.cursor),
        };
        let name = crate::params::At(name);
        let page = trend::predictions(State(self.app.clone()), name, Params(params)).await?.0;
        let predictions = page.items.into_iter().map(convert::prediction).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListPredictionsResponse { predictions, next }))
    }

    async fn list_log(
        &self,
        request: Request<pb::ListLogRequest>,
    ) -> Result<Response<pb::ListLogResponse>, Status> {
        let asked = request.into_inner();
        let kinds: Vec<&str> = asked.kinds().filter_map(convert::log_kind_name).collect();
        let params = log::LogParams {
            kind: text(kinds.join(",")),
            from_us: asked.from_us,
            to_us: asked.to_us,
            detector: text(asked.detector),
            plot_type: plot_type(asked.plot_type)?,
            run: asked.run,
            limit: limit(asked.limit),
            cursor: text(asked.cursor),
        };
        let page = log::list(State(self.app.clone()), Params(params)).await?.0;
        let entries = page.items.into_iter().map(convert::log_entry).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListLogResponse { entries, next }))
    }

    async fn list_incidents(
        &self,
        request: Request<pb::ListIncidentsRequest>,
    ) -> Result<Response<pb::ListIncidentsResponse>, Status> {
        let asked = request.into_inner();
        let params = log::IncidentParams {
            limit: limit(asked.limit),
            cursor: text(asked.cursor),
            ..Default::default()
        };
        let page = log::incidents(State(self.app.clone()), Params(params)).await?.0;
        let incidents = page.items.into_iter().map(convert::incident).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListIncidentsResponse { incidents, next }))
    }

    async fn list_runs(
        &self,
        request: Request<pb::ListRunsRequest>,
    ) -> Result<Response<pb::ListRunsResponse>, Status> {
        let asked = request.into_inner();
        let page = runs::list(State(self.app.clone()), page(asked.limit, asked.cursor)).await?.0;
        let runs = page.items.into_iter().map(convert::run).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListRunsResponse { runs, next }))
    }

    async fn list_quality_intervals(
        &self,
        request: Request<pb::ListQualityIntervalsRequest>,
    ) -> Result<Response<pb::ListQualityIntervalsResponse>, Status> {
        let asked = request.into_inner();
        let params = quality::QualityParams {
            run: asked.run,
            detector: text(asked.detector),
            format: None,
            limit: limit(asked.limit),
            cursor: text(asked.cursor),
        };
        let page = quality::page(&self.app, &params).await?;
        let intervals = page.items.into_iter().map(convert::quality_interval).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListQualityIntervalsResponse { intervals, next }))
    }

    async fn list_detectors(
        &self,
        request: Request<pb::ListDetectorsRequest>,
    ) -> Result<Response<pb::ListDetectorsResponse>, Status> {
        let asked = request.into_inner();
        let page = plot_types::detectors(State(self.app.clone()), page(asked.limit, asked.cursor))
            .await?
            .0;
        let detectors = page.items.into_iter().map(convert::detector).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListDetectorsResponse { detectors, next }))
    }

    async fn list_groups(
        &self,
        request: Request<pb::ListGroupsRequest>,
    ) -> Result<Response<pb::ListGroupsResponse>, Status> {
        let asked = request.into_inner();
        let page =
            plot_types::groups(State(self.app.clone()), page(asked.limit, asked.cursor)).await?.0;
        let groups = page.items.into_iter().map(convert::group).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListGroupsResponse { groups, next }))
    }

    async fn list_models(
        &self,
        request: Request<pb::ListModelsRequest>,
    ) -> Result<Response<pb::ListModelsResponse>, Status> {
        let asked = request.into_inner();
        let params = models::ListParams {
            plot_type: plot_type(asked.plot_type)?,
            released: Some(asked.released),
            limit: limit(asked.limit),
            cursor: text(asked.cursor),
        };
        let page = models::list(State(self.app.clone()), Params(params)).await?.0;
        let models = page.items.into_iter().map(convert::model).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListModelsResponse { models, next }))
    }

    async fn list_label_statistics(
        &self,
        request: Request<pb::ListLabelStatisticsRequest>,
    ) -> Result<Response<pb::ListLabelStatisticsResponse>, Status> {
        let asked = request.into_inner();
        let page =
            models::labels(State(self.app.clone()), page(asked.limit, asked.cursor)).await?.0;
        let statistics = page.items.into_iter().map(convert::label_statistics).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListLabelStatisticsResponse { statistics, next }))
    }

    async fn list_run_latencies(
        &self,
        request: Request<pb::ListRunLatenciesRequest>,
    ) -> Result<Response<pb::ListRunLatenciesResponse>, Status> {
        let asked = request.into_inner();
        let page =
            status::latency(State(self.app.clone()), page(asked.limit, asked.cursor)).await?.0;
        let latencies = page.items.into_iter().map(convert::run_latency).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListRunLatenciesResponse { latencies, next }))
    }

    async fn list_days(
        &self,
        request: Request<pb::ListDaysRequest>,
    ) -> Result<Response<pb::ListDaysResponse>, Status> {
        let asked = request.into_inner();
        let page =
            status::calendar(State(self.app.clone()), page(asked.limit, asked.cursor)).await?.0;
        let days = page.items.into_iter().map(convert::day).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListDaysResponse { days, next }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Result<Response<pb::ListDeadLettersResponse>, Status> {
        let asked = request.into_inner();
        let page =
            status::dead_letters(State(self.app.clone()), page(asked.limit, asked.cursor)).await?.0;
        let letters = page.items.into_iter().map(convert::dead_letter).collect();
        let next = page.next.unwrap_or_default();
        Ok(Response::new(pb::ListDeadLettersResponse { letters, next }))
    }

    async fn explain_verdict(
        &self,
        request: Request<pb::ExplainVerdictRequest>,
    ) -> Result<Response<pb::ExplainVerdictResponse>, Status> {
        let asked = request.into_inner();
        let name = plot_type(asked.plot_type)?
            .ok_or_else(|| Status::invalid_argument("plot_type is missing"))?;
        let params = why::WhyParams { at_us: asked.at_us };
        let name = crate::params::At(name);
        let why = why::why(State(self.app.clone()), name, Params(params)).await?.0;
        Ok(Response::new(convert::why(why)))
    }

    async fn get_status(
        &self,
        _: Request<pb::GetStatusRequest>,
    ) -> Result<Response<pb::GetStatusResponse>, Status> {
        let status = status::status(State(self.app.clone())).await?.0;
        Ok(Response::new(convert::status(status)))
    }

    type WatchStream = Plots;

    async fn watch(&self, request: Request<pb::WatchRequest>) -> Result<Response<Plots>, Status> {
        let permit = self.app.streams.clone().try_acquire_owned();
        let permit = permit.map_err(|_| ApiError::busy("too many live streams; try again"))?;
        // First the subscription, then the state: nothing falls between.
        let changes = tokio_stream::wrappers::BroadcastStream::new(self.app.now.frames());
        let mut seen = Seen { detector: text(request.into_inner().detector), told: HashMap::new() };
        self.app.board()?;
        let first = seen.news(&self.app.now);
        let now = self.app.now.clone();
        let rest = changes.flat_map(move |change| match change {
            Ok(_) => stream::iter(seen.news(&now)),
            Err(BroadcastStreamRecvError::Lagged(_)) => {
                stream::iter(vec![Err(Status::data_loss("too slow; begin anew"))])
            }
        });
        let all =
            stream::iter(first).chain(rest).take_until(self.app.stop.clone().cancelled_owned());
        Ok(Response::new(Box::pin(all.map(move |item| {
            let _held = &permit;
            item
        }))))
    }
}

/// What a watcher was told.
struct Seen {
    detector: Option<String>,
    told: HashMap<i32, pb::PlotType>,
}

impl Seen {
    /// The plot types that are not as they were told.
    fn news(&mut self, now: &Arc<Now>) -> Vec<Result<pb::WatchResponse, Status>> {
        let board = now.board();
        let mut news = Vec::new();
        for cell in &board.cells {
            let detector = board.detector_of(&cell.row);
            if self.detector.as_deref().is_some_and(|wanted| wanted != detector) {
                continue;
            }
            let card = convert::plot_type(card::plot_type(&board, cell));
            if self.told.get(&cell.row.id) != Some(&card) {
                self.told.insert(cell.row.id, card.clone());
                news.push(Ok(pb::WatchResponse { plot_type: Some(card) }));
            }
        }
        news
    }
}
