//! Problems: every error of the API, as RFC 9457 has it, with the contract's short `code`.
//!
//! The one table that turns what the core refused into a status and a code.

use std::fmt;

use poem::http::{HeaderValue, StatusCode, header};
use poem::{IntoResponse, Response};
use poem_openapi::payload::Payload;
use poem_openapi::registry::{MetaMediaType, MetaResponse, MetaResponses, MetaSchemaRef, Registry};
use poem_openapi::types::{ToJSON, Type};
use poem_openapi::{ApiResponse, Object};

use crate::login::LoginError;
use crate::login::machine::Refusal;
use crate::login::ports::Fault;
use crate::transport::{Ending, PROBLEM_TYPE};

/// An error (RFC 9457), with a stable `code`.
#[derive(Clone, Debug, Object)]
#[oai(skip_serializing_if_is_none, rename = "Problem")]
pub struct Problem {
    /// The kind of problem: a URN that ends in `code`.
    #[oai(rename = "type")]
    pub kind: String,
    /// The kind of problem in a few words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// This very occurrence: the request's id, as in the `X-Request-Id` header and the server's log.
    pub instance: Option<String>,
    /// The kind of problem in one stable word.
    pub code: String,
    /// The session's state, where that is what stands against the request.
    pub state: Option<String>,
    /// Seconds to wait before asking again, where waiting helps.
    #[oai(skip)]
    pub retry_after: Option<u64>,
}

impl Problem {
    /// A problem of a status and a code.
    #[must_use]
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:saoma:problem:{code}"),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: detail.into(),
            instance: None,
            code: code.to_owned(),
            state: None,
            retry_after: None,
        }
    }

    /// A request that cannot be understood.
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", detail)
    }

    /// A request whose body did not come in time.
    #[must_use]
    pub fn body_late() -> Self {
        let detail = "the body did not come in time";
        Self::new(StatusCode::REQUEST_TIMEOUT, "request_timeout", detail)
    }

    /// A request without a credential, or with a wrong one.
    #[must_use]
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", detail)
    }

    /// The problem as JSON.
    #[must_use]
    pub fn json(&self) -> String {
        self.to_json().unwrap_or_default().to_string()
    }

    fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        let detail = error.to_string();
        match error {
            LoginError::NotFound(what) => {
                let code = if what == "namespace" { "unknown_namespace" } else { "not_found" };
                Self::new(StatusCode::NOT_FOUND, code, detail)
            }
            LoginError::Unauthorized(_) => Self::unauthorized(detail),
            LoginError::Refused(refusal) => refused(refusal, &detail),
            LoginError::OriginNotAllowed => {
                Self::new(StatusCode::FORBIDDEN, "origin_not_allowed", detail)
            }
            LoginError::Relayed => Self::new(StatusCode::FORBIDDEN, "relayed", detail),
            LoginError::SignUpClosed => Self::new(StatusCode::FORBIDDEN, "sign_up_closed", detail),
            LoginError::Absent(code, _) => Self::new(StatusCode::NOT_FOUND, code, detail),
            LoginError::Forbidden(code, _) => Self::new(StatusCode::FORBIDDEN, code, detail),
            LoginError::Invalid(code, _) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
            }
            LoginError::TooMany(too_many) => {
                let seconds = too_many.retry_after.as_secs_f64().ceil();
                // A wait is never negative, and never long enough to be cut.
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "whole"
                )]
                let seconds = seconds as u64;
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail)
                    .retry_after(seconds.max(1))
            }
            LoginError::Port(error) => {
                let (status, wait) = match error.fault {
                    Fault::Slow => (StatusCode::GATEWAY_TIMEOUT, None),
                    Fault::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Some(5)),
                    Fault::Refused | Fault::Forged | Fault::Absent | Fault::Bad => {
                        (StatusCode::BAD_GATEWAY, None)
                    }
                };
                let problem = Self::new(status, error.code, detail);
                match error.retry_after.or(wait) {
                    Some(seconds) => problem.retry_after(seconds),
                    None => problem,
                }
            }
            LoginError::Store => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "store_unavailable", detail)
                    .retry_after(1)
            }
            LoginError::Signing => Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail),
        }
    }
}

fn refused(refusal: Refusal, detail: &str) -> Problem {
    let problem = |status, code| Problem::new(status, code, detail);
    match refusal {
        Refusal::WrongState(state) => {
            let mut problem = problem(StatusCode::CONFLICT, "wrong_state");
            problem.state = Some(state.name().to_owned());
            problem
        }
        Refusal::Expired => {
            let mut problem = problem(StatusCode::GONE, "expired");
            problem.state = Some("expired".to_owned());
            problem
        }
        Refusal::AlreadyScanned => problem(StatusCode::CONFLICT, "already_scanned"),
        Refusal::AlreadyRedeemed => problem(StatusCode::CONFLICT, "already_redeemed"),
        Refusal::Unregistered => problem(StatusCode::FORBIDDEN, "unregistered"),
        Refusal::WrongNumber => problem(StatusCode::FORBIDDEN, "wrong_number"),
        Refusal::NumberRequired => {
            problem(StatusCode::UNPROCESSABLE_ENTITY, "match_number_required")
        }
        Refusal::WrongTicket => problem(StatusCode::FORBIDDEN, "wrong_ticket"),
        Refusal::TooManyMessages => {
            problem(StatusCode::TOO_MANY_REQUESTS, "too_many_messages").retry_after(60)
        }
    }
}

/// The problem of an events request that ends early: for `transport`.
#[must_use]
pub fn of_ending(ending: Ending, occurrence: String) -> (u16, String) {
    let mut problem = match ending {
        Ending::Replaced => Problem::new(
            StatusCode::CONFLICT,
            "too_many_subscribers",
            "newer subscribers of this session took this one's place",
        ),
        Ending::Gone => Problem::from(LoginError::NotFound("session")),
    };
    problem.instance = Some(occurrence);
    (problem.status, problem.json())
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.detail)
    }
}

impl std::error::Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = Response::builder()
            .status(status)
            .header(header::CONTENT_TYPE, PROBLEM_TYPE)
            .header(header::CACHE_CONTROL, "no-store")
            .body(self.json());
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::UPGRADE_REQUIRED => {
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
            }
            _ => {}
        }
        response
    }
}

impl From<Problem> for poem::Error {
    fn from(problem: Problem) -> Self {
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        Self::new(problem, status)
    }
}

impl Payload for Problem {
    const CONTENT_TYPE: &'static str = PROBLEM_TYPE;

    fn schema_ref() -> MetaSchemaRef {
        <Self as Type>::schema_ref()
    }

    fn register(registry: &mut Registry) {
        <Self as Type>::register(registry);
    }
}

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        // That there are some; which, is declared in `refusals`.
        let schema = <Self as Type>::schema_ref();
        let content = vec![MetaMediaType { content_type: PROBLEM_TYPE, schema }];
        let (description, headers) = ("A problem.", Vec::new());
        let any = MetaResponse { description, status: None, status_range: None, content, headers };
        MetaResponses { responses: vec![any] }
    }

    fn register(registry: &mut Registry) {
        <Self as Type>::register(registry);
    }
}
