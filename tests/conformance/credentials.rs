//! Who may ask: the ways to show a secret, and what happens without.

use serde_json::json;

use crate::support::{Store, TestServer, Via};

/// What a WebSocket client sends, but for its credential.
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

stories! {
    on_every_store:
        the_secret_opens_every_call_as_a_bearer_or_a_cookie,
        on_events_alone_the_secret_may_stand_in_the_address,
        a_websocket_may_carry_the_secret_in_each_of_the_ways,
        a_phone_token_goes_the_same_ways,
    a_phone_gets_its_token_as_a_cookie_too,
        without_the_secret_nothing_is_told_or_changed,
        another_sessions_secret_is_a_wrong_one,
        what_does_not_exist_is_not_found;
}

async fn the_secret_opens_every_call_as_a_bearer_or_a_cookie(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let bearer = format!("Bearer {}", session.secret);
    let lower_case = format!("bearer {}", session.secret);
    let cookie = format!("theme=dark; saoma_secret={}", session.secret);
    for (name, value) in
        [("authorization", &bearer), ("authorization", &lower_case), ("cookie", &cookie)]
    {
        server.get(&session.path("")).header(name, value).await.ok();
        server.get(&session.path("events?wait=0")).header(name, value).await.ok();
        let said = server.post(&session.path("messages")).header(name, value);
        said.json(json!({ "body": 1 })).await.is(202);
        let redeemed = server.post(&session.path("token")).header(name, value);
        redeemed.json(json!({ "ticket": "x" })).await.is_problem(409, "wrong_state");
    }
    server.delete(&session.path("")).header("cookie", &cookie).await.is(204);
}

async fn on_events_alone_the_secret_may_stand_in_the_address(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let with_secret =
        |call: &str| format!("{}?access_token={}", session.path(call), session.secret);
    server.get(&(with_secret("events") + "&wait=0")).await.ok();
    server.get(&with_secret("")).await.is_problem(401, "unauthorized");
    server.delete(&with_secret("")).await.is_problem(401, "unauthorized");
    for call in ["token", "messages"] {
        let asked = server.post(&with_secret(call)).json(json!({ "ticket": "x", "body": 1 })).await;
        asked.is_problem(401, "unauthorized");
    }
    assert_eq!(session.state().await, "pending");
}

async fn a_websocket_may_carry_the_secret_in_each_of_the_ways(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let (path, secret) = (session.path("events"), &session.secret);
    let protocols = format!("Sec-WebSocket-Protocol: saoma.v1, saoma.bearer.{secret}\r\n");
    let lines = format!(
        "Sec-WebSocket-Protocol: saoma.v1\r\nSec-WebSocket-Protocol: saoma.bearer.{secret}\r\n"
    );
    for (query, fields, protocol) in [
        (String::new(), protocols, Some("saoma.v1")),
        (String::new(), lines, Some("saoma.v1")),
        (String::new(), format!("Cookie: saoma_secret={secret}\r\n"), None),
        (String::new(), format!("Authorization: Bearer {secret}\r\n"), None),
        (format!("?access_token={secret}"), String::new(), None),
        (
            format!("?access_token={secret}"),
            "Sec-WebSocket-Protocol: saoma.v1\r\n".into(),
            Some("saoma.v1"),
        ),
    ] {
        let mut raw = server.raw().await;
        raw.send(&format!("GET {path}{query} HTTP/1.1\r\nHost: x\r\n{UPGRADE}{fields}\r\n")).await;
        let answer = raw.answer().await;
        assert_eq!(answer.status, 101, "{fields}{query}: {answer:?}");
        assert_eq!(answer.header("sec-websocket-protocol"), protocol, "{fields}{query}");
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }
    let mut raw = server.raw().await;
    let wrong = "Sec-WebSocket-Protocol: saoma.v1, saoma.bearer.wrong\r\n";
    raw.send(&format!("GET {path} HTTP/1.1\r\nHost: x\r\n{UPGRADE}{wrong}\r\n")).await;
    assert_eq!(raw.answer().await.status, 401);
}

async fn a_phone_token_goes_the_same_ways(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    let events = phone.path("events?wait=0");
    server.get(&format!("{events}&access_token={}", phone.token)).await.ok();
    let cookie = format!("saoma_secret={}", phone.token);
    server.get(&events).header("cookie", &cookie).await.ok();
    phone.listens(Via::WebSocket, 0).await.sees("pending").await;

    server.get(&events).await.is_problem(401, "unauthorized");
    for wrong in ["wrong", "", &session.secret] {
        let stranger = phone.with_token(wrong);
        stranger.confirm().await.is_problem(401, "unauthorized");
        stranger.reject().await.is_problem(401, "unauthorized");
        stranger.says("hello").await.is_problem(401, "unauthorized");
        stranger.register("Mallory").await.is_problem(401, "unauthorized");
    }
    let in_the_address = format!("{}?access_token={}", phone.path("confirm"), phone.token);
    server.post(&in_the_address).await.is_problem(401, "unauthorized");
    server.get(&session.path("")).bearer(&phone.token).await.is_problem(401, "unauthorized");
    assert_eq!(session.state().await, "scanned");
}

async fn a_phone_gets_its_token_as_a_cookie_too(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.shows_the_code();
    let scan = phone.tries_to_scan_as("Alice").await;
    let cookie = scan.header("set-cookie").to_owned();
    let (pair, attributes) = cookie.split_once("; ").expect("attributes");
    assert!(attributes.contains("HttpOnly") && attributes.contains("SameSite="), "{cookie}");
    let events = server.get(&phone.path("events?wait=0")).header("cookie", pair).await;
    assert_eq!(events.ok()["state"], "scanned");
    // It opens the phone's calls, and none of the browser's.
    let own = server.get(&session.path("")).header("cookie", pair).await;
    own.is_problem(401, "unauthorized");
}

async fn without_the_secret_nothing_is_told_or_changed(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let wrong = format!("{}x", session.secret);
    let schemes = ["Bearer wrong", "Bearer ", "Bearer", "Basic dTpw", &format!("Bearer {wrong}")];
    for value in [None].into_iter().chain(schemes.into_iter().map(Some)) {
        let with = |ask: crate::support::Ask| match value {
            Some(value) => ask.header("authorization", value),
            None => ask,
        };
        let get = with(server.get(&session.path(""))).await;
        assert!(get.header("www-authenticate").starts_with("Bearer"));
        get.is_problem(401, "unauthorized");
        let event_stream =
            server.get(&session.path("events")).header("accept", "text/event-stream");
        with(event_stream).await.is_problem(401, "unauthorized");
        with(server.get(&session.path("events"))).await.is_problem(401, "unauthorized");
        with(server.delete(&session.path(""))).await.is_problem(401, "unauthorized");
        let said = with(server.post(&session.path("messages"))).json(json!({ "body": 1 })).await;
        said.is_problem(401, "unauthorized");
        let asked = with(server.post(&session.path("token"))).json(json!({ "ticket": "x" })).await;
        asked.is_problem(401, "unauthorized");
    }
    let snapshot = session.snapshot().await;
    assert_eq!((&snapshot["state"], &snapshot["cursor"]), (&json!("pending"), &json!(1)));
}

async fn another_sessions_secret_is_a_wrong_one(store: Store) {
    let server = TestServer::start(store).await;
    let mine = server.browser(Via::Sse).open_only().await;
    let theirs = server.browser(Via::Sse).open_only().await;
    server.get(&theirs.path("")).bearer(&mine.secret).await.is_problem(401, "unauthorized");
    let phone = mine.scan_as("Alice").await;
    theirs.scan_as("Bob").await;
    let confused = theirs.shows_the_code().with_token(&phone.token);
    confused.confirm().await.is_problem(401, "unauthorized");
    assert_eq!(theirs.state().await, "scanned");
}

async fn what_does_not_exist_is_not_found(store: Store) {
    let server = TestServer::start(store).await;
    for id in ["00000000-0000-4000-8000-000000000000", "nonsense", "1"] {
        let path = format!("/v1/sessions/{id}");
        server.get(&path).bearer("x").await.is_problem(404, "not_found");
        server.delete(&path).bearer("x").await.is_problem(404, "not_found");
        server.get(&format!("{path}/events")).bearer("x").await.is_problem(404, "not_found");
        server.get(&format!("{path}/code")).await.is_problem(404, "not_found");
    }
    let phone = server.phone("nobody-opened-this").with_token("x");
    phone.tries_to_scan_as("Alice").await.is_problem(404, "not_found");
    phone.confirm().await.is_problem(404, "not_found");
    phone.reject().await.is_problem(404, "not_found");
    server.get(&phone.path("events")).bearer("x").await.is_problem(404, "not_found");
    let session = server.browser(Via::Sse).open_only().await;
    let not_scanned = session.shows_the_code().with_token("x");
    not_scanned.confirm().await.is_problem(401, "unauthorized");
}
