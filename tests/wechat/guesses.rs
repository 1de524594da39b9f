//! Scans of scenes that nobody opened: they must not use up what WeChat allows.

use serde_json::json;

use crate::support::Answer;
use crate::world::{LOGINS, World};

/// Somebody scans a code that nobody showed.
async fn guesses(world: &World, from: &str) -> Answer {
    let code = world.wx_login("mallory").await;
    let scan = world.server.post("/v1/scenes/nobody-opened-this/scan");
    scan.header("x-forwarded-for", from).json(json!({ "login_code": code })).await
}

#[tokio::test]
async fn wechat_is_not_asked_who_guesses_where_nothing_is_counted() {
    let world = World::with(|config| config.rate_limit = false).await;
    for _ in 0..30 {
        guesses(&world, "192.0.2.1").await.is_problem(404, "not_found");
    }
    assert_eq!(world.calls(LOGINS).await, 0);
}

#[tokio::test]
async fn an_address_that_guesses_is_stopped_before_wechat_is_asked() {
    let world = World::with(|config| {
        config.limits.unknown_scans_burst = 3.try_into().expect("one");
    })
    .await;
    for _ in 0..3 {
        guesses(&world, "192.0.2.1").await.is_problem(404, "not_found");
    }
    for _ in 0..10 {
        guesses(&world, "192.0.2.1").await.is_problem(429, "too_many_requests");
    }
    assert_eq!(world.calls(LOGINS).await, 3);
}

#[tokio::test]
async fn guesses_from_many_addresses_cost_wechat_few_calls_and_hold_up_nobody() {
    let world = World::with(|config| {
        config.trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
        // One person with many addresses would be stopped by who they are.
        config.limits.unknown_scans_burst = 200.try_into().expect("one");
    })
    .await;
    for n in 0..100 {
        guesses(&world, &format!("192.0.2.{n}")).await.is_problem(404, "not_found");
    }
    let asked = world.calls(LOGINS).await;
    assert!((1..=25).contains(&asked), "asked {asked} times");
    let session = world.opened().await;
    let body = json!({ "login_code": world.wx_login("wang").await });
    session.shows_the_code().tries_to_scan(body).await.ok();
}
