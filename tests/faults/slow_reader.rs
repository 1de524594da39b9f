//! A subscriber that does not read.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::http::Client;
use crate::person::Session;
use crate::server::Server;
use crate::socket::handshake;

/// How long the server waits for a reader.
const STALL: Duration = Duration::from_secs(5);
/// Of 60,000 bytes each: more than the kernel keeps for both ends, less than a session takes.
const MESSAGES: u64 = 16;

#[tokio::test]
async fn a_subscriber_that_does_not_read_is_dropped_and_no_other_is_harmed() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let slow = async |request: String| {
        let mut client =
            Client::connect_from(server.public, 1, Some(4_096)).await.expect("connected");
        client.send(request).await;
        client
    };
    let stream = slow(session.follow("accept: text/event-stream\r\n")).await;
    let socket = slow(handshake(&session.events, &session.secret)).await;
    server.subscribers(2).await;
    let mut reader = session.stream().await;

    let started = Instant::now();
    for n in 2..MESSAGES + 2 {
        assert_eq!(session.say(&json!("x".repeat(60_000))).await, n);
        // Whoever reads has each at once, beside the slow.
        let said = reader.chunks_until("\n\n").await;
        assert!(said.starts_with(&format!("id: {n}\n")), "{n}");
    }
    server.subscribers(3).await;
    server.subscribers(1).await;
    let took = started.elapsed();
    assert!(took >= STALL && took < STALL * 3, "dropped after {took:?}");

    let last = session.say(&json!("still here")).await;
    assert!(reader.chunks_until("\n\n").await.starts_with(&format!("id: {last}\n")));
    drop((stream, socket));
}
