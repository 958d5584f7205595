//! Trace context in message headers (W3C Trace Context).

use crate::{Message, message::TRACEPARENT};
use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
    trace::TraceContextExt,
};
use std::collections::BTreeMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

struct Headers<'a>(&'a BTreeMap<String, String>);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }
    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

struct HeadersMut<'a>(&'a mut BTreeMap<String, String>);

impl Injector for HeadersMut<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key.to_owned(), value);
    }
}

/// Makes the trace of `message` the parent of `span`; for doors, where a trace comes in.
pub fn adopt(span: &Span, message: &Message) {
    if message.headers.contains_key(TRACEPARENT) {
        let parent = global::get_text_map_propagator(|p| p.extract(&Headers(&message.headers)));
        // a span that is filtered out has no context to set, which is fine
        let _ = span.set_parent(parent);
    }
}

/// Puts the trace of `span` into `message`; without a live trace the context of `cause` is
/// handed on unchanged, so that a stage without telemetry does not break the chain.
pub(crate) fn hand_on(span: &Span, cause: &Message, message: &mut Message) {
    let context = span.context();
    if context.span().span_context().is_valid() {
        global::get_text_map_propagator(|p| {
            p.inject_context(&context, &mut HeadersMut(&mut message.headers));
        });
    } else if let Some(parent) = cause.headers.get(TRACEPARENT) {
        message.headers.insert(TRACEPARENT.to_owned(), parent.clone());
    }
}

/// Puts the trace of the current span into the headers of `message`; for doors, where a trace
/// begins.
pub fn inject_current(message: &mut Message) {
    let context = Span::current().context();
    if context.span().span_context().is_valid() {
        global::get_text_map_propagator(|p| {
            p.inject_context(&context, &mut HeadersMut(&mut message.headers));
        });
    }
}
