//! A WebSocket: its handshake, its frames, and how it ends.

use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

use crate::support::{Ask, End, Session, Store, TestServer, Turn, Via};

stories! {
    on_every_store:
        without_its_upgrade_a_websocket_is_told_of_the_other_ways,
        a_handshake_of_another_version_is_refused,
        a_ping_is_answered_with_its_own_payload,
        a_client_that_closes_is_answered_with_its_own_code,
        what_is_no_text_closes_the_socket,
        a_message_that_is_too_big_closes_the_socket,
        a_silent_client_is_let_go;
    by_one_server:
        a_handshake_without_a_whole_key_is_refused = "HAProxy refuses it in its own words";
}

async fn without_its_upgrade_a_websocket_is_told_of_the_other_ways(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let protocols = format!("saoma.v1, saoma.bearer.{}", session.secret);
    let stripped = server
        .get(&session.path("events"))
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .header("sec-websocket-protocol", &protocols)
        .await;
    assert_eq!(stripped.header("upgrade"), "websocket");
    assert!(stripped.header("connection").to_lowercase().contains("upgrade"));
    let problem = stripped.is_problem(426, "upgrade_required");
    let detail = problem["detail"].as_str().expect("a detail");
    assert!(detail.contains("text/event-stream") && detail.contains("long-poll"), "{detail}");
}

async fn a_handshake_of_another_version_is_refused(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let old = handshake(&session).header("sec-websocket-version", "8");
    let old = old.header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==").await;
    assert_eq!(old.header("sec-websocket-version"), "13");
    old.is_problem(426, "upgrade_required");
}

async fn a_handshake_without_a_whole_key_is_refused(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let keyless = handshake(&session).header("sec-websocket-version", "13");
    let short = handshake(&session).header("sec-websocket-version", "13");
    keyless.await.is_problem(400, "bad_request");
    short.header("sec-websocket-key", "eA==").await.is_problem(400, "bad_request");
}

/// What every handshake says.
fn handshake(session: &Session) -> Ask {
    session.get("events").header("connection", "upgrade").header("upgrade", "websocket")
}

async fn a_ping_is_answered_with_its_own_payload(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut raw = server.raw().await;
    let (path, secret) = (session.path("events"), &session.secret);
    raw.send(&format!(
        "GET {path}?access_token={secret}&cursor=1 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.answer().await.status, 101);
    raw.read_until("}}").await;
    // A ping, masked with zeros, that says "hello?".
    raw.send_bytes(b"\x89\x86\0\0\0\0hello?").await;
    assert_eq!(raw.read_bytes(8).await, b"\x8A\x06hello?");
}

async fn a_client_that_closes_is_answered_with_its_own_code(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut stream = session.follow_after(1, Via::WebSocket).await;
    let frame = CloseFrame { code: 4321.into(), reason: "enough".into() };
    stream.sends_frame(Frame::Close(Some(frame))).await;
    assert_eq!(stream.event_or_end().await.expect_err("the end"), End::Closed(4321));
    server.until_waiting(0).await;
    assert_eq!(session.state().await, "pending");
}

async fn what_is_no_text_closes_the_socket(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut stream = session.follow_after(1, Via::WebSocket).await;
    stream.sends_frame(Frame::binary(vec![1, 2, 3])).await;
    assert_eq!(stream.event_or_end().await.expect_err("the end"), End::Closed(1003));
}

async fn a_message_that_is_too_big_closes_the_socket(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let mut stream = session.follow_after(1, Via::WebSocket).await;
    let body = "x".repeat(65 * 1024);
    stream.sends(&format!(r#"{{"do":"message","body":"{body}"}}"#)).await;
    assert_eq!(stream.event_or_end().await.expect_err("the end"), End::Closed(1009));
    assert_eq!(session.snapshot().await["cursor"], 1);
}

async fn a_silent_client_is_let_go(store: Store) {
    let seconds = store.time(15, 1);
    let server = TestServer::start_with(store, |config| config.heartbeat_seconds = seconds).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let stream = session.follow_after(1, Via::WebSocket).await;
    // It neither reads nor answers pings; its connection is open all the while.
    for _ in 0..4 {
        server.time_passes(seconds).await;
        // Between two heartbeats the server has had its turn.
        assert_eq!(server.admin("/livez").await.status, 200);
    }
    server.until_waiting(0).await;
    drop(stream);
    let mut answers = session.follow_after(1, Via::WebSocket).await;
    for _ in 0..5 {
        server.time_passes(seconds).await;
        let Turn::Said(beat) = answers.turn().await else { panic!("a heartbeat") };
        assert_eq!(beat.kind, "heartbeat");
        assert!(matches!(answers.turn().await, Turn::Pinged));
        // So has it here, to read the pong.
        assert_eq!(server.admin("/livez").await.status, 200);
    }
    server.until_waiting(1).await;
}
