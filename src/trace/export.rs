//! Spans on their way out: sampled, batched, and put into the words of OpenTelemetry's semantic
//! conventions (HTTP spans, version 1.37).

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Request};
use opentelemetry::trace::{SpanKind, Status, TracerProvider as _};
use opentelemetry::{KeyValue, Value};
use opentelemetry_http::HttpClient as _;
use opentelemetry_otlp::{WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider, SpanData, SpanExporter,
};
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;
use uuid::Builder;

use super::TRACER;
use super::client::Client;
use super::ids::Ids;
use crate::entropy::Entropy;

/// How long a leaving server gives the collector to take the last spans.
const FAREWELL: Duration = Duration::from_secs(3);
/// How often spans are sent.
const EVERY: Duration = Duration::from_secs(2);
/// Where a collector takes traces (OTLP/HTTP, default path).
const PATH: &str = "/v1/traces";

/// Our short words, which the log has, and OpenTelemetry's for the same.
const WORDS: [(&str, &str); 7] = [
    ("id", "saoma.request.id"),
    ("session", "saoma.session.id"),
    ("namespace", "saoma.namespace"),
    ("method", "http.request.method"),
    ("route", "http.route"),
    ("path", "url.path"),
    ("status", "http.response.status_code"),
];

/// A collector, and what it is told.
#[derive(Debug)]
pub struct Collector {
    /// Its address; traces go to `/v1/traces` under it, unless it ends so.
    pub endpoint: String,
    /// What each request is sent with.
    pub fields: HeaderMap,
    /// How many of a hundred traces it is told of.
    pub sample_percent: u8,
    /// What this service is called there.
    pub service_name: String,
}

/// Why a collector cannot be told anything.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// A client cannot be had on this machine.
    #[error("the client for the collector: {0}")]
    Client(#[from] reqwest::Error),
    /// The address is none.
    #[error("the collector: {0}")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// Whether a collector takes what it is told: it is told nothing.
///
/// # Errors
/// Why not, without the collector's address.
pub async fn ask(collector: &Collector) -> Result<(), String> {
    let client = Client::new(collector.fields.clone(), Handle::current());
    let client = client.map_err(|error| error.to_string())?;
    // No spans, in protobuf, is no byte.
    let nothing = Request::post(address(&collector.endpoint))
        .header(CONTENT_TYPE, "application/x-protobuf")
        .body(Bytes::new())
        .map_err(|error| error.to_string())?;
    let answer = client.send_bytes(nothing).await.map_err(|error| error.to_string())?;
    if answer.status().is_success() { Ok(()) } else { Err(format!("it says {}", answer.status())) }
}

/// Where a collector takes traces.
fn address(endpoint: &str) -> String {
    let endpoint = endpoint.trim_end_matches('/');
    let path = if endpoint.ends_with(PATH) { "" } else { PATH };
    format!("{endpoint}{path}")
}

/// Tells a collector of spans until it is shut down.
pub struct Exporter(SdkTracerProvider);

impl Exporter {
    /// Begins; the spans of this process go to the collector from now on. To be called once, on
    /// the runtime whose connections are used.
    ///
    /// # Errors
    /// [`Unusable`]
    pub fn begin(collector: Collector, entropy: Entropy) -> Result<Self, Unusable> {
        let Collector { endpoint, fields, sample_percent, service_name } = collector;
        let instance = Builder::from_random_bytes(entropy.bytes()).into_uuid().to_string();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(fields, Handle::current())?)
            .with_endpoint(address(&endpoint))
            .build()?;
        let batches = BatchConfigBuilder::default().with_scheduled_delay(EVERY).build();
        let batches = BatchSpanProcessor::builder(Worded(exporter)).with_batch_config(batches);
        let share = f64::from(sample_percent) / 100.0;
        let resource = Resource::builder()
            .with_service_name(service_name)
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .with_attribute(KeyValue::new("service.instance.id", instance))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(batches.build())
            // By the trace's id alone: what a stranger's request says does not make us tell more.
            .with_sampler(Sampler::TraceIdRatioBased(share))
            .with_id_generator(Ids(entropy))
            .with_resource(resource)
            .build();
        let _ = TRACER.set(provider.tracer("saoma"));
        Ok(Self(provider))
    }

    /// What of `tracing` hands spans over.
    #[must_use]
    pub fn layer<S>(&self) -> OpenTelemetryLayer<S, opentelemetry_sdk::trace::SdkTracer>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.0.tracer("saoma"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
    }

    /// Sends what is left, in a few seconds at the most. Blocks: not to be called on a worker of
    /// the runtime.
    pub fn end(self) {
        if let Err(error) = self.0.shutdown_with_timeout(FAREWELL) {
            tracing::warn!(%error, "trace.not_sent");
        }
    }
}

/// An exporter that speaks OpenTelemetry's words.
#[derive(Debug)]
struct Worded<E>(E);

impl<E: SpanExporter> SpanExporter for Worded<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.export(batch.into_iter().map(worded).collect()).await
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.0.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.0.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.0.set_resource(resource);
    }
}

fn worded(mut span: SpanData) -> SpanData {
    let said = |span: &SpanData, key: &str| {
        let attribute = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
        attribute.map(|attribute| attribute.value.clone())
    };
    let text = |value: Option<Value>| value.map(|value| value.as_str().into_owned());
    match &*span.name {
        "request" => {
            span.span_kind = SpanKind::Server;
            let method = text(said(&span, "method")).unwrap_or_default();
            span.name = match text(said(&span, "route")) {
                Some(route) => format!("{method} {route}").into(),
                None => method.into(),
            };
            // Of a server's span, what the client did wrong is no error (semantic conventions).
            if matches!(said(&span, "status"), Some(Value::I64(500..))) {
                span.status = Status::error("");
            }
        }
        "wechat" | "hook" => {
            span.span_kind = SpanKind::Client;
            let failed = text(said(&span, "outcome")).is_some_and(|outcome| {
                !matches!(&*outcome, "ok" | "registered" | "unregistered" | "refused")
            });
            if failed {
                span.status = Status::error("");
            }
        }
        _ => {}
    }
    for attribute in &mut span.attributes {
        let ours = attribute.key.as_str();
        if let Some((_, theirs)) = WORDS.iter().find(|(word, _)| *word == ours) {
            attribute.key = (*theirs).into();
        }
    }
    span
}
