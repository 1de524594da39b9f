//! Services with an API key.

use saoma::config::{Config, Secret};
use serde_json::json;

use crate::support::{Store, TestServer, Via, namespace};

stories! {
    on_every_store:
        a_service_redeems_the_ticket_and_the_browser_never_holds_the_token,
        a_key_is_good_for_its_own_namespace_only,
        without_a_key_nothing_is_told_or_changed,
        what_is_no_event_of_a_service_changes_nothing,
        a_service_may_have_several_keys;
}

fn shop_and_staff(config: &mut Config) {
    for (name, keys) in [("shop", &["shop key", "shop key 2"][..]), ("staff", &["staff key"])] {
        let keys = keys.iter().map(|key| Secret::new((*key).to_owned()));
        namespace(config, name).api_keys = keys.collect();
    }
}

async fn a_service_redeems_the_ticket_and_the_browser_never_holds_the_token(store: Store) {
    let server = TestServer::start_with(store, shop_and_staff).await;
    let mut tab = server.browser(Via::Sse).of("shop").open().await;
    tab.scan_as("Alice").await.confirm().await.ok();
    tab.sees("scanned").await;
    let ticket = tab.sees_a_ticket().await;
    let token = server.backend("shop key").redeem(&ticket).await.ok();
    assert_eq!(token["token_type"], "Bearer");
    assert!(token["access_token"].is_string() && token["expires_in"].is_u64());
    assert_eq!(token["user"]["name"], "Alice");
    server.backend("shop key").redeem(&ticket).await.is_problem(409, "already_redeemed");
    tab.redeem(&ticket).await.is_problem(409, "already_redeemed");
}

async fn a_key_is_good_for_its_own_namespace_only(store: Store) {
    let server = TestServer::start_with(store, shop_and_staff).await;
    let mut tab = server.browser(Via::Sse).of("shop").open().await;
    let staff = server.backend("staff key");
    staff.says(&tab.id, json!("psst")).await.is_problem(404, "not_found");
    staff.rejects(&tab.id, "no").await.is_problem(404, "not_found");
    tab.scan_as("Alice").await.confirm().await.ok();
    tab.sees("scanned").await;
    let ticket = tab.sees_a_ticket().await;
    staff.redeem(&ticket).await.is_problem(403, "wrong_ticket");
    server.backend("shop key").redeem(&ticket).await.ok();
}

async fn without_a_key_nothing_is_told_or_changed(store: Store) {
    let server = TestServer::start_with(store, shop_and_staff).await;
    let session = server.browser(Via::Sse).of("shop").open_only().await;
    for key in ["wrong", "shop", "shop key 3", &session.secret] {
        let stranger = server.backend(key);
        stranger.redeem("x").await.is_problem(401, "unauthorized");
        stranger.says(&session.id, json!(1)).await.is_problem(401, "unauthorized");
        stranger.rejects(&session.id, "no").await.is_problem(401, "unauthorized");
    }
    let keyless = server.post("/v1/tickets/redeem").json(json!({ "ticket": "x" })).await;
    keyless.is_problem(401, "unauthorized");
    let keyless =
        server.post(&format!("/v1/sessions/{}/events?access_token=shop%20key", session.id));
    keyless.json(json!({ "type": "rejected" })).await.is_problem(401, "unauthorized");
    let cookie = server.post("/v1/tickets/redeem").header("cookie", "saoma_secret=shop key");
    cookie.json(json!({ "ticket": "x" })).await.is_problem(401, "unauthorized");
    let snapshot = session.snapshot().await;
    assert_eq!((&snapshot["state"], &snapshot["cursor"]), (&json!("pending"), &json!(1)));
}

async fn what_is_no_event_of_a_service_changes_nothing(store: Store) {
    let server = TestServer::start_with(store, shop_and_staff).await;
    let session = server.browser(Via::Sse).of("shop").open_only().await;
    let shop = server.backend("shop key");
    for event in [
        json!({}),
        json!({ "type": "confirmed" }),
        json!({ "type": "expired" }),
        json!({ "type": 5, "body": 1 }),
        json!({ "type": "message" }),
        json!({ "type": "rejected", "reason": 5 }),
        json!({ "type": "rejected", "reason": "x".repeat(201) }),
    ] {
        let status = shop.tells(&session.id, event.clone()).await.status;
        assert!(matches!(status, 400 | 422), "{event}: {status}");
    }
    let nobody = "00000000-0000-4000-8000-000000000000";
    shop.says(nobody, json!(1)).await.is_problem(404, "not_found");
    shop.redeem("x").await.is_problem(403, "wrong_ticket");
    assert_eq!(session.snapshot().await["cursor"], 1);
    shop.tells(&session.id, json!({ "type": "message", "body": null })).await.is(202);
    shop.tells(&session.id, json!({ "type": "rejected" })).await.is(202);
    assert_eq!(session.polls(2).await["events"][0]["data"], json!({}));
}

async fn a_service_may_have_several_keys(store: Store) {
    let server = TestServer::start_with(store, shop_and_staff).await;
    let session = server.browser(Via::Sse).of("shop").open_only().await;
    server.backend("shop key").says(&session.id, json!(1)).await.is(202);
    server.backend("shop key 2").says(&session.id, json!(2)).await.is(202);
}
