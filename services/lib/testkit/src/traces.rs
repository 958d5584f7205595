//! An OTLP collector that remembers the spans it was sent.

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value},
    trace::v1::Span as WireSpan,
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::AbortOnDropHandle;
use tonic::{Request, Response, Status, transport::Server};

/// One finished span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// Its name.
    pub name: String,
    /// `service.name` of the process that made it.
    pub service: String,
    /// 32 hexadecimal digits.
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub span_id: String,
    /// The parent's, or empty.
    pub parent_id: String,
    /// Spans that it follows from, e.g. the messages of a batch: (trace id, span id).
    pub links: Vec<(String, String)>,
    /// Attributes as text.
    pub attributes: BTreeMap<String, String>,
    /// Nanoseconds since 1970.
    pub start_ns: u64,
    /// Nanoseconds since 1970.
    pub end_ns: u64,
}

/// A collector on a port of its own, ended when dropped.
pub struct Traces {
    /// Where exporters send to: `http://host:port`.
    pub endpoint: String,
    spans: Arc<Mutex<Vec<Span>>>,
    _server: AbortOnDropHandle<()>,
}

impl Traces {
    /// Starts the collector.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address: SocketAddr = listener.local_addr().expect("a bound socket has an address");
        let spans = Arc::default();
        let service = TraceServiceServer::new(Collector { spans: Arc::clone(&spans) });
        let server = tokio::spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            let _ended = Server::builder().add_service(service).serve_with_incoming(incoming).await;
        });
        let endpoint = format!("http://{address}");
        Self { endpoint, spans, _server: AbortOnDropHandle::new(server) }
    }

    /// All spans so far, in the order of arrival.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("no panic under this lock").clone()
    }

    /// The spans of one trace, by their start.
    pub fn of_trace(&self, trace_id: &str) -> Vec<Span> {
        let mut spans = self.spans();
        spans.retain(|span| span.trace_id == trace_id);
        spans.sort_by_key(|span| span.start_ns);
        spans
    }
}

struct Collector {
    spans: Arc<Mutex<Vec<Span>>>,
}

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.spans.lock().map_err(|_| Status::internal("a panic before"))?;
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|r| text(&r.attributes)).unwrap_or_default();
            let service = attributes.get("service.name").cloned().unwrap_or_default();
            let all = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
            spans.extend(all.map(|span| read(span, &service)));
        }
        Ok(Response::new(ExportTraceServiceResponse { partial_success: None }))
    }
}

fn read(span: WireSpan, service: &str) -> Span {
    let links = span.links.iter();
    Span {
        service: service.to_owned(),
        trace_id: hex::encode(span.trace_id),
        span_id: hex::encode(span.span_id),
        parent_id: hex::encode(span.parent_span_id),
        links: links.map(|l| (hex::encode(&l.trace_id), hex::encode(&l.span_id))).collect(),
        attributes: text(&span.attributes),
        start_ns: span.start_time_unix_nano,
        end_ns: span.end_time_unix_nano,
        name: span.name,
    }
}

fn text(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let value = |kv: &KeyValue| match kv.value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::BoolValue(yes)) => yes.to_string(),
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        Some(any_value::Value::DoubleValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|kv| (kv.key.clone(), value(kv))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::{
        collector::trace::v1::trace_service_client::TraceServiceClient,
        common::v1::AnyValue,
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans},
    };

    fn attribute(key: &str, value: &str) -> KeyValue {
        let value = Some(any_value::Value::StringValue(value.into()));
        KeyValue { key: key.into(), value: Some(AnyValue { value }), ..Default::default() }
    }

    #[tokio::test]
    async fn what_an_exporter_sends_is_remembered() {
        let traces = Traces::start().await;
        let mut client = TraceServiceClient::connect(traces.endpoint.clone()).await.unwrap();
        let span = WireSpan {
            trace_id: vec![0xab; 16],
            span_id: vec![1; 8],
            name: "resize".into(),
            attributes: vec![attribute("outcome", "done")],
            ..Default::default()
        };
        let resource =
            Resource { attributes: vec![attribute("service.name", "hydra")], ..Default::default() };
        let scope_spans = vec![ScopeSpans { spans: vec![span], ..Default::default() }];
        let resource_spans =
            vec![ResourceSpans { resource: Some(resource), scope_spans, ..Default::default() }];
        client.export(ExportTraceServiceRequest { resource_spans }).await.unwrap();
        let spans = traces.of_trace(&"ab".repeat(16));
        assert_eq!(spans.len(), 1);
        assert_eq!((spans[0].name.as_str(), spans[0].service.as_str()), ("resize", "hydra"));
        assert_eq!(spans[0].attributes["outcome"], "done");
        assert_eq!(spans[0].parent_id, "");
    }
}
