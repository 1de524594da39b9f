//! What else the two listeners serve.

use crate::support::{Store, TestServer, Via};

stories! {
    on_every_store:
        the_pages_are_there,
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
        ("/saoma.js", "text/javascript"),
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
    let metrics = server.admin("/metrics").await;
    let lines: Vec<_> = metrics.text().lines().collect();
    assert!(lines.contains(&"saoma_pending_logins{state=\"scanned\"} 1"), "{}", metrics.text());
    assert!(lines.contains(&"saoma_session_transitions_total{to=\"scanned\"} 1"));
    for secret in [&session.id, &session.secret, &session.scene] {
        assert!(!metrics.text().contains(&**secret));
    }
}
