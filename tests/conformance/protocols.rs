//! Older and newer HTTP: 1.0, and 2 without TLS.

use futures_util::{SinkExt, StreamExt};
use reqwest::{Method, Version};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::support::{Answer, Parser, Store, TestServer, Via, extended_connect, within};

stories! {
    on_every_store:
        over_http_1_0_a_stream_ends_with_its_connection,
        over_http_1_0_a_poll_is_answered_and_the_connection_closed,
        over_http_1_0_there_is_no_websocket,
        over_http_2_a_stream_is_a_body,
        over_http_2_a_poll_is_answered,
        over_http_2_a_websocket_is_an_extended_connect;
}

async fn over_http_1_0_a_stream_ends_with_its_connection(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let mut raw = server.raw().await;
    let (path, secret) = (session.path("events"), &session.secret);
    raw.send(&format!(
        "GET {path}?access_token={secret} HTTP/1.0\r\nAccept: text/event-stream\r\n\r\n"
    ))
    .await;
    let head = raw.answer().await;
    assert_eq!(head.status, 200);
    assert_eq!(head.header("transfer-encoding"), None);
    assert_eq!(head.header("content-length"), None);
    session.cancel().await.is(204);
    let mut parser = Parser::default();
    let events = parser.feed(raw.read_to_end().await.as_bytes());
    let kinds: Vec<_> = events.iter().map(|message| &*message.event).collect();
    assert_eq!(kinds, ["hello", "pending", "cancelled"]);
}

async fn over_http_1_0_a_poll_is_answered_and_the_connection_closed(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    for cursor in [0, 1] {
        let mut raw = server.raw().await;
        let (path, secret) = (session.path("events"), &session.secret);
        raw.send(&format!("GET {path}?access_token={secret}&cursor={cursor} HTTP/1.0\r\n\r\n"))
            .await;
        if cursor == 1 {
            server.until_waiting(1).await;
            session.says("hello").await.is(202);
        }
        let answer = raw.answer().await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
        assert_eq!(raw.read_to_end().await, "");
    }
}

async fn over_http_1_0_there_is_no_websocket(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut raw = server.raw().await;
    let (path, secret) = (session.path("events"), &session.secret);
    raw.send(&format!(
        "GET {path}?access_token={secret} HTTP/1.0\r\nConnection: upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.answer().await.status, 426);
}

async fn over_http_2_a_stream_is_a_body(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let ask =
        server.api().http2().ask(Method::GET, &session.path("events")).bearer(&session.secret);
    let mut response = ask.header("accept", "text/event-stream").response().await;
    assert_eq!((response.version(), response.status().as_u16()), (Version::HTTP_2, 200));
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut parser = Parser::default();
    let mut kinds = Vec::new();
    while let Some(bytes) = within("bytes", response.chunk()).await.expect("a whole stream") {
        for message in parser.feed(&bytes) {
            if message.event == "pending" {
                session.scan_as("Alice").await.confirm().await.ok();
            }
            kinds.push(message.event);
        }
    }
    assert_eq!(kinds, ["hello", "pending", "scanned", "confirmed"]);
}

async fn over_http_2_a_poll_is_answered(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    let api = server.api().http2();
    let poll = |path: &str| api.ask(Method::GET, &session.path(path)).bearer(&session.secret);
    let at_once = poll("events").await;
    assert_eq!(at_once.version, Version::HTTP_2);
    assert_eq!(at_once.header("content-length"), at_once.body.len().to_string());
    assert_eq!(at_once.ok()["cursor"], 1);
    let ran_out = poll("events?cursor=1&wait=1").await;
    assert_eq!(ran_out.header("content-length"), ran_out.body.len().to_string());
    assert_eq!(ran_out.ok()["events"], json!([]));
    let waits = poll("events?cursor=1");
    let waits = tokio::spawn(async move { waits.await });
    server.until_waiting(1).await;
    session.cancel().await.is(204);
    let answer: Answer = waits.await.expect("ran");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(answer.ok()["events"][0]["type"], "cancelled");
}

async fn over_http_2_a_websocket_is_an_extended_connect(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let stream = TcpStream::connect(server.address).await.expect("connected");
    let base = format!("http://{}", server.address);
    let mut socket = extended_connect::follow(stream, &base, &session).await;
    let next = async |socket: &mut WebSocketStream<_>| -> Frame {
        within("a frame", StreamExt::next(socket)).await.expect("a frame").expect("a good one")
    };
    let text = |frame: Frame| -> Value {
        serde_json::from_str(frame.to_text().expect("a text")).expect("JSON")
    };
    assert_eq!(text(next(&mut socket).await)["type"], "hello");
    let command = json!({ "do": "cancel", "ref": "1" }).to_string();
    socket.send(Frame::text(command)).await.expect("sent");
    let mut said = [text(next(&mut socket).await), text(next(&mut socket).await)];
    said.sort_by_key(|value| value.get("ok").is_some());
    assert_eq!(said[0]["type"], "cancelled");
    assert_eq!(said[1]["ok"], true);
    let Frame::Close(Some(close)) = next(&mut socket).await else { panic!("a close") };
    assert_eq!(u16::from(close.code), 1000);
}
