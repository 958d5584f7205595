//! gRPC, with reflection: the handlers of REST under another encoding.

mod asked;
mod convert;
mod picture;
mod watch;

use crate::{
    app::App,
    error::{ApiError, TOO_LONG},
    params::At,
    routes::{hall, images, log, models, pictures, plot_types, quality, runs, status, trend, why},
    server::in_time,
};
use axum::{Router, extract::State, middleware};
use convert::page;
use futures::{Stream, stream};
use hydra_proto::query::{
    self as pb,
    query_service_server::{QueryService, QueryServiceServer},
};
use std::{pin::Pin, time::Duration};
use tonic::{Code, Request, Response, Status};

/// The service and its reflection (v1, and v1alpha that older tools ask for). A call that is not
/// answered within `patience` ends with DEADLINE_EXCEEDED; of a stream that holds for its begin.
pub fn router(app: App, patience: Duration) -> Router {
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
    let late = || Status::deadline_exceeded(TOO_LONG).into_http();
    router.layer(middleware::from_fn(move |asked, next| in_time(patience, late, asked, next)))
}

struct Service {
    app: App,
}

impl Service {
    fn app(&self) -> State<App> {
        State(self.app.clone())
    }
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

type Reply<T> = Result<Response<T>, Status>;
type Messages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

// The trait of the library is made by this attribute, so its implementation needs it too.
#[tonic::async_trait]
impl QueryService for Service {
    async fn get_hall(&self, _: Request<pb::GetHallRequest>) -> Reply<pb::GetHallResponse> {
        Ok(Response::new(convert::hall(hall::hall(self.app()).await?.0)))
    }

    async fn list_plot_types(
        &self,
        asked: Request<pb::ListPlotTypesRequest>,
    ) -> Reply<pb::ListPlotTypesResponse> {
        let params = asked::plot_types(asked.into_inner());
        let found = plot_types::list(self.app(), params).await?.0;
        let (plot_types, next) = page(found, convert::plot_type);
        Ok(Response::new(pb::ListPlotTypesResponse { plot_types, next }))
    }

    async fn get_plot_type(
        &self,
        asked: Request<pb::GetPlotTypeRequest>,
    ) -> Reply<pb::GetPlotTypeResponse> {
        let name = At::parse(&asked.into_inner().name)?;
        let found = plot_types::one(self.app(), name).await?.0;
        Ok(Response::new(convert::plot_type_detail(found)))
    }

    async fn get_trend(&self, asked: Request<pb::GetTrendRequest>) -> Reply<pb::GetTrendResponse> {
        let (name, params) = asked::trend(asked.into_inner())?;
        let mut found = trend::trend(self.app(), name, params).await?.0;
        let next = found.next.take().unwrap_or_default();
        Ok(Response::new(pb::GetTrendResponse { trend: Some(convert::trend(found)), next }))
    }

    async fn list_images(
        &self,
        asked: Request<pb::ListImagesRequest>,
    ) -> Reply<pb::ListImagesResponse> {
        let params = asked::images(asked.into_inner())?;
        let found = images::list(self.app(), params).await?.0;
        let (verdicts, next) = page(found, convert::verdict);
        Ok(Response::new(pb::ListImagesResponse { verdicts, next }))
    }

    async fn get_image(&self, asked: Request<pb::GetImageRequest>) -> Reply<pb::GetImageResponse> {
        let image = At::parse(&asked.into_inner().image)?;
        Ok(Response::new(convert::image(images::one(self.app(), image).await?.0)))
    }

    type GetPictureStream = Messages<pb::GetPictureResponse>;

    async fn get_picture(
        &self,
        asked: Request<pb::GetPictureRequest>,
    ) -> Reply<Self::GetPictureStream> {
        let (image, kind) = asked::picture(asked.into_inner())?;
        let found = pictures::find(&self.app, image.0, kind).await?;
        let png = found.png(&self.app).await?;
        let pieces = picture::pieces(found.tag, &found.name, png).into_iter().map(Ok);
        Ok(Response::new(Box::pin(stream::iter(pieces))))
    }

    async fn list_predictions(
        &self,
        asked: Request<pb::ListPredictionsRequest>,
    ) -> Reply<pb::ListPredictionsResponse> {
        let (name, params) = asked::predictions(asked.into_inner())?;
        let found = trend::predictions(self.app(), name, params).await?.0;
        let (predictions, next) = page(found, convert::prediction);
        Ok(Response::new(pb::ListPredictionsResponse { predictions, next }))
    }

    async fn list_log(&self, asked: Request<pb::ListLogRequest>) -> Reply<pb::ListLogResponse> {
        let params = asked::log(asked.into_inner())?;
        let found = log::list(self.app(), params).await?.0;
        let (entries, next) = page(found, convert::log_entry);
        Ok(Response::new(pb::ListLogResponse { entries, next }))
    }

    async fn list_incidents(
        &self,
        asked: Request<pb::ListIncidentsRequest>,
    ) -> Reply<pb::ListIncidentsResponse> {
        let params = asked::incidents(asked.into_inner());
        let found = log::incidents(self.app(), params).await?.0;
        let (incidents, next) = page(found, convert::incident);
        Ok(Response::new(pb::ListIncidentsResponse { incidents, next }))
    }

    async fn get_incident(
        &self,
        asked: Request<pb::GetIncidentRequest>,
    ) -> Reply<pb::GetIncidentResponse> {
        let id = At::parse(&asked.into_inner().incident)?;
        let incident = convert::incident(log::incident(self.app(), id).await?.0);
        Ok(Response::new(pb::GetIncidentResponse { incident: Some(incident) }))
    }

    async fn list_runs(&self, asked: Request<pb::ListRunsRequest>) -> Reply<pb::ListRunsResponse> {
        let pb::ListRunsRequest { limit, cursor } = asked.into_inner();
        let found = runs::list(self.app(), asked::page(limit, cursor)).await?.0;
        let (runs, next) = page(found, convert::run);
        Ok(Response::new(pb::ListRunsResponse { runs, next }))
    }

    async fn get_run(&self, asked: Request<pb::GetRunRequest>) -> Reply<pb::GetRunResponse> {
        let run = At(asked.into_inner().run);
        Ok(Response::new(convert::run_detail(runs::one(self.app(), run).await?.0)))
    }

    async fn list_quality_intervals(
        &self,
        asked: Request<pb::ListQualityIntervalsRequest>,
    ) -> Reply<pb::ListQualityIntervalsResponse> {
        let params = asked::quality(asked.into_inner());
        let (intervals, next) =
            page(quality::page(&self.app, &params).await?, convert::quality_interval);
        Ok(Response::new(pb::ListQualityIntervalsResponse { intervals, next }))
    }

    async fn list_detectors(
        &self,
        asked: Request<pb::ListDetectorsRequest>,
    ) -> Reply<pb::ListDetectorsResponse> {
        let pb::ListDetectorsRequest { limit, cursor } = asked.into_inner();
        let found = plot_types::detectors(self.app(), asked::page(limit, cursor)).await?.0;
        let (detectors, next) = page(found, convert::detector);
        Ok(Response::new(pb::ListDetectorsResponse { detectors, next }))
    }

    async fn list_groups(
        &self,
        asked: Request<pb::ListGroupsRequest>,
    ) -> Reply<pb::ListGroupsResponse> {
        let pb::ListGroupsRequest { limit, cursor } = asked.into_inner();
        let found = plot_types::groups(self.app(), asked::page(limit, cursor)).await?.0;
        let (groups, next) = page(found, convert::group);
        Ok(Response::new(pb::ListGroupsResponse { groups, next }))
    }

    async fn list_models(
        &self,
        asked: Request<pb::ListModelsRequest>,
    ) -> Reply<pb::ListModelsResponse> {
        let params = asked::models(asked.into_inner())?;
        let found = models::list(self.app(), params).await?.0;
        let (models, next) = page(found, convert::model);
        Ok(Response::new(pb::ListModelsResponse { models, next }))
    }

    async fn get_model(&self, asked: Request<pb::GetModelRequest>) -> Reply<pb::GetModelResponse> {
        let digest = At::parse(&asked.into_inner().digest)?;
        let model = convert::model(models::one(self.app(), digest).await?.0);
        Ok(Response::new(pb::GetModelResponse { model: Some(model) }))
    }

    async fn list_label_statistics(
        &self,
        asked: Request<pb::ListLabelStatisticsRequest>,
    ) -> Reply<pb::ListLabelStatisticsResponse> {
        let pb::ListLabelStatisticsRequest { limit, cursor } = asked.into_inner();
        let found = models::labels(self.app(), asked::page(limit, cursor)).await?.0;
        let (statistics, next) = page(found, convert::label_statistics);
        Ok(Response::new(pb::ListLabelStatisticsResponse { statistics, next }))
    }

    async fn list_run_latencies(
        &self,
        asked: Request<pb::ListRunLatenciesRequest>,
    ) -> Reply<pb::ListRunLatenciesResponse> {
        let pb::ListRunLatenciesRequest { limit, cursor } = asked.into_inner();
        let found = status::latency(self.app(), asked::page(limit, cursor)).await?.0;
        let (latencies, next) = page(found, convert::run_latency);
        Ok(Response::new(pb::ListRunLatenciesResponse { latencies, next }))
    }

    async fn list_days(&self, asked: Request<pb::ListDaysRequest>) -> Reply<pb::ListDaysResponse> {
        let pb::ListDaysRequest { limit, cursor } = asked.into_inner();
        let found = status::calendar(self.app(), asked::page(limit, cursor)).await?.0;
        let (days, next) = page(found, convert::day);
        Ok(Response::new(pb::ListDaysResponse { days, next }))
    }

    async fn list_dead_letters(
        &self,
        asked: Request<pb::ListDeadLettersRequest>,
    ) -> Reply<pb::ListDeadLettersResponse> {
        let pb::ListDeadLettersRequest { limit, cursor } = asked.into_inner();
        let found = status::dead_letters(self.app(), asked::page(limit, cursor)).await?.0;
        let (letters, next) = page(found, convert::dead_letter);
        Ok(Response::new(pb::ListDeadLettersResponse { letters, next }))
    }

    async fn explain_verdict(
        &self,
        asked: Request<pb::ExplainVerdictRequest>,
    ) -> Reply<pb::ExplainVerdictResponse> {
        let (name, params) = asked::why(asked.into_inner())?;
        let why = why::why(self.app(), name, params).await?.0;
        Ok(Response::new(convert::why(why)))
    }

    async fn get_status(&self, _: Request<pb::GetStatusRequest>) -> Reply<pb::GetStatusResponse> {
        Ok(Response::new(convert::status(status::status(self.app()).await?.0)))
    }

    type WatchStream = Messages<pb::WatchResponse>;

    async fn watch(&self, asked: Request<pb::WatchRequest>) -> Reply<Self::WatchStream> {
        let detector = asked::text(asked.into_inner().detector);
        Ok(Response::new(watch::watch(&self.app, detector)?))
    }
}
