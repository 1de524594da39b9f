//! CORS (WHATWG Fetch, section 3.3): pages of the listed origins may send what the browser's side
//! takes, with credentials, and read all answers, errors and streams included.
//!
//! Which page may do what is not decided by this: an answer that a page may read can be a refusal.

use http::HeaderValue;
use poem::http::{Method, StatusCode, header};
use poem::{Request, Response};

use crate::origin::Origin;

/// The browser's side of the API: before a login and after it.
const PATHS: [&str; 2] = ["/v1/sessions", "/v1/me"];

/// What a preflight is answered with, besides the origin.
const PREFLIGHT: [(header::HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, DELETE"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "Authorization, Content-Type, Last-Event-ID"),
    // The most that Chromium keeps one for.
    (header::ACCESS_CONTROL_MAX_AGE, "7200"),
];

/// The origins whose pages may read answers.
#[derive(Clone, Debug, Default)]
pub struct Cors(pub Vec<Origin>);

/// What CORS has to say about one request.
#[derive(Debug, Default)]
pub struct Answer {
    origin: Option<HeaderValue>,
    varies: bool,
    preflight: bool,
}

impl Cors {
    /// What there is to say about a request.
    #[must_use]
    pub fn about(&self, request: &Request) -> Answer {
        let mut rests = PATHS.iter().filter_map(|path| request.uri().path().strip_prefix(path));
        let on_our_side = rests.any(|rest| rest.is_empty() || rest.starts_with('/'));
        if self.0.is_empty() || !on_our_side {
            return Answer::default();
        }
        let origin = request.header(header::ORIGIN).and_then(Origin::parse);
        let listed = origin.filter(|origin| self.0.contains(origin));
        let preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let origin = listed.and_then(|origin| origin.as_str().parse().ok());
        Answer { origin, varies: true, preflight }
    }
}

impl Answer {
    /// The whole answer, if the request was a preflight of a listed origin.
    #[must_use]
    pub fn to_preflight(&self) -> Option<Response> {
        if !self.preflight || self.origin.is_none() {
            return None;
        }
        let response = Response::builder().status(StatusCode::NO_CONTENT);
        let add = |response: poem::ResponseBuilder, (name, value)| response.header(name, value);
        Some(PREFLIGHT.into_iter().fold(response, add).finish())
    }

    /// Says it in a response.
    pub fn add_to(self, response: &mut Response) {
        let headers = response.headers_mut();
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = self.origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            let yes = HeaderValue::from_static("true");
            headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes);
            if !self.preflight {
                let readable = HeaderValue::from_static("Retry-After");
                headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, readable);
            }
        }
    }
}
