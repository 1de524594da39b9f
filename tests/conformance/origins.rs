//! Which pages may open a session and act on it: the server's own, those of the namespace's list,
//! and the one that opened it.

use http_body_util::Empty;
use hyper::body::Bytes;
use hyper::client::conn::http2;
use hyper::ext::Protocol;
use hyper_util::rt::{TokioExecutor, TokioIo};
use saoma::config::Secret;
use serde_json::json;
use tokio::net::TcpStream;

use crate::support::{Ask, Session, Store, TestServer, Via, namespace, within};

const SHOP: &str = "https://shop.example";
const EVIL: &str = "https://evil.example";

stories! {
    on_every_pair:
        a_page_of_another_origin_follows_nothing,
        a_page_of_a_listed_origin_follows_what_it_opened,
        behind_a_proxy_that_renames_the_host_a_page_follows_what_it_opened;
    on_every_store:
        a_page_of_another_origin_opens_nothing,
        a_page_of_another_origin_changes_nothing,
        a_page_whose_browser_does_not_say_is_let_in_to_what_it_opened,
        the_servers_own_pages_are_known_by_any_name_of_the_server,
        a_list_is_good_for_its_namespace_alone,
        over_http_2_a_websocket_is_held_to_the_same_rule,
        the_codes_picture_is_for_everybody,
        phones_and_backends_are_of_no_page;
}

/// A server whose namespace `default` welcomes the shop.
async fn server(store: Store) -> TestServer {
    TestServer::start_with(store, |config| {
        namespace(config, "default").origins = vec![SHOP.to_owned().try_into().expect("an origin")];
    })
    .await
}

/// The request is answered as its transport answers.
async fn is_served(ask: Ask, via: Via) {
    let status = ask.response().await.status();
    assert_eq!(status, if via == Via::WebSocket { 101 } else { 200 });
}

/// Opens a session with some headers.
async fn open(server: &TestServer, headers: &[(&str, &str)]) -> Session {
    let session = server.browser(Via::Sse).with_headers(headers);
    session.open_only().await
}

async fn a_page_of_another_origin_follows_nothing(store: Store, via: Via) {
    let server = server(store).await;
    let session = server.browser(via).open_only().await;
    for origin in [EVIL, "null", "http://shop.example", "https://shop.example.evil.example", "x"] {
        let refused = session.asks_for_events(via).header("origin", origin).await;
        refused.is_problem(403, "origin_not_allowed");
    }
    // Whichever way the secret is shown.
    let cookie = format!("saoma_secret={}", session.secret);
    let by_cookie = server.get(&session.path("events?wait=0")).header("cookie", &cookie);
    by_cookie.header("origin", EVIL).await.is_problem(403, "origin_not_allowed");
    let address = format!("{}?wait=0&access_token={}", session.path("events"), session.secret);
    let by_address = server.get(&address).header("origin", EVIL);
    by_address.await.is_problem(403, "origin_not_allowed");
    is_served(session.asks_for_events(via), via).await;
}

async fn a_page_of_a_listed_origin_follows_what_it_opened(store: Store, via: Via) {
    let server = server(store).await;
    let headers = [("origin", SHOP), ("sec-fetch-site", "cross-site")];
    let session = open(&server, &headers).await;
    is_served(session.asks_for_events(via).header("origin", SHOP), via).await;
    session.asks_for_events(via).header("origin", EVIL).await.is_problem(403, "origin_not_allowed");
    // And what its own server opened for it.
    let session = server.browser(via).open_only().await;
    is_served(session.asks_for_events(via).header("origin", SHOP), via).await;
}

async fn behind_a_proxy_that_renames_the_host_a_page_follows_what_it_opened(
    store: Store,
    via: Via,
) {
    let server = server(store).await;
    // What the browser said of its fetch, it does not say of a WebSocket.
    let page = "https://login.example";
    let session = open(&server, &[("origin", page), ("sec-fetch-site", "same-origin")]).await;
    is_served(session.asks_for_events(via).header("origin", page), via).await;
    session.asks_for_events(via).header("origin", EVIL).await.is_problem(403, "origin_not_allowed");
}

async fn a_page_of_another_origin_opens_nothing(store: Store) {
    let server = server(store).await;
    for (origin, site) in
        [(EVIL, "cross-site"), (EVIL, "same-site"), ("null", "cross-site"), ("x", "cross-site")]
    {
        let ask = server.post("/v1/sessions").header("origin", origin);
        let refused = ask.header("sec-fetch-site", site).await;
        assert!(!refused.has("set-cookie"), "{origin}");
        refused.is_problem(403, "origin_not_allowed");
    }
    let nobodys = server.post("/v1/sessions").header("origin", "null").await;
    nobodys.is_problem(403, "origin_not_allowed");
    let metrics = server.metrics().await;
    let none = "saoma_session_transitions_total{namespace=\"default\",to=\"pending\"} 0";
    assert!(metrics.lines().any(|line| line == none), "{metrics}");
}

async fn a_page_of_another_origin_changes_nothing(store: Store) {
    let server = server(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let refused = [
        session.get("").header("origin", EVIL).await,
        session.post("messages").header("origin", EVIL).json(json!({ "body": 1 })).await,
        session.post("token").header("origin", EVIL).json(json!({ "ticket": "x" })).await,
        server.delete(&session.path("")).bearer(&session.secret).header("origin", EVIL).await,
    ];
    for answer in refused {
        answer.is_problem(403, "origin_not_allowed");
    }
    let snapshot = session.snapshot().await;
    assert_eq!((&snapshot["state"], &snapshot["cursor"]), (&json!("pending"), &json!(1)));
    // Who has no secret is told nothing of origins.
    let stranger = server.get(&session.path("")).header("origin", EVIL).await;
    stranger.is_problem(401, "unauthorized");
}

async fn a_page_whose_browser_does_not_say_is_let_in_to_what_it_opened(store: Store) {
    let server = server(store).await;
    let page = "http://intranet";
    let session = open(&server, &[("origin", page)]).await;
    session.get("").header("origin", page).await.ok();
    session
        .get("")
        .header("origin", "http://intranet:8080")
        .await
        .is_problem(403, "origin_not_allowed");
    let others = server.browser(Via::Sse).open_only().await;
    others.get("").header("origin", page).await.is_problem(403, "origin_not_allowed");
}

async fn the_servers_own_pages_are_known_by_any_name_of_the_server(store: Store) {
    let server = TestServer::start_with(store, |config| {
        config.public_url = Some("https://login.example:8443/saoma".into());
        config.trusted_proxies = vec!["127.0.0.1".parse().expect("an address")];
    })
    .await;
    let session = server.browser(Via::Sse).open_only().await;
    let itself = format!("http://{}", server.address);
    let cookie = format!("saoma_secret={}", session.secret);
    for headers in [
        &[("origin", "https://login.example:8443")][..],
        &[("origin", &*itself)],
        &[("origin", "https://login.example:8444"), ("host", "login.example")],
        &[("origin", "http://other.example"), ("x-forwarded-host", "other.example")],
        &[("origin", "http://other.example"), ("forwarded", "for=1.1.1.1;host=other.example")],
        &[("origin", "http://renamed.example"), ("sec-fetch-site", "same-origin")],
    ] {
        let with =
            |ask: Ask| headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value));
        with(session.get("")).await.ok();
        with(server.get(&session.path("")).header("cookie", &cookie)).await.ok();
        with(server.post("/v1/sessions")).await.is(201);
    }
    for headers in [
        &[("origin", "https://login.example")][..],
        &[("origin", "https://login.example:8444"), ("host", "login.example:8443")],
        &[("origin", "http://127.0.0.1"), ("sec-fetch-site", "same-site")],
    ] {
        let ask =
            headers.iter().fold(session.get(""), |ask, (name, value)| ask.header(name, value));
        ask.await.is_problem(403, "origin_not_allowed");
    }
}

async fn a_list_is_good_for_its_namespace_alone(store: Store) {
    let server = TestServer::start_with(store, |config| {
        namespace(config, "shop").origins = vec![SHOP.to_owned().try_into().expect("an origin")];
    })
    .await;
    let headers = [("origin", SHOP), ("sec-fetch-site", "cross-site")];
    let browser = server.browser(Via::Sse).with_headers(&headers);
    browser.tries_to_open().await.is_problem(403, "origin_not_allowed");
    browser.of("shop").open_only().await.get("").header("origin", SHOP).await.ok();
    let others = server.browser(Via::Sse).open_only().await;
    others.get("").header("origin", SHOP).await.is_problem(403, "origin_not_allowed");
}

async fn over_http_2_a_websocket_is_held_to_the_same_rule(store: Store) {
    let server = server(store).await;
    let session = server.browser(Via::WebSocket).open_only().await;
    let stream = TcpStream::connect(server.address).await.expect("connected");
    let io = TokioIo::new(stream);
    let (mut client, connection) =
        http2::handshake::<_, _, Empty<Bytes>>(TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(connection);
    // After the answer to an ordinary request, the server's settings are known.
    let page = format!("http://{}/", server.address);
    let request = hyper::Request::get(page).body(Empty::new()).expect("a request");
    assert_eq!(client.send_request(request).await.expect("an answer").status(), 200);
    let itself = format!("http://{}", server.address);
    for (origin, status) in [(EVIL, 403), ("null", 403), (SHOP, 200), (&*itself, 200)] {
        let events = format!("http://{}{}", server.address, session.path("events"));
        let request = hyper::Request::connect(events)
            .header("origin", origin)
            .header("sec-websocket-version", "13")
            .header("sec-websocket-protocol", format!("saoma.v1, saoma.bearer.{}", session.secret))
            .extension(Protocol::from_static("websocket"));
        let asked = client.send_request(request.body(Empty::new()).expect("a request"));
        let answer = within("an answer", asked).await.expect("an answer");
        assert_eq!(answer.status(), status, "{origin}");
    }
}

async fn the_codes_picture_is_for_everybody(store: Store) {
    let server = server(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let picture = server.get(&session.path("code")).header("origin", EVIL);
    let picture = picture.header("sec-fetch-site", "cross-site").await;
    assert_eq!(picture.status, 200);
    assert_eq!(picture.header("cross-origin-resource-policy"), "cross-origin");
}

async fn phones_and_backends_are_of_no_page(store: Store) {
    let server = TestServer::start_with(store, |config| {
        namespace(config, "default").api_keys = vec![Secret::new("key".into())];
    })
    .await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    let events = phone.path("events?wait=0");
    server.get(&events).bearer(&phone.token).header("origin", EVIL).await.ok();
    let said = server.post(&session.path("events")).bearer("key").header("origin", EVIL);
    said.json(json!({ "type": "message", "body": 1 })).await.is(202);
    // But for the phone's cookie, which comes along by itself.
    let cookie = format!("saoma_secret={}", phone.token);
    let by_cookie =
        |origin: &str| server.get(&events).header("cookie", &cookie).header("origin", origin);
    for origin in [EVIL, "null", SHOP] {
        by_cookie(origin).await.is_problem(403, "origin_not_allowed");
    }
    by_cookie(&format!("http://{}", server.address)).await.ok();
    by_cookie("http://renamed.example").header("sec-fetch-site", "same-origin").await.ok();
}
