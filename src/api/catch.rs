//! Around every operation: a request id, one line of log, what CORS wants said, and a problem for
//! whatever went wrong, the framework's own errors included.

use poem::endpoint::BoxEndpoint;
use poem::http::{HeaderValue, Method, StatusCode, header};
use poem::{Endpoint, Error, IntoResponse, Request, Response};
use poem_openapi::error::{
    AuthorizationError, ContentTypeError, ParseParamError, ParsePathError, ParseRequestPayloadError,
};
use tokio::time::Instant;
use uuid::Builder;

use super::cors::Cors;
use super::problem::Problem;
use crate::entropy::Entropy;

/// The methods of each path, for `Allow` (RFC 9110, section 10.2.1).
#[derive(Clone, Debug, Default)]
pub struct Methods(Vec<(Vec<String>, String)>);

impl Methods {
    /// Adds a path in the document's notation and its methods, as `GET, POST`.
    pub fn add(&mut self, path: &str, methods: String) {
        self.0.push((path.split('/').map(str::to_owned).collect(), methods));
    }

    fn of(&self, path: &str) -> Option<&str> {
        let asked: Vec<&str> = path.split('/').collect();
        let fits = |template: &[String]| {
            template.len() == asked.len()
                && template.iter().zip(&asked).all(|(t, a)| t.starts_with('{') || t == a)
        };
        self.0.iter().find(|(template, _)| fits(template)).map(|(_, methods)| &**methods)
    }
}

/// The methods of what the document does not name: pages and files.
const PAGES: &str = "GET, HEAD";

/// An endpoint whose every answer is a response.
pub struct Caught {
    /// What is caught.
    pub inner: BoxEndpoint<'static, Response>,
    /// The methods of each path.
    pub methods: Methods,
    /// Who may read the answers.
    pub cors: Cors,
    /// For request ids.
    pub entropy: Entropy,
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
        let id = Builder::from_random_bytes(self.entropy.bytes()).into_uuid().to_string();
        let method = request.method().clone();
        // The path alone: a query may hold a secret.
        let path = request.uri().path().to_owned();
        let cors = self.cors.about(&request);
        let answered = match cors.to_preflight() {
            Some(response) => Ok(response),
            None => self.inner.call(request).await,
        };
        let mut response = match answered {
            Ok(response) => response,
            Err(error) => {
                let mut problem = problem_of(error);
                problem.instance = Some(format!("urn:uuid:{id}"));
                let mut response = problem.into_response();
                if response.status() == StatusCode::METHOD_NOT_ALLOWED
                    && let Ok(allowed) = self.methods.of(&path).unwrap_or(PAGES).parse()
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
        let status = response.status().as_u16();
        let took_ms = started.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(request_id = %id, %method, %path, status, took_ms, "http.request");
        if method == Method::HEAD {
            response.extensions_mut().remove::<crate::transport::hold::Handover>();
        }
        response
    }
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
        let mut methods = Methods::default();
        methods.add("/v1/sessions", "POST".into());
        methods.add("/v1/sessions/{session_id}", "DELETE, GET, HEAD".into());
        assert_eq!(methods.of("/v1/sessions/abc"), Some("DELETE, GET, HEAD"));
        assert_eq!(methods.of("/v1/sessions"), Some("POST"));
        assert_eq!(methods.of("/v1/sessions/abc/code"), None);
    }
}
