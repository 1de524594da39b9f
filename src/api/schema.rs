//! The shapes of the wire that more than one operation speaks of.

use poem_openapi::types::Any;
use poem_openapi::{Enum, Object};
use serde_json::Value;

use super::json::{Anything, Text};
use crate::login::ports;
use crate::login::service::Token as IssuedToken;
use crate::stream::event::EventType;

/// A state of a session.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum SessionState {
    /// Open; nobody has scanned.
    Pending,
    /// A phone has scanned and is asked to confirm.
    Scanned,
    /// The phone confirmed, but the directory does not know who it is.
    Unregistered,
    /// The phone confirmed.
    Confirmed,
    /// The phone, or a service, refused.
    Rejected,
    /// The time ran out.
    Expired,
    /// The browser withdrew.
    Cancelled,
}

impl From<EventType> for SessionState {
    fn from(state: EventType) -> Self {
        match state {
            EventType::Pending | EventType::Code | EventType::Message => Self::Pending,
            EventType::Scanned => Self::Scanned,
            EventType::Unregistered => Self::Unregistered,
            EventType::Confirmed => Self::Confirmed,
            EventType::Rejected => Self::Rejected,
            EventType::Expired => Self::Expired,
            EventType::Cancelled => Self::Cancelled,
        }
    }
}

/// The type of an event.
#[derive(Clone, Copy, Debug, Enum)]
#[oai(rename_all = "snake_case")]
pub enum EventKind {
    /// The session was opened: always event 1.
    Pending,
    /// A phone scanned the code. `data`: `name` and `avatar_url`, masked.
    Scanned,
    /// The phone confirmed, but the directory does not know who it is.
    Unregistered,
    /// The phone confirmed. `data`, for the browser alone: `ticket`.
    Confirmed,
    /// The phone, or a service, refused. `data`: `reason`, if one was given.
    Rejected,
    /// The session's time ran out.
    Expired,
    /// The browser withdrew.
    Cancelled,
    /// A new code replaced the old one. `data`: `url` and `content`.
    Code,
    /// One end says something to the other. `data`: `from` and `body`.
    Message,
    /// The first thing said on a stream; has no `id`. `data`: `cursor`, `state`, `expires_in`,
    /// `heartbeat_seconds`.
    Hello,
    /// Nothing has happened; has no `id`.
    Heartbeat,
}

/// What an event is about; which fields are there depends on the event's type.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct EventData {
    /// `scanned`: the name of who scanned, masked.
    pub name: Option<String>,
    /// `scanned`: their picture.
    pub avatar_url: Option<String>,
    /// `confirmed`, for the browser alone: what to exchange for a token.
    pub ticket: Option<String>,
    /// `rejected`: why, if that was said.
    pub reason: Option<String>,
    /// `code`: where the new code's picture is.
    pub url: Option<String>,
    /// `code`: what the new code says.
    pub content: Option<String>,
    /// `message`: who speaks: `browser`, `phone` or `service`.
    pub from: Option<String>,
    /// `message`: what was said: any JSON.
    pub body: Option<Any<Value>>,
    /// `hello`: the last event that the subscriber has.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub cursor: Option<u64>,
    /// `hello`: the session's state.
    pub state: Option<SessionState>,
    /// `hello`: seconds until the session ends by itself.
    #[oai(validator(minimum(value = "0"), maximum(value = "604800")))]
    pub expires_in: Option<u64>,
    /// `hello`: seconds between two heartbeats.
    #[oai(validator(minimum(value = "1"), maximum(value = "3600")))]
    pub heartbeat_seconds: Option<u64>,
}

/// One fact about a session: the same JSON on all three transports.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct Event {
    /// Its number, from 1, with no gap. `hello` and `heartbeat` have none.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub id: Option<u64>,
    /// What it tells.
    #[oai(rename = "type")]
    pub kind: EventKind,
    /// When, by RFC 3339 in UTC.
    pub at: String,
    /// What it is about.
    pub data: EventData,
}

/// A long-poll's answer.
#[derive(Debug, Object)]
pub struct Events {
    /// The events after the cursor; none if the wait ran out.
    pub events: Vec<Event>,
    /// The cursor to ask with next.
    #[oai(validator(minimum(value = "0"), maximum(value = "9007199254740991")))]
    pub cursor: u64,
    /// The session's state.
    pub state: SessionState,
    /// True once nothing more will come.
    pub done: bool,
}

/// A user.
#[derive(Debug, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct User {
    /// The directory's id: the token's `sub`.
    pub id: String,
    /// How the person is called.
    pub name: String,
    /// Where their picture is, if they have one.
    pub avatar_url: Option<String>,
    /// The provider that vouched for them.
    pub provider: String,
}

impl From<ports::User> for User {
    fn from(user: ports::User) -> Self {
        let ports::User { id, name, avatar_url, provider, .. } = user;
        Self { id, name, avatar_url, provider }
    }
}

/// A ticket to be redeemed.
#[derive(Debug, Object)]
pub struct Ticket {
    /// The `ticket` of the `confirmed` event.
    #[oai(validator(min_length = 1, max_length = 128))]
    pub ticket: Text,
}

/// A token.
#[derive(Debug, Object)]
pub struct Token {
    /// The signed JWT.
    pub access_token: String,
    /// Always `Bearer` (RFC 6750).
    pub token_type: String,
    /// Seconds until it expires.
    #[oai(validator(minimum(value = "1"), maximum(value = "2592000")))]
    pub expires_in: u64,
    /// Whom it is for.
    pub user: User,
}

impl From<IssuedToken> for Token {
    fn from(token: IssuedToken) -> Self {
        let IssuedToken { access_token, expires_in, user } = token;
        Self { access_token, token_type: "Bearer".to_owned(), expires_in, user: user.into() }
    }
}

/// Something to say to the other end.
#[derive(Debug, Object)]
pub struct Message {
    /// Any JSON.
    pub body: Anything,
}

/// An event that was made.
#[derive(Debug, Object)]
pub struct EventId {
    /// Its number.
    #[oai(validator(minimum(value = "1"), maximum(value = "9007199254740991")))]
    pub id: u64,
}

/// Where a session stands.
#[derive(Debug, Object)]
pub struct Standing {
    /// The state.
    pub state: SessionState,
}
