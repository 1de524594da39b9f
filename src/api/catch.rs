//! Around every operation: a request id, one line of log, what CORS wants said, and a problem for
//! whatever went wrong, the framework's own errors included.

use std::sync::Arc;

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Error, IntoResponse, Request, Response};
use poem_openapi::error::{
    AuthorizationError, ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError,
};
use tokio::time::Instant;
use tracing::Instrument as _;
use tracing::field::Empty;
use uuid::Builder;

use super::cors::Cors;
use super::problem::Problem;
use crate::entropy::Entropy;
use crate::metrics::Metrics;
use crate::trace::Caller;

/// The paths of all operations.
#[derive(Clone, Debug, Default)]
pub struct Routes(Vec<OperationPath>);

/// A path of the document with its methods.
#[derive(Clone, Debug)]
struct OperationPath {
    template: String,
    /// In the order of their names, `HEAD` where there is `GET`.
    methods: Vec<String>,
}

impl Routes {
    /// Adds a path in the document's notation and its methods.
    pub fn add(&mut self, template: &str, methods: Vec<String>) {
        self.0.push(OperationPath { template: template.to_owned(), methods });
    }

    /// Every operation: method and path.
    pub fn operations(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().flat_map(OperationPath::operations)
    }

    fn of(&self, path: &str) -> Option<&OperationPath> {
        self.0.iter().find(|known| {
            let mut asked = path.split('/');
            let mut parts = known.template.split('/');
            let fit = parts
                .all(|part| asked.next().is_some_and(|it| part.starts_with('{') || part == it));
            fit && asked.next().is_none()
        })
    }
}

impl OperationPath {
    fn operations(&self) -> impl Iterator<Item = (&str, &str)> {
        let named = self.methods.iter().filter(|method| *method != "HEAD");
        named.map(|method| (&**method, &*self.template))
    }

    /// For `Allow` (RFC 9110, section 10.2.1).
    fn allowed(&self) -> String {
        self.methods.join(", ")
    }

    /// The operation of a method; `HEAD` is `GET` without the body.
    fn operation(&self, method: &str) -> Option<(&str, &str)> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.operations().find(|(known, _)| *known == method)
    }
}

/// The methods of what the document does not name: pages and files.
const PAGES: &str = "GET, HEAD";

/// An endpoint whose every answer is a response.
pub struct Caught {
    /// What is caught.
    pub inner: BoxEndpoint<'static, Response>,
    /// The paths of all operations.
    pub routes: Routes,
    /// Who may read the answers.
    pub cors: Cors,
    /// For request ids.
    pub entropy: Entropy,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
}

impl Endpoint for Caught {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        Ok(self.answer(request).await)
    }
}

impl Caught {
    async fn answer(&self, request: Request) -> Response {
        let started = Instant::now();
        let caller = Caller::of(request.headers());
        let _in_flight = self.metrics.http.begun();
        let id = Builder::from_random_bytes(self.entropy.bytes()).into_uuid().to_string();
        let method = request.method().clone();
        // The path alone: a query may hold a secret.
        let path = request.uri().path().to_owned();
        let route = self.routes.of(&path);
        let operation = route.and_then(|route| route.operation(method.as_str()));
        // Empty ones are told as soon as they are known, and are missing until then.
        let span = tracing::info_span!(
            "request",
            %id,
            %method,
            path,
            session = Empty,
            trace = Empty,
            route = operation.map(|(_, route)| route),
            status = Empty,
        );
        if let Some(trace) = caller.begin(&span) {
            span.record("trace", trace);
        }
        let cors = self.cors.about(&request);
        let answered = match cors.to_preflight() {
            Some(response) => Ok(response),
            None => caller.during(self.inner.call(request)).instrument(span.clone()).await,
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => {
                let mut problem = problem_of(error);
                problem.instance = Some(format!("urn:uuid:{id}"));
                let mut response = problem.into_response();
                if response.status() == StatusCode::METHOD_NOT_ALLOWED
                    && let Ok(allowed) =
                        route.map_or_else(|| PAGES.to_owned(), OperationPath::allowed).parse()
                {
                    response.headers_mut().insert(header::ALLOW, allowed);
                }
                response
            }
        };
        cors.add_to(&mut response);
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(&id) {
            headers.insert("x-request-id", id);
        }
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        let took = started.elapsed();
        let status = as_it_will_be(&response);
        self.metrics.http.answered(operation, status, took);
        let took_ms = took.as_secs_f64() * 1000.0;
        span.record("status", status);
        span.in_scope(|| tracing::info!(took_ms, "http.request"));
        if method == Method::HEAD {
            response.extensions_mut().remove::<crate::transport::hold::Handover>();
        }
        response
    }
}

/// The status as it will be: whoever holds a WebSocket's connection switches protocols.
fn as_it_will_be(response: &Response) -> u16 {
    let upgrades = response.headers().contains_key(header::SEC_WEBSOCKET_ACCEPT);
    let status = if upgrades { StatusCode::SWITCHING_PROTOCOLS } else { response.status() };
    status.as_u16()
}

/// The problem that an error is: ours as it stands, the framework's by its kind.
fn problem_of(error: Error) -> Problem {
    let status = error.status();
    let error = match error.downcast::<Problem>() {
        Ok(problem) => return problem,
        Err(error) => error,
    };
    if let Some(bad) = error.downcast_ref::<ParseParamError>() {
        return Problem::bad_request(format!(
            "the parameter `{}` is wrong: {}",
            bad.name, bad.reason
        ));
    }
    if error.is::<ParsePathError>() {
        return Problem::bad_request("a parameter of the path is wrong");
    }
    if let Some(bad) = error.downcast_ref::<ParseRequestPayloadError>() {
        return Problem::bad_request(bad.reason.clone());
    }
    if error.is::<ContentTypeError>() {
        let detail = "the body must be application/json";
        let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
        return Problem::new(status, "unsupported_media_type", detail);
    }
    if error.is::<AuthorizationError>() {
        return Problem::unauthorized("a credential is needed");
    }
    match status {
        StatusCode::NOT_FOUND => Problem::new(status, "not_found", "there is nothing at this path"),
        StatusCode::METHOD_NOT_ALLOWED => {
            let detail = "this path does not take this method; see the Allow header";
            Problem::new(status, "method_not_allowed", detail)
        }
        status if status.is_client_error() => {
            Problem::new(status, "bad_request", "the request cannot be understood")
        }
        _ => {
            tracing::error!(%error, "http.unexpected");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            Problem::new(status, "internal", "something unexpected went wrong")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_of_a_path_are_found_by_its_template() {
        let mut routes = Routes::default();
        routes.add("/v1/sessions", vec!["POST".into()]);
        let methods = ["DELETE", "GET", "HEAD"].map(str::to_owned);
        routes.add("/v1/sessions/{session_id}", methods.into());
        let allowed = |path: &str| routes.of(path).map(OperationPath::allowed);
        assert_eq!(allowed("/v1/sessions/abc").as_deref(), Some("DELETE, GET, HEAD"));
        assert_eq!(allowed("/v1/sessions").as_deref(), Some("POST"));
        assert_eq!(allowed("/v1/sessions/abc/code"), None);
        let one = routes.of("/v1/sessions/abc").expect("a path");
        assert_eq!(one.operation("HEAD"), Some(("GET", "/v1/sessions/{session_id}")));
        assert_eq!(one.operation("PUT"), None);
        assert_eq!(routes.operations().count(), 3);
    }
}
