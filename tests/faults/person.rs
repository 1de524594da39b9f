//! A person with a browser and a phone: as much of a login as faults need.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::http::{Answer, Client, request};

/// A session as the browser that opened it holds it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Where the server is.
    pub(crate) at: SocketAddr,
    /// The path of its events.
    pub(crate) events: String,
    /// Its path.
    pub(crate) path: String,
    /// What only this browser holds.
    pub(crate) secret: String,
    /// What its code carries.
    pub(crate) scene: String,
}

/// A phone that has scanned.
#[derive(Clone, Debug)]
pub(crate) struct Phone {
    at: SocketAddr,
    /// What it calls its scene.
    pub(crate) path: String,
    /// What only this phone holds.
    pub(crate) token: String,
}

impl Session {
    /// Opens a session.
    pub(crate) async fn open(at: SocketAddr) -> Self {
        Self::open_over(&mut Client::connect(at).await, at).await
    }

    /// Opens a session that goes on after the confirmation.
    pub(crate) async fn open_over(client: &mut Client, at: SocketAddr) -> Self {
        let answer = client.call("POST", "/v1/sessions", "", &json!({ "messages": true })).await;
        assert_eq!(answer.status(), 201, "{}", answer.text());
        let said = answer.json();
        let text = |name: &str| said[name].as_str().expect(name).to_owned();
        let path = format!("/v1/sessions/{}", text("session_id"));
        let events = format!("{path}/events");
        Self { at, events, path, secret: text("secret"), scene: text("scene") }
    }

    /// A request for the events after the first, with further lines of head.
    pub(crate) fn follow(&self, lines: &str) -> String {
        self.follow_from(1, lines)
    }

    /// The same after any event.
    pub(crate) fn follow_from(&self, cursor: u64, lines: &str) -> String {
        let Self { events, secret, .. } = self;
        format!(
            "GET {events}?cursor={cursor}&wait=60 HTTP/1.1\r\nhost: a\r\n\
             authorization: Bearer {secret}\r\n{lines}\r\n"
        )
    }

    /// A connection that waits for an SSE stream's events; its hello is read.
    pub(crate) async fn stream(&self) -> Client {
        let mut client = Client::connect(self.at).await;
        self.stream_over(&mut client).await;
        client
    }

    /// The same over a connection that is there.
    pub(crate) async fn stream_over(&self, client: &mut Client) {
        client.send(self.follow("accept: text/event-stream\r\n")).await;
        let head = client.head().await;
        assert_eq!((head.status, head.field("content-type")), (200, Some("text/event-stream")));
        client.chunks_until("event: hello").await;
    }

    /// A connection that waits for a long-poll's answer.
    pub(crate) async fn poll(&self) -> Client {
        let mut client = Client::connect(self.at).await;
        client.send(self.follow("")).await;
        client
    }

    /// Says something from the browser; the event's id.
    pub(crate) async fn say(&self, body: &Value) -> u64 {
        let answer = self.call("POST", "/messages", &json!({ "body": body })).await;
        assert_eq!(answer.status(), 202, "{}", answer.text());
        answer.json()["id"].as_u64().expect("an id")
    }

    /// Withdraws the session.
    pub(crate) async fn cancel(&self) {
        assert_eq!(self.call("DELETE", "", &Value::Null).await.status(), 204);
    }

    /// Calls something of this session on a connection of its own.
    pub(crate) async fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let path = format!("{}{path}", self.path);
        Client::connect(self.at).await.call(method, &path, &self.secret, body).await
    }

    /// Such a call's bytes.
    pub(crate) fn request(&self, method: &str, path: &str, body: &Value) -> String {
        request(method, &format!("{}{path}", self.path), &self.secret, body)
    }

    /// Scans the code.
    pub(crate) async fn scan(&self, name: &str) -> Phone {
        let path = format!("/v1/scenes/{}", encoded(&self.scene));
        let body = json!({ "login_code": format!("sim:{name}") });
        let mut client = Client::connect(self.at).await;
        let answer = client.call("POST", &format!("{path}/scan"), "", &body).await;
        assert_eq!(answer.status(), 200, "{}", answer.text());
        let token = answer.json()["phone_token"].as_str().expect("phone_token").to_owned();
        Phone { at: self.at, path, token }
    }
}

impl Phone {
    /// Confirms.
    pub(crate) async fn confirm(&self) -> Answer {
        let path = format!("{}/confirm", self.path);
        Client::connect(self.at).await.call("POST", &path, &self.token, &json!({})).await
    }
}

fn encoded(scene: &str) -> String {
    scene.bytes().fold(String::new(), |path, byte| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => {
            path + &char::from(byte).to_string()
        }
        other => path + &format!("%{other:02X}"),
    })
}
