//! A browser: opens a session, shows its code, follows its events and gets its token.

use std::ops::{Deref, DerefMut};

use reqwest::Method;
use serde_json::{Value, json};

use super::{Answer, Api, Ask, Phone, Subscriber, Via};

/// A browser that is about to open a session.
#[derive(Clone)]
pub(crate) struct Browser {
    api: Api,
    via: Via,
    wants: Value,
    headers: Vec<(String, String)>,
}

impl Browser {
    pub(super) fn new(api: Api, via: Via) -> Self {
        Self { api, via, wants: json!({}), headers: Vec::new() }
    }

    /// In another namespace.
    pub(crate) fn of(mut self, namespace: &str) -> Self {
        self.wants["namespace"] = namespace.into();
        self
    }

    /// With messages after the confirmation.
    pub(crate) fn with_messages(mut self) -> Self {
        self.wants["messages"] = true.into();
        self
    }

    /// With headers when it asks for a session.
    pub(crate) fn with_headers(mut self, headers: &[(&str, &str)]) -> Self {
        let owned = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        self.headers.extend(owned);
        self
    }

    /// Asks for a session.
    pub(crate) async fn tries_to_open(&self) -> Answer {
        let ask = self.api.ask(Method::POST, "/v1/sessions").json(self.wants.clone());
        self.headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value)).await
    }

    /// Opens a session without following it.
    pub(crate) async fn open_only(&self) -> Session {
        self.session_of(self.tries_to_open().await.is(201))
    }

    /// The session that it was told of.
    pub(crate) fn session_of(&self, opened: Value) -> Session {
        let text = |name: &str| opened[name].as_str().expect(name).to_owned();
        let (id, secret, scene) = (text("session_id"), text("secret"), text("scene"));
        Session { api: self.api.clone(), opened, id, secret, scene }
    }

    /// Opens a session and follows it from the beginning; its first event has been seen.
    pub(crate) async fn open(&self) -> Tab {
        self.watches(self.open_only().await).await
    }

    /// Follows a session from the beginning; its first event has been seen.
    pub(crate) async fn watches(&self, session: Session) -> Tab {
        let stream = session.follow(self.via).await;
        let mut tab = Tab { session, stream };
        tab.sees("pending").await;
        tab
    }
}

/// A session as its browser holds it.
#[derive(Clone)]
pub(crate) struct Session {
    api: Api,
    /// What the opening was answered with.
    pub(crate) opened: Value,
    pub(crate) id: String,
    pub(crate) secret: String,
    pub(crate) scene: String,
}

impl Session {
    /// The address of one of the session's calls; of the session itself if there is none.
    pub(crate) fn path(&self, call: &str) -> String {
        let slash = if call.is_empty() { "" } else { "/" };
        format!("/v1/sessions/{}{slash}{call}", self.id)
    }

    /// `GET`, with the secret.
    pub(crate) fn get(&self, call: &str) -> Ask {
        self.api.ask(Method::GET, &self.path(call)).bearer(&self.secret)
    }

    /// A request for the events, in the words of one transport and without the speaking of it.
    pub(crate) fn asks_for_events(&self, via: Via) -> Ask {
        match via {
            Via::WebSocket => self
                .get("events")
                .header("connection", "upgrade")
                .header("upgrade", "websocket")
                .header("sec-websocket-version", "13")
                .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            Via::Sse => self.get("events").header("accept", "text/event-stream"),
            Via::LongPoll => self.get("events"),
        }
    }

    /// `POST`, with the secret.
    pub(crate) fn post(&self, call: &str) -> Ask {
        self.api.ask(Method::POST, &self.path(call)).bearer(&self.secret)
    }

    /// Follows the session from its beginning.
    pub(crate) async fn follow(&self, via: Via) -> Subscriber {
        self.follow_after(0, via).await
    }

    /// Follows the session from a cursor on.
    pub(crate) async fn follow_after(&self, cursor: u64, via: Via) -> Subscriber {
        Subscriber::join(&self.api, &self.path("events"), &self.secret, via, cursor).await
    }

    /// The events that there are now, and the whole answer to a poll that does not wait.
    pub(crate) async fn polls(&self, cursor: u64) -> Value {
        self.get(&format!("events?wait=0&cursor={cursor}")).await.ok()
    }

    /// The state, as a snapshot tells it.
    pub(crate) async fn state(&self) -> String {
        let snapshot = self.snapshot().await;
        snapshot["state"].as_str().expect("a state").to_owned()
    }

    /// Reads the session.
    pub(crate) async fn snapshot(&self) -> Value {
        self.get("").await.ok()
    }

    /// A phone that looks at the code.
    pub(crate) fn shows_the_code(&self) -> Phone {
        Phone::new(self.api.clone(), &self.scene)
    }

    /// Somebody scans the code.
    pub(crate) async fn scan_as(&self, name: &str) -> Phone {
        self.shows_the_code().scans_as(name).await
    }

    /// Withdraws.
    pub(crate) async fn cancel(&self) -> Answer {
        self.api.ask(Method::DELETE, &self.path("")).bearer(&self.secret).await
    }

    /// Says something to the phone.
    pub(crate) async fn says(&self, body: impl Into<Value>) -> Answer {
        self.post("messages").json(json!({ "body": body.into() })).await
    }

    /// Exchanges a ticket.
    pub(crate) async fn redeem(&self, ticket: &str) -> Answer {
        self.post("token").json(json!({ "ticket": ticket })).await
    }
}

/// A tab: a session and the stream by which the page follows it.
pub(crate) struct Tab {
    session: Session,
    stream: Subscriber,
}

impl Tab {
    /// The next event is of this kind; its data.
    pub(crate) async fn sees(&mut self, kind: &str) -> Value {
        self.stream.sees(kind).await.data
    }

    /// The login is confirmed; the ticket.
    pub(crate) async fn sees_a_ticket(&mut self) -> String {
        self.sees("confirmed").await["ticket"].as_str().expect("a ticket").to_owned()
    }

    /// The stream ends, as one that has told everything.
    pub(crate) async fn is_told_the_end(&mut self) {
        self.stream.ends().await;
    }

    /// Goes on by another transport, from the last event on.
    pub(crate) async fn switches_to(&mut self, via: Via) {
        self.stream = self.session.follow_after(self.stream.cursor, via).await;
    }

    /// The stream itself.
    pub(crate) fn stream(&mut self) -> &mut Subscriber {
        &mut self.stream
    }
}

impl Deref for Tab {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl DerefMut for Tab {
    fn deref_mut(&mut self) -> &mut Session {
        &mut self.session
    }
}
