//! What a page of another origin may read: everything, if its origin is listed, and else nothing.

use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::json;

use crate::support::{Answer, Ask, RawAnswer, Session, Store, TestServer, Via, namespace};

const SHOP: &str = "https://shop.example";
const EVIL: &str = "https://evil.example";

stories! {
    on_every_store:
        a_listed_page_reads_what_it_follows,
        a_preflight_of_a_listed_page_is_answered,
        a_preflight_of_any_other_page_is_not,
        a_request_for_the_options_is_no_preflight,
        a_listed_page_logs_somebody_in,
        a_listed_page_reads_what_went_wrong,
        any_other_page_reads_nothing,
        a_poll_that_waited_is_read_whatever_comes_of_it,
        over_http_2_a_listed_page_reads_what_it_follows,
        without_a_list_nothing_varies,
        the_scripts_are_for_everybody;
}

/// A server whose namespace `default` welcomes the shop, and whose namespace `forum` the forum.
async fn server(store: Store) -> TestServer {
    TestServer::start_with(store, |config| {
        namespace(config, "default").origins = vec![SHOP.to_owned().try_into().expect("an origin")];
        let forum = "http://localhost:5173".to_owned();
        namespace(config, "forum").origins = vec![forum.try_into().expect("an origin")];
    })
    .await
}

fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().expect("a text"))
}

fn varies(headers: &HeaderMap) -> bool {
    headers.get_all("vary").iter().any(|line| line == "Origin")
}

/// A page of this origin may read the answer.
#[track_caller]
fn readable(headers: &HeaderMap, origin: &str) {
    assert_eq!(value(headers, "access-control-allow-origin"), Some(origin), "{headers:?}");
    assert_eq!(value(headers, "access-control-allow-credentials"), Some("true"));
    assert_eq!(value(headers, "access-control-expose-headers"), Some("Retry-After"));
    assert!(varies(headers), "{headers:?}");
}

/// No page of another origin may read the answer.
#[track_caller]
fn unreadable(headers: &HeaderMap) {
    let said: Vec<_> = headers.keys().filter(|name| name.as_str().starts_with("access-")).collect();
    assert!(said.is_empty(), "{said:?}");
}

#[track_caller]
fn read_by_the_shop(answer: Answer) -> Answer {
    readable(&answer.headers, SHOP);
    answer
}

fn preflight(server: &TestServer, path: &str, origin: &str) -> Ask {
    let ask = server.api().ask(Method::OPTIONS, path).header("origin", origin);
    ask.header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization,content-type")
}

async fn opened_by_the_shop(server: &TestServer) -> Session {
    let headers = [("origin", SHOP), ("sec-fetch-site", "cross-site")];
    server.browser(Via::Sse).with_headers(&headers).open_only().await
}

async fn a_preflight_of_a_listed_page_is_answered(store: Store) {
    let server = server(store).await;
    for origin in [SHOP, "http://localhost:5173"] {
        for path in ["/v1/sessions", "/v1/sessions/x", "/v1/sessions/x/events?cursor=1"] {
            let answer = preflight(&server, path, origin).await;
            assert_eq!((answer.status, answer.body.len()), (204, 0));
            for (name, expected) in [
                ("access-control-allow-origin", origin),
                ("access-control-allow-credentials", "true"),
                ("access-control-allow-methods", "GET, POST, DELETE"),
                ("access-control-allow-headers", "Authorization, Content-Type, Last-Event-ID"),
                ("access-control-max-age", "7200"),
                ("vary", "Origin"),
            ] {
                assert_eq!(answer.header(name), expected, "{origin} {path}");
            }
        }
    }
}

async fn a_preflight_of_any_other_page_is_not(store: Store) {
    let server = server(store).await;
    let itself = format!("http://{}", server.address);
    for origin in [EVIL, "null", "*", "http://shop.example", "https://shop.example:8443", &*itself]
    {
        let answer = preflight(&server, "/v1/sessions", origin).await;
        unreadable(&answer.headers);
        assert!(varies(&answer.headers));
        answer.is_problem(405, "method_not_allowed");
    }
    // Nor of a listed page where it has no business.
    for path in ["/v1/scenes/x/scan", "/v1/tickets/redeem", "/v1/sessionsx"] {
        unreadable(&preflight(&server, path, SHOP).await.headers);
    }
}

async fn a_request_for_the_options_is_no_preflight(store: Store) {
    let server = server(store).await;
    let options = |origin: Option<&str>| {
        let ask = server.api().ask(Method::OPTIONS, "/v1/sessions");
        origin.into_iter().fold(ask, |ask, origin| ask.header("origin", origin))
    };
    for answer in [options(None).await, options(Some(SHOP)).await] {
        assert_eq!(answer.header("allow"), "POST");
        answer.is_problem(405, "method_not_allowed");
    }
}

async fn a_listed_page_logs_somebody_in(store: Store) {
    let server = server(store).await;
    let opened = server.post("/v1/sessions").header("origin", SHOP);
    let opened = read_by_the_shop(opened.header("sec-fetch-site", "cross-site").await).is(201);
    let path = format!("/v1/sessions/{}", opened["session_id"].as_str().expect("an id"));
    let secret = opened["secret"].as_str().expect("a secret");
    let phone = server.phone(opened["scene"].as_str().expect("a scene"));
    phone.scans_as("Alice").await.confirm().await.ok();
    let own = |ask: Ask| ask.bearer(secret).header("origin", SHOP);
    read_by_the_shop(own(server.get(&path)).await).ok();
    let events = read_by_the_shop(own(server.get(&format!("{path}/events"))).await).ok();
    let ticket = events["events"][2]["data"]["ticket"].clone();
    let token = own(server.post(&format!("{path}/token"))).json(json!({ "ticket": ticket }));
    read_by_the_shop(token.await).ok();
    let code = server.get(&format!("{path}/code")).header("origin", SHOP).await;
    let vary: Vec<_> = code.headers.get_all("vary").iter().collect();
    assert_eq!(vary, ["Accept", "Origin"]);
    assert_eq!(read_by_the_shop(code).status, 200);
}

async fn a_listed_page_reads_what_it_follows(store: Store) {
    let server = server(store).await;
    let session = opened_by_the_shop(&server).await;
    let follow = async |call: &str, accept: &str| {
        let ask = session.get(call).header("origin", SHOP).header("accept", accept);
        ask.response().await
    };
    for (call, accept) in [
        ("events", "text/event-stream"),
        ("events?cursor=1", "text/event-stream"),
        ("events", "application/json"),
        ("events?cursor=1&wait=1", "application/json"),
    ] {
        let response = follow(call, accept).await;
        assert_eq!(response.status(), 200, "{call} {accept}");
        readable(response.headers(), SHOP);
    }
    session.cancel().await.is(204);
    let nothing_left = follow("events?cursor=2", "text/event-stream").await;
    assert_eq!(nothing_left.status(), 204);
    readable(nothing_left.headers(), SHOP);
}

async fn a_listed_page_reads_what_went_wrong(store: Store) {
    let server = TestServer::start_with(store, |config| {
        namespace(config, "default").origins = vec![SHOP.to_owned().try_into().expect("an origin")];
        config.limits.sessions_burst = std::num::NonZeroU32::MIN;
        config.limits.sessions_per_minute = std::num::NonZeroU32::MIN;
    })
    .await;
    let session = opened_by_the_shop(&server).await;
    let from_shop = |ask: Ask| ask.header("origin", SHOP);
    let limited = read_by_the_shop(from_shop(server.post("/v1/sessions")).await);
    assert!(limited.has("retry-after"));
    limited.is_problem(429, "too_many_requests");
    let big = "x".repeat(65 * 1024);
    for (answer, status, code) in [
        (from_shop(server.get(&session.path(""))).await, 401, "unauthorized"),
        (from_shop(server.get("/v1/sessions/x").bearer("x")).await, 404, "not_found"),
        (from_shop(server.get("/v1/sessions/x/y/z")).await, 404, "not_found"),
        (from_shop(server.get("/v1/sessions")).await, 405, "method_not_allowed"),
        (from_shop(session.post("messages")).body("{").await, 400, "bad_request"),
        (from_shop(session.post("messages")).body(big).await, 413, "body_too_large"),
        (
            from_shop(session.post("messages")).body_of("a/b", "1").await,
            415,
            "unsupported_media_type",
        ),
        (from_shop(session.post("token")).json(json!({ "ticket": "x" })).await, 409, "wrong_state"),
        (
            from_shop(session.get("events").header("sec-websocket-version", "13")).await,
            426,
            "upgrade_required",
        ),
    ] {
        read_by_the_shop(answer).is_problem(status, code);
    }
}

async fn any_other_page_reads_nothing(store: Store) {
    let server = server(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    for origin in [EVIL, "null", "http://intranet"] {
        let answers = [
            server.post("/v1/sessions").header("origin", origin).await,
            session.get("").header("origin", origin).await,
            session.get("events").header("origin", origin).await,
            server.get(&session.path("code")).header("origin", origin).await,
            server.get(&session.path("")).header("origin", origin).await,
        ];
        for answer in answers {
            unreadable(&answer.headers);
            assert!(varies(&answer.headers), "{answer:?}");
        }
    }
    let nobody = session.get("").await;
    unreadable(&nobody.headers);
    assert!(varies(&nobody.headers), "a cache must not give it to a page");
}

/// The same of an answer that was written to a held connection.
#[track_caller]
fn raw_read_by_the_shop(answer: &RawAnswer) {
    for (name, expected) in [
        ("access-control-allow-origin", SHOP),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "Retry-After"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.header(name), Some(expected), "{answer:?}");
    }
}

async fn a_poll_that_waited_is_read_whatever_comes_of_it(store: Store) {
    let server = server(store).await;
    let session = opened_by_the_shop(&server).await;
    let (path, secret) = (session.path("events"), &session.secret);
    let poll = format!(
        "GET {path}?cursor=1 HTTP/1.1\r\nHost: x\r\nOrigin: {SHOP}\r\n\
         Authorization: Bearer {secret}\r\n\r\n"
    );
    let mut replaced = server.raw().await;
    replaced.send(&poll).await;
    server.until_waiting(1).await;
    let mut others = Vec::new();
    for n in 2..=9_u64 {
        let mut other = server.raw().await;
        other.send(&poll).await;
        server.until_waiting(n.min(8)).await;
        others.push(other);
    }
    let refused = replaced.answer().await;
    assert_eq!(refused.status, 409);
    raw_read_by_the_shop(&refused);
    session.says("hello").await.is(202);
    for mut other in others {
        let answer = other.answer().await;
        assert_eq!(answer.status, 200);
        raw_read_by_the_shop(&answer);
    }
}

async fn over_http_2_a_listed_page_reads_what_it_follows(store: Store) {
    let server = server(store).await;
    let session = opened_by_the_shop(&server).await;
    let api = server.api().http2();
    for (path, accept) in [("events?wait=0&cursor=1", "*/*"), ("events", "text/event-stream")] {
        let ask = api.ask(Method::GET, &session.path(path)).bearer(&session.secret);
        let response = ask.header("origin", SHOP).header("accept", accept).response().await;
        assert_eq!(response.status(), 200);
        readable(response.headers(), SHOP);
    }
}

async fn without_a_list_nothing_varies(store: Store) {
    let server = TestServer::start(store).await;
    let answer = server.post("/v1/sessions").header("origin", SHOP).await;
    unreadable(&answer.headers);
    assert!(!answer.has("vary"));
    answer.is(201);
    let refused = preflight(&server, "/v1/sessions", SHOP).await;
    unreadable(&refused.headers);
    refused.is_problem(405, "method_not_allowed");
}

async fn the_scripts_are_for_everybody(store: Store) {
    let server = TestServer::start(store).await;
    let script = server.get("/saoma.js").header("origin", EVIL).await;
    assert_eq!(script.header("access-control-allow-origin"), "*");
    assert!(!script.has("access-control-allow-credentials"));
    assert_eq!(script.header("cross-origin-resource-policy"), "cross-origin");
    for path in ["/", "/demo.js", "/docs"] {
        let page = server.get(path).header("origin", EVIL).await;
        unreadable(&page.headers);
        assert!(!page.has("cross-origin-resource-policy"), "{path}");
    }
}
