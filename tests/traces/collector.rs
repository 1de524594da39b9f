//! A collector that keeps what it is told (OTLP/HTTP, binary).

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::support::within;

/// A span as the collector was told of it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// The span.
    pub(crate) span: Span,
    /// What the process says of itself.
    pub(crate) resource: Vec<KeyValue>,
    /// What the request said, and where it went.
    pub(crate) headers: HeaderMap,
    pub(crate) path: String,
}

/// A collector that runs as long as the test.
#[derive(Clone)]
pub(crate) struct Collector {
    pub(crate) url: String,
    told: Arc<watch::Sender<Vec<Told>>>,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let collector = Self { url, told: Arc::new(watch::Sender::default()) };
        tokio::spawn(collector.clone().serve(listener));
        collector
    }

    /// All spans, once there is one that is looked for.
    pub(crate) async fn hears(&self, what: &str, of: impl Fn(&Told) -> bool) -> Vec<Told> {
        let mut told = self.told.subscribe();
        let heard = told.wait_for(|told| told.iter().any(&of));
        within(what, heard).await.expect("a collector").clone()
    }

    /// All spans so far.
    pub(crate) fn told(&self) -> Vec<Told> {
        self.told.borrow().clone()
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let collector = self.clone();
            let answer = service_fn(move |request| collector.clone().keep(request));
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), answer));
        }
    }

    async fn keep(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let batch = ExportTraceServiceRequest::decode(body).expect("OTLP");
        let mut told = Vec::new();
        for of_process in batch.resource_spans {
            let resource = of_process.resource.map(|it| it.attributes).unwrap_or_default();
            for span in of_process.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let (headers, path) = (head.headers.clone(), head.uri.path().to_owned());
                told.push(Told { span, resource: resource.clone(), headers, path });
            }
        }
        self.told.send_modify(|all| all.extend(told));
        Ok(Response::new(Full::default()))
    }
}

impl Told {
    /// What it says under a name, as a text.
    pub(crate) fn says(&self, name: &str) -> Option<String> {
        of(&self.span.attributes, name)
    }

    /// What the process says of itself under a name.
    pub(crate) fn process_says(&self, name: &str) -> Option<String> {
        of(&self.resource, name)
    }

    /// The id of its trace, in hexadecimal.
    pub(crate) fn trace(&self) -> String {
        hexadecimal(&self.span.trace_id)
    }

    /// Its own id, in hexadecimal.
    pub(crate) fn id(&self) -> String {
        hexadecimal(&self.span.span_id)
    }

    /// The id of its parent, in hexadecimal; empty if it has none.
    pub(crate) fn parent(&self) -> String {
        hexadecimal(&self.span.parent_span_id)
    }

    /// The traces that it is linked to.
    pub(crate) fn links(&self) -> Vec<String> {
        self.span.links.iter().map(|link| hexadecimal(&link.trace_id)).collect()
    }
}

fn of(attributes: &[KeyValue], name: &str) -> Option<String> {
    let found = attributes.iter().find(|attribute| attribute.key == name)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text.clone()),
        Value::IntValue(number) => Some(number.to_string()),
        other => Some(format!("{other:?}")),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
