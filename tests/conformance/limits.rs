//! Too many calls.

use std::num::NonZeroU32;

use saoma::config::{Config, Limits};
use serde_json::json;

use crate::support::{Answer, Store, TestServer, Via};

stories! {
    on_every_store:
        too_many_sessions_of_one_address_have_to_wait,
        too_many_guesses_of_scenes_have_to_wait,
        too_many_messages_have_to_wait,
        without_limits_nobody_has_to_wait;
}

/// Three at once, then one in ten seconds, or in three where they cannot be made to pass.
fn tiny(store: Store) -> impl FnOnce(&mut Config) {
    let some = |number| NonZeroU32::new(number).expect("not zero");
    let per_minute = if store.time(10, 3) == 10 { some(6) } else { some(20) };
    let burst = some(3);
    move |config| {
        config.limits = Limits {
            sessions_per_minute: per_minute,
            sessions_burst: burst,
            unknown_scans_per_minute: per_minute,
            unknown_scans_burst: burst,
            messages_per_minute: per_minute,
            messages_burst: burst,
        };
    }
}

/// How long a call has to wait: 1 to 10 seconds.
#[track_caller]
fn has_to_wait(answer: Answer) -> u64 {
    let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
    assert!((1..=10).contains(&seconds), "{seconds}");
    answer.is_problem(429, "too_many_requests");
    seconds
}

async fn too_many_sessions_of_one_address_have_to_wait(store: Store) {
    let server = TestServer::start_with(store, tiny(store)).await;
    let browser = server.browser(Via::Sse);
    for _ in 0..3 {
        browser.tries_to_open().await.is(201);
    }
    let seconds = has_to_wait(browser.tries_to_open().await);
    server.time_passes(seconds).await;
    browser.tries_to_open().await.is(201);
    has_to_wait(browser.tries_to_open().await);
}

async fn too_many_guesses_of_scenes_have_to_wait(store: Store) {
    let server = TestServer::start_with(store, tiny(store)).await;
    let session = server.browser(Via::Sse).open_only().await;
    for n in 0..3 {
        let guess = server.phone(&format!("guess-{n}")).tries_to_scan_as("Mallory").await;
        guess.is_problem(404, "not_found");
    }
    let seconds = has_to_wait(server.phone("guess-4").tries_to_scan_as("Mallory").await);
    // Codes that exist are no guesses.
    session.scan_as("Alice").await.confirm().await.ok();
    server.time_passes(seconds).await;
    server.phone("guess-5").tries_to_scan_as("Mallory").await.is_problem(404, "not_found");
}

async fn too_many_messages_have_to_wait(store: Store) {
    let server = TestServer::start_with(store, tiny(store)).await;
    let session = server.browser(Via::Sse).open_only().await;
    for n in 0..3 {
        session.says(n).await.is(202);
    }
    let seconds = has_to_wait(session.says("too much").await);
    assert_eq!(session.snapshot().await["cursor"], 4);
    let mut page = session.follow_after(4, Via::WebSocket).await;
    let refused = page.runs(json!({ "do": "message", "ref": 1, "body": 1 })).await;
    assert_eq!(refused["problem"]["code"], "too_many_requests");
    server.time_passes(seconds).await;
    session.says("again").await.is(202);
}

async fn without_limits_nobody_has_to_wait(store: Store) {
    let server = TestServer::start_with(store, |config| {
        tiny(store)(config);
        config.rate_limit = false;
    })
    .await;
    let browser = server.browser(Via::Sse);
    for n in 0..10 {
        let session = browser.open_only().await;
        session.says(n).await.is(202);
        server.phone("guess").tries_to_scan_as("Mallory").await.is_problem(404, "not_found");
    }
    let session = browser.open_only().await;
    for n in 0..10 {
        session.says(n).await.is(202);
    }
}
