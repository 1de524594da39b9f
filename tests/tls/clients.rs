//! Clients that do not speak TLS, or do not speak at all.

use crate::support::{Raw, Store, TestServer, Via};
use crate::{authority, shows};

#[tokio::test]
async fn who_speaks_plain_http_is_told_of_https() {
    let authority = authority();
    let server = TestServer::start_with(Store::Memory, |config| shows(config, &authority)).await;
    let mut raw = server.raw().await;
    raw.send("GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let answer = raw.answer().await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    assert!(answer.body.contains("\"code\":\"https_required\""), "{}", answer.body);
}

#[tokio::test]
async fn who_says_nothing_or_nonsense_keeps_no_place_and_holds_nobody_up() {
    let authority = authority();
    let server = TestServer::start_with(Store::Memory, |config| shows(config, &authority)).await;
    let mut silent: Vec<Raw> = Vec::new();
    for _ in 0..20 {
        silent.push(server.raw().await);
    }
    let mut nonsense = server.raw().await;
    nonsense.send_bytes(&[0; 64]).await;
    // Others are served meanwhile.
    server.browser(Via::Sse).open_only().await;
    nonsense.read_to_end().await;
    server.time_passes(11).await;
    for raw in &mut silent {
        assert_eq!(raw.read_to_end().await, "");
    }
}
