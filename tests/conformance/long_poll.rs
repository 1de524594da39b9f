//! Long-polling: when an answer comes, and what is in it.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::support::{Session, Store, TestServer, Via};

stories! {
    on_every_store:
        what_is_there_is_answered_at_once,
        a_poll_that_does_not_wait_is_answered_at_once,
        a_poll_waits_as_long_as_it_says,
        how_long_to_wait_is_between_nothing_and_a_minute,
        a_poll_after_the_end_says_that_it_is_done,
        a_poll_that_is_pushed_out_is_told_why,
        a_session_that_ends_while_a_poll_waits_ends_the_poll,
        polls_follow_each_other_on_one_connection;
    by_one_server:
        a_poll_waits_twenty_five_seconds_unless_it_says_otherwise =
            "a fleet has to live through them; a poll that says how long it waits is told of it";
}

async fn what_is_there_is_answered_at_once(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    session.says("hello").await.is(202);
    for accept in ["*/*", "application/json", "text/html", "text/event-stream;q=0, */*"] {
        let answer = session.get("events").header("accept", accept).await;
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        assert_eq!(answer.header("cache-control"), "no-store");
        let body = answer.ok();
        assert_eq!(body["events"].as_array().map(Vec::len), Some(2));
        assert_eq!((&body["cursor"], &body["state"]), (&json!(2), &json!("pending")));
        assert_eq!(body["done"], false);
    }
}

async fn a_poll_that_does_not_wait_is_answered_at_once(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    let answer = session.get("events?wait=0&cursor=1").await;
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    assert_eq!(
        answer.ok(),
        json!({ "events": [], "cursor": 1, "state": "pending", "done": false })
    );
}

/// A poll is still waiting a second before its time, and is answered then.
async fn waits_for(server: &TestServer, session: &Session, query: &str, seconds: u64) {
    let mut raw = server.raw().await;
    let (path, secret) = (session.path("events"), &session.secret);
    let bearer = format!("Authorization: Bearer {secret}");
    raw.send(&format!("GET {path}?cursor=1{query} HTTP/1.1\r\nHost: x\r\n{bearer}\r\n\r\n")).await;
    server.until_waiting(1).await;
    let asked = Instant::now();
    server.time_passes(seconds - 1).await;
    server.until_waiting(1).await;
    server.time_passes(1).await;
    let answer = raw.answer().await;
    assert!(asked.elapsed() < Duration::from_secs(seconds + 3), "answered too late");
    assert_eq!(answer.header("content-length"), Some(&*answer.body.len().to_string()));
    let nothing = r#"{"events":[],"cursor":1,"state":"pending","done":false}"#;
    assert_eq!((answer.status, &*answer.body), (200, nothing));
}

async fn a_poll_waits_twenty_five_seconds_unless_it_says_otherwise(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    waits_for(&server, &session, "", 25).await;
}

async fn a_poll_waits_as_long_as_it_says(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    for seconds in [2, store.time(60, 3)] {
        waits_for(&server, &session, &format!("&wait={seconds}"), seconds).await;
    }
}

async fn how_long_to_wait_is_between_nothing_and_a_minute(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    for wait in ["61", "-1", "abc", "1.5", "99999999999999999999"] {
        let ask = session.get(&format!("events?wait={wait}"));
        ask.await.is_problem(400, "bad_request");
    }
    session.get("events?wait=60").await.ok();
}

async fn a_poll_after_the_end_says_that_it_is_done(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    session.cancel().await.is(204);
    let all = session.get("events").await.ok();
    assert_eq!(all["events"].as_array().map(Vec::len), Some(2));
    assert_eq!((&all["done"], &all["state"]), (&json!(true), &json!("cancelled")));
    let nothing = session.get("events?cursor=2").await.ok();
    assert_eq!(nothing, json!({ "events": [], "cursor": 2, "state": "cancelled", "done": true }));
}

async fn a_poll_that_is_pushed_out_is_told_why(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    let oldest = session.get("events?cursor=1");
    let oldest = tokio::spawn(async move { oldest.await });
    server.until_waiting(1).await;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(session.follow(Via::Sse).await);
    }
    let problem = oldest.await.expect("ran");
    assert_eq!(problem.header("content-length"), problem.body.len().to_string());
    problem.is_problem(409, "too_many_subscribers");
}

async fn a_session_that_ends_while_a_poll_waits_ends_the_poll(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    let poll = session.get("events?cursor=1&wait=60");
    let poll = tokio::spawn(async move { poll.await });
    server.until_waiting(1).await;
    session.cancel().await.is(204);
    let answer = poll.await.expect("ran").ok();
    assert_eq!(
        (&answer["events"][0]["type"], &answer["done"]),
        (&json!("cancelled"), &json!(true))
    );
}

async fn polls_follow_each_other_on_one_connection(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    let mut raw = server.raw().await;
    for cursor in 0..5 {
        let (path, secret) = (session.path("events"), &session.secret);
        raw.send(&format!(
            "GET {path}?cursor={cursor} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\n\r\n"
        ))
        .await;
        if cursor > 0 {
            server.until_waiting(1).await;
            session.says(cursor).await.is(202);
        }
        let answer = raw.answer().await;
        assert_eq!(answer.status, 200);
        assert!(answer.body.contains(&format!("\"cursor\":{}", cursor + 1)), "{}", answer.body);
    }
}
