//! Server-Sent Events: what their bytes are held to.

use crate::support::{Store, TestServer, Via};

stories! {
    on_every_store:
        a_stream_has_the_headers_that_proxies_need,
        the_first_bytes_are_retry_and_hello,
        who_comes_back_after_the_end_with_nothing_left_is_sent_away,
        who_comes_back_after_the_end_with_something_left_is_told_it,
        a_stream_leaves_its_connection_ready_for_the_next_request,
        a_heartbeat_leaves_the_last_event_id_alone;
}

async fn a_stream_has_the_headers_that_proxies_need(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    for accept in ["text/event-stream", "text/event-stream, */*;q=0.1", "Text/Event-Stream"] {
        let ask = session.get("events").header("accept", accept);
        let response = ask.response().await;
        let header = |name: &str| {
            let mut values = response.headers().get_all(name).iter();
            let value = values.next().and_then(|value| value.to_str().ok()).map(str::to_owned);
            assert!(values.next().is_none(), "{name} twice");
            value
        };
        assert_eq!(response.status(), 200);
        assert_eq!(header("content-type").as_deref(), Some("text/event-stream"));
        assert_eq!(header("cache-control").as_deref(), Some("no-store, no-transform"));
        assert_eq!(header("x-accel-buffering").as_deref(), Some("no"));
        assert_eq!(header("content-length"), None);
        assert_eq!(header("content-encoding"), None);
    }
}

async fn the_first_bytes_are_retry_and_hello(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let mut raw = server.raw().await;
    let (path, secret) = (session.path("events"), &session.secret);
    raw.send(&format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\nAuthorization: Bearer {secret}\r\n\r\n"
    ))
    .await;
    assert_eq!(raw.answer().await.status, 200);
    let size = raw.read_until("\r\n").await;
    assert!(usize::from_str_radix(size.trim(), 16).is_ok_and(|size| size > 0), "a chunk: {size:?}");
    let retry = raw.read_until("\n\n").await;
    let milliseconds = retry.trim().strip_prefix("retry: ").and_then(|ms| ms.parse::<u32>().ok());
    assert!(milliseconds.is_some(), "retry first: {retry:?}");
    let hello = raw.read_until("\n\n").await;
    assert!(hello.starts_with("event: hello\ndata: {"), "{hello}");
    let first = raw.read_until("\n\n").await;
    assert!(first.contains("id: 1\n") && first.contains("event: pending\n"), "{first}");
}

async fn who_comes_back_after_the_end_with_nothing_left_is_sent_away(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    session.cancel().await.is(204);
    for path in ["events?cursor=2", "events?cursor=0"] {
        let again = session.get(path).header("accept", "text/event-stream");
        let again = again.header("last-event-id", "2").await;
        assert_eq!((again.status, again.body.len()), (204, 0));
    }
}

async fn who_comes_back_after_the_end_with_something_left_is_told_it(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    session.cancel().await.is(204);
    let mut stream = session.follow_after(1, Via::Sse).await;
    assert_eq!(stream.hello.as_ref().expect("a hello").data["expires_in"], 0);
    stream.sees("cancelled").await;
    stream.ends().await;
}

async fn a_stream_leaves_its_connection_ready_for_the_next_request(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let mut raw = server.raw().await;
    let (events, own, secret) = (session.path("events"), session.path(""), &session.secret);
    let bearer = format!("Host: x\r\nAuthorization: Bearer {secret}\r\n\r\n");
    // The next request is there before the stream has ended.
    raw.send(&format!("GET {events} HTTP/1.1\r\nAccept: text/event-stream\r\n{bearer}")).await;
    raw.send(&format!("GET {own} HTTP/1.1\r\n{bearer}")).await;
    raw.read_until("event: pending\n").await;
    session.cancel().await.is(204);
    raw.read_until("event: cancelled\n").await;
    raw.read_until("\r\n0\r\n\r\n").await;
    let next = raw.answer().await;
    assert_eq!(next.status, 200);
    assert!(next.body.contains("\"state\":\"cancelled\""), "{}", next.body);
}

async fn a_heartbeat_leaves_the_last_event_id_alone(store: Store) {
    let server = TestServer::start_with(store, |config| config.heartbeat_seconds = 1).await;
    let session = server.browser(Via::Sse).open_only().await;
    let mut raw = server.raw().await;
    let (path, secret) = (session.path("events"), &session.secret);
    raw.send(&format!(
        "GET {path}?access_token={secret} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n"
    ))
    .await;
    raw.read_until("event: pending\n").await;
    raw.read_until("\n\n").await;
    let beat = raw.read_until("event: heartbeat\n").await + &raw.read_until("\n\n").await;
    assert!(beat.contains("\ndata: {\"type\":\"heartbeat\""), "{beat}");
    assert!(!beat.contains("id:"), "{beat}");
}
