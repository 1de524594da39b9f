//! A service of the application's, with an API key.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Api};

/// A service with an API key.
pub(crate) struct Backend {
    api: Api,
    key: String,
}

impl Backend {
    pub(super) fn new(api: Api, key: &str) -> Self {
        Self { api, key: key.to_owned() }
    }

    /// Exchanges a ticket.
    pub(crate) async fn redeem(&self, ticket: &str) -> Answer {
        self.post("/v1/tickets/redeem", json!({ "ticket": ticket })).await
    }

    /// Says something to a session.
    pub(crate) async fn says(&self, session: &str, body: Value) -> Answer {
        self.tells(session, json!({ "type": "message", "body": body })).await
    }

    /// Refuses a login.
    pub(crate) async fn rejects(&self, session: &str, reason: &str) -> Answer {
        self.tells(session, json!({ "type": "rejected", "reason": reason })).await
    }

    /// Tells a session something.
    pub(crate) async fn tells(&self, session: &str, event: Value) -> Answer {
        self.post(&format!("/v1/sessions/{session}/events"), event).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.api.ask(Method::POST, path).bearer(&self.key).json(body).await
    }
}
