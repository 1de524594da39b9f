//! The backend's operations: services that hold an API key.

use std::sync::Arc;

use poem::Request;
use poem::http::StatusCode;
use poem_openapi::param::Path;
use poem_openapi::types::{Any, MaybeUndefined};
use poem_openapi::{Enum, Object, OpenApi};
use serde_json::Value;

use super::commands::raw;
use super::credentials::BackendAuth;
use super::json::{Json, Text};
use super::problem::Problem;
use super::reached::{Reached, address_of};
use super::schema::{EventId, Ticket, Token};
use super::sessions::{Audience, Said};
use crate::login::ports::{CodeState, Listed};
use crate::login::secret::Bearer;
use crate::login::session::SessionId;
use crate::login::{Login, LoginError};

/// The operations.
#[derive(Clone)]
pub struct Backends {
    /// The core.
    pub login: Arc<Login>,
    /// Where the server is reached.
    pub reached: Reached,
}

impl PooledCode {
    /// As clients see it that reach the server at `base`.
    #[must_use]
    pub fn of(code: Listed, base: &str) -> Self {
        let Listed { number, state, picture } = code;
        let media_type = picture.as_ref().map(|picture| picture.media_type.to_owned());
        let url = picture.map(|picture| address_of(base, picture));
        let state = match state {
            CodeState::Making => PooledCodeState::Making,
            CodeState::Free => PooledCodeState::Free,
            CodeState::Taken => PooledCodeState::Taken,
        };
        Self { number, state, url, media_type }
    }
}

/// A code that was made ahead.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct PooledCode {
    /// Its number in the namespace.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub number: u64,
    /// `making`, `free`, or `taken` by a session.
    pub state: PooledCodeState,
    /// Where its picture is; none while it is made.
    pub url: Option<String>,
    /// The media type of what is there.
    pub media_type: Option<String>,
}

/// Where a code stands that was made ahead.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Enum)]
#[oai(rename_all = "snake_case")]
pub enum PooledCodeState {
    /// Its number is given, its picture not yet stored.
    Making,
    /// A session may have it.
    Free,
    /// A session has it, or has had it.
    Taken,
}

/// What a service may tell a session.
#[derive(Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum ServiceEventType {
    /// Something to say to both ends; wants a `body`.
    Message,
    /// The login is refused; may have a `reason`.
    Rejected,
}

/// An event of a service's.
#[derive(Debug, Object)]
pub struct ServiceEvent {
    /// What it tells.
    #[oai(rename = "type")]
    pub kind: ServiceEventType,
    /// `message`: any JSON.
    pub body: MaybeUndefined<Any<Value>>,
    /// `rejected`: why, to be shown to the browser.
    #[oai(validator(max_length = 200))]
    pub reason: Option<Text>,
}

#[OpenApi(tag = "Audience::Backend")]
impl Backends {
    /// Redeem a ticket
    ///
    /// As the browser's own exchange, from your server: the browser need never hold the token.
    /// Works once.
    #[oai(path = "/v1/tickets/redeem", method = "post", operation_id = "redeemTicket")]
    async fn redeem(&self, auth: BackendAuth, body: Json<Ticket>) -> Result<Json<Token>, Problem> {
        let ticket = Bearer::shown(&body.0.ticket.0);
        Ok(Json(self.login.redeem_ticket(&auth.0, &ticket).await?.into()))
    }

    /// Tell a session something
    ///
    /// A message to both ends, or a refusal, wherever the session is held.
    #[oai(
        path = "/v1/sessions/:session_id/events",
        method = "post",
        operation_id = "sendServiceEvent"
    )]
    async fn event(
        &self,
        auth: BackendAuth,
        /// The session's id.
        session_id: Path<String>,
        body: Json<ServiceEvent>,
    ) -> Result<Said, Problem> {
        let id = SessionId::parse(&session_id).ok_or(LoginError::NotFound("session"))?;
        let ServiceEvent { kind, body, reason } = body.0;
        let body = match body {
            MaybeUndefined::Undefined => None,
            MaybeUndefined::Null => Some(Value::Null),
            MaybeUndefined::Value(body) => Some(body.0),
        };
        let id = match (kind, body) {
            (ServiceEventType::Rejected, _) => {
                self.login.service_rejects(&auth.0, id, reason.map(|text| text.0)).await?
            }
            (ServiceEventType::Message, Some(body)) => {
                self.login.service_says(&auth.0, id, &raw(&body)?).await?
            }
            (ServiceEventType::Message, None) => {
                let detail = "a message wants a `body`";
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return Err(Problem::new(status, "body_required", detail));
            }
        };
        Ok(Said::Said(Json(EventId { id })))
    }

    /// Look up a pooled code
    ///
    /// The code of a number, in the namespace of the API key.
    #[oai(path = "/v1/codes/:number", method = "get", operation_id = "getPooledCode")]
    async fn code(
        &self,
        auth: BackendAuth,
        request: &Request,
        /// Its number, from 0 up.
        #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
        number: Path<u64>,
    ) -> Result<Json<PooledCode>, Problem> {
        let code = self.login.code(&auth.0, number.0).await?;
        Ok(Json(PooledCode::of(code, &self.reached.base(request))))
    }
}
