//! Trace context in message headers (W3C Trace Context), and what makes a trace worth keeping.
//!
//! Whether an image turns out Bad is known long after its first spans have ended, in another
//! process. So a trace that is not sampled carries its finished spans along, a line each, in the
//! header [`TRAIL`]. Who sees an error or a notable verdict calls [`keep`]: the trail is told in
//! the name of those that made it, and from there on the trace is sampled (`hydra-boot` does the
//! telling, see its module `sampling`).

use crate::{
    Message,
    message::TRACEPARENT,
    settle::{micros, now_us},
};
use opentelemetry::{
    global,
    propagation::{Extractor, Injector},
    trace::{SpanContext, TraceContextExt},
};
use std::{collections::BTreeMap, fmt::Write as _, time::SystemTime};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// Header with the finished spans of a trace that is not sampled: `name|span|parent|start|end`,
/// ids in hexadecimal, times in microseconds since 1970, joined by `;`.
pub const TRAIL: &str = "hydra-trail";
/// Field of a span that is kept whatever the sampler said. Spans must declare it.
pub const KEEP_FIELD: &str = "hydra.keep";
/// Field of a kept span with the [`TRAIL`] that led to it. Spans must declare it.
pub const TRAIL_FIELD: &str = "hydra.trail";
/// The way of an image has four stages; a longer trail is not ours.
const TRAIL_BYTES: usize = 1_000;

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

/// Keeps the trace of `span`, which works on `message`: an error, or a verdict that people look at.
pub fn keep(span: &Span, message: &Message) {
    span.record(KEEP_FIELD, true);
    if let Some(trail) = message.headers.get(TRAIL).filter(|trail| trail.len() <= TRAIL_BYTES) {
        span.record(TRAIL_FIELD, trail.as_str());
    }
}

/// The id of the trace of `span`, where it is told: sampled, or kept.
pub(crate) fn told(span: &Span, kept: bool) -> Option<String> {
    let context = span.context();
    let context = context.span().span_context().clone();
    let told = context.is_valid() && (kept || context.is_sampled());
    told.then(|| context.trace_id().to_string())
}

/// A span that is about to end, as far as what follows from it must know.
pub(crate) struct Leg<'a> {
    pub span: &'a Span,
    /// As the span is called in the trace.
    pub name: &'a str,
    /// Microseconds since 1970.
    pub begun_us: i64,
    /// [`keep`] was called for it.
    pub kept: bool,
}

/// Puts the trace of `leg` into `message`; without a live trace the context of `cause` is handed
/// on unchanged, so that a stage without telemetry does not break the chain.
pub(crate) fn hand_on(leg: &Leg<'_>, cause: &Message, message: &mut Message) {
    let context = leg.span.context();
    let span = context.span();
    if span.span_context().is_valid() {
        inject(&context, message);
        mark(leg, span.span_context(), cause, message);
    } else {
        for name in [TRACEPARENT, TRAIL] {
            if let Some(value) = cause.headers.get(name) {
                message.headers.insert(name.to_owned(), value.clone());
            }
        }
    }
}

/// Puts the trace of the current span, called `name` and begun at `begun`, into the headers of
/// `message`, which may have the producer's; for doors, where a trace begins.
pub fn inject_current(message: &mut Message, name: &str, begun: SystemTime) {
    let span = Span::current();
    let context = span.context();
    if context.span().span_context().is_valid() {
        let mut cause = message.clone();
        // a trail of a stranger is none of ours
        cause.headers.remove(TRAIL);
        inject(&context, message);
        let leg = Leg { span: &span, name, begun_us: micros(begun), kept: false };
        mark(&leg, context.span().span_context(), &cause, message);
    }
}

/// The message of a span that was kept goes round again: what comes of it is told, the trail is.
pub(crate) fn retried(span: &Span, message: &mut Message) {
    if span.context().span().span_context().is_valid() {
        message.headers.remove(TRAIL);
        sample(message);
    }
}

/// Sets the flag "sampled" of `version-trace-span-flags`.
fn sample(message: &mut Message) {
    if let Some(parent) = message.headers.get_mut(TRACEPARENT) {
        parent.truncate(parent.rfind('-').map_or(0, |at| at + 1));
        parent.push_str("01");
    }
}

fn inject(context: &opentelemetry::Context, message: &mut Message) {
    global::get_text_map_propagator(|p| {
        p.inject_context(context, &mut HeadersMut(&mut message.headers));
    });
}

/// A sampled trace needs no trail, a kept one becomes sampled, any other one gets a line more.
fn mark(leg: &Leg<'_>, span: &SpanContext, cause: &Message, message: &mut Message) {
    message.headers.remove(TRAIL);
    if span.is_sampled() {
        return;
    }
    if leg.kept {
        return sample(message);
    }
    let parent = cause.headers.get(TRACEPARENT).and_then(|text| text.split('-').nth(2));
    let parent = parent.unwrap_or("0000000000000000");
    let mut trail = cause.headers.get(TRAIL).cloned().unwrap_or_default();
    if !trail.is_empty() {
        trail.push(';');
    }
    let (name, id, begun, now) = (leg.name, span.span_id(), leg.begun_us, now_us());
    // writing to a string does not fail
    let _ = write!(trail, "{name}|{id}|{parent}|{begun}|{now}");
    if trail.len() <= TRAIL_BYTES {
        message.headers.insert(TRAIL.to_owned(), trail);
    }
}
