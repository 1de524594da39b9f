//! What else the two listeners serve.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::support::{Store, TestServer, Via};

stories! {
    on_every_store:
        the_pages_are_there,
        a_page_lives_under_a_strict_policy,
        a_file_comes_in_gzip_to_who_takes_it,
        what_is_about_a_session_is_never_compressed,
        a_page_that_one_has_need_not_be_sent_again,
        the_document_is_the_committed_one,
        operators_see_what_happens;
}

async fn the_pages_are_there(store: Store) {
    let server = TestServer::start(store).await;
    for (path, media_type) in [
        ("/", "text/html"),
        ("/phone/abc", "text/html"),
        ("/docs", "text/html"),
        ("/embed.html", "text/html"),
        ("/saoma.js", "text/javascript"),
        ("/saoma-login.js", "text/javascript"),
        ("/saoma-login.d.ts", "text/plain"),
        ("/openapi.json", "application/json"),
        ("/.well-known/jwks.json", "application/json"),
    ] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with(media_type), "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
        let head = server.api().ask(reqwest::Method::HEAD, path).await;
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
    }
    for path in ["/metrics", "/livez", "/readyz"] {
        server.get(path).await.is_problem(404, "not_found");
    }
}

async fn a_page_that_one_has_need_not_be_sent_again(store: Store) {
    let server = TestServer::start(store).await;
    let page = server.get("/saoma.js").await;
    let again = server.get("/saoma.js").header("if-none-match", page.header("etag")).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
}

async fn a_page_lives_under_a_strict_policy(store: Store) {
    let server = TestServer::start(store).await;
    for path in ["/", "/phone/abc"] {
        let page = server.get(path).await;
        let policy: Vec<_> = page.header("content-security-policy").split("; ").collect();
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        ] {
            assert!(policy.contains(&directive), "{path}: {directive} in {policy:?}");
        }
        assert!(!page.header("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(page.header("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
    }
}

async fn a_file_comes_in_gzip_to_who_takes_it(store: Store) {
    let server = TestServer::start(store).await;
    for path in ["/", "/phone/abc", "/saoma.js", "/demo.css"] {
        let plain = server.get(path).await;
        assert!(!plain.has("content-encoding"), "{path}");
        let refused = server.get(path).header("accept-encoding", "br, gzip;q=0").await;
        assert_eq!((refused.has("content-encoding"), &refused.body), (false, &plain.body));
        let zipped = server.get(path).header("accept-encoding", "gzip, br").await;
        assert_eq!(zipped.header("content-encoding"), "gzip", "{path}");
        assert_eq!(zipped.header("content-type"), plain.header("content-type"), "{path}");
        let mut text = Vec::new();
        GzDecoder::new(&*zipped.body).read_to_end(&mut text).expect("gzip");
        assert!(text == plain.body, "{path}");
        // A cache keeps them apart, and each is known again as what it is.
        assert_ne!(zipped.header("etag"), plain.header("etag"), "{path}");
        for (answer, accept) in [(&plain, "identity"), (&zipped, "gzip")] {
            assert_eq!(answer.header("vary"), "Accept-Encoding", "{path}");
            let again = server.get(path).header("accept-encoding", accept);
            let again = again.header("if-none-match", answer.header("etag")).await;
            assert_eq!((again.status, again.header("vary")), (304, "Accept-Encoding"), "{path}");
        }
    }
}

async fn what_is_about_a_session_is_never_compressed(store: Store) {
    let server = TestServer::start(store).await;
    let session = server.browser(Via::Sse).open_only().await;
    for (call, accept) in
        [("", "*/*"), ("events?wait=0", "*/*"), ("events", "text/event-stream"), ("code", "*/*")]
    {
        let ask = session.get(call).header("accept", accept).header("accept-encoding", "gzip, br");
        let response = ask.response().await;
        assert_eq!(response.status(), 200, "{call}");
        assert!(!response.headers().contains_key("content-encoding"), "{call}");
    }
}

async fn the_document_is_the_committed_one(store: Store) {
    let server = TestServer::start(store).await;
    let answer = server.get("/openapi.json").await;
    assert_eq!(answer.status, 200);
    let committed = include_bytes!("../../openapi/saoma.json");
    assert!(*answer.body == *committed, "cargo run -- openapi > openapi/saoma.json");
}

async fn operators_see_what_happens(store: Store) {
    let server = TestServer::start(store).await;
    assert_eq!(server.admin("/livez").await.status, 200);
    assert_eq!(server.admin("/readyz").await.status, 200);
    let session = server.browser(Via::Sse).open_only().await;
    session.scan_as("Alice").await;
    let metrics = server.metrics().await;
    let lines: Vec<_> = metrics.lines().collect();
    assert!(lines.contains(&"saoma_pending_logins{state=\"scanned\"} 1"), "{metrics}");
    assert!(
        lines.contains(&"saoma_session_transitions_total{namespace=\"default\",to=\"scanned\"} 1")
    );
    for secret in [&session.id, &session.secret, &session.scene] {
        assert!(!metrics.contains(&**secret));
    }
}
