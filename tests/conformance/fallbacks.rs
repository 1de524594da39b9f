//! What operators see of clients that left a transport for another.

use std::collections::BTreeMap;

use crate::support::{Ask, Session, Store, TestServer, Via};

stories! {
    on_every_pair:
        a_client_says_which_transport_it_left_and_why;
    on_every_store:
        every_way_to_fall_back_is_there_from_the_start,
        a_phone_says_so_as_well,
        a_newer_client_is_served_whatever_it_says,
        strangers_are_not_counted;
}

/// The counters that are not zero, by their labels.
async fn counted(server: &TestServer) -> BTreeMap<String, String> {
    let metrics = server.metrics().await;
    let lines = metrics.lines();
    let lines = lines.filter_map(|line| line.strip_prefix("saoma_transport_fallbacks_total"));
    let pairs = lines.filter_map(|line| line.rsplit_once(' '));
    pairs
        .filter(|(_, count)| *count != "0")
        .map(|(labels, count)| (labels.to_owned(), count.to_owned()))
        .collect()
}

fn once(from: &str, to: &str, reason: &str) -> BTreeMap<String, String> {
    let labels = format!("{{from=\"{from}\",reason=\"{reason}\",to=\"{to}\"}}");
    BTreeMap::from([(labels, "1".to_owned())])
}

fn follow(session: &Session, via: Via, query: &str) -> Ask {
    let ask = session.get(&format!("events?wait=0&{query}"));
    match via {
        Via::WebSocket => ask
            .header("connection", "upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        Via::Sse => ask.header("accept", "text/event-stream"),
        Via::LongPoll => ask,
    }
}

fn name(via: Via) -> &'static str {
    match via {
        Via::WebSocket => "websocket",
        Via::Sse => "sse",
        Via::LongPoll => "long-poll",
    }
}

async fn a_client_says_which_transport_it_left_and_why(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut expected = BTreeMap::new();
    for (left, reason) in [
        (Via::WebSocket, "not_opened"),
        (Via::Sse, "no_hello"),
        (Via::LongPoll, "died"),
        (Via::WebSocket, "stalled"),
        (Via::Sse, "remembered"),
    ] {
        let session = server.browser(via).open_only().await;
        let said = format!("transport={}&reason={reason}", name(left));
        follow(&session, via, &said).response().await;
        if left != via {
            expected.extend(once(name(left), name(via), reason));
        }
        assert_eq!(counted(&server).await, expected, "{said}");
    }
}

async fn every_way_to_fall_back_is_there_from_the_start(store: Store) {
    let server = TestServer::start(store).await;
    let metrics = server.metrics().await;
    let name = "saoma_transport_fallbacks_total{";
    let lines: Vec<_> = metrics.lines().filter(|line| line.starts_with(name)).collect();
    // Each transport to each other one, for each of five reasons and any other.
    assert_eq!(lines.len(), 3 * 2 * 6, "{lines:?}");
    assert!(lines.iter().all(|line| line.ends_with(" 0")), "{lines:?}");
}

async fn a_phone_says_so_as_well(store: Store) {
    let server = TestServer::start(store).await;
    let phone = server.browser(Via::Sse).open_only().await.scan_as("Alice").await;
    let path = phone.path("events?wait=0&transport=websocket&reason=died");
    server.get(&path).bearer(&phone.token).await.ok();
    assert_eq!(counted(&server).await, once("websocket", "long-poll", "died"));
}

async fn a_newer_client_is_served_whatever_it_says(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let long = format!("transport={0}&reason={0}", "x".repeat(4000));
    for said in ["transport=pigeon&reason=died", "reason=died", "transport=&reason=", &long] {
        follow(&session, Via::LongPoll, said).await.ok();
    }
    assert_eq!(counted(&server).await, BTreeMap::new());
    follow(&session, Via::LongPoll, "transport=sse&reason=moonlight%22").await.ok();
    assert_eq!(counted(&server).await, once("sse", "long-poll", "other"));
}

async fn strangers_are_not_counted(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let path = session.path("events?wait=0&transport=websocket&reason=died");
    server.get(&path).await.is_problem(401, "unauthorized");
    server.get(&path).bearer("wrong").await.is_problem(401, "unauthorized");
    let from_afar =
        server.get(&path).bearer(&session.secret).header("origin", "https://evil.example");
    from_afar.await.is_problem(403, "origin_not_allowed");
    assert_eq!(counted(&server).await, BTreeMap::new());
}
