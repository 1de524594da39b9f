//! Cursors: where a subscriber goes on, and how it says so.

use serde_json::{Value, json};

use crate::support::{Store, TestServer, Via};

stories! {
    on_every_pair:
        a_cursor_leaves_out_what_one_has,
        a_cursor_past_the_end_starts_again;
    on_every_store:
        a_cursor_may_stand_in_the_header_or_the_address_and_the_header_wins,
        what_is_no_cursor_is_refused;
}

async fn a_cursor_leaves_out_what_one_has(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let session = server.browser(via).open_only().await;
    for n in 2..=5 {
        session.says(n).await.is(202);
    }
    for cursor in 0..5 {
        let mut stream = session.follow_after(cursor, via).await;
        assert_eq!(stream.event().await.id, Some(cursor + 1));
    }
    let mut waits = session.follow_after(5, via).await;
    session.cancel().await.is(204);
    waits.sees("cancelled").await;
    waits.ends().await;
}

async fn a_cursor_past_the_end_starts_again(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let session = server.browser(via).open_only().await;
    session.says("the only one").await.is(202);
    for past in [3, 99, (1 << 53) - 1] {
        let mut stream = session.follow_after(past, via).await;
        stream.cursor = 0;
        if via == Via::LongPoll {
            let answer = session.polls(past).await;
            assert_eq!((&answer["cursor"], &answer["events"][0]["id"]), (&json!(2), &json!(1)));
            continue;
        }
        stream.sees("pending").await;
        stream.sees("message").await;
    }
}

async fn a_cursor_may_stand_in_the_header_or_the_address_and_the_header_wins(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    for n in 2..=5 {
        session.says(n).await.is(202);
    }
    for (query, header, first) in [
        ("", None, Some(1)),
        ("&cursor=2", None, Some(3)),
        ("", Some("2"), Some(3)),
        ("&cursor=1", Some("3"), Some(4)),
        ("&cursor=4", Some("0"), Some(1)),
        ("&cursor=4", Some(""), Some(5)),
        ("&cursor=0", Some("5"), None),
        ("&cursor=abc", Some("3"), None),
    ] {
        let ask = session.get(&format!("events?wait=0{query}"));
        let ask = if let Some(header) = header { ask.header("last-event-id", header) } else { ask };
        if query == "&cursor=abc" {
            ask.await.is_problem(400, "bad_request");
            continue;
        }
        let answer = ask.await;
        assert_eq!(answer.status, 200, "{query} {header:?}");
        let answer = answer.ok();
        assert_eq!(
            answer["events"][0].get("id").and_then(Value::as_u64),
            first,
            "{query} {header:?}"
        );
        assert_eq!((&answer["cursor"], &answer["done"]), (&json!(5), &json!(false)));
    }
}

async fn what_is_no_cursor_is_refused(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    for cursor in ["-1", "abc", "1.5", "1e3", "99999999999999999999", "%00"] {
        for accept in ["text/event-stream", "application/json"] {
            let ask = session.get(&format!("events?wait=0&cursor={cursor}"));
            ask.header("accept", accept).await.is_problem(400, "bad_request");
        }
    }
    for header in ["abc", "-1", "1, 2"] {
        let ask = session.get("events?wait=0").header("last-event-id", header);
        ask.await.is_problem(400, "bad_request");
    }
}
