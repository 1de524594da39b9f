//! Logins over https and wss.

use reqwest::header::ACCEPT;
use reqwest::{Certificate, Client, Version};
use serde_json::{Value, json};

use crate::support::certificates::Authority;
use crate::support::{End, Store, TestServer, Turn, Via, within};
use crate::{authority, shows};

async fn server(authority: &Authority) -> TestServer {
    TestServer::start_with(Store::Memory, |config| shows(config, authority)).await
}

async fn a_whole_login(via: Via) {
    let authority = authority();
    let server = server(&authority).await;
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Ann").await;
    tab.sees("scanned").await;
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    tab.is_told_the_end().await;
    tab.redeem(&ticket).await.ok();
}

#[tokio::test]
async fn over_a_websocket() {
    a_whole_login(Via::WebSocket).await;
}

#[tokio::test]
async fn over_server_sent_events() {
    a_whole_login(Via::Sse).await;
}

#[tokio::test]
async fn over_long_polling() {
    a_whole_login(Via::LongPoll).await;
}

#[tokio::test]
async fn addresses_are_https_and_cookies_are_for_https_alone() {
    let authority = authority();
    let server = server(&authority).await;
    let opened = server.post("/v1/sessions").json(json!({})).await;
    let cookie = opened.header("set-cookie").to_owned();
    assert!(cookie.contains("; Secure"), "{cookie}");
    let opened = opened.is(201);
    let url = opened["code"]["url"].as_str().expect("an address");
    assert!(url.starts_with(&format!("https://{}/", server.address)), "{url}");
    let content = opened["code"]["content"].as_str().expect("what the code says");
    assert!(content.starts_with(&format!("https://{}/", server.address)), "{content}");
}

/// A client that speaks HTTP/2 by the handshake's own agreement (ALPN).
fn http2(authority: &Authority) -> Client {
    let pem = std::fs::read(authority.ca()).expect("the authority's certificate");
    let trusted = Certificate::from_pem(&pem).expect("PEM");
    let client = Client::builder().no_proxy().tls_certs_only([trusted]);
    client.build().expect("a client")
}

#[tokio::test]
async fn over_http2() {
    let authority = authority();
    let server = server(&authority).await;
    let client = http2(&authority);
    let base = format!("https://{}", server.address);
    let opened = client.post(format!("{base}/v1/sessions")).json(&json!({})).send().await;
    let opened = opened.expect("an answer");
    assert_eq!(opened.version(), Version::HTTP_2);
    let opened: Value = opened.json().await.expect("JSON");
    let events =
        format!("{base}/v1/sessions/{}/events", opened["session_id"].as_str().expect("an id"));
    let secret = opened["secret"].as_str().expect("a secret");
    let phone = server.phone(opened["scene"].as_str().expect("a scene"));

    let stream = client.get(&events).bearer_auth(secret).header(ACCEPT, "text/event-stream");
    let mut stream = stream.send().await.expect("a stream");
    let mut said = String::new();
    while !said.contains("event: pending") {
        let more = within("the first event", stream.chunk()).await.expect("no error");
        said.push_str(&String::from_utf8_lossy(&more.expect("no end")));
    }
    let poll = client.get(format!("{events}?cursor=1")).bearer_auth(secret).send();
    let poll = tokio::spawn(poll);
    server.until_waiting(2).await;
    phone.scans_as("Ann").await;
    while !said.contains("event: scanned") {
        let more = within("the second event", stream.chunk()).await.expect("no error");
        said.push_str(&String::from_utf8_lossy(&more.expect("no end")));
    }
    let polled = poll.await.expect("ran").expect("an answer");
    assert_eq!(polled.version(), Version::HTTP_2);
    let polled: Value = polled.json().await.expect("JSON");
    assert_eq!(polled["events"][0]["type"], "scanned");
}

#[tokio::test]
async fn streams_are_kept_alive() {
    let authority = authority();
    let server = server(&authority).await;
    for via in [Via::WebSocket, Via::Sse] {
        let mut stream = server.browser(via).open_only().await.follow(via).await;
        stream.sees("pending").await;
        server.time_passes(15).await;
        let Turn::Said(beat) = stream.turn().await else { panic!("a heartbeat") };
        assert_eq!(beat.kind, "heartbeat");
    }
}

#[tokio::test]
async fn who_waits_is_told_that_the_server_leaves() {
    let authority = authority();
    for (via, expected) in [(Via::WebSocket, End::Closed(1012)), (Via::Sse, End::Ended)] {
        let mut server = server(&authority).await;
        let mut stream = server.browser(via).open_only().await.follow(via).await;
        stream.sees("pending").await;
        let left = server.leave();
        assert_eq!(stream.event_or_end().await.expect_err("the end"), expected);
        within("the server to leave", left).await.expect("left");
    }
}

#[tokio::test]
async fn who_goes_away_waits_no_longer() {
    let authority = authority();
    let server = server(&authority).await;
    for via in [Via::WebSocket, Via::Sse] {
        let stream = server.browser(via).open_only().await.follow(via).await;
        server.until_waiting(1).await;
        drop(stream);
        server.until_waiting(0).await;
    }
}
