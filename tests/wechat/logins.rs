//! Whole logins through the mini program, and who it is that logs in.

use serde_json::json;

use crate::stub::MINI;
use crate::support::Via;
use crate::world::{LOGINS, World};

async fn a_login_from_code_to_token(via: Via) {
    let world = World::new().await;
    let mut tab = world.server.browser(via).open().await;
    assert_eq!(tab.opened["code"]["media_type"], "image/jpeg");
    assert_eq!(tab.opened["code"]["content"], json!(null), "only WeChat reads its codes");

    let phone = world.scans(&tab, "wang").await;
    tab.sees("scanned").await;
    phone.confirm().await.ok();
    let ticket = tab.sees_a_ticket().await;
    tab.is_told_the_end().await;
    let token = tab.redeem(&ticket).await.ok();
    assert_eq!(token["user"]["provider"], "mini_program");
}

#[tokio::test]
async fn a_login_over_websocket() {
    a_login_from_code_to_token(Via::WebSocket).await;
}

#[tokio::test]
async fn a_login_over_sse() {
    a_login_from_code_to_token(Via::Sse).await;
}

#[tokio::test]
async fn a_login_over_long_poll() {
    a_login_from_code_to_token(Via::LongPoll).await;
}

#[tokio::test]
async fn the_same_person_is_the_same_user_and_another_is_another() {
    let world = World::new().await;
    let mut users = Vec::new();
    for person in ["wang", "wang", "li"] {
        let mut tab = world.server.browser(Via::LongPoll).open().await;
        let phone = world.scans(&tab, person).await;
        tab.sees("scanned").await;
        phone.confirm().await.ok();
        let ticket = tab.sees_a_ticket().await;
        users.push(tab.redeem(&ticket).await.ok()["user"]["id"].clone());
    }
    assert_eq!(users[0], users[1]);
    assert_ne!(users[0], users[2]);
}

#[tokio::test]
async fn a_scan_that_is_made_again_with_the_same_login_code_is_answered_alike() {
    let world = World::new().await;
    let session = world.opened().await;
    let body = json!({ "login_code": world.wx_login("wang").await });
    let phone = session.shows_the_code();
    let first = phone.tries_to_scan(body.clone()).await.ok();
    let again = phone.tries_to_scan(body).await.ok();
    assert_eq!(first["user"], again["user"]);
    assert_eq!(again["state"], "scanned");
    assert_eq!(world.calls(LOGINS).await, 1, "WeChat takes a login code once");
}

#[tokio::test]
async fn what_the_phone_says_of_itself_counts_for_nothing() {
    let world = World::new().await;
    let session = world.opened().await;
    let phone = session.shows_the_code();
    for code in ["sim:wang", "made up", "0000", "ü"] {
        let answer = phone.tries_to_scan(json!({ "login_code": code, "openid": "oWang" })).await;
        answer.is_problem(422, "invalid_login_code");
    }
    // Of another app, and used at another place.
    let other = json!({ "appid": "wx00000000000000d4", "secret": "x", "kind": "mini_program" });
    world.wechat.tell("apps", other).await;
    let foreign = json!({ "appid": "wx00000000000000d4", "person": "wang" });
    let foreign = world.wechat.tell("login", foreign).await["code"].clone();
    phone
        .tries_to_scan(json!({ "login_code": foreign }))
        .await
        .is_problem(422, "invalid_login_code");
    let used = world.wx_login("wang").await;
    let query = [
        ("appid", MINI),
        ("secret", crate::stub::SECRET),
        ("js_code", used.as_str()),
        ("grant_type", "authorization_code"),
    ];
    world.wechat.get(LOGINS, &query).await.ok();
    phone.tries_to_scan(json!({ "login_code": used })).await.is_problem(422, "invalid_login_code");
    assert_eq!(session.state().await, "pending");
}
