//! Which traces are told: all that went wrong or turned out Bad, and a share of the rest.
//!
//! Every span is recorded; the flag "sampled" of W3C Trace Context travels with the image and says
//! whether its trace is told whatever comes of it. Where it is not set, a span is dropped when it
//! ends, unless the stage's runner has kept it: then the trail of spans that led to it, which came
//! along in the message (`hydra_stage`, module `trace`), is told too, and the flag is set from
//! there on. No process waits for another one, and none holds spans back.

use hydra_stage::{KEEP_FIELD, TRAIL_FIELD};
use opentelemetry::{
    Context, KeyValue, Value,
    trace::{
        Link, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags, TraceId,
        TraceState,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{
        Sampler, SamplingDecision, SamplingResult, ShouldSample, Span, SpanData, SpanProcessor,
    },
};
use std::time::{Duration, SystemTime};

/// Samples what the trace's beginner has sampled, and a share of what begins here; records the
/// rest, for it may yet be kept.
#[derive(Clone, Debug)]
pub(crate) struct Share(pub f64);

impl ShouldSample for Share {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let begun = parent.map(|parent| parent.span().span_context().clone());
        let begun = begun.filter(SpanContext::is_valid);
        let sampled = match &begun {
            Some(parent) => parent.is_sampled(),
            None => {
                let share = Sampler::TraceIdRatioBased(self.0);
                let result = share.should_sample(None, trace, name, kind, attributes, links);
                result.decision == SamplingDecision::RecordAndSample
            }
        };
        let decision = match sampled {
            true => SamplingDecision::RecordAndSample,
            false => SamplingDecision::RecordOnly,
        };
        let trace_state = begun.map_or_else(TraceState::default, |p| p.trace_state().clone());
        SamplingResult { decision, attributes: Vec::new(), trace_state }
    }
}

/// Passes on sampled spans, and kept ones with the trail that led to them.
#[derive(Debug)]
pub(crate) struct ByOutcome<P>(pub P);

impl<P: SpanProcessor> SpanProcessor for ByOutcome<P> {
    fn on_start(&self, span: &mut Span, context: &Context) {
        self.0.on_start(span, context);
    }

    fn on_end(&self, mut span: SpanData) {
        let kept = span
            .attributes
            .iter()
            .any(|a| a.key.as_str() == KEEP_FIELD && matches!(a.value, Value::Bool(true)));
        let trail = span.attributes.iter().find(|a| a.key.as_str() == TRAIL_FIELD);
        let trail = trail.map(|attribute| attribute.value.to_string());
        span.attributes.retain(|a| ![KEEP_FIELD, TRAIL_FIELD].contains(&a.key.as_str()));
        if span.span_context.is_sampled() {
            return self.0.on_end(span);
        }
        if !kept && !matches!(span.status, Status::Error { .. }) {
            return;
        }
        for line in trail.iter().flat_map(|trail| trail.split(';')) {
            if let Some(earlier) = earlier(line, &span) {
                self.0.on_end(earlier);
            }
        }
        span.span_context = sampled(&span, span.span_context.span_id());
        self.0.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn sampled(of: &SpanData, span: SpanId) -> SpanContext {
    let trace = of.span_context.trace_id();
    let state = of.span_context.trace_state().clone();
    SpanContext::new(trace, span, TraceFlags::SAMPLED, false, state)
}

/// The span of one line of a trail, in the trace of `of`; a line that is no such line is nothing.
fn earlier(line: &str, of: &SpanData) -> Option<SpanData> {
    let mut fields = line.split('|');
    let mut next = || fields.next();
    let (name, id, parent) = (next()?, SpanId::from_hex(next()?).ok()?, next()?);
    let moment = |text: &str| {
        let since = Duration::from_micros(text.parse().ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    };
    let (start_time, end_time) = (moment(next()?)?, moment(next()?)?);
    Some(SpanData {
        span_context: sampled(of, id),
        parent_span_id: SpanId::from_hex(parent).unwrap_or(SpanId::INVALID),
        parent_span_is_remote: true,
        span_kind: SpanKind::Internal,
        name: name.to_owned().into(),
        start_time,
        end_time,
        // the process that tells is not the one that worked
        attributes: vec![KeyValue::new("hydra.told_by", of.name.to_string())],
        dropped_attributes_count: 0,
        events: Default::default(),
        links: Default::default(),
        status: Status::Unset,
        instrumentation_scope: of.instrumentation_scope.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry::trace::{Span as _, Tracer, TracerProvider as _};
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use std::sync::{Arc, Mutex};

    /// Remembers what would be sent.
    #[derive(Clone, Debug, Default)]
    struct Told(Arc<Mutex<Vec<SpanData>>>);

    impl Told {
        fn take(&self) -> Vec<SpanData> {
            std::mem::take(&mut *self.0.lock().unwrap())
        }
    }

    impl SpanProcessor for Told {
        fn on_start(&self, _: &mut Span, _: &Context) {}
        fn on_end(&self, span: SpanData) {
            self.0.lock().unwrap().push(span);
        }
        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }

    fn provider(share: f64) -> (SdkTracerProvider, Told) {
        let told = Told::default();
        let builder = SdkTracerProvider::builder();
        let builder = builder.with_span_processor(ByOutcome(told.clone()));
        (builder.with_sampler(Share(share)).build(), told)
    }

    fn names(spans: &[SpanData]) -> Vec<&str> {
        spans.iter().map(|span| &*span.name).collect()
    }

    #[test]
    fn of_what_is_not_sampled_only_errors_and_what_was_kept_are_told() {
        let (provider, told) = provider(0.0);
        let tracer = provider.tracer("test");
        tracer.start("fine").end();
        tracer.start("wrong").set_status(Status::error("no"));
        let mut bad = tracer.start("bad");
        assert!(bad.is_recording() && !bad.span_context().is_sampled());
        bad.set_attribute(KeyValue::new(KEEP_FIELD, true));
        bad.end();
        let spans = told.take();
        assert_eq!(names(&spans), ["wrong", "bad"]);
        assert!(spans.iter().all(|span| span.span_context.is_sampled()));
    }

    #[test]
    fn a_kept_span_brings_its_trail_and_nonsense_in_a_trail_is_passed_over() {
        let (provider, told) = provider(0.0);
        let mut bad = provider.tracer("test").start("infer");
        let trace = bad.span_context().trace_id();
        bad.set_attribute(KeyValue::new(KEEP_FIELD, true));
        let trail = "ingest|00f067aa0ba902b7|0000000000000000|1000000|2000000;\
                     resize|00f067aa0ba902b8|00f067aa0ba902b7|2000000|3000000;\
                     x|zz|0|1|2;;x|00f067aa0ba902b9|0|-1|2;short|1";
        bad.set_attribute(KeyValue::new(TRAIL_FIELD, trail));
        bad.end();
        let spans = told.take();
        assert_eq!(names(&spans), ["ingest", "resize", "infer"]);
        assert!(spans.iter().all(|span| span.span_context.trace_id() == trace));
        assert_eq!(spans[1].parent_span_id, spans[0].span_context.span_id());
        assert_eq!(spans[0].parent_span_id, SpanId::INVALID);
        assert_eq!(spans[1].start_time, SystemTime::UNIX_EPOCH + Duration::from_secs(2));
        assert!(spans[2].attributes.is_empty(), "{:?}", spans[2].attributes);
    }

    #[test]
    fn the_share_holds_for_what_begins_here_and_a_sampled_trace_is_told_in_any_case() {
        let (provider, told) = provider(0.25);
        let tracer = provider.tracer("test");
        for _ in 0..2_000 {
            tracer.start("root").end();
        }
        let share = told.take().len();
        assert!((400..600).contains(&share), "{share} of 2000");
        for flags in [TraceFlags::SAMPLED, TraceFlags::default()] {
            let trace = TraceId::from_hex("4bf92f3577b34da6a3ce929d0e0e4736").unwrap();
            let span = SpanId::from_hex("00f067aa0ba902b7").unwrap();
            let parent = SpanContext::new(trace, span, flags, true, TraceState::default());
            let context = Context::new().with_remote_span_context(parent);
            for _ in 0..50 {
                tracer.start_with_context("child", &context).end();
            }
        }
        assert_eq!(told.take().len(), 50, "the beginner's choice is ours");
    }
}
