//! A subscriber: follows a session over one transport, as a real client of it does, and holds what
//! it is told to the rules that all of them share.

use std::collections::VecDeque;

use futures_util::StreamExt;
use futures_util::sink::SinkExt;
use reqwest::Method;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Bytes, Message as Frame};
use tokio_tungstenite::{
    Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config,
};

use super::{Answer, Api, Parser, documented, within};

/// A transport.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Via {
    WebSocket,
    Sse,
    LongPoll,
}

impl Via {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::WebSocket, Self::Sse, Self::LongPoll];

    /// Whether it is a stream: something that says hello and lives until its end.
    pub(crate) fn streams(self) -> bool {
        self != Self::LongPoll
    }
}

/// Something that was said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) id: Option<u64>,
    pub(crate) kind: String,
    pub(crate) data: Value,
    /// All of it, as it came.
    pub(crate) json: String,
}

impl Said {
    fn of(json: &str) -> Self {
        let value: Value = serde_json::from_str(json).unwrap_or_else(|_| panic!("JSON: {json:?}"));
        let at = value["at"].as_str().unwrap_or_else(|| panic!("an `at`: {json}"));
        assert!(at.len() == 24 && at.ends_with('Z') && &at[10..11] == "T", "RFC 3339: {at}");
        documented::holds_event(&value);
        let kind = value["type"].as_str().unwrap_or_else(|| panic!("a type: {json}"));
        let (kind, data) = (kind.to_owned(), value["data"].clone());
        let id = value.get("id").map(|id| id.as_u64().expect("a number"));
        Self { id, kind, data, json: json.to_owned() }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum End {
    /// A WebSocket was closed with this code.
    Closed(u16),
    /// An SSE stream ended.
    Ended,
    /// A long-poll said that nothing more will come.
    Done,
    /// A request was answered with this status.
    Answered(u16),
}

/// What happened next.
#[derive(Clone, Debug)]
pub(crate) enum Turn {
    Said(Said),
    /// A WebSocket command was answered.
    Replied(Value),
    /// A ping came.
    Pinged,
    End(End),
}

enum Line {
    WebSocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Sse {
        response: reqwest::Response,
        parser: Box<Parser>,
        waiting: VecDeque<Said>,
        last_id: String,
    },
    LongPoll {
        waiting: VecDeque<Said>,
        done: bool,
    },
}

/// A client that follows a session.
pub(crate) struct Subscriber {
    api: Api,
    path: String,
    token: String,
    line: Line,
    /// The last event that it has.
    pub(crate) cursor: u64,
    /// What a stream said first.
    pub(crate) hello: Option<Said>,
}

impl Subscriber {
    /// Begins to follow. A stream has said its hello when this returns.
    pub(crate) async fn join(api: &Api, path: &str, token: &str, via: Via, cursor: u64) -> Self {
        let path = path.to_owned();
        let token = token.to_owned();
        let line = match via {
            Via::WebSocket => websocket(api, &path, &token, cursor).await,
            Via::Sse => sse(api, &path, &token, cursor).await,
            Via::LongPoll => Line::LongPoll { waiting: VecDeque::new(), done: false },
        };
        let mut joined = Self { api: api.clone(), path, token, line, cursor, hello: None };
        if via.streams() {
            joined.hears_hello().await;
        }
        joined
    }

    async fn hears_hello(&mut self) {
        let Turn::Said(hello) = self.turn().await else { panic!("a hello is said first") };
        assert_eq!((&*hello.kind, hello.id), ("hello", None), "{}", hello.json);
        for number in ["cursor", "expires_in", "heartbeat_seconds"] {
            assert!(hello.data[number].is_u64(), "{number}: {}", hello.json);
        }
        assert!(hello.data["state"].is_string(), "{}", hello.json);
        self.hello = Some(hello);
    }

    /// What happens next, whatever it is.
    pub(crate) async fn turn(&mut self) -> Turn {
        within("something to happen on a stream", self.next_turn()).await
    }

    /// The next event; heartbeats are passed over, and everything else is a failure.
    pub(crate) async fn event(&mut self) -> Said {
        match self.event_or_end().await {
            Ok(said) => said,
            Err(end) => panic!("{end:?} in place of an event"),
        }
    }

    /// The next event, or how the stream ended. Numbers follow each other without a gap.
    pub(crate) async fn event_or_end(&mut self) -> Result<Said, End> {
        loop {
            match self.turn().await {
                Turn::Said(said) if said.id.is_none() => assert_eq!(said.kind, "heartbeat"),
                Turn::Said(said) => {
                    assert_eq!(said.id, Some(self.cursor + 1), "after {}: {said:?}", self.cursor);
                    self.cursor += 1;
                    return Ok(said);
                }
                Turn::End(end) => return Err(end),
                Turn::Pinged => {}
                Turn::Replied(reply) => panic!("{reply} in place of an event"),
            }
        }
    }

    /// The next event is of this kind.
    pub(crate) async fn sees(&mut self, kind: &str) -> Said {
        let said = self.event().await;
        assert_eq!(said.kind, kind, "{}", said.json);
        said
    }

    /// Everything up to the end, and the end.
    pub(crate) async fn rest(&mut self) -> (Vec<Said>, End) {
        let mut seen = Vec::new();
        loop {
            match self.event_or_end().await {
                Ok(said) => seen.push(said),
                Err(end) => return (seen, end),
            }
        }
    }

    /// The stream ends as one that has told everything: close 1000; the end of the body, and 204
    /// for who comes back; `done`.
    pub(crate) async fn ends(&mut self) {
        let end = self.event_or_end().await.expect_err("the end");
        let expected = match self.line {
            Line::WebSocket(_) => End::Closed(1000),
            Line::Sse { .. } => End::Ended,
            Line::LongPoll { .. } => End::Done,
        };
        assert_eq!(end, expected);
        if let Line::Sse { .. } = self.line {
            let again = self.api.ask(Method::GET, &self.path).bearer(&self.token);
            let again = again.header("accept", "text/event-stream");
            let again = again.header("last-event-id", &self.cursor.to_string()).await;
            assert_eq!((again.status, again.body.len()), (204, 0), "an EventSource stops");
        }
    }

    /// Sends a text over a WebSocket.
    pub(crate) async fn sends(&mut self, text: &str) {
        self.sends_frame(Frame::text(text)).await;
    }

    /// Sends a frame over a WebSocket.
    pub(crate) async fn sends_frame(&mut self, frame: Frame) {
        let Line::WebSocket(socket) = &mut self.line else { panic!("a WebSocket") };
        socket.send(frame).await.expect("sent");
    }

    /// Runs a command over a WebSocket; its answer. Events that come before it are dropped.
    pub(crate) async fn runs(&mut self, command: Value) -> Value {
        self.sends(&command.to_string()).await;
        loop {
            match self.turn().await {
                Turn::Replied(reply) => return reply,
                Turn::Said(said) => self.cursor = said.id.unwrap_or(self.cursor),
                Turn::Pinged => {}
                Turn::End(end) => panic!("{end:?} in place of an answer to {command}"),
            }
        }
    }

    /// What an SSE stream's parser has gathered.
    pub(crate) fn parser(&self) -> &Parser {
        let Line::Sse { parser, .. } = &self.line else { panic!("an SSE stream") };
        parser
    }

    async fn next_turn(&mut self) -> Turn {
        match &mut self.line {
            Line::WebSocket(socket) => frame(socket).await,
            Line::Sse { response, parser, waiting, last_id } => loop {
                if let Some(said) = waiting.pop_front() {
                    return Turn::Said(said);
                }
                match response.chunk().await.expect("a stream that ends as it should") {
                    Some(bytes) => {
                        let messages = parser.feed(&bytes);
                        waiting.extend(messages.iter().map(|it| message(it, last_id)));
                    }
                    None => return Turn::End(End::Ended),
                }
            },
            Line::LongPoll { waiting, done } => loop {
                if let Some(said) = waiting.pop_front() {
                    return Turn::Said(said);
                }
                if *done {
                    return Turn::End(End::Done);
                }
                let path = format!("{}?cursor={}", self.path, self.cursor);
                let answer = self.api.ask(Method::GET, &path).bearer(&self.token).await;
                if answer.status != 200 {
                    return Turn::End(End::Answered(answer.status));
                }
                let (events, is_done) = poll(answer, self.cursor);
                (*waiting, *done) = (events, is_done);
            },
        }
    }
}

async fn websocket(api: &Api, path: &str, token: &str, cursor: u64) -> Line {
    let address = format!("{}{path}?cursor={cursor}", api.base.replacen("http", "ws", 1));
    let mut request = address.into_client_request().expect("a request");
    let protocols = format!("saoma.v1, saoma.bearer.{token}");
    let protocols = protocols.parse().expect("a header");
    request.headers_mut().insert("sec-websocket-protocol", protocols);
    let connector = api.tls.clone().map(Connector::Rustls);
    let joining = connect_async_tls_with_config(request, None, false, connector);
    let joined = within("a WebSocket", Box::pin(joining)).await;
    let (socket, response) = joined.expect("a WebSocket");
    let protocol = response.headers().get("sec-websocket-protocol");
    assert_eq!(protocol.and_then(|it| it.to_str().ok()), Some("saoma.v1"));
    Line::WebSocket(Box::new(socket))
}

async fn sse(api: &Api, path: &str, token: &str, cursor: u64) -> Line {
    let ask = api.ask(Method::GET, path).bearer(token).header("accept", "text/event-stream");
    let ask = if cursor > 0 { ask.header("last-event-id", &cursor.to_string()) } else { ask };
    let response = ask.response().await;
    if response.status() != 200 {
        Answer::of(response).await.ok();
        unreachable!("a status other than 200");
    }
    Line::Sse { response, parser: Box::default(), waiting: VecDeque::new(), last_id: String::new() }
}

async fn frame(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Turn {
    match socket.next().await {
        Some(Ok(Frame::Text(text))) => {
            let value: Value = serde_json::from_str(&text).expect("JSON");
            if value.get("ok").is_some() {
                return Turn::Replied(value);
            }
            Turn::Said(Said::of(&text))
        }
        Some(Ok(Frame::Ping(_))) => {
            // The library puts the pong in line; flushing sends it.
            let _ = socket.flush().await;
            Turn::Pinged
        }
        Some(Ok(Frame::Close(frame))) => {
            let code = frame.map_or(1005, |frame| frame.code.into());
            // The closing handshake goes to its end: the server closes the connection.
            while socket.next().await.is_some_and(|last| last.is_ok()) {}
            Turn::End(End::Closed(code))
        }
        Some(Ok(other)) => panic!("{other:?} is nothing that the server says"),
        Some(Err(error)) => panic!("a WebSocket that broke: {error}"),
        None => panic!("a WebSocket that ended without a close"),
    }
}

/// A message of an SSE stream: its fields say the same as its JSON, and what has no number leaves
/// the last event id as it was.
fn message(message: &super::Message, last_id: &mut String) -> Said {
    let said = Said::of(&message.data);
    assert_eq!(message.event, said.kind);
    if let Some(id) = said.id {
        *last_id = id.to_string();
    }
    assert_eq!(message.last_event_id, *last_id, "{}", said.json);
    said
}

/// The events of a long-poll's answer, as they came.
#[derive(serde::Deserialize)]
struct Events {
    events: Vec<Box<RawValue>>,
}

/// A long-poll's answer: its fields fit its events.
fn poll(answer: Answer, cursor: u64) -> (VecDeque<Said>, bool) {
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let raw: Events = serde_json::from_slice(&answer.body).expect("events");
    let events: VecDeque<Said> = raw.events.iter().map(|event| Said::of(event.get())).collect();
    let body = answer.ok();
    let last = events.back().and_then(|said| said.id).unwrap_or(cursor);
    assert_eq!(body["cursor"], last, "{body}");
    assert!(body["state"].is_string(), "{body}");
    (events, body["done"].as_bool().expect("done"))
}
