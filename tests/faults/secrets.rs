//! What only one party may know is in no log, however much is logged.

use std::process::Command;

use serde_json::{Value, json};

use crate::http::Client;
use crate::person::Session;
use crate::server::Server;
use crate::socket::{Socket, TEXT, frame};

const APP_SECRET: &str = "hunter2-app-secret";
const API_KEY: &str = "hunter2-api-key";

#[tokio::test]
async fn a_whole_login_leaves_no_secret_in_the_finest_log() {
    for format in ["text", "json"] {
        let server = Server::with(&[
            ("SAOMA_LOG", "trace"),
            ("SAOMA_LOG_FORMAT", format),
            ("SAOMA_API_KEYS", API_KEY),
            ("SAOMA_WECHAT_APP_ID", "wx1"),
            ("SAOMA_WECHAT_APP_SECRET", APP_SECRET),
            ("SAOMA_DIRECTORY", "known"),
        ]);
        let mut hidden = login(&server).await;
        hidden.extend([APP_SECRET, API_KEY].map(str::to_owned));
        let log = server.log();
        assert!(log.contains("http.request"), "the log is there: {log}");
        for secret in hidden {
            assert!(secret.len() > 8, "{secret:?} is a secret");
            if let Some(line) = log.lines().find(|line| line.contains(&secret)) {
                panic!("{secret} is in the log: {line}");
            }
        }
    }
}

/// A login in which every secret goes every way that it may; what was secret in it.
async fn login(server: &Server) -> Vec<String> {
    let session = Session::open(server.public).await;
    let Session { events, secret, .. } = &session;

    // In the query, in the cookie, in the subprotocol, in the header, and over HTTP/2.
    let mut client = Client::connect(server.public).await;
    let answer = client.get(&format!("{events}?access_token={secret}")).await;
    assert_eq!(answer.status(), 200, "{}", answer.text());
    // The client wants one, though it speaks plain http.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http2 = reqwest::Client::builder().http2_prior_knowledge().no_proxy().build();
    let url = format!("http://{}{events}?access_token={secret}", server.public);
    let sent = http2.expect("a client").get(url).bearer_auth(secret).send().await;
    assert_eq!(sent.expect("an answer").status(), 200);
    let mut browser = Socket::of(&session).await;
    // And wrong ones: a mistake in a secret is nearly the secret.
    let wrong = format!("{secret}x");
    let refused = client.get(&format!("{events}?access_token={wrong}")).await;
    assert_eq!(refused.status(), 401);

    let phone = session.scan("somebody").await;
    let mut socket = Socket::of_phone(&session, &phone).await;
    socket.send(frame(TEXT, r#"{"do":"register","name":"Some Body"}"#)).await;
    socket.text().await;
    let confirmed = phone.confirm().await;
    // The directory knows nobody: registered, and confirmed again if it has to be.
    if confirmed.status() == 403 {
        let path = format!("{}/register", phone.path);
        let body = json!({ "name": "Some Body" });
        let answer =
            Client::connect(server.public).await.call("POST", &path, &phone.token, &body).await;
        assert_eq!(answer.status(), 201, "{}", answer.text());
        assert_eq!(phone.confirm().await.status(), 200);
    }
    let ticket = loop {
        let event: Value = serde_json::from_str(&browser.text().await).expect("JSON");
        if let Some(ticket) = event["data"]["ticket"].as_str() {
            break ticket.to_owned();
        }
    };
    let body = json!({ "ticket": ticket });
    let redeemed = client.call("POST", "/v1/tickets/redeem", API_KEY, &body).await;
    assert_eq!(redeemed.status(), 200, "{}", redeemed.text());
    let token = redeemed.json()["access_token"].as_str().expect("a token").to_owned();
    let again = session.call("POST", "/token", &body).await;
    assert_eq!(again.status(), 409, "{}", again.text());
    server.signal("TERM");
    let _ = browser.closed().await;
    vec![secret.clone(), phone.token, ticket, token]
}

#[test]
fn the_keys_that_sign_are_for_the_server_alone() {
    let server = Server::start();
    let mut find = Command::new("find");
    find.arg(server.data()).args(["-type", "f", "-perm", "/077"]);
    let listed = find.output().expect("find");
    assert_eq!(String::from_utf8_lossy(&listed.stdout), "", "files that others may read");
}
