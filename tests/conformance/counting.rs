//! What operators see of logins, streams and requests.

use reqwest::Method;
use saoma::config::Limits;

use crate::support::metrics::sum;
use crate::support::{Phone, Store, Tab, TestServer, Via, within};

stories! {
    on_every_pair:
        who_is_told_is_counted_and_how_soon,
        who_waits_no_longer_is_counted_by_why;
    on_every_store:
        a_login_is_counted_from_its_opening_to_its_token,
        who_drops_out_is_counted_where_they_stood,
        who_comes_back_is_counted_by_what_they_had_missed,
        requests_are_counted_by_operation_and_class;
    by_one_server:
        what_is_refused_for_its_number_is_counted = "each instance counts what it refuses, and which it is depends";
}

const DEFAULT: &str = "namespace=\"default\"";

fn name(via: Via) -> &'static str {
    match via {
        Via::WebSocket => "transport=\"websocket\"",
        Via::Sse => "transport=\"sse\"",
        Via::LongPoll => "transport=\"long-poll\"",
    }
}

async fn a_login_is_counted_from_its_opening_to_its_token(store: Store) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(Via::Sse).open().await;
    let phone = tab.scan_as("Ann").await;
    phone.confirm().await.ok();
    tab.sees("scanned").await;
    let ticket = tab.sees_a_ticket().await;
    tab.redeem("no ticket").await.is_problem(403, "wrong_ticket");
    tab.redeem(&ticket).await.ok();
    let metrics = server.metrics().await;
    for state in ["pending", "scanned", "confirmed"] {
        let label = format!("{{{DEFAULT},to=\"{state}\"}}");
        assert_eq!(sum(&metrics, "saoma_session_transitions_total", &label), 1, "{state}");
    }
    assert_eq!(sum(&metrics, "saoma_tickets_total", "outcome=\"redeemed\""), 1);
    assert_eq!(sum(&metrics, "saoma_tickets_total", "outcome=\"refused\""), 1);
    assert_eq!(sum(&metrics, "saoma_sessions_dropped_total", ""), 0);
    for wait in ["scan_wait_seconds", "confirm_wait_seconds", "login_duration_seconds"] {
        assert_eq!(sum(&metrics, &format!("saoma_{wait}_count"), DEFAULT), 1, "{wait}");
    }
}

async fn who_drops_out_is_counted_where_they_stood(store: Store) {
    let seconds = store.time(180, 5);
    let server = TestServer::start_with(store, |config| {
        config.namespaces.entry("default".to_owned()).or_default().session_ttl = seconds;
    });
    let server = server.await;
    let browser = server.browser(Via::Sse);
    browser.open_only().await.cancel().await.is(204);
    browser.open_only().await.scan_as("Ann").await.reject().await.ok();
    let mut late = browser.open().await;
    late.scan_as("Ann").await;
    late.sees("scanned").await;
    server.time_passes(seconds + 1).await;
    late.sees("expired").await;
    let metrics = server.metrics().await;
    let dropped = |at: &str, reason: &str| {
        let label = format!("at=\"{at}\",{DEFAULT},reason=\"{reason}\"");
        sum(&metrics, "saoma_sessions_dropped_total", &label)
    };
    assert_eq!(dropped("pending", "cancelled"), 1, "{metrics}");
    assert_eq!(dropped("scanned", "rejected"), 1, "{metrics}");
    assert_eq!(dropped("scanned", "expired"), 1, "{metrics}");
    assert_eq!(sum(&metrics, "saoma_sessions_dropped_total", ""), 3, "{metrics}");
}

async fn who_is_told_is_counted_and_how_soon(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;
    // What there was before it came was not waited for.
    let before = server.metrics().await;
    assert_eq!(sum(&before, "saoma_delivery_duration_seconds_count", name(via)), 0);
    is_told_of_a_scan(&server, &mut tab).await;
    let metrics = server.metrics().await;
    assert_eq!(sum(&metrics, "saoma_delivery_duration_seconds_count", name(via)), 1);
    assert!(sum(&metrics, "saoma_handshake_duration_seconds_count", name(via)) > 0);
}

async fn who_waits_no_longer_is_counted_by_why(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;
    let ended = async |reason: &str| {
        let label = format!("reason=\"{reason}\",{}", name(via));
        let counted =
            async || sum(&server.metrics().await, "saoma_subscriptions_ended_total", &label);
        within(reason, async { while counted().await == 0 {} }).await;
    };
    let phone = is_told_of_a_scan(&server, &mut tab).await;
    if via == Via::LongPoll {
        // A poll that has its answer waits no longer; the next is another.
        ended("waited").await;
        return;
    }
    let leaves = tab.follow_after(2, via).await;
    server.until_waiting(2).await;
    drop(leaves);
    ended("client").await;
    phone.reject().await.ok();
    tab.sees("rejected").await;
    ended("done").await;
}

/// Somebody scans while the browser waits for it.
async fn is_told_of_a_scan(server: &TestServer, tab: &mut Tab) -> Phone {
    let phone = tab.shows_the_code();
    let scans = async {
        server.until_waiting(1).await;
        phone.scans_as("Ann").await
    };
    let (phone, _) = tokio::join!(scans, tab.sees("scanned"));
    phone
}

async fn who_comes_back_is_counted_by_what_they_had_missed(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::LongPoll).open_only().await;
    session.polls(0).await;
    session.polls(1).await;
    session.scan_as("Ann").await;
    session.polls(1).await;
    let metrics = server.metrics().await;
    let resumed = |outcome: &str| {
        let label = format!("outcome=\"{outcome}\",{}", name(Via::LongPoll));
        sum(&metrics, "saoma_resumes_total", &label)
    };
    assert_eq!((resumed("nothing_new"), resumed("replayed")), (1, 1));
}

async fn requests_are_counted_by_operation_and_class(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let socket = session.follow(Via::WebSocket).await;
    session.snapshot().await;
    server.get(&session.path("")).await.is_problem(401, "unauthorized");
    server.get("/").await.text();
    server.get("/v1/nothing").await.is_problem(404, "not_found");
    let answer = server.api().ask(Method::PUT, "/v1/sessions").await;
    answer.is_problem(405, "method_not_allowed");
    let metrics = server.metrics().await;
    let answered = |method: &str, route: &str, status: &str| {
        let label = format!("{{method=\"{method}\",route=\"{route}\",status=\"{status}\"}}");
        sum(&metrics, "saoma_http_responses_total", &label)
    };
    let one = "/v1/sessions/{session_id}";
    assert_eq!(answered("POST", "/v1/sessions", "2xx"), 1);
    assert_eq!((answered("GET", one, "2xx"), answered("GET", one, "4xx")), (1, 1));
    assert_eq!(answered("GET", &format!("{one}/events"), "1xx"), 1, "the WebSocket's 101");
    assert_eq!((answered("any", "page", "2xx"), answered("any", "unknown", "4xx")), (1, 2));
    let measured = "saoma_http_request_duration_seconds_count";
    assert_eq!(sum(&metrics, measured, &format!("{{method=\"GET\",route=\"{one}\"}}")), 2);
    assert_eq!(sum(&metrics, measured, "/events"), 0, "those that wait are not measured");
    assert_eq!(sum(&metrics, "saoma_http_requests_in_flight", ""), 0);
    assert!(sum(&metrics, "saoma_connections", "") >= 1);
    drop(socket);
}

async fn what_is_refused_for_its_number_is_counted(store: Store) {
    let some = |number| std::num::NonZeroU32::new(number).expect("not zero");
    let server = TestServer::start_with(store, |config| {
        config.limits = Limits { sessions_burst: some(1), ..Limits::default() };
    });
    let server = server.await;
    let browser = server.browser(Via::Sse);
    browser.open_only().await;
    browser.tries_to_open().await.is_problem(429, "too_many_requests");
    let metrics = server.metrics().await;
    assert_eq!(sum(&metrics, "saoma_rate_limited_total", "limit=\"sessions\""), 1);
    assert_eq!(sum(&metrics, "saoma_sessions_refused_total", "reason=\"rate_limited\""), 1);
    assert_eq!(sum(&metrics, "saoma_session_transitions_total", "to=\"pending\""), 1);
}
