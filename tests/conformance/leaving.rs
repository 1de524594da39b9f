//! A server that leaves says so to everybody who waits.

use serde_json::json;

use crate::support::{End, Store, TestServer, Via, within};

stories! {
    on_every_pair:
        who_waits_is_told_that_the_server_leaves;
    on_every_store:
        a_server_that_leaves_is_not_ready;
}

async fn who_waits_is_told_that_the_server_leaves(store: Store, via: Via) {
    let mut server = TestServer::start(store).await;
    let session = server.browser(via).open_only().await;
    if via == Via::LongPoll {
        let poll = session.get("events?cursor=1");
        let poll = tokio::spawn(async move { poll.await });
        server.until_waiting(1).await;
        let left = server.leave();
        let answer = poll.await.expect("ran");
        assert_eq!(answer.header("content-length"), answer.body.len().to_string());
        let nothing = json!({ "events": [], "cursor": 1, "state": "pending", "done": false });
        assert_eq!(answer.ok(), nothing);
        within("the server to leave", left).await.expect("left");
        return;
    }
    let mut stream = session.follow(via).await;
    stream.sees("pending").await;
    let before = (via == Via::Sse).then(|| stream.parser().retry);
    let left = server.leave();
    let end = stream.event_or_end().await.expect_err("the end");
    if via == Via::Sse {
        assert_eq!(end, End::Ended);
        assert!(stream.parser().retry.is_some() && Some(stream.parser().retry) != before);
    } else {
        assert_eq!(end, End::Closed(1012));
    }
    within("the server to leave", left).await.expect("left");
}

async fn a_server_that_leaves_is_not_ready(store: Store) {
    let mut server = TestServer::start(store).await;
    assert_eq!(server.admin("/readyz").await.status, 200);
    let session = server.browser(Via::WebSocket).open_only().await;
    // Somebody who does not go holds the server up, for as long as it gives them. There is one at
    // each instance, if there are several.
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut raw = server.raw().await;
        let path = session.path("messages");
        raw.send(&format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
            session.secret
        ))
        .await;
        assert_eq!(raw.answer().await.status, 100, "it waits for the body");
        held.push(raw);
    }
    let left = server.leave();
    let not_ready = async { while server.admin("/readyz").await.status != 503 {} };
    within("the server not to be ready", not_ready).await;
    assert_eq!(server.admin("/livez").await.status, 200);
    drop(held);
    within("the server to leave", left).await.expect("left");
}
