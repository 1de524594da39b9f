//! A client that comes back: whatever breaks, it follows a session from the last event that it has to
//! the session's end, as a page does. It sees every event once and in order, or fails.

use std::time::Duration;

use futures_util::StreamExt;
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::{Api, Parser, Session, Via, within};

/// How long it waits before it comes back.
const PAUSE: Duration = Duration::from_millis(50);

/// A client that follows a session to its end.
pub(crate) struct Steadfast {
    events: mpsc::UnboundedReceiver<Value>,
    following: JoinHandle<Followed>,
}

/// What became of following.
#[derive(Debug)]
pub(crate) struct Followed {
    /// The events, each once and in order.
    pub(crate) events: Vec<Value>,
    /// How often it had to come back before the end, a long-poll's ordinary rounds aside.
    pub(crate) returns: usize,
}

enum Round {
    /// Everything has been told.
    Over,
    /// What was heard broke off, or was told to come again.
    Again,
}

struct Follower {
    client: Client,
    address: String,
    secret: String,
    via: Via,
    events: Vec<Value>,
    tell: mpsc::UnboundedSender<Value>,
}

impl Steadfast {
    /// Begins to follow a session at a server, or at a balancer.
    pub(crate) fn follow(api: &Api, session: &Session, via: Via) -> Self {
        let (tell, events) = mpsc::unbounded_channel();
        let follower = Follower {
            client: api.client(),
            address: format!("{}{}", api.base, session.path("events")),
            secret: session.secret.clone(),
            via,
            events: Vec::new(),
            tell,
        };
        Self { events, following: tokio::spawn(follower.until_the_end()) }
    }

    /// The next event is of this kind; its data.
    pub(crate) async fn sees(&mut self, kind: &str) -> Value {
        let event = within(kind, self.events.recv()).await;
        let event = event.unwrap_or_else(|| panic!("the end in place of {kind}"));
        assert_eq!(event["type"], kind, "{event}");
        event["data"].clone()
    }

    /// Waits for the end.
    pub(crate) async fn ends(self) -> Followed {
        within("the end of a session", self.following).await.expect("no panic")
    }
}

impl Follower {
    async fn until_the_end(mut self) -> Followed {
        let mut returns = 0;
        loop {
            let round = match self.via {
                Via::WebSocket => self.websocket().await,
                Via::Sse => self.sse().await,
                Via::LongPoll => self.long_poll().await,
            };
            match round {
                Round::Over => return Followed { events: self.events, returns },
                // An EventSource learns that there is nothing more by coming back.
                Round::Again if self.has_ended() => {}
                Round::Again => returns += 1,
            }
            sleep(PAUSE).await;
        }
    }

    fn has_ended(&self) -> bool {
        let ends = ["confirmed", "rejected", "expired", "cancelled"];
        self.events.last().is_some_and(|last| ends.iter().any(|end| last["type"] == *end))
    }

    fn cursor(&self) -> usize {
        self.events.len()
    }

    /// Takes what has a number, which must be the next.
    fn hears(&mut self, json: &str) {
        let event: Value = serde_json::from_str(json).unwrap_or_else(|_| panic!("JSON: {json}"));
        let Some(id) = event.get("id") else { return };
        assert_eq!(*id, self.cursor() + 1, "lost or told twice: {event} after {:?}", self.events);
        self.events.push(event.clone());
        // Whoever does not listen wants only the whole.
        let _ = self.tell.send(event);
    }

    async fn websocket(&mut self) -> Round {
        let address =
            format!("{}?cursor={}", self.address.replacen("http", "ws", 1), self.cursor());
        let mut request = address.into_client_request().expect("a request");
        let protocols = format!("saoma.v1, saoma.bearer.{}", self.secret).parse();
        request.headers_mut().insert("sec-websocket-protocol", protocols.expect("a header"));
        let Ok((mut socket, _)) = connect_async(request).await else { return Round::Again };
        loop {
            match socket.next().await {
                Some(Ok(Frame::Text(text))) => self.hears(&text),
                Some(Ok(Frame::Ping(_))) => {}
                Some(Ok(Frame::Close(Some(frame)))) if u16::from(frame.code) == 1000 => {
                    return Round::Over;
                }
                Some(Ok(_) | Err(_)) | None => return Round::Again,
            }
        }
    }

    async fn get(&self, cursor: &str, accept: &str) -> Option<Response> {
        let get = self.client.get(format!("{}{cursor}", self.address)).bearer_auth(&self.secret);
        let get = get.header("accept", accept).header("last-event-id", self.cursor().to_string());
        let response = get.send().await.ok()?;
        let status = response.status();
        assert!(!status.is_client_error(), "{status}: {:?}", response.text().await);
        (!status.is_server_error()).then_some(response)
    }

    async fn sse(&mut self) -> Round {
        let Some(mut response) = self.get("", "text/event-stream").await else {
            return Round::Again;
        };
        if response.status() == 204 {
            return Round::Over;
        }
        let mut parser = Parser::default();
        while let Ok(Some(bytes)) = response.chunk().await {
            parser.feed(&bytes).iter().for_each(|message| self.hears(&message.data));
        }
        Round::Again
    }

    async fn long_poll(&mut self) -> Round {
        loop {
            let cursor = format!("?cursor={}", self.cursor());
            let Some(response) = self.get(&cursor, "application/json").await else {
                return Round::Again;
            };
            let Ok(bytes) = response.bytes().await else { return Round::Again };
            let page: Page = serde_json::from_slice(&bytes).expect("a long-poll's answer");
            page.events.iter().for_each(|event| self.hears(event.get()));
            if page.done {
                return Round::Over;
            }
        }
    }
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Box<RawValue>>,
    done: bool,
}
