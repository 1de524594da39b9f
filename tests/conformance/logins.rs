//! Whole logins, from the code on the screen to how they end.

use serde_json::json;

use crate::support::{Store, TestServer, Via, namespace};

stories! {
    on_every_pair:
        a_login_from_scan_to_token,
        a_login_that_the_phone_refuses,
        a_login_that_the_browser_withdraws,
        a_login_that_nobody_answers_in_time,
        a_login_scanned_but_not_confirmed_in_time;
}

async fn a_login_from_scan_to_token(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;

    let phone = tab.scan_as("Alice").await;
    assert_eq!(tab.sees("scanned").await, json!({ "name": "A***" }));

    assert_eq!(phone.confirm().await.ok(), json!({ "state": "confirmed" }));
    let ticket = tab.sees_a_ticket().await;
    tab.is_told_the_end().await;

    let token = tab.redeem(&ticket).await.ok();
    assert_eq!(token["token_type"], "Bearer");
    assert_eq!(token["user"]["name"], "Alice");
    assert_eq!(token["user"]["provider"], "simulator");
    tab.redeem(&ticket).await.is_problem(409, "already_redeemed");
}

async fn a_login_that_the_phone_refuses(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;

    assert_eq!(phone.reject().await.ok(), json!({ "state": "rejected" }));
    tab.sees("rejected").await;
    tab.is_told_the_end().await;
    let problem = phone.confirm().await.is_problem(409, "wrong_state");
    assert_eq!(problem["state"], "rejected");
}

async fn a_login_that_the_browser_withdraws(store: Store, via: Via) {
    let server = TestServer::start(store).await;
    let mut tab = server.browser(via).open().await;

    tab.cancel().await.is(204);
    tab.sees("cancelled").await;
    tab.is_told_the_end().await;
    assert_eq!(tab.state().await, "cancelled");
    let scan = tab.shows_the_code().tries_to_scan_as("Alice").await;
    assert_eq!(scan.is_problem(409, "wrong_state")["state"], "cancelled");
}

/// A server, and how long its sessions live.
async fn short_lived(store: Store) -> (TestServer, u64) {
    let seconds = store.time(180, 5);
    let change = |config: &mut _| namespace(config, "default").session_ttl = seconds;
    (TestServer::start_with(store, change).await, seconds)
}

async fn a_login_that_nobody_answers_in_time(store: Store, via: Via) {
    let (server, seconds) = short_lived(store).await;
    let mut tab = server.browser(via).open().await;

    server.time_passes(seconds - 1).await;
    assert!(tab.snapshot().await["expires_in"].as_u64() <= Some(1));
    server.time_passes(1).await;
    tab.sees("expired").await;
    tab.is_told_the_end().await;
    let snapshot = tab.snapshot().await;
    assert_eq!((&snapshot["state"], &snapshot["expires_in"]), (&json!("expired"), &json!(0)));
    tab.shows_the_code().tries_to_scan_as("Alice").await.is_problem(410, "expired");
}

async fn a_login_scanned_but_not_confirmed_in_time(store: Store, via: Via) {
    let (server, seconds) = short_lived(store).await;
    let mut tab = server.browser(via).open().await;
    let phone = tab.scan_as("Alice").await;
    tab.sees("scanned").await;

    server.time_passes(seconds).await;
    tab.sees("expired").await;
    tab.is_told_the_end().await;
    phone.confirm().await.is_problem(410, "expired");
    phone.reject().await.is_problem(410, "expired");
    phone.says("too late").await.is_problem(410, "expired");
    phone.register("Alice").await.is_problem(410, "expired");
}
