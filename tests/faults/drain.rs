//! A server that leaves: everybody is told, nobody at the same moment, and work goes on meanwhile.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::http::Client;
use crate::person::{Phone, Session};
use crate::server::Server;
use crate::socket::Socket;

/// How many follow on each transport.
const EACH: u32 = 60;
/// What the server is given.
const DRAIN: Duration = Duration::from_secs(3);
/// How far a busy machine may be behind.
const SLACK: Duration = Duration::from_secs(3);

fn leaving_in_three_seconds() -> Server {
    Server::with(&[("SAOMA_DRAIN_SECONDS", "3")])
}

async fn hear_sse(mut client: Client) -> Instant {
    let said = client.chunks_until("retry: ").await;
    let told = Instant::now();
    let wait = said.strip_prefix("retry: ").and_then(|rest| rest.strip_suffix("\n\n"));
    assert!(wait.is_some_and(|ms| ms.parse::<u64>().is_ok_and(|ms| ms <= 2_000)), "{said}");
    assert_eq!(client.chunk().await, None, "the stream ends as it should");
    assert_eq!(client.rest().await.expect("a clean end"), b"");
    told
}

async fn hear_poll(mut client: Client) -> Instant {
    let answer = client.answer().await;
    let told = Instant::now();
    let said = answer.json();
    assert_eq!((answer.status(), &said["events"], &said["done"]), (200, &json!([]), &json!(false)));
    assert_eq!((&said["cursor"], &said["state"]), (&json!(1), &json!("pending")));
    assert_eq!(client.rest().await.expect("a clean end"), b"");
    told
}

async fn hear_socket(mut socket: Socket) -> Instant {
    let frame = socket.frame().await.expect("no reset").expect("a close");
    let told = Instant::now();
    assert_eq!(frame.close_code(), Some(1012));
    assert_eq!(socket.frame().await.expect("no reset"), None);
    told
}

#[tokio::test]
async fn everybody_is_told_within_the_time_and_spread_over_it() {
    let mut server = leaving_in_three_seconds();
    let session = Session::open(server.public).await;
    let phone = session.scan("late").await;
    let mut hearing: Vec<JoinHandle<Instant>> = Vec::new();
    for _ in 0..EACH {
        let session = Session::open(server.public).await;
        hearing.push(tokio::spawn(hear_sse(session.stream().await)));
        hearing.push(tokio::spawn(hear_poll(session.poll().await)));
        hearing.push(tokio::spawn(hear_socket(Socket::of(&session).await)));
    }
    server.subscribers(EACH * 3).await;
    let mut kept = Client::connect(server.public).await;
    assert_eq!(kept.get("/.well-known/jwks.json").await.status(), 200);
    let mut ready = Client::connect(server.admin).await;
    assert_eq!(ready.get("/readyz").await.status(), 200);

    server.signal("TERM");
    let left = Instant::now();
    crate::eventually("not ready any more", async || ready.get("/readyz").await.status() == 503)
        .await;
    assert_eq!(ready.get("/livez").await.status(), 200);
    assert_eq!(kept.rest().await.expect("a clean end"), b"", "an idle connection is closed");
    confirm_while_leaving(&session, &phone).await;

    let mut told = Vec::new();
    for hears in hearing {
        told.push(hears.await.expect("told as its transport tells it"));
    }
    told.sort();
    let spread = *told.last().expect("some") - told[0];
    assert!(spread > DRAIN / 3, "all within {spread:?}");
    // Never a burst: no twentieth of the time takes a quarter of them.
    let burst =
        told.windows(told.len() / 4).map(|them| *them.last().expect("some") - them[0]).min();
    assert!(burst > Some(DRAIN / 20), "a quarter of them within {burst:?}");
    assert_eq!(server.ended().await.code(), Some(0));
    let took = left.elapsed();
    assert!(took < DRAIN + SLACK, "{took:?}");
}

/// A confirmation on a connection that is made while the server leaves.
async fn confirm_while_leaving(session: &Session, phone: &Phone) {
    let answer = phone.confirm().await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    assert_eq!(answer.head.field("connection"), Some("close"), "and it's not to be kept");
    let snapshot = session.call("GET", "", &json!(null)).await.json();
    assert_eq!(snapshot["state"], "confirmed");
}

#[tokio::test]
async fn whoever_comes_to_wait_while_the_server_leaves_is_told_at_once() {
    let mut server = leaving_in_three_seconds();
    let session = Session::open(server.public).await;
    // Somebody who takes long to go keeps the server there.
    let slow = Session::open(server.public).await;
    let mut keeps = Client::connect(server.public).await;
    let request = slow.request("POST", "/messages", &json!({ "body": 1 }));
    let (begin, end) = request.split_at(request.len() - 3);
    keeps.send(begin).await;
    server.signal("TERM");
    let admin = server.admin;
    crate::eventually("not ready any more", async || {
        Client::connect(admin).await.get("/readyz").await.status() == 503
    })
    .await;
    let left = Instant::now();
    hear_socket(Socket::of(&session).await).await;
    hear_sse(session.stream().await).await;
    hear_poll(session.poll().await).await;
    assert!(left.elapsed() < DRAIN, "{:?}", left.elapsed());
    keeps.send(end).await;
    let answer = keeps.answer().await;
    assert_eq!(answer.status(), 202, "a request that is under way is answered");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn with_nobody_there_it_leaves_at_once_on_either_signal() {
    for signal in ["TERM", "INT"] {
        let mut server = Server::with(&[("SAOMA_DRAIN_SECONDS", "60")]);
        Session::open(server.public).await;
        server.signal(signal);
        let left = Instant::now();
        assert_eq!(server.ended().await.code(), Some(0));
        assert!(left.elapsed() < SLACK, "{signal}: {:?}", left.elapsed());
    }
}

#[tokio::test]
async fn a_subscriber_is_told_on_an_interrupt_too_and_a_second_one_cuts_it_short() {
    let mut server = Server::with(&[("SAOMA_DRAIN_SECONDS", "60")]);
    let session = Session::open(server.public).await;
    let stream = session.stream().await;
    // A request that does not come whole keeps the server waiting.
    let mut keeps = Client::connect(server.public).await;
    let request = session.request("POST", "/messages", &json!({ "body": 1 }));
    keeps.send(&request[..request.len() - 3]).await;
    crate::eventually("two are there", async || server.descriptors() > 0).await;
    server.signal("INT");
    let left = Instant::now();
    hear_sse(stream).await;
    assert!(left.elapsed() < SLACK);
    server.signal("INT");
    let left = Instant::now();
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(left.elapsed() < SLACK, "{:?}", left.elapsed());
}

#[tokio::test]
async fn whoever_does_not_go_is_left_when_the_time_is_over() {
    let mut server = Server::with(&[("SAOMA_DRAIN_SECONDS", "1")]);
    let session = Session::open(server.public).await;
    let mut keeps = Client::connect(server.public).await;
    let request = session.request("POST", "/messages", &json!({ "body": 1 }));
    keeps.send(&request[..request.len() - 3]).await;
    // Answered on another connection, so the first is sure to have been taken.
    session.call("GET", "", &json!(null)).await;
    server.signal("TERM");
    let left = Instant::now();
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(left.elapsed() < Duration::from_secs(1) + SLACK, "{:?}", left.elapsed());
}
