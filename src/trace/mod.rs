//! Traces: where a request came from and goes to (W3C Trace Context), and spans on their way to a
//! collector (OTLP), if there is one.
//!
//! Belongs here: what of tracing is neither a line of the log nor a span's opening. Without a
//! collector the context of a caller is passed on as it came.
//!
//! To add a span: `tracing::info_span!` where it happens, its name in [`export`]'s table.

mod client;
mod export;
mod ids;

use std::sync::OnceLock;
use std::time::{Duration, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue};
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, TraceContextExt as _, TraceFlags, TraceState, Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use uuid::Uuid;

use crate::clock::Timestamp;

pub use export::{Collector, Exporter, Unusable, ask};

/// The tracer of this process, once there is a collector.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

tokio::task_local! {
    /// What the caller said of its own context, where nobody here has a better one.
    static CALLER: Caller;
}

/// The fields by which a caller tells of its context (W3C Trace Context, section 3).
const FIELDS: [&str; 2] = ["traceparent", "tracestate"];

/// A caller's context, as its request told it.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    context: Option<SpanContext>,
    fields: [Option<HeaderValue>; 2],
}

impl Caller {
    /// Reads it off a request's fields. What is not well-formed is as if it were not there.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        if !headers.contains_key(FIELDS[0]) {
            return Self::default();
        }
        let read = TraceContextPropagator::new();
        let read = read.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let context = read.span().span_context().clone();
        if !context.is_valid() {
            return Self::default();
        }
        let fields = FIELDS.map(|field| headers.get(field).cloned());
        Self { context: Some(context), fields }
    }

    /// Makes it the parent of a request's span; the trace's id, in hexadecimal, if there is one.
    pub fn begin(&self, span: &Span) -> Option<String> {
        if TRACER.get().is_some() {
            if let Some(context) = &self.context {
                // Refused only for a span that has begun; this one has not.
                let parent = Context::new().with_remote_span_context(context.clone());
                let _ = span.set_parent(parent);
            }
            let own = span.context().span().span_context().clone();
            return own.is_valid().then(|| own.trace_id().to_string());
        }
        self.context.as_ref().map(|context| context.trace_id().to_string())
    }

    /// Lets everything that is done meanwhile pass it on.
    pub async fn during<T>(self, doing: impl Future<Output = T>) -> T {
        if TRACER.get().is_some() || self.context.is_none() {
            return doing.await;
        }
        CALLER.scope(self, doing).await
    }
}

/// Tells whoever is called of the context that it is called in.
pub fn pass_on(headers: &mut HeaderMap) {
    if TRACER.get().is_some() {
        let context = Span::current().context();
        TraceContextPropagator::new().inject_context(&context, &mut HeaderInjector(headers));
        return;
    }
    let _ = CALLER.try_with(|caller| {
        for (field, value) in FIELDS.into_iter().zip(&caller.fields) {
            if let Some(value) = value {
                headers.insert(field, value.clone());
            }
        }
    });
}

/// What is being done is about this session: the lines of the log say so from now on, and the span
/// is linked to the session's own.
pub fn about(session: u128) {
    let span = Span::current();
    span.record("session", tracing::field::display(Uuid::from_u128(session)));
    if TRACER.get().is_some() {
        span.add_link(SpanContext::new(
            ids::trace_of(session),
            ids::span_of(session),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        ));
    }
}

/// A session as a span of its own. Its trace has the session's id.
#[derive(Clone, Copy, Debug)]
pub struct SessionSpan<'a> {
    /// The session's id.
    pub session: u128,
    /// Its namespace.
    pub namespace: &'a str,
    /// The state in which it ended.
    pub state: &'static str,
    /// When it was opened.
    pub from: Timestamp,
    /// When it ended.
    pub to: Timestamp,
}

impl SessionSpan<'_> {
    /// Tells a collector of it, if there is one.
    pub fn end(self) {
        let Some(tracer) = TRACER.get() else { return };
        let at = |moment: Timestamp| UNIX_EPOCH + Duration::from_millis(moment.0);
        let attributes = vec![
            KeyValue::new("session", Uuid::from_u128(self.session).to_string()),
            KeyValue::new("namespace", self.namespace.to_owned()),
            KeyValue::new("state", self.state),
        ];
        let span = SpanBuilder::from_name("session")
            .with_start_time(at(self.from))
            .with_attributes(attributes);
        ids::as_session(self.session, || {
            let mut span = tracer.build_with_context(span, &Context::new());
            span.end_with_timestamp(at(self.to));
        });
    }
}
