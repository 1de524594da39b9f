//! A phone: scans, and then says yes, no, or something else.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Api, Subscriber, Via};

/// A phone in front of a code.
#[derive(Clone)]
pub(crate) struct Phone {
    api: Api,
    scene: String,
    /// What it was given when it scanned.
    pub(crate) token: String,
    /// All that it was told when it scanned.
    pub(crate) told: Value,
}

impl Phone {
    pub(super) fn new(api: Api, scene: &str) -> Self {
        Self { api, scene: scene.to_owned(), token: String::new(), told: Value::Null }
    }

    /// The address of one of its calls.
    pub(crate) fn path(&self, call: &str) -> String {
        format!("/v1/scenes/{}/{call}", self.scene)
    }

    /// Asks to scan as somebody.
    pub(crate) async fn tries_to_scan_as(&self, name: &str) -> Answer {
        self.tries_to_scan(json!({ "login_code": format!("sim:{name}") })).await
    }

    /// Asks to scan.
    pub(crate) async fn tries_to_scan(&self, body: Value) -> Answer {
        self.api.ask(Method::POST, &self.path("scan")).json(body).await
    }

    /// Scans as somebody, and has its token from then on.
    pub(crate) async fn scans_as(mut self, name: &str) -> Self {
        self.told = self.tries_to_scan_as(name).await.ok();
        self.token = self.told["phone_token"].as_str().expect("a token").to_owned();
        self
    }

    /// The same phone with another token.
    pub(crate) fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Says yes.
    pub(crate) async fn confirm(&self) -> Answer {
        self.post("confirm", json!({})).await
    }

    /// Says yes, with the number that the person typed.
    pub(crate) async fn confirm_with(&self, number: impl Into<Value>) -> Answer {
        self.post("confirm", json!({ "match_number": number.into() })).await
    }

    /// Says no.
    pub(crate) async fn reject(&self) -> Answer {
        self.api.ask(Method::POST, &self.path("reject")).bearer(&self.token).await
    }

    /// Signs up.
    pub(crate) async fn register(&self, name: &str) -> Answer {
        self.post("register", json!({ "name": name })).await
    }

    /// Says something to the browser.
    pub(crate) async fn says(&self, body: impl Into<Value>) -> Answer {
        self.post("messages", json!({ "body": body.into() })).await
    }

    /// Any of its calls.
    pub(crate) async fn post(&self, call: &str, body: Value) -> Answer {
        self.api.ask(Method::POST, &self.path(call)).bearer(&self.token).json(body).await
    }

    /// Follows the session from a cursor on.
    pub(crate) async fn listens(&self, via: Via, cursor: u64) -> Subscriber {
        Subscriber::join(&self.api, &self.path("events"), &self.token, via, cursor).await
    }
}
