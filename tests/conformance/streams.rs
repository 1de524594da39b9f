//! What holds for every subscriber, by whichever transport.

use serde_json::json;

use crate::support::{End, Store, Subscriber, TestServer, Via};

stories! {
    on_every_pair:
        a_subscriber_is_told_what_was_and_what_comes,
        a_subscriber_who_comes_after_the_end_is_told_everything,
        two_subscribers_both_see_everything,
        one_subscriber_too_many_pushes_out_the_oldest,
        who_comes_and_goes_pushes_nobody_out,
        a_change_of_transport_loses_and_repeats_nothing,
        a_subscriber_is_forgotten_when_it_goes_away,
        a_transport_that_is_off_is_refused_and_not_offered;
    on_every_store:
        a_stream_says_hello_at_once,
        every_transport_tells_the_same_json,
        a_heartbeat_comes_every_fifteen_seconds;
}

async fn a_subscriber_is_told_what_was_and_what_comes(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let session = server.browser(via).open_only().await;
    session.says("before").await.is(202);
    let mut stream = session.follow(via).await;
    assert_eq!(stream.sees("pending").await.id, Some(1));
    assert_eq!(stream.sees("message").await.data["body"], "before");
    for n in 3..=40 {
        assert_eq!(session.says(n).await.is(202), json!({ "id": n }));
    }
    for n in 3..=40 {
        assert_eq!(stream.sees("message").await.data["body"], n);
    }
}

async fn a_subscriber_who_comes_after_the_end_is_told_everything(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let session = server.browser(via).open_only().await;
    session.scan_as("Alice").await.confirm().await.ok();
    let mut late = session.follow(via).await;
    late.sees("pending").await;
    late.sees("scanned").await;
    let ticket = late.sees("confirmed").await.data["ticket"].clone();
    late.ends().await;
    session.redeem(ticket.as_str().expect("a ticket")).await.ok();
}

async fn two_subscribers_both_see_everything(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let session = server.browser(via).open_only().await;
    let mut streams = Vec::new();
    for other in Via::ALL {
        streams.push((session.follow(via).await, session.follow(other).await));
        if other == Via::Sse {
            session.says("in the middle").await.is(202);
        }
    }
    session.scan_as("Alice").await.confirm().await.ok();
    for (first, second) in &mut streams {
        let (seen, also_seen) = (first.rest().await.0, second.rest().await.0);
        let kinds: Vec<_> = seen.iter().map(|said| &*said.kind).collect();
        assert_eq!(kinds, ["pending", "message", "scanned", "confirmed"]);
        let json = |said: &[crate::support::Said]| {
            said.iter().map(|said| said.json.clone()).collect::<Vec<_>>()
        };
        assert_eq!(json(&seen), json(&also_seen));
    }
}

async fn one_subscriber_too_many_pushes_out_the_oldest(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let session = server.browser(via).open_only().await;
    // A long-poll holds its place while it waits: each of these waits in a task of its own.
    let mut waiting = Vec::new();
    for n in 1..=9_u64 {
        let mut stream = session.follow_after(1, via).await;
        waiting.push(tokio::spawn(async move { stream.event_or_end().await }));
        server.until_waiting(n.min(8)).await;
    }
    let oldest = waiting.remove(0).await.expect("ran");
    let expected = match via {
        Via::WebSocket => End::Closed(4409),
        Via::Sse => End::Ended,
        Via::LongPoll => End::Answered(409),
    };
    assert_eq!(oldest.expect_err("the end"), expected);
    session.says("the others are still there").await.is(202);
    for stream in waiting {
        assert_eq!(stream.await.expect("ran").expect("an event").kind, "message");
    }
}

async fn who_comes_and_goes_pushes_nobody_out(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;
    for _ in 0..12 {
        tab.polls(1).await;
    }
    tab.scan_as("Alice").await;
    tab.sees("scanned").await;
}

async fn a_change_of_transport_loses_and_repeats_nothing(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;
    // Event ids are checked one by one: a gap or a repetition fails.
    for (n, other) in Via::ALL.into_iter().chain([via]).enumerate() {
        phone.says(format!("before change {n}")).await.is(202);
        tab.switches_to(other).await;
        phone.says(format!("after change {n}")).await.is(202);
        assert_eq!(tab.sees("message").await["body"], format!("before change {n}"));
        assert_eq!(tab.sees("message").await["body"], format!("after change {n}"));
    }
    phone.confirm().await.ok();
    tab.sees("confirmed").await;
    tab.is_told_the_end().await;
}

async fn a_subscriber_is_forgotten_when_it_goes_away(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let session = server.browser(via).open_only().await;
    let mut stream = session.follow_after(1, via).await;
    let waits = tokio::spawn(async move { stream.event_or_end().await });
    server.until_waiting(1).await;
    waits.abort();
    server.until_waiting(0).await;
}

async fn a_transport_that_is_off_is_refused_and_not_offered(store: Store, via: Via) {
    use saoma::config::Transport;
    let name = match via {
        Via::WebSocket => "websocket",
        Via::Sse => "sse",
        Via::LongPoll => "long-poll",
    };
    let server = TestServer::start_with(store, |config| {
        let off = Via::ALL.iter().position(|one| *one == via).expect("one of them");
        let transports = &mut crate::support::namespace(config, "default").transports;
        *transports = Transport::ALL.to_vec();
        transports.remove(off);
    })
    .await;
    let session = server.browser(via).open_only().await;
    let offered = session.opened["events"]["transports"].as_array().expect("transports");
    assert!(offered.len() == 2 && !offered.contains(&json!(name)), "{offered:?}");
    let refused = session.asks_for_events(via).await;
    assert_eq!(refused.status, 406);
    assert_eq!(refused.header("content-type"), "application/problem+json");
    for other in Via::ALL.into_iter().filter(|other| *other != via) {
        session.follow(other).await.sees("pending").await;
    }
}

async fn a_stream_says_hello_at_once(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    session.scan_as("Alice").await;
    for via in [Via::WebSocket, Via::Sse] {
        for (asked, cursor) in [(0, 0), (1, 1), (2, 2), (99, 0)] {
            let mut stream = session.follow_after(asked, via).await;
            let hello = stream.hello.take().expect("a hello");
            assert_eq!(hello.data["cursor"], cursor, "{via:?} after {asked}");
            assert_eq!(hello.data["state"], "scanned");
            assert_eq!(hello.data["heartbeat_seconds"], 15);
            let left = hello.data["expires_in"].as_u64().expect("seconds");
            assert!((170..=180).contains(&left), "{left}");
        }
    }
}

async fn every_transport_tells_the_same_json(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("\"Ålice\" \\ \u{2028}").await;
    phone
        .says(json!({ "text": "two\nlines\r\n", "more": [1, null, 2.5, { "a": "</b>" }] }))
        .await
        .is(202);
    session.says("data: x\n\nid: 9\n\n").await.is(202);
    phone.confirm().await.ok();
    let mut told = Vec::new();
    for via in Via::ALL {
        let events = session.follow(via).await.rest().await.0;
        told.push(events.into_iter().map(|said| said.json).collect::<Vec<_>>());
    }
    assert_eq!(told[0].len(), 5);
    assert_eq!(told[0], told[1]);
    assert_eq!(told[1], told[2]);
    assert!(told[0].iter().all(|json| !json.contains('\n')));
}

async fn a_heartbeat_comes_every_fifteen_seconds(store: Store) {
    use crate::support::Turn;
    let seconds = store.time(15, 1);
    let server = TestServer::start_with(store, |config| config.heartbeat_seconds = seconds).await;
    let session = server.browser(Via::Sse).open_only().await;
    for (via, cursor) in [(Via::WebSocket, 1), (Via::Sse, 2)] {
        let mut stream: Subscriber = session.follow_after(cursor, via).await;
        for _ in 0..3 {
            server.time_passes(seconds).await;
            let Turn::Said(beat) = stream.turn().await else { panic!("a heartbeat") };
            assert_eq!((&*beat.kind, beat.id), ("heartbeat", None), "{}", beat.json);
            if via == Via::WebSocket {
                assert!(matches!(stream.turn().await, Turn::Pinged), "a ping beside it");
            }
        }
        // The cursor stayed where it was.
        session.says("after the heartbeats").await.is(202);
        stream.sees("message").await;
    }
}
