//! What goes wrong is a problem with a status, a code and a reason, and nothing has changed by it.

use serde_json::json;

use crate::support::{Answer, Store, TestServer, Via};

stories! {
    on_every_store:
        a_body_that_is_no_json_is_refused,
        fields_of_the_wrong_type_are_refused,
        a_body_over_64_kib_is_refused,
        a_scene_outside_the_alphabet_is_refused,
        a_body_of_another_type_is_refused,
        an_unknown_path_is_not_found,
        a_wrong_method_is_told_which_are_right,
        every_problem_has_an_instance_of_its_own;
}

/// A body that should have been refused was, with one of these statuses and as a problem.
#[track_caller]
fn refused(answer: Answer, statuses: &[u16], what: &str) {
    let status = answer.status;
    assert!(statuses.contains(&status), "{what}: {status} {}", answer.text());
    let body: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
    let code = body["code"].as_str().expect("a code").to_owned();
    answer.is_problem(status, &code);
}

async fn a_body_that_is_no_json_is_refused(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    let deep = "[".repeat(10_000);
    for body in ["{", "{\"a\":}", "\"", "nul", "{} {}", "\u{feff}{}", "{\"body\":1e}", &deep] {
        server.post("/v1/sessions").body(body).await.is_problem(400, "bad_request");
        server.post(&phone.path("scan")).body(body).await.is_problem(400, "bad_request");
        for call in ["confirm", "register", "messages"] {
            let asked = server.post(&phone.path(call)).bearer(&phone.token).body(body).await;
            asked.is_problem(400, "bad_request");
        }
        for call in ["messages", "token"] {
            session.post(call).body(body).await.is_problem(400, "bad_request");
        }
    }
    assert_eq!(session.snapshot().await["cursor"], 2);
    assert_eq!(session.state().await, "scanned");
}

async fn fields_of_the_wrong_type_are_refused(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    for body in [
        json!([]),
        json!("default"),
        json!(5),
        json!({ "namespace": 5 }),
        json!({ "namespace": ["default"] }),
        json!({ "namespace": "x".repeat(33) }),
        json!({ "messages": "true" }),
        json!({ "messages": 1 }),
        json!({ "locale": {} }),
    ] {
        let answer = server.post("/v1/sessions").json(body.clone()).await;
        refused(answer, &[400, 422], &body.to_string());
    }
    let scan = session.shows_the_code();
    for body in [
        json!(null),
        json!([]),
        json!({}),
        json!({ "login_code": 5 }),
        json!({ "login_code": null }),
        json!({ "login_code": "" }),
        json!({ "login_code": "x".repeat(257) }),
        json!({ "login_code": "sim:Alice", "entry_scene": "1048" }),
        json!({ "login_code": "sim:Alice", "entry_scene": -1 }),
        json!({ "login_code": "sim:Alice", "entry_scene": 1.5 }),
        json!({ "login_code": "sim:Alice", "entry_scene": 4_294_967_296_u64 }),
    ] {
        refused(scan.tries_to_scan(body.clone()).await, &[400, 422], &body.to_string());
    }
    assert_eq!(session.snapshot().await["cursor"], 1);
}

async fn a_body_over_64_kib_is_refused(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    let phone = session.scan_as("Alice").await;
    let big = json!({ "body": "x".repeat(65 * 1024), "login_code": "sim:Alice", "ticket": "x" });
    let big = big.to_string();
    let cancel = format!("/v1/sessions/{}", session.id);
    let answers = [
        server.post("/v1/sessions").body(&*big).await,
        server.post(&phone.path("scan")).body(&*big).await,
        server.post(&phone.path("confirm")).bearer(&phone.token).body(&*big).await,
        server.post(&phone.path("messages")).bearer(&phone.token).body(&*big).await,
        session.post("messages").body(&*big).await,
        session.post("token").body(&*big).await,
        // Nor where no body is wanted.
        server.post(&phone.path("reject")).bearer(&phone.token).body(&*big).await,
        server.delete(&cancel).bearer(&session.secret).body(&*big).await,
    ];
    for answer in answers {
        answer.is_problem(413, "body_too_large");
    }
    // Without a length, in chunks.
    let mut raw = server.raw().await;
    raw.send("POST /v1/sessions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    raw.send(&format!("11000\r\n{}\r\n0\r\n\r\n", " ".repeat(0x11000))).await;
    assert_eq!(raw.answer().await.status, 413);

    let fits = json!({ "body": "x".repeat(60 * 1024) }).to_string();
    session.post("messages").body(fits).await.is(202);
    assert_eq!(session.snapshot().await["cursor"], 3);
}

async fn a_scene_outside_the_alphabet_is_refused(store: Store) {
    let server = TestServer::start(store).await;
    let long = "x".repeat(33);
    for scene in ["a%20b", "%00", "a%22b", "%E5%BC%A0", "a%7Cb", "%FF", "%25", &*long] {
        let path = format!("/v1/scenes/{scene}");
        let scan =
            server.post(&format!("{path}/scan")).json(json!({ "login_code": "sim:A" })).await;
        refused(scan, &[400], scene);
        let confirm = server.post(&format!("{path}/confirm")).bearer("x").await;
        refused(confirm, &[400], scene);
        let events = server.get(&format!("{path}/events")).bearer("x").await;
        refused(events, &[400], scene);
    }
    // All of the alphabet is a scene, percent-encoded where a path wants it; nobody opened it.
    for scene in ["%21%23%24%26'()*%2B%2C%2F%3A%3B%3D%3F%40-._~", "!$&'()*+,:;=@-._~", "0aZ"] {
        let path = format!("/v1/scenes/{scene}/scan");
        let scan = server.post(&path).json(json!({ "login_code": "sim:A" })).await;
        scan.is_problem(404, "not_found");
    }
}

async fn a_body_of_another_type_is_refused(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    for media_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml", "json"]
    {
        let scan = server.post(&session.shows_the_code().path("scan"));
        let scan = scan.body_of(media_type, r#"{"login_code":"sim:Alice"}"#).await;
        scan.is_problem(415, "unsupported_media_type");
        let open = server.post("/v1/sessions").body_of(media_type, "{}").await;
        open.is_problem(415, "unsupported_media_type");
    }
    assert_eq!(session.state().await, "pending");
    let with_charset = server.post("/v1/sessions").body_of("application/json; charset=utf-8", "{}");
    with_charset.await.is(201);
}

async fn an_unknown_path_is_not_found(store: Store) {
    let server = TestServer::start(store).await;
    for path in
        ["/v1", "/v1/nothing", "/v1/sessions/a/b/c", "/nothing", "/v2/sessions", "//", "/%00"]
    {
        server.get(path).await.is_problem(404, "not_found");
        server.post(path).json(json!({})).await.is_problem(404, "not_found");
    }
}

async fn a_wrong_method_is_told_which_are_right(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    for (method, path, allowed) in [
        ("GET", "/v1/sessions".to_owned(), vec!["POST"]),
        ("POST", session.path(""), vec!["DELETE", "GET", "HEAD"]),
        ("PUT", session.path("events"), vec!["GET", "HEAD", "POST"]),
        ("DELETE", session.path("token"), vec!["POST"]),
        ("PATCH", session.path("messages"), vec!["POST"]),
        ("GET", session.shows_the_code().path("scan"), vec!["POST"]),
        ("POST", "/.well-known/jwks.json".to_owned(), vec!["GET", "HEAD"]),
        ("POST", "/".to_owned(), vec!["GET", "HEAD"]),
    ] {
        let method = method.parse().expect("a method");
        let answer = server.api().ask(method, &path).await;
        assert_eq!(answer.status, 405, "{path}");
        let mut told: Vec<_> = answer.header("allow").split(", ").collect();
        told.sort_unstable();
        assert_eq!(told, allowed, "{path}");
        answer.is_problem(405, "method_not_allowed");
    }
}

async fn every_problem_has_an_instance_of_its_own(store: Store) {
    let server = TestServer::start(store).await;
    let first = server.get("/nothing").await.is_problem(404, "not_found");
    let second = server.get("/nothing").await.is_problem(404, "not_found");
    assert_ne!(first["instance"], second["instance"]);
    assert_eq!(first["type"], second["type"]);
}
