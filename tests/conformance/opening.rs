//! Opening a session: what the browser is told, and the code that it shows.

use serde_json::{Value, json};

use crate::support::{Store, TestServer, Via, namespace};

stories! {
    on_every_store:
        a_browser_is_told_all_that_it_needs,
        a_snapshot_is_the_same_without_the_secret,
        the_secret_comes_as_a_cookie_for_the_session_alone,
        the_cookie_of_a_site_on_https_is_secure,
        the_cookie_of_a_welcome_guest_works_under_its_page_over_https,
        the_code_is_a_picture_that_anybody_may_see,
        the_code_leads_a_phone_to_the_simulators_page,
        everything_about_a_session_may_be_left_out,
        a_namespace_has_its_own_rules,
        two_sessions_have_nothing_in_common;
    by_one_server:
        a_session_that_ended_is_read_for_a_while_and_then_forgotten =
            "a fleet has to live through the minutes that this takes";
}

async fn a_browser_is_told_all_that_it_needs(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let (id, base) = (&session.id, format!("http://{}", server.address));
    let mut opened = session.opened.clone();

    let expires_at = opened["expires_at"].take();
    assert!(expires_at.as_str().is_some_and(|at| at.len() == 24 && at.ends_with('Z')));
    assert!(!session.secret.is_empty());
    assert!(session.scene.len() <= 32);
    let expected = json!({
        "session_id": id,
        "secret": session.secret,
        "scene": session.scene,
        "state": "pending",
        "expires_at": null,
        "expires_in": 180,
        "code": {
            "url": format!("{base}/v1/sessions/{id}/code"),
            "media_type": "image/png",
            "content": format!("{base}/phone/{}", session.scene),
        },
        "match_number": null,
        "events": {
            "url": format!("{base}/v1/sessions/{id}/events"),
            "transports": ["websocket", "sse", "long-poll"],
            "heartbeat_seconds": 15,
        },
    });
    assert_eq!(opened, expected);
}

async fn a_snapshot_is_the_same_without_the_secret(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let mut expected = session.opened.clone();
    let fields = expected.as_object_mut().expect("an object");
    fields.remove("secret");
    fields.insert("cursor".to_owned(), json!(1));
    let first = session.snapshot().await;
    // A second may have gone by in between.
    assert!(first["expires_in"].as_u64().is_some_and(|left| (179..=180).contains(&left)));
    expected["expires_in"] = first["expires_in"].clone();
    assert_eq!(first, expected);

    session.scan_as("Alice").await;
    let scanned = session.snapshot().await;
    assert_eq!((&scanned["state"], &scanned["cursor"]), (&json!("scanned"), &json!(2)));
}

async fn the_secret_comes_as_a_cookie_for_the_session_alone(store: Store) {
    let server = TestServer::start(store).await;
    let answer = server.browser(Via::Sse).tries_to_open().await;
    let cookie = answer.header("set-cookie").to_owned();
    let opened = answer.is(201);
    let (secret, id) = (&opened["secret"], &opened["session_id"]);
    let parts: Vec<_> = cookie.split("; ").collect();
    assert!(parts[0].ends_with(&format!("={}", secret.as_str().expect("a secret"))), "{cookie}");
    assert!(parts.contains(&"HttpOnly"), "{cookie}");
    assert!(parts.iter().any(|part| matches!(*part, "SameSite=Strict" | "SameSite=Lax")));
    let path = format!("Path=/v1/sessions/{}", id.as_str().expect("an id"));
    assert!(parts.contains(&&*path), "{cookie}");
    assert!(!parts.contains(&"Secure"), "over plain HTTP it would be lost: {cookie}");
}

async fn the_cookie_of_a_site_on_https_is_secure(store: Store) {
    let public_url = "https://login.example.com";
    let server =
        TestServer::start_with(store, |config| config.public_url = Some(public_url.into())).await;
    let answer = server.browser(Via::Sse).tries_to_open().await;
    assert!(answer.header("set-cookie").contains("; Secure"));
    let opened = answer.is(201);
    for url in [&opened["code"]["url"], &opened["code"]["content"], &opened["events"]["url"]] {
        assert!(url.as_str().is_some_and(|url| url.starts_with(public_url)), "{url}");
    }
}

async fn the_cookie_of_a_welcome_guest_works_under_its_page_over_https(store: Store) {
    let shop = "https://shop.example";
    let own = "https://login.example.com";
    let guest = "SameSite=None; Secure; Partitioned";
    for (public_url, origin, site, expected) in [
        (Some(own), shop, "cross-site", guest),
        (Some(own), own, "same-origin", "SameSite=Strict; Secure"),
        (Some(own), "https://renamed.example", "same-origin", "SameSite=Strict; Secure"),
        (None, shop, "cross-site", "SameSite=Strict"),
        (Some("http://login.example.com"), shop, "cross-site", "SameSite=Strict"),
    ] {
        let server = TestServer::start_with(store, |config| {
            config.public_url = public_url.map(str::to_owned);
            let origins = [shop].map(|origin| origin.to_owned().try_into().expect("an origin"));
            namespace(config, "default").origins = origins.into();
        })
        .await;
        let headers = [("origin", origin), ("sec-fetch-site", site)];
        let answer = server.browser(Via::Sse).with_headers(&headers).tries_to_open().await;
        let cookie = answer.header("set-cookie").to_owned();
        assert!(cookie.ends_with(&format!("; HttpOnly; {expected}")), "{origin}: {cookie}");
        let path =
            format!("/v1/sessions/{}", answer.is(201)["session_id"].as_str().expect("an id"));
        let (pair, _) = cookie.split_once(';').expect("attributes");
        let events = server.get(&format!("{path}/events?wait=0")).header("cookie", pair);
        events.header("origin", origin).header("sec-fetch-site", site).await.ok();
        let elsewhere = server.get(&format!("{path}/events?wait=0")).header("cookie", pair);
        let elsewhere = elsewhere.header("origin", "https://evil.example").await;
        elsewhere.is_problem(403, "origin_not_allowed");
    }
}

async fn the_code_is_a_picture_that_anybody_may_see(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let url = session.opened["code"]["url"].as_str().expect("a URL");

    for accept in
        ["*/*", "image/png", "image/avif,image/webp,*/*;q=0.8", "image/png, image/svg+xml;q=0.5"]
    {
        let png = server.get(url).header("accept", accept).await;
        assert_eq!((png.status, png.header("content-type")), (200, "image/png"), "{accept}");
        assert!(png.body.starts_with(b"\x89PNG\r\n\x1a\n"));
    }
    let svg = server.get(url).header("accept", "image/svg+xml").await;
    assert_eq!((svg.status, svg.header("content-type")), (200, "image/svg+xml"));
    assert!(svg.text().contains("<svg"));
    assert!(svg.header("vary").to_lowercase().contains("accept"));
    let nobody = "/v1/sessions/00000000-0000-4000-8000-000000000000/code";
    server.get(nobody).await.is_problem(404, "not_found");
}

async fn the_code_leads_a_phone_to_the_simulators_page(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let page = server.get(session.opened["code"]["content"].as_str().expect("a URL")).await;
    assert_eq!(page.status, 200);
    assert!(page.header("content-type").starts_with("text/html"));
}

async fn everything_about_a_session_may_be_left_out(store: Store) {
    let server = TestServer::start(store).await;
    server.post("/v1/sessions").await.is(201);
    server.post("/v1/sessions").body("").await.is(201);
    for body in [
        json!({}),
        json!({ "namespace": "default", "messages": false, "locale": "zh-CN" }),
        json!({ "namespace": null, "messages": null, "locale": null }),
        json!({ "something": "that a later version knows" }),
    ] {
        server.post("/v1/sessions").json(body).await.is(201);
    }
    let nowhere = server.browser(Via::Sse).of("nowhere").tries_to_open().await;
    nowhere.is_problem(404, "unknown_namespace");
}

async fn a_namespace_has_its_own_rules(store: Store) {
    let server = TestServer::start_with(store, |config| {
        config.heartbeat_seconds = 7;
        let shop = namespace(config, "shop");
        shop.session_ttl = 60;
        shop.match_number = true;
    })
    .await;
    let opened = server.browser(Via::Sse).of("shop").open_only().await.opened;
    assert_eq!(opened["expires_in"], 60);
    assert_eq!(opened["events"]["heartbeat_seconds"], 7);
    assert!(opened["match_number"].as_u64().is_some_and(|number| (10..=99).contains(&number)));
    let by_default = server.browser(Via::Sse).open_only().await.opened;
    assert_eq!(
        (&by_default["expires_in"], &by_default["match_number"]),
        (&json!(180), &Value::Null)
    );
}

async fn two_sessions_have_nothing_in_common(store: Store) {
    let server = TestServer::start(store).await;
    let first = server.browser(Via::Sse).open_only().await;
    let second = server.browser(Via::Sse).open_only().await;
    assert_ne!(first.id, second.id);
    assert_ne!(first.scene, second.scene);
    assert_ne!(first.secret, second.secret);
    first.scan_as("Alice").await;
    assert_eq!(second.state().await, "pending");
}

async fn a_session_that_ended_is_read_for_a_while_and_then_forgotten(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    session.cancel().await.is(204);
    server.time_passes(60).await;
    assert_eq!(session.state().await, "cancelled");
    server.time_passes(24 * 3600).await;
    session.get("").await.is_problem(404, "not_found");
    session.get("events").await.is_problem(404, "not_found");
    session.get("code").await.is_problem(404, "not_found");
    session.redeem("x").await.is_problem(404, "not_found");
    session.shows_the_code().tries_to_scan_as("Alice").await.is_problem(404, "not_found");
}
