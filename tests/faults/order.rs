//! Requests behind requests: whatever is sent on one connection is answered, in order.

use serde_json::json;
use tokio::io::AsyncWriteExt;

use crate::http::Client;
use crate::person::Session;
use crate::server::Server;

#[tokio::test]
async fn what_is_pipelined_behind_a_held_long_poll_is_answered_after_it() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut client = Client::connect(server.public).await;
    let behind = session.request("GET", "", &json!(null));
    let last = session.request("POST", "/messages", &json!({ "body": "behind" }));
    client.send(session.follow("") + &behind + &last).await;
    server.subscribers(1).await;
    assert_eq!(session.say(&json!("first")).await, 2);

    let poll = client.answer().await.json();
    assert_eq!(poll["events"][0]["data"]["body"], "first");
    assert_eq!((poll["cursor"].as_u64(), poll["done"].as_bool()), (Some(2), Some(false)));
    assert_eq!(client.answer().await.json()["cursor"], 2);
    assert_eq!(client.answer().await.json()["id"], 3, "the last was done after the first");
}

#[tokio::test]
async fn what_comes_later_behind_a_held_long_poll_is_answered_too() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut client = session.poll().await;
    server.subscribers(1).await;
    let behind = session.request("GET", "", &json!(null)) + &session.follow_from(2, "");
    let (begin, end) = behind.split_at(40);
    client.send(begin).await;
    session.say(&json!("first")).await;
    client.send(end).await;
    assert_eq!(client.answer().await.json()["cursor"], 2);
    assert_eq!(client.answer().await.json()["state"], "pending");
    session.say(&json!("second")).await;
    let poll = client.answer().await.json();
    assert_eq!((&poll["events"][0]["id"], &poll["events"][1]), (&json!(3), &json!(null)));
}

#[tokio::test]
async fn what_is_pipelined_behind_a_stream_is_answered_after_its_end() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut client = Client::connect(server.public).await;
    let stream = session.follow("accept: text/event-stream\r\n");
    client.send(stream.clone() + &session.follow_from(1, "") + &stream).await;
    assert_eq!(client.head().await.status, 200);
    client.chunks_until("event: hello").await;
    session.cancel().await;
    let said = client.chunks_until("event: cancelled").await;
    assert!(said.starts_with("id: 2\n"), "{said}");
    assert_eq!(client.chunk().await, None, "the stream's own end");

    let poll = client.answer().await.json();
    assert_eq!((&poll["events"][0]["type"], &poll["done"]), (&json!("cancelled"), &json!(true)));
    assert_eq!(client.head().await.status, 200, "the third is a stream again");
    assert!(client.chunks_until("cancelled").await.contains("hello"));
}

#[tokio::test]
async fn a_connection_carries_one_stream_and_one_long_poll_after_the_other() {
    let server = Server::start();
    let mut client = Client::connect(server.public).await;
    for round in 0..3 {
        let session = Session::open_over(&mut client, server.public).await;
        session.stream_over(&mut client).await;
        session.cancel().await;
        client.chunks_until("event: cancelled").await;
        assert_eq!(client.chunk().await, None, "round {round}");

        let session = Session::open_over(&mut client, server.public).await;
        client.send(session.follow("")).await;
        session.say(&json!(round)).await;
        let poll = client.answer().await;
        assert_eq!(poll.json()["events"][0]["data"]["body"], round);
        assert!(poll.head.field("content-length").is_some());
        assert_eq!(poll.head.field("connection"), None);
    }
}

#[tokio::test]
async fn much_behind_a_long_poll_waits_in_the_kernel_and_is_not_lost() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut client = session.poll().await;
    server.subscribers(1).await;
    let one = session.request("POST", "/messages", &json!({ "body": "x".repeat(900) }));
    let (count, mut answers) = (60, 0);
    // More than a held connection takes in, less than what the kernel does.
    client.send(one.repeat(count)).await;
    session.say(&json!("go")).await;
    assert_eq!(client.answer().await.json()["cursor"], 2);
    while answers < count {
        let answer = client.answer().await;
        assert_eq!(answer.status(), 202, "{}", answer.text());
        answers += 1;
        assert_eq!(answer.json()["id"].as_u64(), Some(answers as u64 + 2));
    }
}

#[tokio::test]
async fn a_client_that_shuts_its_side_behind_a_held_request_is_let_go() {
    let server = Server::start();
    let session = Session::open(server.public).await;
    let mut polling = session.poll().await;
    let mut streaming = session.stream().await;
    server.subscribers(2).await;
    polling.stream.shutdown().await.expect("shut");
    streaming.stream.shutdown().await.expect("shut");
    server.subscribers(0).await;
    assert_eq!(polling.rest().await.expect("a clean end"), b"");
    streaming.rest().await.expect("a clean end");
}
