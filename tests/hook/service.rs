//! A service that decides who logs in: keeps what it is asked, and does with it what it is told.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::stream;
use hmac::{Hmac, Mac};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use saoma::clock::Clock;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::support::within;

/// What both sides know, unless a story says otherwise.
pub(crate) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// So far apart may the clocks be.
const WINDOW: u64 = 300;

/// A call as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) id: String,
    pub(crate) timestamp: u64,
    pub(crate) signature: String,
    /// The body, byte by byte.
    pub(crate) text: String,
    /// The body.
    pub(crate) question: Value,
    /// Its path with its query.
    pub(crate) path: String,
    pub(crate) headers: hyper::HeaderMap,
}

/// What the service does with a call.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// Answers 200 with this JSON.
    Says(Value),
    /// Answers with this status, these headers and this body.
    Answers(u16, Vec<(&'static str, String)>, String),
    /// Closes the connection without an answer.
    HangsUp,
    /// Begins to answer, and closes the connection then.
    Breaks,
    /// Never answers.
    Dawdles,
    /// Answers with this JSON as soon as it is told to go on.
    Ponders(Value),
}

impl Does {
    /// An answer of this status that says nothing else.
    pub(crate) fn status(status: u16) -> Self {
        Self::Answers(status, Vec::new(), String::new())
    }

    /// An answer of JSON that may be none.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        let kind = ("content-type", "application/json".to_owned());
        Self::Answers(200, vec![kind], text.into())
    }
}

/// A service that runs as long as the test.
#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) url: String,
    asked: Arc<watch::Sender<Vec<Asked>>>,
    does: Arc<Mutex<VecDeque<Does>>>,
    goes_on: Arc<watch::Sender<bool>>,
}

/// What the service says of somebody whom it knows.
pub(crate) fn knows(name: &str) -> Value {
    json!({ "registered": true, "user": { "id": format!("u-{name}"), "name": name } })
}

/// What it says of a stranger.
pub(crate) fn knows_nobody() -> Value {
    json!({ "registered": false })
}

/// What it says when somebody may not.
pub(crate) fn refuses(reason: &str) -> Value {
    json!({ "refused": { "reason": reason } })
}

impl Service {
    /// A service that knows everybody by the name that the provider gives, when it was not told to
    /// do something else.
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/saoma/identity", listener.local_addr().expect("an address"));
        let service = Self {
            url,
            asked: Arc::new(watch::Sender::default()),
            does: Arc::default(),
            goes_on: Arc::new(watch::Sender::default()),
        };
        tokio::spawn(service.clone().serve(listener));
        service
    }

    /// What it does with the next calls, one after the other.
    pub(crate) fn will(&self, does: impl IntoIterator<Item = Does>) {
        self.does.lock().extend(does);
    }

    /// What it says to the next call.
    pub(crate) fn will_say(&self, answer: Value) {
        self.will([Does::Says(answer)]);
    }

    /// Forgets what it was to do.
    pub(crate) fn forgets(&self) {
        self.does.lock().clear();
    }

    /// Lets those go on that ponder.
    pub(crate) fn go_on(&self) {
        self.goes_on.send_replace(true);
    }

    /// All that it was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// All that it was asked, once that is so much.
    pub(crate) async fn was_asked(&self, times: usize) -> Vec<Asked> {
        let mut asked = self.asked.subscribe();
        let all = asked.wait_for(|asked| asked.len() >= times);
        within("the service to be asked", all).await.expect("a service").clone()
    }

    /// Why it was asked: the types of all questions.
    pub(crate) fn types(&self) -> Vec<String> {
        let types = |asked: Asked| asked.question["type"].as_str().expect("a type").to_owned();
        self.asked().into_iter().map(types).collect()
    }

    async fn serve(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let service = self.clone();
            let answer = service_fn(move |request| service.clone().answer(request));
            let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            tokio::spawn(connection);
        }
    }

    async fn answer(
        self,
        request: Request<Incoming>,
    ) -> io::Result<Response<BoxBody<Bytes, io::Error>>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let header = |name: &str| {
            let value = head.headers.get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let text = String::from_utf8(body.to_vec()).expect("a text");
        let asked = Asked {
            id: header("webhook-id"),
            timestamp: header("webhook-timestamp").parse().unwrap_or(0),
            signature: header("webhook-signature"),
            question: serde_json::from_str(&text).expect("JSON"),
            text,
            path: head.uri.to_string(),
            headers: head.headers,
        };
        let name = asked.question["identity"]["name"].as_str().unwrap_or_default().to_owned();
        let does = self.does.lock().pop_front().unwrap_or_else(|| Does::Says(knows(&name)));
        self.asked.send_modify(|all| all.push(asked));
        let (status, headers, body) = match does {
            Does::Says(answer) => ok(&answer),
            Does::Answers(status, headers, body) => (status, headers, body),
            Does::HangsUp => return Err(io::ErrorKind::ConnectionReset.into()),
            Does::Breaks => return Ok(broken()),
            Does::Dawdles => std::future::pending().await,
            Does::Ponders(answer) => {
                let mut goes_on = self.goes_on.subscribe();
                goes_on.wait_for(|goes_on| *goes_on).await.expect("a service");
                ok(&answer)
            }
        };
        let response =
            headers.into_iter().fold(Response::builder().status(status), |head, (name, value)| {
                head.header(name, value)
            });
        let body = Full::new(Bytes::from(body)).map_err(|never: Infallible| match never {});
        Ok(response.body(body.boxed()).expect("a response"))
    }
}

fn ok(answer: &Value) -> (u16, Vec<(&'static str, String)>, String) {
    let kind = ("content-type", "application/json; charset=utf-8".to_owned());
    (200, vec![kind], answer.to_string())
}

/// An answer whose second half never comes, nor any end.
fn broken() -> Response<BoxBody<Bytes, io::Error>> {
    let half = Frame::data(Bytes::from_static(b"{\"registered\":true,"));
    let frames = stream::iter([Ok(half), Err(io::ErrorKind::ConnectionReset.into())]);
    let head = Response::builder().header("content-type", "application/json");
    let head = head.header("content-length", 1000);
    head.body(BoxBody::new(StreamBody::new(frames))).expect("a response")
}

impl Asked {
    /// Whether it is signed with this key, and of now: as any service would look.
    pub(crate) fn is_signed_with(&self, key: &[u8]) -> bool {
        let now = Clock::system().now().unix_seconds();
        let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
        mac.update(format!("{}.{}.{}", self.id, self.timestamp, self.text).as_bytes());
        let Some(signature) = self.signature.strip_prefix("v1,") else { return false };
        let signature = STANDARD.decode(signature).unwrap_or_default();
        mac.verify_slice(&signature).is_ok() && now.abs_diff(self.timestamp) < WINDOW
    }
}

/// The key of [`SECRET`].
pub(crate) fn key() -> Vec<u8> {
    STANDARD.decode(SECRET.trim_start_matches("whsec_")).expect("base64")
}
