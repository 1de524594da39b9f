//! Requests that are unusual and right.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::http::Client;
use crate::person::Session;
use crate::server::Server;

/// What "at once" is on a busy machine; a long-poll here would wait for a minute.
const AT_ONCE: Duration = Duration::from_secs(8);

#[tokio::test]
async fn a_body_behind_a_get_of_events_is_out_of_the_way() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let bodies = [
        ("content-length: 11\r\n", "hello world"),
        ("transfer-encoding: chunked\r\n", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
        ("transfer-encoding: chunked\r\n", "5;x=y\r\nhello\r\n0\r\ntrailer: 1\r\n\r\n"),
        ("content-length: 0\r\n", ""),
    ];
    let mut client = Client::connect(server.public).await;
    let mut cursor = 1;
    for (lines, body) in bodies {
        // In one piece, with the next request right behind.
        let next = session.request("GET", "", &json!(null));
        client.send(session.follow_from(cursor, lines) + body + &next).await;
        server.subscribers(1).await;
        cursor = session.say(&json!(body)).await;
        let poll = client.answer().await.json();
        assert_eq!(poll["events"][0]["data"]["body"], body, "{lines}");
        assert_eq!(client.answer().await.json()["cursor"], cursor, "{lines}");

        // In two pieces, as a stream.
        let mut streaming = Client::connect(server.public).await;
        let head = session.follow_from(cursor, &format!("accept: text/event-stream\r\n{lines}"));
        streaming.send(head).await;
        streaming.send(body).await;
        assert_eq!(streaming.head().await.status, 200);
        streaming.chunks_until("event: hello").await;
        cursor = session.say(&json!("again")).await;
        let said = streaming.chunks_until("again").await;
        assert!(said.starts_with(&format!("id: {cursor}\n")), "{said}");
        drop(streaming);
        server.subscribers(0).await;
    }
}

#[tokio::test]
async fn a_body_over_64_kib_behind_a_get_is_refused() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut client = Client::connect(server.public).await;
    let length = 70 * 1024;
    client.send(session.follow(&format!("content-length: {length}\r\n"))).await;
    client.send(vec![b'x'; length]).await;
    let answer = client.answer().await;
    assert_eq!(answer.status(), 413);
    assert_eq!(answer.head.field("content-type"), Some("application/problem+json"));
}

#[tokio::test]
async fn a_head_of_events_is_answered_at_once_and_holds_nothing() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut client = Client::connect(server.public).await;
    for accept in ["", "accept: text/event-stream\r\n"] {
        let asked = Instant::now();
        client.send(session.follow(accept).replacen("GET", "HEAD", 1)).await;
        assert_eq!(client.head().await.status, 200, "{accept}");
        assert!(asked.elapsed() < AT_ONCE);
        // Nothing of a body came: the next thing on the connection is the next answer.
        assert_eq!(client.get("/.well-known/jwks.json").await.status(), 200);
    }
    server.subscribers(0).await;
}

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_told_all_that_it_takes() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    for (path, allowed) in
        [("/events", "GET, HEAD, POST"), ("", "DELETE, GET, HEAD"), ("/messages", "POST")]
    {
        let answer = session.call("PUT", path, &json!(null)).await;
        assert_eq!((answer.status(), answer.head.field("allow")), (405, Some(allowed)));
    }
}

#[tokio::test]
async fn a_request_may_come_in_any_pieces() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut client = Client::connect(server.public).await;
    let poll = session.follow_from(0, "");
    let message = session.request("POST", "/messages", &json!({ "body": "in pieces" }));
    for (request, status) in [(&poll, 200), (&message, 202), (&poll, 200)] {
        for byte in request.as_bytes() {
            client.send([*byte]).await;
            // The kernel is to send each alone.
            sleep(Duration::from_micros(300)).await;
        }
        assert_eq!(client.answer().await.status(), status);
    }
}

#[tokio::test]
async fn connection_close_is_kept_by_held_answers() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut polling = Client::connect(server.public).await;
    polling.send(session.follow("connection: close\r\n")).await;
    let mut streaming = Client::connect(server.public).await;
    streaming.send(session.follow("connection: close\r\naccept: text/event-stream\r\n")).await;
    server.subscribers(2).await;
    session.cancel().await;
    let answer = polling.answer().await;
    assert_eq!(answer.json()["done"], true);
    assert_eq!(answer.head.field("connection"), Some("close"));
    assert_eq!(polling.rest().await.expect("a clean end"), b"");
    let stream = streaming.answer().await;
    assert_eq!(stream.head.field("connection"), Some("close"));
    assert!(stream.text().contains("event: cancelled"));
    assert_eq!(streaming.rest().await.expect("a clean end"), b"");
}

#[tokio::test]
async fn http_1_0_is_answered_without_chunks_and_closed() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let old = |request: String| request.replacen("HTTP/1.1", "HTTP/1.0", 1);
    let mut polling = Client::connect(server.public).await;
    polling.send(old(session.follow("connection: keep-alive\r\n"))).await;
    let mut streaming = Client::connect(server.public).await;
    streaming.send(old(session.follow("accept: text/event-stream\r\n"))).await;
    server.subscribers(2).await;
    session.cancel().await;

    let answer = polling.answer().await;
    assert_eq!((answer.status(), &answer.json()["done"]), (200, &json!(true)));
    assert!(answer.head.field("content-length").is_some());

    let stream = streaming.answer().await;
    assert_eq!(stream.head.field("transfer-encoding"), None);
    assert_eq!(stream.head.field("content-type"), Some("text/event-stream"));
    let text = stream.text();
    assert!(text.starts_with("retry: ") && text.contains("\nevent: cancelled\n"), "{text}");
    assert!(text.ends_with("\n\n"));
}

#[tokio::test]
async fn expect_100_continue_is_answered_before_the_body() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let body = r#"{"body":"expected"}"#;
    let (head, _) = session
        .request("POST", "/messages", &json!({ "body": "expected" }))
        .split_once("\r\n\r\n")
        .map(|(head, body)| (head.to_owned(), body.to_owned()))
        .expect("a head and a body");
    let mut client = Client::connect(server.public).await;
    client.send(format!("{head}\r\nexpect: 100-continue\r\n\r\n")).await;
    assert_eq!(client.head().await.status, 100);
    client.send(body).await;
    assert_eq!(client.answer().await.json()["id"], 2);

    // And where the request is going to be held.
    client.send(session.follow_from(2, "content-length: 2\r\nexpect: 100-continue\r\n")).await;
    assert_eq!(client.head().await.status, 100);
    client.send("{}").await;
    session.say(&json!("next")).await;
    assert_eq!(client.answer().await.json()["cursor"], 3);
}
